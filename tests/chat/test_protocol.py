"""The OpenAI protocol as programs use it: the official client against a running chat."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import httpx2
import numpy as np
import openai
import pytest
from openai import OpenAI

from tests.chat.conftest import SharedChat
from tests.chat.upstream import DONE, STOP, TOLD, USAGE, Reply, Upstream, chunk, refusal, says
from tests.chat.upstream import upstream as served_upstream
from tests.support.running_chat import running_chat
from three_stage.chat.completions import failure_status, whole_answer
from three_stage.chat.errors import AnswerTooLongError
from three_stage.settings import EndpointSettings
from three_stage.vlm import Remark, Talk, Talker, resolve_endpoint

KEY = "sk-upstream-0123456789abcdef"
QUESTION = "  Wie viele Autos?\n两辆?  "
PATIENCE_SEC = 15


@dataclass(frozen=True)
class Relay:
    """A chat before an endpoint whose answers a test sets."""

    address: str
    client: OpenAI
    http: httpx2.Client
    up: Upstream
    data_dir: Path


@pytest.fixture(scope="module")
def _relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    data_dir = tmp_path_factory.mktemp("relay")
    with served_upstream() as up:
        endpoint = {
            "api_base": up.url, "api_key": KEY, "model": "seeing-1", "api_call_retries": 0,
            "api_timeout_sec": 2.0,
        }  # fmt: skip
        with (
            running_chat(data_dir, endpoint=endpoint, sampling={"max_frames": 12}) as address,
            _client(address) as client,
            httpx2.Client(base_url=address, timeout=PATIENCE_SEC) as http,
        ):
            yield Relay(address, client, http, up, data_dir)


@pytest.fixture
def relay(_relay: Relay) -> Relay:
    """Return the chat with its endpoint as new."""
    _relay.up.reply = Reply()
    _relay.up.bodies.clear()
    _relay.up.left.clear()
    return _relay


@pytest.fixture(scope="module")
def client(shared_chat: SharedChat) -> Iterator[OpenAI]:
    with _client(shared_chat.address) as client:
        yield client


def _client(address: str) -> OpenAI:
    return OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0, timeout=PATIENCE_SEC)


def _user(*content: dict[str, Any]) -> list[Any]:
    return [{"role": "user", "content": list(content)}]


def _text(text: str = QUESTION) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _video(url: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url}}


def _image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _data_url(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _picture(codec: str, pixels: np.ndarray[Any, Any], pixel_format: str) -> bytes:
    """Return a picture, encoded; ``pixels`` are in ``pixel_format``."""
    height, width = pixels.shape[:2]
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else pixel_format
    context.time_base = 1  # type: ignore[assignment]
    frame = av.VideoFrame.from_ndarray(pixels, format=pixel_format).reformat(format=context.pix_fmt)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode()])


def _images_sent(body: dict[str, Any]) -> list[str]:
    return [part["image_url"]["url"] for message in body["messages"]
            if not isinstance(message["content"], str)
            for part in message["content"] if part["type"] == "image_url"]  # fmt: skip


def _pixels(url: str) -> np.ndarray[Any, Any]:
    data = base64.b64decode(url.partition(",")[2])
    frame = next(av.CodecContext.create("mjpeg", "r").decode(av.Packet(data)).__iter__())
    assert isinstance(frame, av.VideoFrame)
    return frame.to_ndarray(format="rgb24")


# With the embedded model


def test_an_uploaded_video_is_asked_about_by_its_id(
    client: OpenAI, shared_chat: SharedChat
) -> None:
    content = [_video(f"video://{shared_chat.video_id}"), _text("How long is the video?")]
    given = client.chat.completions.create(model="offline", messages=_user(*content))
    assert given.object == "chat.completion"
    assert "6.00 s" in (given.choices[0].message.content or "")
    assert given.choices[0].finish_reason == "stop"
    assert given.usage is not None
    assert given.usage.total_tokens == given.usage.prompt_tokens + given.usage.completion_tokens


def test_a_video_comes_inside_the_request_and_nothing_of_it_stays(
    client: OpenAI, shared_chat: SharedChat, small_video: Path
) -> None:
    url = _data_url(small_video.read_bytes(), "video/mp4")
    given = client.chat.completions.create(
        model="offline", messages=_user(_video(url), _text("How long is the video?"))
    )
    assert "6.00 s" in (given.choices[0].message.content or "")
    assert not list((shared_chat.data_dir / "incoming").iterdir())


def test_pieces_of_a_stream_are_the_answer(client: OpenAI, shared_chat: SharedChat) -> None:
    messages = _user(_video(f"video://{shared_chat.video_id}"), _text("How long is it?"))
    whole = client.chat.completions.create(model="offline", messages=messages)
    with client.chat.completions.create(
        model="offline", messages=messages, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    *told, last = chunks
    assert {(c.object, c.id) for c in chunks} == {("chat.completion.chunk", last.id)}
    assert told[0].choices[0].delta.role == "assistant"
    text = "".join(c.choices[0].delta.content or "" for c in told)
    assert text == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in told] == [None] * (len(told) - 1) + ["stop"]
    assert all(c.usage is None for c in told)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage == whole.usage


def test_a_stream_tells_no_usage_unasked(client: OpenAI) -> None:
    with client.chat.completions.create(
        model="offline", messages=_user(_text()), stream=True
    ) as stream:
        chunks = list(stream)
    assert all(len(c.choices) == 1 and c.usage is None for c in chunks)


def test_models_and_health_without_an_endpoint(client: OpenAI, shared_chat: SharedChat) -> None:
    assert [model.id for model in client.models.list()] == ["offline"]
    assert client.models.retrieve("offline").id == "offline"
    assert shared_chat.client.get("/healthz").json() == {"status": "ok"}


def _with_url(url: str, kind: str = "video_url") -> dict[str, Any]:
    part = {"type": kind, kind: {"url": url}}
    return {"model": "offline", "messages": _user(part, _text())}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (_with_url("video://0123456789abcdef"), 404, "not_found"),
        (_with_url("video://../../etc/passwd"), 404, "not_found"),
        (_with_url("http://127.0.0.1:1/a.mp4"), 403, "forbidden"),
        (_with_url("https://videos.example/a.mp4"), 403, "forbidden"),
        (_with_url("https://pictures.example/a.jpg", "image_url"), 403, "forbidden"),
        (_with_url("file:///etc/passwd"), 400, "bad_request"),
        (_with_url("ftp://videos.example/a.mp4"), 400, "bad_request"),
        (_with_url("/etc/passwd"), 400, "bad_request"),
        (_with_url("data:video/mp4,plain"), 400, "bad_request"),
        (_with_url("data:video/mp4;base64,***"), 400, "bad_request"),
        (_with_url(_data_url(b"no video at all", "video/mp4")), 415, "not_a_video"),
        (_with_url(_data_url(b"<svg/>", "image/svg+xml"), "image_url"), 415, "not_a_video"),
        (_with_url(_data_url(b"garbage", "image/png"), "image_url"), 415, "not_a_video"),
        ({"model": "m", "messages": []}, 400, "bad_request"),
        ({"model": "m", "messages": [{"role": "user", "content": ""}]}, 400, "bad_request"),
        ({"messages": _user(_text())}, 400, "bad_request"),
        ({"model": "m", "messages": [{"role": "tool", "content": "x"}]}, 400, "bad_request"),
        ({"model": "m", "messages": _user({"type": "input_audio"})}, 400, "bad_request"),
        ({"model": "m", "messages": _user(_text()), "n": 2}, 400, "bad_request"),
        ({"model": "m", "messages": _user(_text()), "tools": [{"x": 1}]}, 400, "bad_request"),
        ({"model": "m", "messages": _user(_text()), "temperature": 3}, 400, "bad_request"),
        ({"model": "m", "messages": _user(*[_image("data:,")] * 65)}, 400, "bad_request"),
        ([], 400, "bad_request"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_openais_form(
    shared_chat: SharedChat, body: Any, status: int, code: str
) -> None:
    given = shared_chat.client.post("/v1/chat/completions", json=body)
    assert given.status_code == status, given.text
    error = given.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert error["message"]
    assert str(shared_chat.data_dir) not in given.text


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\xff\xfe", b"[" * 100_000, b"{" * 1000, b'{"a":', b"null", b'"\\ud800"',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": NaN}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "top_p": 1e999}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": ' + b"9" * 5000
        + b"}",
        b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_is_refused(shared_chat: SharedChat, raw: bytes) -> None:
    given = shared_chat.client.post("/v1/chat/completions", content=raw)
    assert given.status_code == 400, given.text
    assert given.json()["error"]["message"]


def test_what_openai_calls_it_in_the_client(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no such video"):
        client.chat.completions.create(
            model="m", messages=_user(_video("video://0123456789abcdef"), _text())
        )


@pytest.mark.slow
def test_a_data_url_over_its_limit_is_too_large(client: OpenAI) -> None:
    url = "data:video/mp4;base64," + "A" * (64 * 1024 * 1024)
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=_user(_video(url), _text()))
    assert caught.value.status_code == 413
    assert "video://ID" in caught.value.message


def test_a_picture_of_too_many_pixels_is_refused(client: OpenAI) -> None:
    head = b"BM" + (54).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    size = (40).to_bytes(4, "little") + (30_000).to_bytes(4, "little") * 2
    bitmap = head + size + b"\x01\x00\x18\x00" + bytes(24) + bytes(1000)
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model="m", messages=_user(_image(_data_url(bitmap, "image/bmp")), _text())
        )
    assert caught.value.status_code == 415


# What the model is sent


def test_the_question_reaches_the_model_as_typed(relay: Relay) -> None:
    relay.client.chat.completions.create(model="seeing-2", messages=_user(_text()))
    assert relay.up.last["model"] == "seeing-2"
    [message] = relay.up.last["messages"]
    assert message == {"role": "user", "content": QUESTION}


def test_roles_and_turns_reach_the_model(relay: Relay) -> None:
    messages: list[Any] = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": [_text("Three?"), _text("Four?")]},
    ]
    relay.client.chat.completions.create(model="seeing-1", messages=messages)
    sent = relay.up.last["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert sent[0]["content"] == "Be short."
    assert [part["text"] for part in sent[3]["content"]] == ["Three?", "Four?"]


def test_settings_of_a_program_reach_the_model(relay: Relay) -> None:
    relay.client.chat.completions.create(
        model="seeing-1", messages=_user(_text()), temperature=0.7, top_p=0.9, seed=7,
        max_tokens=99, stop=["\n\n"], presence_penalty=0.5,
        extra_body={"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}},
    )  # fmt: skip
    sent = relay.up.last
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0.7, 0.9, 7)
    assert (sent["max_tokens"], sent["stop"]) == (99, ["\n\n"])
    assert (sent["presence_penalty"], sent["top_k"]) == (0.5, 20)
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}
    relay.client.chat.completions.create(
        model="seeing-1", messages=_user(_text()), max_completion_tokens=55
    )
    assert relay.up.last["max_tokens"] == 55
    assert "temperature" not in relay.up.last


def test_pictures_of_a_video_stand_before_the_question_with_number_and_time(
    relay: Relay, small_video: Path
) -> None:
    url = _data_url(small_video.read_bytes(), "video/mp4")
    relay.client.chat.completions.create(model="seeing-1", messages=_user(_video(url), _text()))
    parts = relay.up.last["messages"][0]["content"]
    *shown, about, question = parts
    assert question["text"] == QUESTION
    assert "6.00 s" in about["text"]
    labels, pictures = shown[::2], shown[1::2]
    assert len(labels) == len(pictures) == 12
    assert labels[0]["text"] == "Frame 01 at 0.00 s"
    assert all(part["type"] == "image_url" for part in pictures)
    assert all(part["image_url"]["url"].startswith("data:image/jpeg;base64,") for part in pictures)


def test_a_picture_is_sent_as_jpeg_and_what_is_transparent_is_white(relay: Relay) -> None:
    pixels = np.zeros((32, 48, 4), np.uint8)
    pixels[:, :24] = (200, 0, 0, 255)  # the left half is red, the right one black and transparent
    png = _picture("png", pixels, "rgba")
    jpeg = _picture("mjpeg", np.full((16, 16, 3), 90, np.uint8), "rgb24")
    relay.client.chat.completions.create(
        model="seeing-1",
        messages=_user(
            _image(_data_url(png, "image/png")), _image(_data_url(jpeg, "image/jpeg")), _text()
        ),
    )
    first, second = _images_sent(relay.up.last)
    shown = _pixels(first)
    assert shown.shape == (32, 48, 3)
    assert shown[16, 44].min() > 240
    assert shown[16, 4, 0] > 150
    assert shown[16, 4, 1] < 60
    assert abs(int(_pixels(second)[8, 8, 0]) - 90) < 8
    assert relay.up.last["messages"][0]["content"][-1]["text"] == QUESTION


def test_models_are_those_of_the_endpoint(relay: Relay) -> None:
    assert [model.id for model in relay.client.models.list()] == ["seeing-1", "seeing-2"]


# What comes back from the model


def test_thoughts_stand_beside_the_answer(relay: Relay) -> None:
    pieces = (chunk({"reasoning_content": "Hm. "}), chunk({"reasoning_content": "Red?"}),
              says("Red."), STOP, DONE)  # fmt: skip
    relay.up.reply = Reply(pieces=pieces)
    message = (
        relay.client.chat.completions.create(model="seeing-1", messages=_user(_text()))
        .choices[0]
        .message
    )
    assert (message.content, message.model_extra) == ("Red.", {"reasoning_content": "Hm. Red?"})
    with relay.client.chat.completions.create(
        model="seeing-1", messages=_user(_text()), stream=True
    ) as stream:
        deltas = [c.choices[0].delta for c in stream]
    assert "".join((d.model_extra or {}).get("reasoning_content", "") for d in deltas) == "Hm. Red?"
    assert "".join(d.content or "" for d in deltas) == "Red."


def test_usage_and_reason_are_the_endpoints(relay: Relay) -> None:
    relay.up.reply = Reply(pieces=(says("Cut"), chunk({}, "length"), TOLD, DONE))
    given = relay.client.chat.completions.create(model="seeing-1", messages=_user(_text()))
    assert given.choices[0].finish_reason == "length"
    assert given.usage is not None
    assert given.usage.model_dump(exclude_none=True) == USAGE


def test_an_answer_that_tells_no_usage_has_none(relay: Relay) -> None:
    relay.up.reply = Reply(pieces=(says("Red."), STOP, DONE))
    given = relay.client.chat.completions.create(model="seeing-1", messages=_user(_text()))
    assert given.usage is None


def test_odd_characters_of_an_answer_come_through_as_they_are(relay: Relay) -> None:
    odd = "a\u2028b\u2029c\u0085d\r\n\0e\U0001f697 data: [DONE]\n\n"
    relay.up.reply = Reply(pieces=(says(odd, "red"), STOP, DONE))
    with relay.client.chat.completions.create(
        model="seeing-1", messages=_user(_text()), stream=True
    ) as stream:
        assert "".join(c.choices[0].delta.content or "" for c in stream) == odd + "red"
    body = {"model": "m", "messages": _user(_text()), "stream": True}
    raw = relay.http.post("/v1/chat/completions", json=body)
    # str.splitlines ends a line at each of them, and so do many readers of event streams.
    assert all(line.startswith("data: ") for line in raw.text.splitlines() if line)


def test_half_of_a_pair_that_a_model_writes_breaks_nothing(relay: Relay) -> None:
    lone = chunk({"content": "XX"}).replace(b"XX", b"A\\ud83d!")
    relay.up.reply = Reply(pieces=(lone, STOP, DONE))
    given = relay.http.post("/v1/chat/completions", json={"model": "m", "messages": _user(_text())})
    assert given.status_code == 200
    text = given.json()["choices"][0]["message"]["content"]
    assert (text[0], text[-1]) == ("A", "!")


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY}"), 502, "key"),
        (refusal(403, "This key may not use this model."), 502, "key"),
        (refusal(402, "Insufficient balance: payment required"), 429, "quota"),
        (refusal(429, "Too many requests"), 429, "quota"),
        (refusal(404, "The model `seeing-1` does not exist", code="model_not_found"), 404, "model"),
        (refusal(413, "Request entity too large"), 413, "size"),
        (refusal(400, "This model's maximum context length is 4096 tokens"), 413, "size"),
        (refusal(400, "temperature is not what it should be"), 400, "refused"),
        (refusal(400, "data_inspection_failed: inappropriate content"), 400, "blocked"),
        (refusal(500, f"broken; the key was {KEY}"), 503, "upstream"),
        (Reply(pieces=(b"<html>gateway</html>",), kind="text/html"), 503, "upstream"),
        (Reply(pieces=(STOP, DONE)), 502, "empty"),
        (Reply(pieces=(chunk({"content": "x"}, "content_filter"), DONE)), 400, "blocked"),
        pytest.param(Reply(pieces=(), goes_on=True), 503, "endpoint_down", marks=pytest.mark.slow),
    ],
    ids=lambda value: str(value) if isinstance(value, int | str) else "",
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_goes_wrong_upstream_has_a_status_and_a_word(
    relay: Relay, reply: Reply, status: int, code: str, stream: bool
) -> None:
    relay.up.reply = reply
    given = relay.http.post(
        "/v1/chat/completions",
        json={"model": "seeing-1", "messages": _user(_text()), "stream": stream},
    )  # fmt: skip
    if stream and given.status_code == 200:  # the filter's word comes after the answer began
        error = json.loads(given.text.strip().split("\n\n")[-1].removeprefix("data: "))["error"]
    else:
        assert given.status_code == status, given.text
        error = given.json()["error"]
    assert error["code"] == code, error
    assert error["message"]
    assert KEY not in given.text
    assert KEY[:16] not in given.text


def test_a_stream_that_breaks_off_is_an_error_in_the_client(relay: Relay) -> None:
    relay.up.reply = Reply(pieces=(says("A red", " VAN"),), breaks_off=True)
    seen: list[str | None] = []
    with relay.client.chat.completions.create(
        model="seeing-1", messages=_user(_text()), stream=True
    ) as stream:
        contents = (piece.choices[0].delta.content for piece in stream)
        with pytest.raises(openai.APIError, match="broke off"):
            seen.extend(contents)
    assert "".join(text or "" for text in seen) == "A red VAN"
    with pytest.raises(openai.APIStatusError) as caught:
        relay.client.chat.completions.create(model="seeing-1", messages=_user(_text()))
    assert caught.value.status_code == 503
    assert caught.value.code == "broken_off"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("has_begun", [False, True], ids=["silent", "speaking"])
def test_a_program_that_leaves_ends_the_request_upstream(
    relay: Relay, stream: bool, has_begun: bool
) -> None:
    relay.up.reply = Reply(pieces=(says("word "),) if has_begun else (), goes_on=True)
    place = urlsplit(relay.address)
    body = json.dumps({"model": "seeing-1", "messages": _user(_text()), "stream": stream}).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()  # fmt: skip
    with socket.create_connection((place.hostname, place.port or 80), timeout=5) as leaving:
        leaving.sendall(head + body)
        if stream and has_begun:
            assert b"200 OK" in leaving.recv(20)
        else:
            deadline = time.monotonic() + 5
            while not relay.up.bodies and time.monotonic() < deadline:
                time.sleep(0.01)
        time.sleep(0.1)
        assert not relay.up.left.is_set()
    assert relay.up.left.wait(2.0), "the endpoint goes on for nobody"


def test_a_whole_answer_without_an_end_is_not_waited_for_for_ever() -> None:
    with served_upstream() as up:
        up.reply = Reply(pieces=(says("word "),), goes_on=True)
        settings = EndpointSettings(api_base=up.url, api_key=KEY, model="m", api_timeout_sec=0.1)
        talk = Talk(subject="request 7", remarks=(Remark("user", (QUESTION,)),), model="m",
                    temperature=None, max_tokens=None)  # fmt: skip

        async def ask() -> None:
            async with Talker(resolve_endpoint(settings), settings) as talker:
                await whole_answer(talker, talk)

        began_sec = time.monotonic()
        with pytest.raises(AnswerTooLongError, match="within 1 s") as caught:
            asyncio.run(ask())
        assert time.monotonic() - began_sec < PATIENCE_SEC
        assert failure_status(caught.value) == 504
        assert up.left.wait(2.0), "the endpoint goes on for nobody"


def test_a_video_whose_file_was_damaged_is_refused_without_our_paths(
    relay: Relay, small_video: Path
) -> None:
    name = "my video.mp4"
    uploaded = relay.http.post(
        "/api/videos", params={"name": name}, content=small_video.read_bytes(),
    ).json()  # fmt: skip
    ask = {"model": "m", "messages": _user(_video(f"video://{uploaded['id']}"), _text())}
    url = "/v1/chat/completions"
    assert relay.http.post(url, json=ask).status_code == 200
    folder = relay.data_dir / "videos" / uploaded["id"]
    for record in folder.glob("pools/*/pool.json"):
        record.unlink()
    (folder / "source").write_bytes(b"no video any more")
    given = relay.http.post(url, json=ask)
    assert given.status_code == 415
    assert name in given.json()["error"]["message"]
    assert str(relay.data_dir) not in given.text
    (folder / "source").unlink()
    assert relay.http.post(url, json=ask).status_code == 410
