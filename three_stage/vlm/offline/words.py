"""Words for what was measured: colours, places in the view, kinds of motion.

No text here holds a number, and none speaks of a moment of the video.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from three_stage.vlm.offline.measure import Measurement
from three_stage.vlm.offline.segment import Stretch

Floats = NDArray[np.floating[Any]]

Motion = Literal[
    "still", "in_place", "horizontal", "vertical", "rising", "falling", "around", "everywhere"
]

# Typical colours of the names, red-green-blue.
_COLOURS: Mapping[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((20, 20, 20), (40, 42, 46)),
    "grey": ((80, 80, 80), (128, 128, 128), (175, 175, 178)),
    "white": ((250, 250, 250), (222, 222, 220)),
    "red": ((200, 30, 35), (130, 25, 30), (230, 70, 60), (150, 70, 70)),
    "orange": ((240, 140, 30), (225, 110, 40)),
    "yellow": ((240, 220, 60), (215, 185, 50), (250, 240, 150)),
    "green": ((50, 150, 60), (35, 85, 45), (130, 190, 90), (70, 100, 80)),
    "teal": ((30, 140, 140), (90, 200, 200)),
    "blue": ((40, 80, 190), (30, 40, 110), (110, 160, 225), (75, 95, 130)),
    "purple": ((110, 50, 150), (160, 110, 200), (110, 85, 125)),
    "pink": ((235, 150, 180), (225, 70, 150)),
    "brown": ((120, 75, 45), (85, 50, 35), (165, 120, 80)),
    "beige": ((225, 200, 165), (205, 180, 145)),
}
COLOUR_NAMES = tuple(_COLOURS)
_LUT_BINS = 16
_LIGHTNESS_WEIGHT = 0.7

_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")
_ZONES = tuple(
    "centre" if (row, column) == ("middle", "centre") else f"{row} {column}"
    for row in _ROWS
    for column in _COLUMNS
)

_STILL_SHARE = 0.0004
_EVERYWHERE_SHARE = 0.35
_IN_PLACE_SPREAD = 0.025
_LINE_RATIO = 3.0
_NEARLY_STRAIGHT_TAN = 0.4
_CHANGED_LAB = 12.0
_CHANGED_SHARE = 0.02

_MOTION_PHRASES: Mapping[Motion, str] = {
    "still": "rests",
    "in_place": "keeps its place and changes there",
    "horizontal": "moves along a horizontal line",
    "vertical": "moves along a vertical line",
    "rising": "moves along a line that rises to the right",
    "falling": "moves along a line that falls to the right",
    "around": "moves around within an area",
    "everywhere": "moves or changes everywhere in the view",
}


@dataclass(frozen=True)
class Activity:
    """What one stretch of pictures shows, in words.

    ``mover`` and ``surface`` are names of colours, ``zone`` a place in the view. The three truths
    were measured too: whether the zone was in motion before and after the stretch, and whether it
    looks different at the end of the stretch than at its start.
    """

    mover: str
    surface: str
    zone: str
    motion: Motion
    moved_before: bool
    moves_after: bool
    looks_different: bool

    @property
    def where(self) -> str:
        """Say where, as the end of a sentence."""
        if self.motion in ("still", "everywhere"):
            return "in the whole view"
        return "in the centre of the view" if self.zone == "centre" else f"in the {self.zone}"

    @property
    def agent(self) -> str:
        """Name what moves."""
        if self.motion == "still":
            return "resting_view"
        if self.motion == "everywhere":
            return "whole_moving_view"
        return f"{self.mover} moving region {self.zone}".replace(" ", "_")

    @property
    def thing(self) -> str:
        """Name what moves and where, with its article."""
        if self.motion == "still":
            return f"a resting {self.surface} view"
        if self.motion == "everywhere":
            return f"a {self.mover} view that changes as a whole"
        return f"{_article(self.mover)} {self.mover} region {self.where}"

    @property
    def patient(self) -> str:
        """Name what it moves over."""
        return f"{self.surface}_surface"

    @property
    def action(self) -> str:
        """Say what the agent does."""
        return _MOTION_PHRASES[self.motion]

    @property
    def sentence(self) -> str:
        """Say all of it in one short phrase."""
        if self.motion == "still":
            return f"The view rests, mostly {self.surface}"
        if self.motion == "everywhere":
            return f"The whole view changes, mostly {self.mover}"
        mover, surface = (f"{_article(name)} {name}" for name in (self.mover, self.surface))
        return f"{mover.capitalize()} region {self.action} {self.where}, over {surface} surface"


def describe(measured: Measurement, stretch: Stretch) -> Activity:
    """Put one stretch of a measurement into words."""
    heat = _heat(measured, stretch.start, stretch.end)
    zone = _busiest_zone(heat, measured.change)
    inside = _zone_mask(zone, heat.shape)
    motion = _motion(measured, stretch, heat)
    mover, surface = _colours(measured, stretch, heat, _everywhere_or(inside, motion))
    return Activity(
        mover=COLOUR_NAMES[mover],
        surface=COLOUR_NAMES[surface],
        zone=_ZONES[zone],
        motion=motion,
        moved_before=_is_busy(measured, 0, stretch.start, inside),
        moves_after=_is_busy(measured, stretch.end, measured.count, inside),
        looks_different=_looks_different(measured, stretch, inside),
    )


def zone_of_picture(measured: Measurement, index: int) -> str:
    """Name the place of what moves in one picture (0-based index)."""
    return zone_of(measured.movers[index])


def zone_of(amounts: Floats) -> str:
    """Name the place of the view with the most of (h, w) amounts."""
    return _ZONES[int(np.argmax(_zone_means(amounts)))]


def colour_indices(lab: Floats) -> NDArray[np.intp]:
    """Return the nearest colour name of every pixel, by its place in COLOUR_NAMES."""
    steps = np.array([_LUT_BINS / 100, _LUT_BINS / 256, _LUT_BINS / 256])
    bins = np.clip((lab + np.array([0, 128, 128])) * steps, 0, _LUT_BINS - 1).astype(np.intp)
    return np.asarray(colour_table()[bins[..., 0], bins[..., 1], bins[..., 2]])


@cache
def colour_table() -> NDArray[np.intp]:
    """Return the nearest colour name of every bin of the Lab space."""
    middles = (np.arange(_LUT_BINS) + 0.5) / _LUT_BINS
    grid = np.stack(
        np.meshgrid(middles * 100, middles * 256 - 128, middles * 256 - 128, indexing="ij"), -1
    )
    owners = [index for index, samples in enumerate(_COLOURS.values()) for _ in samples]
    rgb = np.array([sample for samples in _COLOURS.values() for sample in samples], np.float32)
    samples = cv2.cvtColor(rgb[None] / 255, cv2.COLOR_RGB2LAB)[0]
    distance = ((grid[..., None, :] - samples) * [_LIGHTNESS_WEIGHT, 1, 1]) ** 2
    return np.asarray(np.array(owners)[distance.sum(axis=-1).argmin(axis=-1)], np.intp)


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _heat(measured: Measurement, start: int, end: int) -> Floats:
    """Return (h, w): how often each pixel changed within pictures [start, end)."""
    if end - start < 2 or not len(measured.change):
        return np.asarray(measured.movers[start:end].mean(axis=0))
    return np.asarray(measured.change[start : end - 1].mean(axis=0))


def _busiest_zone(heat: Floats, change: Floats) -> int:
    """Return the zone with the most motion, what moves throughout the video counting half."""
    throughout = change.mean(axis=0) if len(change) else np.zeros_like(heat)
    return int(np.argmax(_zone_means(heat) - 0.5 * _zone_means(throughout)))


def _zone_means(values: Floats) -> Floats:
    small = cv2.resize(values.astype(np.float32), (3, 3), interpolation=cv2.INTER_AREA)
    return np.asarray(small.ravel())


def _zone_mask(zone: int, shape: tuple[int, ...]) -> Floats:
    mask = np.zeros((3, 3), np.float32)
    mask[zone // 3, zone % 3] = 1
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST))


def _motion(measured: Measurement, stretch: Stretch, heat: Floats) -> Motion:
    amount = float(heat.mean())
    if amount < _STILL_SHARE:
        return "still"
    if amount > _EVERYWHERE_SHARE:
        return "everywhere"
    return _path(_centres(measured.movers[stretch.start : stretch.end]))


def _path(centres: Floats) -> Motion:
    """Name the kind of path from where the moving thing was in each picture."""
    if len(centres) < 3:
        return "in_place"
    axes = np.linalg.eigh(np.cov(centres.T))
    small, large = np.sqrt(np.maximum(axes.eigenvalues, 0))
    if large < _IN_PLACE_SPREAD:
        return "in_place"
    if large < _LINE_RATIO * max(small, 1e-9):
        return "around"
    return _line(*axes.eigenvectors[:, 1])


def _line(right: float, down: float) -> Motion:
    if abs(down) < _NEARLY_STRAIGHT_TAN * abs(right):
        return "horizontal"
    if abs(right) < _NEARLY_STRAIGHT_TAN * abs(down):
        return "vertical"
    # Rows are counted downwards.
    return "falling" if right * down > 0 else "rising"


def _centres(movers: Floats) -> Floats:
    """Return (k, 2): right and down of what moves, in shares of the view's width."""
    height, width = movers.shape[1:]
    mass = movers.sum(axis=(1, 2))
    some = mass > _STILL_SHARE * height * width
    right = (movers.sum(axis=1) @ np.arange(width))[some] / mass[some] / width
    down = (movers.sum(axis=2) @ np.arange(height))[some] / mass[some] / width
    return np.column_stack([right, down])


