"""How large pictures are: as displayed, and in a pool."""

from __future__ import annotations

from fractions import Fraction

from schemas.files import VideoInfo
from three_stage.settings import SamplingSettings

EXTREME_ASPECT = 8
"""A pixel that claims to be longer than this is taken for a square one: the claim is damaged."""

LARGEST_NATIVE_SIDE_PX = 2048
"""What --frame-max-side 0 stands for."""


def display_size(
    width_px: int, height_px: int, pixel_aspect: Fraction | None, *, transposed: bool
) -> tuple[int, int]:
    """Return (width, height) as a player shows the frame: upright, pixels square.

    The width is stretched by the pixel aspect (width : height of one pixel) before the turn;
    ``transposed`` tells that the turn exchanges the sides.
    """
    if pixel_aspect and Fraction(1, EXTREME_ASPECT) <= pixel_aspect <= EXTREME_ASPECT:
        width_px = max(1, round(width_px * pixel_aspect))
    return (height_px, width_px) if transposed else (width_px, height_px)


def fit_within(width_px: int, height_px: int, longest_px: int) -> tuple[int, int]:
    """Shrink a size until its longer side fits; never enlarge, never below 1 pixel."""
    longest = max(width_px, height_px)
    if longest <= longest_px:
        return width_px, height_px
    return (
        max(1, round(width_px * longest_px / longest)),
        max(1, round(height_px * longest_px / longest)),
    )


def pool_picture_size(info: VideoInfo, settings: SamplingSettings) -> tuple[int, int]:
    """Return the (width, height) of a video's pool pictures, before any shrinking to fit."""
    longest_px = settings.frame_max_side or LARGEST_NATIVE_SIDE_PX
    return fit_within(info.width, info.height, longest_px)
