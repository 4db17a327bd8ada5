"""From a decoded frame to an upright picture with square pixels, its label, and its JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Height × width × 3 bytes, blue green red."""

LABEL_HEIGHT_SHARE = 1 / 18
"""Height of the capital letters of a label, as a share of the picture's shorter side."""

LABEL_WIDTH_SHARE = 0.6
LABEL_MARGIN_SHARE = 0.4
SMALLEST_LABEL_PX = 11
FONT = cv2.FONT_HERSHEY_SIMPLEX


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


_TURNS = (
    Turn(),
    Turn(transposed=True, flipped_vertically=True),
    Turn(flipped_horizontally=True, flipped_vertically=True),
    Turn(transposed=True, flipped_horizontally=True),
)
"""By quarter turns anticlockwise, as PyAV counts them."""


def turn_of(frame: VideoFrame) -> Turn:
    """Read how a frame must be turned from its display matrix.

    The matrix maps a stored point (x, y) to (a·x + c·y, b·x + d·y), y downwards (libavutil's
    display.h). Angles between the quarter turns, which no player honours alike, go to the nearest.
    """
    try:
        matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    except ValueError:  # PyAV does not know every kind that stands there: a phone's EXIF
        return _TURNS[frame.rotation % 360 // 90]
    if matrix is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5]
    if abs(int(a)) + abs(int(d)) >= abs(int(b)) + abs(int(c)):
        return Turn(flipped_horizontally=bool(a < 0), flipped_vertically=bool(d < 0))
    return Turn(transposed=True, flipped_horizontally=bool(c < 0), flipped_vertically=bool(b < 0))


def has_alpha(pixel_format: VideoFormat) -> bool:
    """Tell whether pictures of a pixel format may be transparent; colours of a palette may be."""
    return pixel_format.has_palette or any(part.is_alpha for part in pixel_format.components)


def over_white(bgra: Image) -> Image:
    """Lay a transparent picture (height × width × 4 bytes) over white; return it without alpha.

    Alpha is taken for straight, as ffmpeg does: colours are not multiplied by it yet. The result is
    (colour · alpha + 255 · (255 - alpha)) / 255, rounded.
    """
    darkness = cv2.bitwise_not(cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR))
    alpha = cv2.cvtColor(cv2.extractChannel(bgra, 3), cv2.COLOR_GRAY2BGR)
    # Not numpy, which would need wider copies: OpenCV multiplies bytes and rounds.
    left = cv2.multiply(darkness, alpha, scale=1 / 255)
    return np.asarray(cv2.bitwise_not(left), dtype=np.uint8)


def pixels(frame: VideoFrame, layout: str) -> Image:
    """Return a frame's pixels in a layout that ffmpeg names ("bgr24", "gray").

    As stored, but what is transparent lies over white. The alpha of VP8 and VP9, which ffmpeg's own
    decoders leave out, is not known here: those pictures count as opaque.

    With one thread: a frame keeps the threads of its conversion for as long as it lives, and a pool
    of pictures would hold hundreds of them.
    """
    if has_alpha(frame.format):
        bgra = np.asarray(frame.to_ndarray(format="bgra", threads=1), dtype=np.uint8)
        frame = VideoFrame.from_ndarray(over_white(bgra), format="bgr24")
    return np.asarray(frame.to_ndarray(format=layout, threads=1), dtype=np.uint8)


def upright(frame: VideoFrame, size_px: tuple[int, int]) -> Image:
    """Return a frame as an upright picture of exactly (width, height) pixels."""
    turn = turn_of(frame)
    width, height = (size_px[1], size_px[0]) if turn.transposed else size_px
    image = pixels(frame, "bgr24")
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
    plain_height, plain_width = _lettering(text, 1.0).shape
    wanted_px = max(SMALLEST_LABEL_PX, LABEL_HEIGHT_SHARE * min(height_px, width_px))
    letters = _lettering(
        text, min(wanted_px / plain_height, LABEL_WIDTH_SHARE * width_px / plain_width)
    )
    label = np.pad(letters, max(2, round(letters.shape[0] * LABEL_MARGIN_SHARE)))
    label = label[:height_px, :width_px]
    marked = image.copy()
    marked[: label.shape[0], : label.shape[1]] = label[:, :, None]
    return marked


def _lettering(text: str, scale: float) -> NDArray[np.uint8]:
    """Return a text in white on black, cut to its letters: OpenCV 4 and 5 measure differently."""
    thickness = max(1, round(2 * scale))
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, thickness)
    room = height + baseline + thickness
    canvas = np.zeros((3 * room, width + 2 * room), np.uint8)
    cv2.putText(canvas, text, (room, 2 * room), FONT, scale, 255, thickness, cv2.LINE_AA)
    rows, columns = np.nonzero(canvas)
    return canvas[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


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
