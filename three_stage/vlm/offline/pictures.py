"""From encoded pictures and videos to small pixels of one size.

Sizes are read from the headers and checked before anything is decoded; what is kept is small, so
that the memory of a request is bounded whatever it sends.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from three_stage.vlm.offline.errors import RequestError
from three_stage.vlm.offline.request import Medium

SIDE_PX = 256
"""Longest side of the pictures that are measured."""

MOST_MEASURED = 128
"""More pictures than these are thinned out evenly before they are measured."""

MOST_PIXELS = 40_000_000
MOST_VIDEOS = 4
MOST_VIDEO_PICTURES = 20_000

_SHORTEST_SIDE_PX = 48
_PATCH_PX = 32
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4),
            (2, cv2.IMREAD_REDUCED_COLOR_2))  # fmt: skip
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MATROSKA_SIGNATURE = b"\x1a\x45\xdf\xa3"
_JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE_MARKERS = frozenset(range(0xD0, 0xD9)) | {0x01, 0xFF}

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """The pictures of a request in order, made small.

    ``small`` has the shape (n, height, width, 3), blue-green-red; ``numbers_1based`` says which of
    the ``count`` pictures of the request each is; ``tokens`` is what they would cost a model.
    """

    small: Pixels
    numbers_1based: tuple[int, ...]
    count: int
    tokens: int


def decode_pictures(media: Sequence[Medium], side_px: int = SIDE_PX) -> Pictures:
    """Decode what a request sent, at most MOST_MEASURED of it, evenly chosen.

    ``side_px``: the longest side of what is returned.

    Raises RequestError for what is no picture or video, and for what is too large.
    """
    if sum(item.kind == "video" for item in media) > MOST_VIDEOS:
        raise RequestError(
            f"More than {MOST_VIDEOS} videos in one request. Send fewer.",
            status=413,
            param="messages",
            code="too_many_videos",
        )
    found: list[tuple[int, Pixels]] = []
    count = tokens = 0
    sizes = [_picture_size(item) if item.kind == "picture" else None for item in media]
    wanted = _evenly(len(media), MOST_MEASURED)
    for position, (item, size) in enumerate(zip(media, sizes, strict=True)):
        if size is None:
            kept, length, of_video = _video(item, side_px)
            found += [(count + number, pixels) for number, pixels in kept]
            count, tokens = count + length, tokens + of_video
            continue
        count, tokens = count + 1, tokens + picture_tokens(*size)
        if position in wanted:
            found.append((count, _picture(item, size, side_px)))
    chosen = sorted(_evenly(len(found), MOST_MEASURED))
    height_px, width_px = found[0][1].shape[:2]
    shape = _small_size(width_px, height_px, side_px)
    small = np.stack([_resized(found[index][1], shape) for index in chosen])
    return Pictures(small, tuple(found[index][0] for index in chosen), count, tokens)


def picture_tokens(width_px: int, height_px: int) -> int:
    """Estimate a picture's tokens as Qwen3-VL counts them: one a patch of 32 x 32 pixels."""
    return -(-width_px // _PATCH_PX) * -(-height_px // _PATCH_PX)


def _evenly(count: int, most: int) -> frozenset[int]:
    if count <= most:
        return frozenset(range(count))
    return frozenset(round(index * (count - 1) / (most - 1)) for index in range(most))


def _picture_size(item: Medium) -> tuple[int, int]:
    """Read (width, height) in pixels from a JPEG's or PNG's header."""
    try:
        if item.data.startswith(_PNG_SIGNATURE):
            width_px, height_px = struct.unpack(">II", item.data[16:24])
        else:
            width_px, height_px = _jpeg_size(item.data)
    except (struct.error, IndexError, ValueError):
        raise RequestError(
            "A picture is neither a JPEG nor a PNG.", param=item.param, code="invalid_image"
        ) from None
    _refuse_large(width_px, height_px, item)
    return width_px, height_px


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments of a JPEG up to the one that holds its size (ITU-T T.81, annex B)."""
    if not data.startswith(b"\xff\xd8"):
        raise ValueError("no JPEG")
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_BARE_MARKERS:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_SIZE_MARKERS:
            height_px, width_px = struct.unpack(">HH", data[at + 5 : at + 9])
            return width_px, height_px
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    raise ValueError("no size in this JPEG")


def _refuse_large(width_px: int, height_px: int, item: Medium) -> None:
    if width_px < 1 or height_px < 1 or width_px * height_px > MOST_PIXELS:
        raise RequestError(
            f"A picture of {width_px} x {height_px} pixels; between 1 and {MOST_PIXELS:,} pixels "
            "are taken.",
            param=item.param,
            code="invalid_image_size",
        )


def _picture(item: Medium, size: tuple[int, int], side_px: int) -> Pixels:
    encoded = np.frombuffer(item.data, np.uint8)
    flags = next((flag for factor, flag in _REDUCED if max(size) >= factor * side_px),
                 cv2.IMREAD_COLOR)  # fmt: skip
    try:
        if item.data.startswith(_PNG_SIGNATURE):
            pixels = _over_white(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED))
        else:
            pixels = cv2.imdecode(encoded, flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise RequestError(
            "A picture cannot be decoded.", param=item.param, code="invalid_image"
        ) from None
    return _resized(pixels, _small_size(pixels.shape[1], pixels.shape[0], side_px))


def _over_white(pixels: Any) -> Any:
    """Bring a PNG's pixels into 8-bit colour, what is transparent over white."""
    if pixels is None:
        return None
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    if pixels.shape[2] != 4:
        return pixels
    opaque = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * opaque + 255 * (1 - opaque)).astype(np.uint8)


