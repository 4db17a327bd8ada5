"""JPEG files, decoded only when they are whole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from three_stage.validation.codes import Code
from three_stage.validation.similarity import Image
from three_stage.validation.view import FolderView

MAX_PICTURE_BYTES = 256 * 1024 * 1024
MAX_PICTURE_PIXELS = 16384 * 16384
_START, _END = b"\xff\xd8\xff", b"\xff\xd9"
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def read_picture(view: FolderView, path: Path) -> Image | None:
    """Decode a picture of the folder as BGR, height x width x 3; or report why not."""
    data = view.read_bytes(path, limit_bytes=MAX_PICTURE_BYTES)
    if data is None:
        return None
    relpath = view.relpath(path)
    if not data.startswith(_START):
        view.findings.add(Code.PICTURE_DECODE, relpath, "is no JPEG file")
        return None
    if not data.endswith(_END):
        view.findings.add(Code.PICTURE_DECODE, relpath, "is cut: the JPEG's end is missing")
        return None
    size = declared_size(data)
    if size is None or size[0] * size[1] > MAX_PICTURE_PIXELS:
        view.findings.add(Code.PICTURE_DECODE, relpath, f"declares a size that cannot be: {size}")
        return None
    image = decode_jpeg(data)
    if image is None:
        view.findings.add(Code.PICTURE_DECODE, relpath, "cannot be decoded")
    return image


def decode_jpeg(data: bytes) -> Image | None:
    """Decode JPEG bytes as BGR, as they lie (an orientation mark is not obeyed); None if broken."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) in px of a JPEG's frame header, or None when there is none.

    Markers and their lengths: ITU-T T.81, annex B.
    """
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _FRAME_HEADERS:
            height = int.from_bytes(data[position + 5 : position + 7])
            width = int.from_bytes(data[position + 7 : position + 9])
            return (width, height) if width and height else None
        if marker == 0xFF:
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4])
    return None
