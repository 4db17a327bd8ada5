"""What can be measured in pictures of one view: where things move, which colours, which way.

Every measure is symmetric in time: the pictures in reverse give the same numbers in reverse.
Nothing is fitted to any kind of video; the few constants are shares of the view's size or steps of
the Lab colour space, in which a distance of about 2 is just noticeable (CIE 1976).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from three_stage.vlm.offline.pictures import Pixels

Floats = NDArray[np.floating[Any]]

_FLICKER_LAB = 3.0
"""A shift of the whole view below this is light flicker, not motion."""
_FAINTEST_MOTION_LAB = 3.5
_NOISE_FACTOR = 3.2
_LOUDEST_NOISE_LAB = 6.0
_RESTLESS_QUANTILE = 0.3
_RESTLESS_FACTOR = 3.0
_RESTLESS_WINDOW_PX = 7
_SMALL_RESTLESS_SHARE = 0.1
_SAMPLING_PX = 3

_CELLS_ACROSS = 24
_PLACE_BLUR_CELLS = 3.0
_NO_PLACE = 0.45
_LIGHTNESS_BINS, _CHROMA_BINS = 4, 8
_CHROMA_RANGE = 90.0
_NO_COLOUR_SHARE = 0.0014
_DIRECTIONS = 8
_NO_DIRECTION_SHARE = 0.0011
_FULL_SPEED_SHARE = 1 / 64
"""Of the view's width between two pictures: faster counts no more."""
_LEAST_WEIGHT = 0.01


@dataclass(frozen=True)
class Measurement:
    """What was measured in n pictures of h x w pixels.

    ``lab``: (n, h, w, 3) colours. ``change``: (n - 1, h, w), 0 to 1, how surely a pixel changed
    between a picture and the next. ``movers``: (n, h, w), what is in motion in a picture: changed
    both before and after it. ``place_likeness`` and ``colour_likeness``: (n, n), 0 to 1, how alike
    two pictures are in where and in which colours something moves; ``way_likeness``: (n - 1, n - 1)
    the same for the directions of motion between a picture and the next.
    """

    lab: Floats
    change: Floats
    movers: Floats
    place_likeness: Floats
    colour_likeness: Floats
    way_likeness: Floats

    @property
    def count(self) -> int:
        """How many pictures were measured."""
        return len(self.lab)


def measure(small: Pixels) -> Measurement:
    """Measure pictures of the shape (n, h, w, 3), blue-green-red, n at least 1."""
    lab = _as_lab(small)
    change = _without_restless_places(_changes(lab))
    return _measurement(lab, change, _as_shares(_ways(lab, change), _NO_DIRECTION_SHARE, lab))


def measure_quickly(small: Pixels) -> Measurement:
    """Measure as ``measure`` does, without the directions of motion: these take most of the time.

    All directions count as alike.
    """
    lab = _as_lab(small)
    change = _without_restless_places(_changes(lab))
    return _measurement(lab, change, np.ones((len(change), 1)))


