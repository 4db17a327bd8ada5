"""From a decoded frame to an upright picture with square pixels, its label, and its JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Height × width × 3 bytes, blue green red."""

LABEL_HEIGHT_SHARE = 1 / 18
"""Height of the capital letters of a label, as a share of the picture's shorter side."""

LABEL_WIDTH_SHARE = 0.6
SMALLEST_LABEL_PX = 11
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_CAPITALS_PX = 21.0
"""Height of the capitals of that font at scale 1."""

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True)
class Turn:
    """How a stored frame becomes upright: perhaps mirrored along its diagonal, then flipped."""

    transposed: bool = False
    flipped_horizontally: bool = False
    flipped_vertically: bool = False

    @property
    def rotation_deg(self) -> int:
        """Clockwise degrees of the turn; a mirror image counts as the turn that it contains."""
        if self.transposed:
            return 90 if self.flipped_horizontally else 270
        return 180 if self.flipped_horizontally and self.flipped_vertically else 0


def turn_of(frame: VideoFrame) -> Turn:
    """Read how a frame must be turned from its display matrix.

    The matrix maps a stored point (x, y) to (a·x + c·y, b·x + d·y), y downwards (libavutil's
    display.h). Angles between the quarter turns, which no player honours alike, go to the nearest.
    """
    matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    if matrix is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5]
    if abs(int(a)) + abs(int(d)) >= abs(int(b)) + abs(int(c)):
        return Turn(flipped_horizontally=bool(a < 0), flipped_vertically=bool(d < 0))
    return Turn(transposed=True, flipped_horizontally=bool(c < 0), flipped_vertically=bool(b < 0))


def upright(frame: VideoFrame, size_px: tuple[int, int]) -> Image:
    """Return a frame as an upright picture of exactly (width, height) pixels."""
    turn = turn_of(frame)
    width, height = (size_px[1], size_px[0]) if turn.transposed else size_px
    image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
    image = _resized(image, width, height)
    if turn.transposed:
        image = image.transpose(1, 0, 2)
    if turn.flipped_horizontally:
        image = image[:, ::-1]
    if turn.flipped_vertically:
        image = image[::-1]
    return np.ascontiguousarray(image)


def shrunk(image: Image, size_px: tuple[int, int]) -> Image:
    """Return a picture at another size."""
    return _resized(image, *size_px)


def labelled(image: Image, index_1based: int) -> Image:
    """Return a copy of a picture with "Frame NN" in its upper left corner.

    White on a black box: legible on any background. The letters grow with the picture.
    """
    text = f"Frame {index_1based:02d}"
    height_px, width_px = image.shape[:2]
    scale = max(SMALLEST_LABEL_PX, LABEL_HEIGHT_SHARE * min(height_px, width_px)) / FONT_CAPITALS_PX
    (text_width, _), _ = cv2.getTextSize(text, FONT, scale, 1)
    scale *= min(1.0, LABEL_WIDTH_SHARE * width_px / text_width)
    thickness = max(1, round(2 * scale))
    (text_width, text_height), baseline = cv2.getTextSize(text, FONT, scale, thickness)
    margin = max(2, round(text_height * 0.4))
    marked = image.copy()
    box = (text_width + 2 * margin, text_height + baseline + margin)
    cv2.rectangle(marked, (0, 0), box, BLACK, cv2.FILLED)
    origin = (margin, margin + text_height)
    cv2.putText(marked, text, origin, FONT, scale, WHITE, thickness, cv2.LINE_AA)
    return marked


def encode_jpeg(image: Image, quality: int) -> bytes:
    """Return a picture as JPEG."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError(f"JPEG encoding of a {image.shape} picture failed")
    return data.tobytes()


def _resized(image: Image, width_px: int, height_px: int) -> Image:
    if image.shape[1] == width_px and image.shape[0] == height_px:
        return image
    smaller = width_px * height_px < image.shape[1] * image.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width_px, height_px), interpolation=how), dtype=np.uint8)