def _is_busy(measured: Measurement, start: int, end: int, inside: Floats) -> bool:
    if end - start < 2:
        return False
    return bool((_heat(measured, start, end) * inside).mean() > _STILL_SHARE)


def _looks_different(measured: Measurement, stretch: Stretch, inside: Floats) -> bool:
    shade = measured.lab[stretch.end - 1] - measured.lab[stretch.start]
    changed = (np.sqrt((shade**2).sum(axis=-1)) > _CHANGED_LAB) * inside
    return bool(changed.sum() > _CHANGED_SHARE * inside.sum())


def _everywhere_or(inside: Floats, motion: Motion) -> Floats:
    return np.ones_like(inside) if motion in ("still", "everywhere") else inside


def _colours(
    measured: Measurement, stretch: Stretch, heat: Floats, inside: Floats
) -> tuple[int, int]:
    """Return the colours of what moves and of what it moves over: places in COLOUR_NAMES."""
    names = colour_indices(measured.lab[stretch.start : stretch.end])
    rest = _shares(names, inside * (1 - heat / max(float(heat.max()), 1e-6)))
    movers = _shares(names, measured.movers[stretch.start : stretch.end] * inside)
    # What is bared and covered again counts as moving too: the commonest of all is no mover.
    mover = int(np.argmax(movers - rest if movers.any() else rest))
    if (inside == 0).any():
        rest[mover] = -1
    return mover, int(np.argmax(rest))


def _shares(names: NDArray[np.intp], weights: Floats) -> Floats:
    every = np.broadcast_to(weights, names.shape)
    counts = np.bincount(names.ravel(), every.ravel(), len(COLOUR_NAMES))
    return np.asarray(counts / max(float(counts.sum()), 1e-9))
