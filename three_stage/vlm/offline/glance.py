"""What a conversation needs to know of pictures, measured in a moment.

Brightness is the mean luma of a picture (ITU-R BT.601), 0 to 100 %. Differences are distances in
Lab (CIE 1976), in which about 2 is just noticeable. Pictures are 0-based here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from three_stage.vlm.offline.measure import Measurement, measure_quickly
from three_stage.vlm.offline.pictures import Pixels
from three_stage.vlm.offline.segment import FEWEST_PICTURES, Stretch, split_freely
from three_stage.vlm.offline.words import COLOUR_NAMES, colour_indices, zone_of

Floats = NDArray[np.floating[Any]]

STILL_SHARE = 0.0004
"""Of the view that changes: where it is less, nothing moves."""
FLAT_BRIGHTNESS = 0.3
"""A video whose brightness varies less, in percent points, has no brightest moment."""
ALIKE_LAB = 1.0
"""Pictures that differ less, on average, look alike."""

_LOOKS_DIFFERENT_LAB = 12.0
_CUT_LAB = 6.0
_CUT_FACTOR = 2.5
_CUT_SHARE_OF_GREATEST = 0.3
_NEW_COLOUR_LEAD = 0.1
_COLOUR_STEP_PX = 2
_CUT_NEARBY = 2


@dataclass(frozen=True)
class Glance:
    """What was measured in n pictures.

    ``brightness``: (n,), percent. ``colours``: (n, names), shares of the view in the order of
    COLOUR_NAMES. Between a picture and the next, (n - 1,): ``shift``, the mean distance in Lab;
    ``differing``, the share of the view that looks different; ``moving``, the share that moves.
    """

    brightness: Floats
    colours: Floats
    shift: Floats
    differing: Floats
    moving: Floats
    measured: Measurement

    @property
    def count(self) -> int:
        """How many pictures were measured."""
        return len(self.brightness)

    def part(self, first: int, last: int) -> Glance:
        """Return what was measured in the pictures [first, last]."""
        each, between = slice(first, last + 1), slice(first, last)
        whole = self.measured
        return Glance(
            brightness=self.brightness[each],
            colours=self.colours[each],
            shift=self.shift[between],
            differing=self.differing[between],
            moving=self.moving[between],
            measured=Measurement(
                lab=whole.lab[each],
                change=whole.change[between],
                movers=whole.movers[each],
                place_likeness=whole.place_likeness[each, each],
                colour_likeness=whole.colour_likeness[each, each],
                way_likeness=whole.way_likeness[between, between],
            ),
        )


def glance_at(small: Pixels) -> Glance:
    """Measure pictures of the shape (n, h, w, 3), blue-green-red, n at least 1."""
    measured = measure_quickly(small)
    brightness = [cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).mean() / 2.55 for each in small]
    steps = [np.sqrt(np.square(after - before).sum(axis=-1))
             for before, after in pairwise(measured.lab)]  # fmt: skip
    names = colour_indices(measured.lab[:, ::_COLOUR_STEP_PX, ::_COLOUR_STEP_PX])
    names = names.reshape(len(small), -1)
    counts = [np.bincount(each, minlength=len(COLOUR_NAMES)) for each in names]
    return Glance(
        brightness=np.array(brightness),
        colours=np.array(counts) / names.shape[1],
        shift=np.array([float(step.mean()) for step in steps]),
        differing=np.array([float((step > _LOOKS_DIFFERENT_LAB).mean()) for step in steps]),
        moving=measured.change.mean(axis=(1, 2)).astype(float),
        measured=measured,
    )


def extreme_run(values: Floats, best: int, tolerance: float) -> tuple[int, int]:
    """Return the [first, last] pictures around ``best`` that are within ``tolerance`` of it."""
    first = last = best
    while first > 0 and abs(values[first - 1] - values[best]) <= tolerance:
        first -= 1
    while last + 1 < len(values) and abs(values[last + 1] - values[best]) <= tolerance:
        last += 1
    return first, last


def cuts(glance: Glance) -> list[int]:
    """Return the intervals at which the picture changes at once, strongest first.

    Interval i lies between the pictures i and i + 1.
    """
    if not len(glance.shift):
        return []
    usual, greatest = float(np.median(glance.shift)), float(glance.shift.max())
    least = max(_CUT_LAB, _CUT_FACTOR * usual, _CUT_SHARE_OF_GREATEST * greatest)
    if len(glance.shift) == 1:
        least = _CUT_LAB
    found = [index for index, shift in enumerate(glance.shift) if shift >= least]
    return sorted(found, key=lambda index: (-glance.shift[index], index))


def top_colours(glance: Glance, *, most: int, least_share: float) -> list[tuple[str, float]]:
    """Return the names and shares of the commonest colours of all pictures, at least one."""
    shares = glance.colours.mean(axis=0)
    order = np.argsort(-shares, kind="stable")[:most]
    return [
        (COLOUR_NAMES[index], float(shares[index]))
        for place, index in enumerate(order)
        if place == 0 or shares[index] >= least_share
    ]


def colour_runs(glance: Glance) -> list[tuple[int, int, str]]:
    """Return the [first, last] pictures of each stretch with one dominant colour, and the colour.

    Another colour takes over when it leads by a tenth of the view: two that are about as common do
    not take turns.
    """
    current = int(np.argmax(glance.colours[0]))
    runs: list[tuple[int, int, str]] = []
    start = 0
    for index, shares in enumerate(glance.colours):
        leader = int(np.argmax(shares))
        if shares[leader] - shares[current] > _NEW_COLOUR_LEAD:
            runs.append((start, index - 1, COLOUR_NAMES[current]))
            start, current = index, leader
    runs.append((start, glance.count - 1, COLOUR_NAMES[current]))
    return runs


def still_runs(glance: Glance) -> list[tuple[int, int]]:
    """Return the [first, last] pictures of stretches in which nothing moves, longest first."""
    runs: list[tuple[int, int]] = []
    for index, moving in enumerate(glance.moving):
        if moving >= STILL_SHARE:
            continue
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return sorted(runs, key=lambda run: (run[0] - run[1], run[0]))


def busiest_zone(glance: Glance, first: int, last: int) -> str:
    """Name the place of the view with the most motion from picture first to last."""
    return zone_of(glance.measured.change[first:last].mean(axis=0))


def stretches(glance: Glance, most: int) -> list[Stretch]:
    """Return at most ``most`` stretches in order: between cuts, and where the activity changes."""
    strongest = [index + 1 for index in cuts(glance)]
    softer: list[int] = []
    if glance.count >= 2 * FEWEST_PICTURES:
        split = split_freely(glance.measured, fewest=1, most=most)
        softer = [stretch.start for stretch in split.stretches[1:] if split.saw_change]
    starts = sorted(_apart(strongest, softer)[: most - 1])
    return [
        Stretch(start, end, is_share=False) for start, end in pairwise((0, *starts, glance.count))
    ]


def _apart(strongest: Sequence[int], softer: Sequence[int]) -> list[int]:
    """Return all cuts, then the other boundaries that are not next to one."""
    return [*strongest, *(each for each in softer
                          if all(abs(each - cut) >= _CUT_NEARBY for cut in strongest))]  # fmt: skip
