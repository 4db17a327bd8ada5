"""A single picture that somebody sends: what is taken, how it is shown, what is refused."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from three_stage.media import read_still
from three_stage.media.errors import MediaError, NotAVideoError, PictureSizeError


def encoded(kind: str, height: int = 40, width: int = 60) -> bytes:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, width // 2 :] = (0, 0, 255)
    done, data = cv2.imencode(kind, picture)
    assert done
    return bytes(data.tobytes())


def shown(data: bytes, max_side_px: int = 1000) -> np.ndarray:
    still = read_still(data, max_side_px=max_side_px, quality=95)
    image = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape[:2] == (still.height_px, still.width_px)
    return image


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp"])
def test_every_usual_kind_is_taken(kind: str) -> None:
    image = shown(encoded(kind))
    assert image.shape == (40, 60, 3)
    assert image[20, 5].max() < 40
    assert image[20, 55, 2] > 200


def test_a_large_one_is_made_smaller_and_a_small_one_is_left() -> None:
    assert shown(encoded(".png", 300, 600), 100).shape == (50, 100, 3)
    assert shown(encoded(".png", 600, 3), 100).shape == (100, 1, 3)
    assert shown(encoded(".png", 1, 1), 100).shape == (1, 1, 3)


def test_what_is_transparent_lies_over_white() -> None:
    clear = np.zeros((20, 20, 4), np.uint8)
    data = cv2.imencode(".png", clear)[1].tobytes()
    assert shown(data).min() > 250


def test_a_phone_picture_is_turned_upright() -> None:
    jpeg = encoded(".jpg", 40, 60)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    image = shown(turned)
    assert image.shape[:2] == (60, 40)
    assert image[55, 20, 2] > 200  # what was on the right is now below
    assert image[5, 20, 2] < 40


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    length, check = struct.pack(">I", len(head)), struct.pack(">I", zlib.crc32(chunk))
    data = b"\x89PNG\r\n\x1a\n" + length + chunk + check
    with pytest.raises(MediaError) as refused:
        read_still(data + encoded(".png")[33:], max_side_px=100, quality=90)
    assert isinstance(refused.value, PictureSizeError) or "decoded" in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\xff\xd8\xff", encoded(".png")[:60], b"GIF89a", b"<svg/>" * 20]
)
def test_what_is_no_picture_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(MediaError):
        read_still(data, max_side_px=100, quality=90)


def test_a_playlist_is_no_picture() -> None:
    listed = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
    with pytest.raises(MediaError) as refused:
        read_still(listed, max_side_px=100, quality=90)
    assert isinstance(refused.value, NotAVideoError) or "decoded" in str(refused.value)
