"""All ways of sending the same pictures give the same answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import av
import cv2
import numpy as np

from schemas.base import normalize_identifier
from tests.offline import scenes
from tests.offline.scenes import Picture
from three_stage.vlm.offline.pictures import Pictures, decode_pictures, picture_tokens
from three_stage.vlm.offline.request import Medium

Ask = Callable[[Any], str]

LENGTHS = (5, 6, 5, 6)
PICTURES = scenes.activities(LENGTHS)
DRAFT = {"steps": [{"step_id": number, "step_goal": f"goal {number}"} for number in (1, 2, 3, 4)]}


def starts(ask: Ask, parts: Sequence[dict[str, Any]]) -> list[int]:
    text = scenes.localize_text(len(PICTURES), DRAFT)
    found = json.loads(ask(scenes.body(parts, text, "localization")))["steps"]
    return [step["start_frame_index"] for step in found]


def as_video(pictures: Sequence[Picture], container_format: str = "mp4") -> bytes:
    """One picture a second, as the pipeline sends a pool as a video."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream("libx264", rate=1)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def resized(picture: Picture, factor: float) -> Picture:
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def decode(*encoded: bytes) -> Pictures:
    return decode_pictures([Medium("picture", data, "") for data in encoded])


def test_the_dialects_of_other_servers_give_the_same_steps(ask: Ask) -> None:
    as_pictures = starts(ask, scenes.numbered_parts(PICTURES))
    frames = [scenes.data_url(scenes.jpeg(each)) for each in PICTURES]
    assert starts(ask, [{"type": "video", "video": frames, "fps": 1}]) == as_pictures
    mp4 = scenes.data_url(as_video(PICTURES), "video/mp4")
    mkv = scenes.data_url(as_video(PICTURES, "matroska"), "video/x-matroska")
    for part in (
        {"type": "video_url", "video_url": {"url": mp4}, "fps": 1},
        {"type": "video_url", "video_url": {"url": mkv}},
        {"type": "video", "video": mp4},
    ):
        assert np.abs(np.subtract(starts(ask, [part]), as_pictures)).max() <= 1


def test_png_and_jpeg_and_their_sizes_give_the_same_steps(ask: Ask) -> None:
    expected = starts(ask, scenes.picture_parts(PICTURES))
    half, twice = ([resized(each, factor) for each in PICTURES] for factor in (0.6, 2.2))
    lossless = [{"type": "image_url", "image_url": {"url": scenes.data_url(scenes.png(each))}}
                for each in PICTURES]  # fmt: skip
    for parts in (lossless, scenes.picture_parts(half), scenes.picture_parts(twice)):
        assert np.abs(np.subtract(starts(ask, parts), expected)).max() <= 1


def test_transparent_pictures_go_over_white() -> None:
    clear = np.zeros((40, 60, 4), np.uint8)
    clear[:, 30:] = (0, 0, 255, 255)
    small = decode(scenes.png(clear)).small[0]
    assert (small[:, :100] == 255).all()
    assert (small[:, -100:] == (0, 0, 255)).all()


def test_grey_and_deep_pictures_are_read_as_colours() -> None:
    grey = np.full((40, 60), 130, np.uint8)
    deep = np.full((40, 60, 3), 130 * 257, np.uint16)
    for picture in (grey, deep):
        small = decode(bytes(cv2.imencode(".png", picture)[1])).small
        assert small.shape[-1] == 3
        assert np.abs(small.astype(int) - 130).max() <= 1


def test_pictures_of_different_sizes_are_brought_to_one() -> None:
    found = decode(*(scenes.jpeg(scenes.table()[:height]) for height in (270, 200, 100)))
    assert found.small.shape == (3, 144, 256, 3)
    assert found.numbers_1based == (1, 2, 3)
    assert found.tokens == sum(picture_tokens(480, height) for height in (270, 200, 100))


def test_many_pictures_are_thinned_out_evenly_with_their_first_and_last() -> None:
    tiny = scenes.jpeg(np.zeros((8, 8, 3), np.uint8))
    found = decode(*[tiny] * 400)
    steps = np.diff(found.numbers_1based)
    assert (found.count, len(found.small)) == (400, 128)
    assert (found.numbers_1based[0], found.numbers_1based[-1]) == (1, 400)
    assert set(steps) <= {3, 4}


def test_a_long_video_is_thinned_out_while_it_is_read() -> None:
    tiny = [np.full((32, 32, 3), shade % 256, np.uint8) for shade in range(700)]
    found = decode_pictures([Medium("video", as_video(tiny), "")])
    assert (found.count, found.numbers_1based[0]) == (700, 1)
    assert 64 < len(found.small) <= 128
    assert found.tokens == 700
    assert set(np.diff(found.numbers_1based)) <= {4, 8}


def test_tokens_count_patches_begun() -> None:
    assert picture_tokens(1024, 576) == 32 * 18
    assert picture_tokens(1, 1) == 1
    assert picture_tokens(33, 32) == 2


def test_names_are_written_as_the_schemas_want_them(ask: Ask) -> None:
    draft = json.loads(ask(scenes.body(scenes.picture_parts(PICTURES), "", "draft_plan")))
    for step in draft["steps"]:
        for name in ("agent", "patient"):
            value = step["causal_chain"][name]
            assert value == normalize_identifier(value)
