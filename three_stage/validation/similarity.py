"""How alike two pictures are: SSIM.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image Quality Assessment: From Error
Visibility to Structural Similarity. IEEE Transactions on Image Processing 13(4), 2004.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Height × width × 3 bytes, blue green red; or height × width, grey."""

Thumbnail = NDArray[np.uint8]
"""A small grey picture, height × width."""

SAME_SSIM = 0.9
"""From here on two pictures are taken for the same frame."""

THUMBNAIL_SIDE_PX = 256
"""Longest side: what a compression loses hardly shows at this size, another scene does."""

COARSE_SIDE_PX = 64

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


def thumbnail(image: Image, longest_px: int = THUMBNAIL_SIDE_PX) -> Thumbnail:
    """Return a picture in grey, shrunk until its longest side fits."""
    grey = _grey(image)
    height, width = grey.shape
    share = min(1.0, longest_px / max(width, height))
    return fitted(grey, max(1, round(width * share)), max(1, round(height * share)))


def likeness(first: Image, second: Image) -> float:
    """Return the SSIM of two pictures, the first fitted to the size of the second."""
    height, width = second.shape[:2]
    return ssim(fitted(first, width, height), second)


def coarse_likeness(first: Image, second: Image) -> float:
    """Return the SSIM of two pictures at a size where only large things are left."""
    return likeness(thumbnail(first, COARSE_SIDE_PX), thumbnail(second, COARSE_SIDE_PX))


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