def _as_lab(small: Pixels) -> Floats:
    return np.stack([cv2.cvtColor(each.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
                     for each in small])  # fmt: skip


def _measurement(lab: Floats, change: Floats, ways: Floats) -> Measurement:
    movers = _movers(change)
    return Measurement(
        lab=lab,
        change=change,
        movers=movers,
        place_likeness=_likeness(np.sqrt(_places(movers))),
        colour_likeness=_likeness(_as_shares(_colours(lab, movers), _NO_COLOUR_SHARE, lab)),
        way_likeness=_likeness(ways),
    )


def _changes(lab: Floats) -> Floats:
    """How surely each pixel changed, against flicker of the light and the noise of the pictures."""
    calm = [cv2.GaussianBlur(each, (0, 0), 0.8) for each in lab]
    squares = np.zeros((len(lab) - 1, *lab.shape[1:3]), np.float32)
    for index, (before, after) in enumerate(pairwise(calm)):
        step = after - before
        shift = np.median(_sampled(step).reshape(-1, 3), axis=0)
        step -= np.where(np.abs(shift) < _FLICKER_LAB, shift, 0).astype(np.float32)
        squares[index] = np.einsum("ijk,ijk->ij", step, step)
    if not len(squares):
        return squares
    noise = np.sqrt([np.median(_sampled(each)) for each in squares])
    # A scene cut or a moving camera changes most pixels: that must not pass for noise.
    noise = np.minimum(noise, min(2 * float(np.median(noise)) + 0.3, _LOUDEST_NOISE_LAB))
    least = np.maximum(_FAINTEST_MOTION_LAB, _NOISE_FACTOR * noise).astype(np.float32)
    squares /= (least**2)[:, None, None]
    return np.asarray(-np.expm1(-np.square(squares)), np.float32)


def _sampled(pixels: Floats) -> Floats:
    """Take every third row and column: enough for a median."""
    return pixels[::_SAMPLING_PX, ::_SAMPLING_PX]


def _without_restless_places(change: Floats) -> Floats:
    """Take out small places that change nearly always (a drawn number, a clock): no activity.

    Where much of the view changes always, the camera moves or the activity is large: that stays.
    """
    if not len(change):
        return change
    window = (_RESTLESS_WINDOW_PX, _RESTLESS_WINDOW_PX)
    around = np.stack([_sampled(cv2.blur(each, window)) for each in change])
    rank = int(_RESTLESS_QUANTILE * (len(around) - 1))
    usual = np.partition(around, rank, axis=0)[rank]
    restless = np.clip(usual * _RESTLESS_FACTOR, 0, 1)
    kept = 1 - restless * np.clip(2 - restless.mean() / _SMALL_RESTLESS_SHARE, 0, 1)
    return np.asarray(change * cv2.resize(kept, change.shape[:0:-1]), np.float32)


def _movers(change: Floats) -> Floats:
    """What changed before a picture and after it is the moving thing itself, not what it bares.

    The pictures at both ends have one neighbour only: what moves next to them stands for them.
    """
    if not len(change):
        return np.zeros((1, *change.shape[1:]), np.float32)
    if len(change) == 1:
        return np.repeat(change, 2, axis=0)
    inner = np.minimum(change[:-1], change[1:])
    return np.concatenate([inner[:1], inner, inner[-1:]])


def _places(maps: Floats) -> Floats:
    """Return (n, cells + 1): the blurred map of each picture, and a constant for no motion."""
    height, width = maps.shape[1:]
    size = (_CELLS_ACROSS, max(1, round(_CELLS_ACROSS * height / width)))
    cells = np.stack([
        cv2.GaussianBlur(cv2.resize(each, size, interpolation=cv2.INTER_AREA), (0, 0),
                         _PLACE_BLUR_CELLS)
        for each in maps
    ]).reshape(len(maps), -1)  # fmt: skip
    return np.hstack([np.maximum(cells, 0), np.full((len(cells), 1), _NO_PLACE**2)])


def _colours(lab: Floats, maps: Floats) -> Floats:
    """Return (n, bins): how much of each colour moves in each picture, in pixels."""
    lowest = np.array([0, -_CHROMA_RANGE, -_CHROMA_RANGE])
    most = np.array([_LIGHTNESS_BINS, _CHROMA_BINS, _CHROMA_BINS])
    per_bin = np.array([100, 2 * _CHROMA_RANGE, 2 * _CHROMA_RANGE]) / most
    found = np.zeros((len(maps), int(most.prod())))
    for index, weights in enumerate(maps):
        some = weights > _LEAST_WEIGHT
        bins = np.clip((lab[index][some] - lowest) / per_bin, 0, most - 1).astype(int)
        place = np.ravel_multi_index(tuple(bins.T), tuple(most))
        found[index] = np.bincount(place, weights[some], found.shape[1])
    return found


def _ways(lab: Floats, change: Floats) -> Floats:
    """Return (n - 1, directions): how much moves which way, from dense optical flow.

    The flow is measured forwards and backwards: either alone favours one direction of time.
    """
    grey = np.clip(lab[..., 0] * 2.55, 0, 255).astype(np.uint8)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    start = np.zeros((*grey.shape[1:], 2), np.float32)
    found = np.zeros((len(change), _DIRECTIONS))
    for index, weights in enumerate(change):
        there = np.asarray(flow.calc(grey[index], grey[index + 1], start.copy()), np.float32)
        back = np.asarray(flow.calc(grey[index + 1], grey[index], start.copy()), np.float32)
        found[index] = _directions(there, weights) + _directions(-back, weights)
    return found / 2


def _directions(moved: Floats, weights: Floats) -> Floats:
    """Share out what moves among the directions: each pixel to its two nearest ones."""
    some = weights > _LEAST_WEIGHT
    right, down = moved[..., 0][some], moved[..., 1][some]
    full_speed_px = weights.shape[1] * _FULL_SPEED_SHARE
    amount = weights[some] * np.clip(np.hypot(right, down) / full_speed_px, 0, 1)
    turn = np.arctan2(down, right) * (_DIRECTIONS / (2 * np.pi))
    lower = np.floor(turn)
    part = turn - lower
    direction = lower.astype(int)
    return np.asarray(
        np.bincount(direction % _DIRECTIONS, amount * (1 - part), _DIRECTIONS)
        + np.bincount((direction + 1) % _DIRECTIONS, amount * part, _DIRECTIONS)
    )


def _as_shares(pixels: Floats, nothing_share: float, lab: Floats) -> Floats:
    """Add a bin for no motion and return the square roots of the shares (Bhattacharyya)."""
    nothing = nothing_share * lab.shape[1] * lab.shape[2]
    all_bins = np.hstack([pixels, np.full((len(pixels), 1), nothing)])
    return np.asarray(np.sqrt(all_bins / all_bins.sum(axis=1, keepdims=True)))


def _likeness(features: Floats) -> Floats:
    """Return the cosine between every two rows."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return np.asarray(unit @ unit.T)
