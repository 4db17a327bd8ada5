"""What goes over the wire, field by field, in every dialect and mode."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from typing import Any

import av
import cv2
import numpy as np
import pytest

from prompts import Prompt
from tests.support.scripted_server import Received, Say, ScriptedServer
from tests.vlm.helpers import SCHEMA, ask_one, jpeg, pictures, question, settings_for
from three_stage.settings import EndpointSettings
from three_stage.vlm import (
    AnswerRejected,
    Picture,
    Question,
    RequestRejectedError,
    RequestTooLargeError,
    Words,
    resolve_endpoint,
)
from three_stage.vlm.dialects import build_media

GOOD = Say('{"a": 1}')


def sent(asked: Question[int], **settings: Any) -> Received:
    """Ask over HTTP and return what the server got."""
    with ScriptedServer([GOOD]) as server:
        ask_one(settings_for(server.base_url, **settings), asked)
    return server.requests[0]


def data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def test_the_default_body_is_exactly_this() -> None:
    shown = pictures(2)
    body = sent(question(pictures=shown), temperature=0.2, max_tokens=77).body
    assert body == {
        "model": "test-model",
        "messages": [
            {"role": "system", "content": "You look at pictures."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Frame 01"},
                    {
                        "type": "image_url",
                        "image_url": {"url": data_url("image/jpeg", shown[0].jpeg)},
                    },
                    {"type": "text", "text": "Frame 02"},
                    {
                        "type": "image_url",
                        "image_url": {"url": data_url("image/jpeg", shown[1].jpeg)},
                    },
                    {"type": "text", "text": "How many?"},
                ],
            },
        ],
        "max_tokens": 77,
        "temperature": 0.2,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "count", "schema": SCHEMA, "strict": True},
        },
    }


def test_pictures_without_labels_stand_alone() -> None:
    content = sent(question(pictures=pictures(3, labelled=False))).body["messages"][1]["content"]
    assert [part["type"] for part in content] == ["image_url"] * 3 + ["text"]


def test_the_request_goes_where_it_should_with_these_headers() -> None:
    got = sent(question(), provider="Acme-1")
    assert got.headers["authorization"] == "Bearer sk-0123456789abcdefWXYZ"
    assert got.headers["x-model-provider-id"] == "Acme-1"
    assert got.headers["content-type"] == "application/json"


def test_nothing_of_an_openai_account_in_the_environment_goes_to_another_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = {
        "OPENAI_API_KEY": "sk-openai",
        "OPENAI_ADMIN_KEY": "sk-admin",
        "OPENAI_ORG_ID": "org-secret",
        "OPENAI_PROJECT_ID": "proj-secret",
        "OPENAI_CUSTOM_HEADERS": "X-Tenant: tenant-secret",
        "OPENAI_BASE_URL": "http://elsewhere.invalid/v1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    headers = sent(question(), api_key=None).headers
    assert headers["authorization"] == "Bearer EMPTY"
    assert not any(secret in value for value in headers.values() for secret in secrets.values())


@pytest.mark.parametrize("mode", ["json_object", "prompt"])
def test_a_server_that_is_not_constrained_sees_the_schema_in_the_text(mode: str) -> None:
    body = sent(question(), structured_mode=mode).body
    assert body.get("response_format") == (
        {"type": "json_object"} if mode == "json_object" else None
    )
    text = body["messages"][1]["content"][-1]["text"]
    assert text.startswith("How many?\n\n")
    assert "JSON" in text
    assert json.dumps(SCHEMA) in text


def test_text_of_any_script_arrives_unharmed() -> None:
    text = "切菜 🥕 \u2028 \\ \" ' é"
    assert sent(question(user=text)).body["messages"][1]["content"][-1]["text"] == text


def test_a_text_that_looks_like_the_name_of_a_picture_stays_a_text() -> None:
    text = "data-url-" + "0" * 32
    content = sent(question(user=text, pictures=pictures(1))).body["messages"][1]["content"]
    assert content[-1]["text"] == text
    assert content[1]["image_url"]["url"].startswith("data:image/jpeg;base64,")


def video_in(part: dict[str, Any]) -> list[tuple[float, int]]:
    """Decode a video part: (second, brightness) of each picture."""
    url = part["video_url"]["url"]
    assert url.startswith("data:video/mp4;base64,")
    data = base64.b64decode(url.partition(",")[2])
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        return [
            (float(frame.time or 0.0), int(frame.to_ndarray(format="gray").mean()))
            for frame in container.decode(stream)
        ]


def test_the_video_dialect_sends_one_mp4_that_shows_a_picture_a_second() -> None:
    shown = tuple(
        Picture(jpeg(163, 121, level=level), 163, 121, f"Frame {index + 1:02d}")
        for index, level in enumerate((0, 60, 120, 180, 240))
    )
    body = sent(question(pictures=shown), media_dialect="video_url").body
    video, said, instructions = body["messages"][1]["content"]
    assert set(video) == {"type", "video_url"}
    times, levels = zip(*video_in(video), strict=True)
    assert times == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert levels == pytest.approx((0, 60, 120, 180, 240), abs=4)
    assert "Frame 01, Frame 02, Frame 03, Frame 04, Frame 05" in said["text"]
    assert "one picture a second" in said["text"]
    assert instructions["text"] == "How many?"
    assert body["mm_processor_kwargs"] == {"fps": 1}


@pytest.mark.parametrize(
    ("provider", "part_fps", "body_fps"),
    [("vllm", None, {"fps": 1}), ("sglang", None, None), ("dashscope", 1, None)],
)
def test_the_frame_rate_stands_where_each_server_looks_for_it(
    provider: str, part_fps: int | None, body_fps: dict[str, int] | None
) -> None:
    body = sent(question(pictures=pictures(4)), media_dialect="video_url", provider=provider).body
    assert body["messages"][1]["content"][0].get("fps") == part_fps
    assert body.get("mm_processor_kwargs") == body_fps


def test_the_frame_list_dialect_sends_the_jpegs_and_names_them_in_words() -> None:
    shown = pictures(4)
    body = sent(question(pictures=shown), media_dialect="dashscope_video").body
    frames, said, instructions = body["messages"][1]["content"]
    assert frames == {
        "type": "video",
        "video": [data_url("image/jpeg", picture.jpeg) for picture in shown],
        "fps": 1,
    }
    assert "Frame 01, Frame 02, Frame 03, Frame 04" in said["text"]
    assert instructions["text"] == "How many?"


@pytest.mark.parametrize("dialect", ["images", "video_url", "dashscope_video"])
def test_a_question_without_pictures_is_text_alone(dialect: str) -> None:
    content = sent(question(), media_dialect=dialect).body["messages"][1]["content"]
    assert content == [{"type": "text", "text": "How many?"}]


def test_three_pictures_are_too_few_for_a_frame_list_and_are_sent_one_by_one() -> None:
    asked = question(pictures=pictures(3))
    as_list = sent(asked, media_dialect="dashscope_video").body
    assert as_list == sent(asked, media_dialect="images").body


def test_a_picture_that_is_no_jpeg_is_said() -> None:
    broken = (Picture(b"\xff\xd8 not really", 8, 8),)
    with ScriptedServer([GOOD]) as server, pytest.raises(RequestRejectedError, match="no JPEG"):
        ask_one(settings_for(server.base_url, media_dialect="video_url"), question(pictures=broken))
    assert not server.requests


@pytest.mark.parametrize("dialect", ["images", "dashscope_video"])
def test_an_item_above_the_providers_limit_is_refused_before_sending(dialect: str) -> None:
    huge = (Picture(b"x" * 7_600_000, 64, 48),) * 4
    with (
        ScriptedServer([GOOD]) as server,
        pytest.raises(RequestTooLargeError, match="10 MB") as caught,
    ):
        ask_one(
            settings_for(server.base_url, provider="dashscope", media_dialect=dialect),
            question(pictures=huge),
        )
    assert not server.requests
    assert "--frame-max-side" in caught.value.hint
    assert "--media-dialect" not in caught.value.hint


def noisy(count: int, *, width_px: int = 320, height_px: int = 240) -> tuple[Picture, ...]:
    """Return pictures that no encoder can make small."""
    chance = np.random.default_rng(3)
    shown = []
    for _ in range(count):
        image = chance.integers(0, 256, (height_px, width_px, 3), np.uint8)
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])
        assert done
        shown.append(Picture(bytes(data.tobytes()), width_px, height_px))
    return tuple(shown)


def test_a_video_of_noise_is_no_larger_than_its_jpegs() -> None:
    shown = noisy(4)
    body = sent(question(pictures=shown), media_dialect="video_url").body
    mp4 = base64.b64decode(body["messages"][1]["content"][0]["video_url"]["url"].partition(",")[2])
    jpegs = sum(len(picture.jpeg) for picture in shown)
    assert 0.4 * jpegs < len(mp4) <= jpegs
    assert len(video_in(body["messages"][1]["content"][0])) == 4


def test_a_video_is_made_to_fit_what_the_provider_takes_of_one_item() -> None:
    shown = noisy(4)
    endpoint = resolve_endpoint(EndpointSettings(provider="vllm", media_dialect="video_url"))
    jpegs = sum(len(picture.jpeg) for picture in shown)
    small = replace(endpoint, max_item_bytes=jpegs // 2)
    (url,) = build_media(shown, small, Words.ours()).urls.values()
    assert jpegs // 8 < len(url.partition(b",")[2]) <= jpegs // 2
    with pytest.raises(RequestTooLargeError, match="video/mp4") as caught:
        build_media(shown, replace(endpoint, max_item_bytes=1000), Words.ours())
    assert "--media-dialect images" in caught.value.hint


def test_a_body_above_the_limit_is_refused_before_sending_and_at_the_limit_is_sent() -> None:
    shown = pictures(5)
    exact = len(sent(question(pictures=shown)).raw)
    with ScriptedServer([GOOD]) as server:
        settings = settings_for(server.base_url)
        with pytest.raises(RequestTooLargeError, match="5 pictures"):
            ask_one(settings, question(pictures=shown), max_body_bytes=exact - 1)
        assert not server.requests
        ask_one(settings, question(pictures=shown), max_body_bytes=exact)
    assert len(server.requests) == 1


def test_a_reask_is_the_same_question_then_the_last_answer_and_its_errors_only() -> None:
    script = [Say('{"a": "first"}'), Say('{"a": "second"}'), GOOD]
    with ScriptedServer(script) as server:
        ask_one(settings_for(server.base_url), question(pictures=pictures(2)))
    first, second, third = server.bodies
    assert second["messages"][:2] == first["messages"]
    assert third["messages"][:2] == first["messages"]
    assert [message["role"] for message in third["messages"][2:]] == ["assistant", "user"]
    assert third["messages"][2]["content"] == '{"a": "second"}'
    assert "- a: 'second' is no integer" in third["messages"][3]["content"]
    assert "first" not in third["messages"][3]["content"]


def test_the_bytes_up_to_the_end_of_the_question_are_those_of_the_first_request() -> None:
    with ScriptedServer([Say('{"a": "first"}'), Say(""), Say('{"a": "x"}'), GOOD]) as server:
        ask_one(
            settings_for(server.base_url, media_dialect="video_url"),
            question(pictures=pictures(5), max_attempts=4),
        )
    first, *later = [got.raw for got in server.requests]
    end = first.index(b'],"max_tokens"')
    assert [raw.startswith(first[:end]) for raw in later] == [True] * 3


def test_what_a_model_thought_is_not_said_again() -> None:
    with ScriptedServer([Say('<think>{"a": 5}?</think>\n{"a": "x"}'), GOOD]) as server:
        ask_one(settings_for(server.base_url))
    assert server.bodies[1]["messages"][2]["content"].strip() == '{"a": "x"}'


@pytest.mark.parametrize("unit", ["x", "\\", "\u0001", "切", "🥕", '"', "\n"])
def test_a_reask_of_an_endless_answer_keeps_within_its_bounds(unit: str) -> None:
    answer = json.dumps({"a": unit * 100_000}, ensure_ascii=False)
    with ScriptedServer([Say(answer), GOOD]) as server:
        ask_one(settings_for(server.base_url))
    first, second = server.requests
    assert len(second.raw) - len(first.raw) < 66_000
    previous = second.body["messages"][2]["content"]
    assert answer.startswith(previous.removesuffix(" …"))
    assert len(json.dumps(previous, ensure_ascii=False).encode()) > 47_900


def test_a_flood_of_errors_is_said_in_part_and_counted() -> None:
    def refuse(value: object) -> int:
        if value == {"a": 1}:
            return 1
        raise AnswerRejected((*(f"a[{number}]: wrong" for number in range(5000)), "b" * 90_000))

    with ScriptedServer([Say('{"a": 0}'), GOOD]) as server:
        ask_one(settings_for(server.base_url), question(check=refuse))
    said = server.bodies[1]["messages"][3]["content"]
    assert "- a[0]: wrong\n- a[1]: wrong\n" in said
    listed = re.findall(r"^- a\[", said, re.MULTILINE)
    assert f"- ... and {5001 - len(listed)} more" in said
    assert 12_000 < len(said) < 17_000


def test_one_endless_error_is_said_in_part() -> None:
    def refuse(value: object) -> int:
        if value == {"a": 1}:
            return 1
        raise AnswerRejected(("b" * 90_000, "c: wrong"))

    with ScriptedServer([Say('{"a": 0}'), GOOD]) as server:
        ask_one(settings_for(server.base_url), question(check=refuse))
    said = server.bodies[1]["messages"][3]["content"]
    assert len(said) < 1500
    assert "- c: wrong" in said


def test_the_caller_may_bring_his_own_words() -> None:
    mine = replace(Words.ours(), reask=Prompt("reask", "Nochmal bitte: {{errors}}"))
    with ScriptedServer([Say('{"a": "x"}'), GOOD]) as server:
        ask_one(settings_for(server.base_url), words=mine)
    assert server.bodies[1]["messages"][3]["content"].startswith("Nochmal bitte: - a: 'x'")
