"""Pictures of a folder, scaled down and put into a page as data: addresses."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from three_stage.media.picture import Image, encode_jpeg, shrunk

STRIP_WIDTH_PX = 192
KEY_FRAME_WIDTH_PX = 640
POSTER_WIDTH_PX = 160
POSTER_MOST_BYTES = 7 * 1024
"""Base64 makes a third more of it: an index of 1000 videos stays below 10 MB."""

_TALLEST = 1.2
_QUALITY = 78
_LOWEST_QUALITY = 25


@dataclass(frozen=True)
class SmallPicture:
    """A picture in a page: its data: address and its size."""

    address: str
    width_px: int
    height_px: int


def small_picture(jpeg: bytes, width_px: int) -> SmallPicture | None:
    """Return a picture at most ``width_px`` wide, upright ones smaller; None when it is damaged."""
    image = _decoded(jpeg)
    return None if image is None else _embedded(_fitted(image, width_px), _QUALITY)


def poster(jpeg: bytes) -> SmallPicture | None:
    """Return the picture of the index: at most POSTER_MOST_BYTES as a file."""
    image = _decoded(jpeg)
    if image is None:
        return None
    small = _fitted(image, POSTER_WIDTH_PX)
    for quality in range(_QUALITY, _LOWEST_QUALITY, -12):
        if len(encode_jpeg(small, quality)) <= POSTER_MOST_BYTES:
            return _embedded(small, quality)
    return _embedded(small, _LOWEST_QUALITY)


def _decoded(jpeg: bytes) -> Image | None:
    if not jpeg:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def _fitted(image: Image, width_px: int) -> Image:
    height, width = image.shape[:2]
    scale = min(1.0, width_px / width, _TALLEST * width_px / height)
    return shrunk(image, (max(1, round(width * scale)), max(1, round(height * scale))))


def _embedded(image: Image, quality: int) -> SmallPicture:
    data = base64.b64encode(encode_jpeg(image, quality)).decode("ascii")
    return SmallPicture(f"data:image/jpeg;base64,{data}", image.shape[1], image.shape[0])
