"""How alike two pictures are: SSIM.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image Quality Assessment: From Error
Visibility to Structural Similarity. IEEE Transactions on Image Processing 13(4), 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Height × width × 3 bytes, blue green red; or height × width, grey."""

SKETCH_SIDE_PX = 256
"""Longest side at which most pictures are compared: what a compression loses hardly shows there."""

COARSE_SIDE_PX = 64
BLOCKS_A_SIDE = 32
SMALLEST_BLOCK_PX = 8

_SIGMA_PX = 1.5
_WINDOW_PX = 11
_RANGE = 255.0
_C1 = (0.01 * _RANGE) ** 2
_C2 = (0.03 * _RANGE) ** 2


def ssim(first: Image, second: Image) -> float:
    """Return the mean structural similarity of two pictures' luma, 1.0 for equal ones.

    Both are BGR or grey, height x width (x 3), of the same size and at least 1 x 1 px. The window
    is the paper's: Gaussian, 11 x 11, sigma 1.5, K1 0.01, K2 0.03 (eq. 13); the mean is over the
    places where the whole window lies in the picture, as in the authors' own program, or over all
    places of a picture that is smaller than the window. Raises ValueError for unequal sizes.
    """
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(f"sizes differ: {first.shape[:2]} and {second.shape[:2]}")
    x, y = _luma(first), _luma(second)
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x = _blurred(x * x) - mean_x * mean_x
    variance_y = _blurred(y * y) - mean_y * mean_y
    covariance = _blurred(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
    structure = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
    return float(_inside(luminance * structure).mean())


def fitted(image: Image, width_px: int, height_px: int) -> Image:
    """Return a picture at another size: area means when smaller, cubic when larger."""
    if image.shape[:2] == (height_px, width_px):
        return image
    shrinks = image.shape[1] >= width_px and image.shape[0] >= height_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width_px, height_px), interpolation=method), np.uint8)


def padded(image: Image, width_px: int, height_px: int) -> Image:
    """Return a picture with the black line to its right and below that makes odd sides even.

    A picture whose sides differ by more than that line from the given ones stays as it is.
    """
    right, below = width_px - image.shape[1], height_px - image.shape[0]
    if not (right in (0, 1) and below in (0, 1)):
        return image
    border = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return np.asarray(border, np.uint8)


@dataclass(frozen=True)
class Canvas:
    """The size, in px, at which pictures of one video are compared; both sides at least 1."""

    width_px: int
    height_px: int

    @classmethod
    def of(cls, width_px: int, height_px: int, longest_px: int) -> Canvas:
        """Return the canvas of a video of that size, with its longer side at most so long."""
        return cls(*_fit_within(width_px, height_px, longest_px))

    @property
    def blocks(self) -> tuple[int, int]:
        """How many blocks the picture is divided into, along its width and its height."""
        longest = max(self.width_px, self.height_px)
        most = max(1, min(BLOCKS_A_SIDE, longest // SMALLEST_BLOCK_PX))
        return _fit_within(self.width_px, self.height_px, most)


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is kept of a picture to compare it: its luma, and the mean colours of its blocks."""

    luma: Image
    blocks: Image


def sketch(image: Image, canvas: Canvas) -> Sketch:
    """Return the sketch of a BGR picture; sketches on one canvas can be compared."""
    return Sketch(
        luma=fitted(_grey(image), canvas.width_px, canvas.height_px),
        blocks=fitted(image, *canvas.blocks),
    )


def block_difference(first: Sketch, second: Sketch) -> int:
    """Return the largest difference between the mean colours of two blocks, 0 to 255.

    SSIM is a mean over the picture and knows no colour: a small thing that is elsewhere, or another
    plain background, hardly lowers it. A compression keeps the means of blocks.
    """
    return int(cv2.absdiff(first.blocks, second.blocks).max())


def luma_ssim(first: Sketch, second: Sketch) -> float:
    """Return the SSIM of two sketches."""
    return ssim(first.luma, second.luma)


def coarse_ssim(first: Sketch, second: Sketch) -> float:
    """Return the SSIM of two sketches at a size where only large things are left."""
    height, width = first.luma.shape
    size = _fit_within(width, height, COARSE_SIDE_PX)
    return ssim(fitted(first.luma, *size), fitted(second.luma, *size))


def _fit_within(width_px: int, height_px: int, longest_px: int) -> tuple[int, int]:
    share = min(1.0, longest_px / max(width_px, height_px))
    return max(1, round(width_px * share)), max(1, round(height_px * share))


def _luma(image: Image) -> NDArray[np.float64]:
    return _grey(image).astype(np.float64)


def _grey(image: Image) -> Image:
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(values, (_WINDOW_PX, _WINDOW_PX), _SIGMA_PX), np.float64)


def _inside(values: NDArray[np.float64]) -> NDArray[np.float64]:
    margin = _WINDOW_PX // 2
    if min(values.shape) < _WINDOW_PX:
        return values
    return values[margin:-margin, margin:-margin]