def _small_size(width_px: int, height_px: int, side_px: int) -> tuple[int, int]:
    scale = side_px / max(width_px, height_px)
    return (max(_SHORTEST_SIDE_PX, round(width_px * scale)),
            max(_SHORTEST_SIDE_PX, round(height_px * scale)))  # fmt: skip


def _resized(pixels: Any, size: tuple[int, int]) -> Pixels:
    if pixels.shape[1::-1] == size:
        return np.asarray(pixels, np.uint8)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _video(item: Medium, side_px: int) -> tuple[list[tuple[int, Pixels]], int, int]:
    """Decode a video: (1-based number, pixels) of the kept pictures, how many there are, tokens.

    The pictures are thinned out while they come, by halves, so that memory stays bounded.
    """
    kept: list[tuple[int, Pixels]] = []
    count = tokens = 0
    stride = 1
    for frame in _frames(item):
        count += 1
        if count > MOST_VIDEO_PICTURES:
            raise RequestError(
                f"A video of more than {MOST_VIDEO_PICTURES:,} pictures. Send a shorter one.",
                status=413,
                param=item.param,
                code="video_too_long",
            )
        _refuse_large(frame.width, frame.height, item)
        tokens += picture_tokens(frame.width, frame.height)
        if (count - 1) % stride == 0:
            width_px, height_px = _small_size(frame.width, frame.height, side_px)
            small = frame.reformat(width=width_px, height=height_px, format="bgr24", threads=1)
            kept.append((count, small.to_ndarray()))
        if len(kept) > 2 * MOST_MEASURED:
            kept, stride = kept[::2], stride * 2
    if not kept:
        raise RequestError("A video holds no picture.", param=item.param, code="invalid_video")
    return kept, count, tokens


def _frames(item: Medium) -> Iterator[Any]:
    import av  # noqa: PLC0415 - most requests send pictures

    try:
        with av.open(io.BytesIO(item.data), "r", format=_container_format(item)) as container:
            if not container.streams.video:
                return
            coded = container.streams.video[0].codec_context
            _refuse_large(coded.width or 1, coded.height or 1, item)
            yield from container.decode(video=0)
    except (av.FFmpegError, ValueError):
        raise RequestError(
            "A video cannot be decoded.", param=item.param, code="invalid_video"
        ) from None


def _container_format(item: Medium) -> str:
    """Name the container by its first bytes: a guess could pick a format that opens other files."""
    if item.data[4:8] == b"ftyp":
        return "mp4"
    if item.data.startswith(_MATROSKA_SIGNATURE):
        return "matroska"
    raise RequestError(
        "A video must be an MP4 or a Matroska file.", param=item.param, code="invalid_video"
    )
