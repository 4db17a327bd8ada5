"""A single picture that somebody sends (JPEG, PNG, WebP, BMP, GIF) → the JPEG that a model sees."""

from __future__ import annotations

import io

import av
from av.video.frame import VideoFrame

from three_stage.media.errors import NotAVideoError, NothingDecodedError, PictureSizeError
from three_stage.media.picture import encode_jpeg, turn_of, upright
from three_stage.media.values import Still

MOST_PIXELS = 64 * 1024 * 1024
"""Of a picture that is decoded; compared before anything is."""

_FORMATS = frozenset({"jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "gif"})
_NAME = "the picture"


def read_still(data: bytes, *, max_side_px: int, quality: int) -> Still:
    """Decode a picture and encode it as JPEG, upright, its longest side at most ``max_side_px``.

    What is transparent lies over white; of an animation the first picture is taken. Raises
    NotAVideoError for what is no such picture, PictureSizeError for one of too many pixels,
    NothingDecodedError for a damaged one.
    """
    frame = _first_frame(data)
    width, height = frame.width, frame.height
    if turn_of(frame).transposed:
        width, height = height, width
    scale = min(1.0, max_side_px / max(width, height))
    size_px = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Still(
        jpeg=encode_jpeg(upright(frame, size_px), quality), width_px=size_px[0],
        height_px=size_px[1],
    )  # fmt: skip


def _first_frame(data: bytes) -> VideoFrame:
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if container.format.name not in _FORMATS or not container.streams.video:
                raise NotAVideoError(
                    f"{_NAME} is no JPEG, PNG, WebP, BMP or GIF.", hint="Send one of these."
                )
            stream = container.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise PictureSizeError(
                    f"{_NAME} declares {stream.width}x{stream.height} pixels.",
                    hint=f"Send one of at most {MOST_PIXELS // 1_000_000} million.",
                )
            frame = next(container.decode(stream), None)
    except av.error.FFmpegError as error:
        raise NothingDecodedError(f"{_NAME} cannot be decoded: {error.strerror}.") from None
    if frame is None:
        raise NothingDecodedError(f"{_NAME} holds nothing that can be decoded.")
    return frame
