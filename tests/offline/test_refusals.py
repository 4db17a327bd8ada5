"""Bad requests get the protocol's error form, a status of 4xx and words that help."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import av
import httpx2
import numpy as np
import pytest

from schemas.publish import sent_schema
from tests.offline import scenes
from three_stage.vlm.offline.app import MOST_BODY_BYTES
from three_stage.vlm.offline.pictures import MOST_PIXELS, MOST_VIDEOS
from three_stage.vlm.offline.request import MOST_PICTURES

Post = Callable[..., httpx2.Response]
ONE = scenes.jpeg(scenes.table())
FEW = scenes.picture_parts([scenes.table()] * 9)


def refusal(response: httpx2.Response) -> dict[str, Any]:
    assert 400 <= response.status_code < 500, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return {**error, "status": response.status_code}


def with_url(url: str, kind: str = "image_url") -> dict[str, Any]:
    return scenes.body([{"type": kind, kind: {"url": url}}], "", "draft_plan")


def png_of_size(width_px: int, height_px: int) -> bytes:
    """A PNG whose header promises a size and whose pixels never come."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )  # fmt: skip


def jpeg_of_size(width_px: int, height_px: int) -> bytes:
    at = ONE.index(b"\xff\xc0")
    return ONE[: at + 5] + struct.pack(">HH", height_px, width_px) + ONE[at + 9 :]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{not json", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[]", "model_type"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "missing"),
        ({"model": "offline", "messages": []}, "too_short"),
        (scenes.body([], "hi", "draft_plan"), "no_pictures"),
        (scenes.body([], f"Follow this: {json.dumps(sent_schema('draft_plan'))}"), "no_pictures"),
        (scenes.body([{"type": "video", "video": []}], "hi"), "no_pictures"),
        (scenes.body([{"type": "input_audio", "input_audio": {}}], "hi"), "union_tag_invalid"),
        (scenes.body(FEW, "hi", n=2), "literal_error"),
        (scenes.body(FEW, "hi", response_format={"type": "grammar"}), "literal_error"),
        (scenes.body(FEW, "hi", response_format={"type": "json_schema"}), "missing_schema"),
        (scenes.body(FEW, "as JSON", response_format={"type": "json_object"}), "missing_schema"),
    ],
)
def test_what_is_no_request_is_refused(post: Post, body: Any, code: str) -> None:
    assert refusal(post(body))["code"] == code


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.com/cat.jpg", "invalid_image_url"),
        ("file:///etc/passwd", "invalid_image_url"),
        ("data:image/jpeg,plain", "invalid_image_url"),
        ("data:image/jpeg;base64,*not base64*", "invalid_base64"),
        (scenes.data_url(b"neither"), "invalid_image"),
        (scenes.data_url(b"\xff\xd8"), "invalid_image"),
        (scenes.data_url(ONE[:2] + b"\xff\xe0\x00"), "invalid_image"),
        (scenes.data_url(png_of_size(40, 30)), "invalid_image"),
        (scenes.data_url(png_of_size(40, 30)[:20]), "invalid_image"),
        (scenes.data_url(ONE[:2] + b"\xff" * 9 + ONE[2:30]), "invalid_image"),
        (scenes.data_url(png_of_size(100_000, 100_000)), "invalid_image_size"),
        (scenes.data_url(png_of_size(0, 9)), "invalid_image_size"),
        (scenes.data_url(jpeg_of_size(60_000, 60_000)), "invalid_image_size"),
    ],
)
def test_a_picture_that_cannot_be_had_is_named(post: Post, url: str, code: str) -> None:
    error = refusal(post(with_url(url)))
    assert (error["code"], error["param"]) == (code, "messages.1.content.0")


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00\x00\x00\x18ftypisom" + bytes(200),
        b"\x1a\x45\xdf\xa3" + bytes(200),
        b"",
    ],
)
def test_what_is_no_video_is_refused(post: Post, data: bytes) -> None:
    error = refusal(post(with_url(scenes.data_url(data, "video/mp4"), "video_url")))
    assert error["code"] == "invalid_video"


def test_a_video_without_pictures_is_refused(post: Post) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        container.mux([*stream.encode(sound), *stream.encode()])
    url = scenes.data_url(buffer.getvalue(), "video/mp4")
    assert refusal(post(with_url(url, "video_url")))["code"] == "invalid_video"


def test_too_much_is_refused_before_it_is_decoded(post: Post) -> None:
    small = scenes.data_url(b"x")
    many = [{"type": "image_url", "image_url": {"url": small}}] * (MOST_PICTURES + 1)
    error = refusal(post(scenes.body(many, "")))
    assert (error["status"], error["code"]) == (413, "too_many_pictures")
    videos = [{"type": "video_url", "video_url": {"url": small}}] * (MOST_VIDEOS + 1)
    assert refusal(post(scenes.body(videos, "")))["code"] == "too_many_videos"
    error = refusal(post(b" " * (MOST_BODY_BYTES + 1)))
    assert (error["status"], error["code"]) == (413, "request_too_large")


def test_the_largest_picture_that_is_taken_is_taken(post: Post) -> None:
    side_px = int(MOST_PIXELS**0.5)
    url = scenes.data_url(scenes.jpeg(np.zeros((side_px, side_px, 3), np.uint8)))
    error = refusal(post(with_url(url)))
    assert error["code"] == "too_few_pictures"


def test_an_unknown_schema_is_refused_with_its_properties(post: Post) -> None:
    schema = {"type": "object", "properties": {"mood": {"type": "string"}}}
    asked = scenes.body(FEW, "How is the mood?")
    asked["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    error = refusal(post(asked))
    assert error["code"] == "unknown_schema"
    assert "mood" in error["message"]


def test_a_stage_without_its_draft_is_refused(post: Post) -> None:
    for schema in ("localization", "refined_step"):
        error = refusal(post(scenes.body(FEW, "Here is nothing: {} {bad", schema)))
        assert error["code"] == "no_draft"


@pytest.mark.parametrize("goal", ["", "n/a", "..."])
def test_a_draft_goal_that_says_nothing_is_refused(post: Post, goal: str) -> None:
    step = {"step_id": 1, "step_goal": goal, "causal_chain": {}}
    asked = scenes.body(FEW, scenes.refine_text(9, "a goal", step), "refined_step")
    assert refusal(post(asked))["code"] == "no_draft"


def test_too_few_pictures_are_refused(post: Post) -> None:
    two = FEW[:2]
    draft = {"steps": [{"step_id": number, "step_goal": "go"} for number in (1, 2, 3)]}
    step = {"step_id": 1, "step_goal": "go", "causal_chain": {}}
    for asked in (
        scenes.body(two, "", "draft_plan"),
        scenes.body(two, scenes.localize_text(2, draft), "localization"),
        scenes.body(FEW[:1], scenes.refine_text(1, "a goal", step), "refined_step"),
    ):
        assert refusal(post(asked))["code"] == "too_few_pictures"


def test_unknown_paths_and_methods_have_the_same_form(post: Post) -> None:
    assert refusal(post({}, path="/v1/embeddings"))["status"] == 404
    assert refusal(post({}, path="/v1/models"))["status"] == 405
