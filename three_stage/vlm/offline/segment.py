"""Where one activity gives way to another: change points in what was measured.

Kernel change point detection (Harchaoui and Cappé 2007; Arlot, Celisse, Harchaoui 2019) with exact
dynamic programming. A stretch of pictures costs what its pictures differ from one another; a part
of a steady drift (something that moves slowly across the view) is no difference. The number of
stretches is the one at which a further boundary no longer pays for itself.

Three things are our own. What lies between two stretches belongs to neither, so a boundary stands
between two pictures and not on one. The first picture of a stretch may be a passage that looks like
neither side; it counts to the later stretch. A scene cut next to a boundary draws it to itself.
Pictures here are 0-based; a stretch is half-open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from three_stage.vlm.offline.measure import Measurement

Floats = NDArray[np.floating[Any]]

FEWEST_PICTURES = 3
"""In a stretch, where there are enough pictures."""

MOST_STRETCHES = 8
"""That are looked for; what is asked beyond these divides the longest ones evenly."""

EVEN_STEPS = 4
"""How many parts an even split has when nothing was measured."""

_WEIGHTS = {"place": 0.9, "colour": 0.9, "way": 0.3}
_DRIFT_SHARE = 0.5
_FEWEST_FOR_DRIFT = 4
_PASSAGE_PRICE = 0.12
_BOUNDARY_PRICE = 0.3
_BOUNDARY_PRICE_OF_UNREST = 4.8
_WEAK_BOUNDARY_SHARE = 0.8
_USUAL_COUNT = 50
_CUT_SHARE = 0.35
_CUT_FACTOR = 3.0


@dataclass(frozen=True)
class Stretch:
    """Pictures [start, end), 0-based. ``is_share``: it is an even part of one longer stretch."""

    start: int
    end: int
    is_share: bool


@dataclass(frozen=True)
class Split:
    """The stretches in order, without gaps. ``saw_change``: whether any boundary was measured."""

    stretches: tuple[Stretch, ...]
    saw_change: bool


def split_freely(measured: Measurement, *, fewest: int, most: int) -> Split:
    """Split into as many stretches as were measured, ``fewest`` to ``most``.

    Where less was measured, the longest stretches are divided evenly and say so.
    """
    search = _Search(_costs(measured), _least_length(measured.count, most))
    found = search.best_count(search.price, most)
    if found == 1:
        return _filled(measured, (), max(fewest, min(EVEN_STEPS, most, measured.count)))
    return _split(measured, search, max(found, fewest))


def split_into(measured: Measurement, steps: int) -> Split:
    """Split into exactly ``steps`` stretches; weaker changes count than where nobody says how many.

    Raises ValueError when there are fewer pictures than steps.
    """
    if steps > measured.count:
        raise ValueError(f"{measured.count} pictures cannot hold {steps} steps")
    return _split(measured, _Search(_costs(measured), _least_length(measured.count, steps)), steps)


def _split(measured: Measurement, search: _Search, steps: int) -> Split:
    found = search.best_count(search.price, steps)
    if found > 1:
        found = search.best_count(search.price * _WEAK_BOUNDARY_SHARE, steps)
    return _filled(measured, search.boundaries(found), steps)


class _Search:
    """The best boundaries for every number of stretches up to MOST_STRETCHES."""

    def __init__(self, costs: Floats, least_length: int) -> None:
        count = len(costs) - 1
        self._most = max(1, min(MOST_STRETCHES, count // least_length))
        self._totals = np.full((self._most + 1, count + 1), np.inf)
        self._last_starts = np.zeros((self._most + 1, count + 1), int)
        self._totals[0, 0] = 0
        for stretches in range(1, self._most + 1):
            for end in range(stretches * least_length, count + 1):
                starts = slice((stretches - 1) * least_length, end - least_length + 1)
                totals = self._totals[stretches - 1, starts] + costs[starts, end]
                best = int(np.argmin(totals))
                self._totals[stretches, end] = totals[best]
                self._last_starts[stretches, end] = starts.start + best
        unrest = self._totals[self._most, count] / max(1, count - self._most)
        # Costs are sums over pictures: more pictures of the same video must not mean more steps.
        scale = max(1.0, count / _USUAL_COUNT)
        self.price = scale * (_BOUNDARY_PRICE + _BOUNDARY_PRICE_OF_UNREST * float(unrest))

    def best_count(self, price: float, most: int) -> int:
        """Return the number of stretches whose total, with a price on each, is smallest."""
        most = min(most, self._most)
        totals = self._totals[1 : most + 1, -1] + price * np.arange(1, most + 1)
        return int(np.argmin(totals)) + 1

    def boundaries(self, stretches: int) -> tuple[int, ...]:
        """Return the starts of all stretches but the first."""
        starts = []
        end = self._totals.shape[1] - 1
        for number in range(stretches, 1, -1):
            end = int(self._last_starts[number, end])
            starts.append(end)
        return tuple(reversed(starts))


def _least_length(count: int, most: int) -> int:
    return max(1, min(FEWEST_PICTURES, count // most))


def _costs(measured: Measurement) -> Floats:
    """Return (n + 1, n + 1): the cost of the stretch [row, column)."""
    costs = (
        _WEIGHTS["place"] * _unlikeness(measured.place_likeness, _DRIFT_SHARE)
        + _WEIGHTS["colour"] * _unlikeness(measured.colour_likeness, 0)
        + _WEIGHTS["way"] * _of_intervals(_unlikeness(measured.way_likeness, 0))
    )
    without_first = costs.copy()
    without_first[1:-1] = costs[2:] + _PASSAGE_PRICE
    lengths = np.arange(len(costs))[None] - np.arange(len(costs))[:, None]
    may_start_with_passage = (lengths > FEWEST_PICTURES) & (np.arange(len(costs)) > 0)[:, None]
    return np.asarray(np.where(may_start_with_passage, np.minimum(costs, without_first), costs))


def _unlikeness(likeness: Floats, drift_share: float) -> Floats:
    """Return (n + 1, n + 1): how much the items of [row, column) scatter around their mean.

    In the kernel's feature space this is the residual sum of squares; ``drift_share`` of what a
    straight line in time explains is taken off it.
    """
    count = len(likeness)
    times = np.arange(count)
    ends = np.arange(count + 1)
    lengths = np.maximum(ends[None] - ends[:, None], 1)
    total = _block_sums(likeness)
    diagonal = np.concatenate([[0], np.cumsum(np.diag(likeness))])
    scatter = diagonal[None] - diagonal[:, None] - total / lengths
    if drift_share:
        middle = (ends[:, None] + ends[None] - 1) / 2
        moved = (
            _block_sums(likeness * np.outer(times, times))
            - 2 * middle * _block_sums(likeness * times[:, None])
            + middle**2 * total
        )
        spread = np.maximum(lengths * (lengths**2 - 1) / 12, 1)
        scatter = scatter - drift_share * np.where(lengths >= _FEWEST_FOR_DRIFT, moved / spread, 0)
    return np.asarray(np.where(ends[None] > ends[:, None], np.maximum(scatter, 0), 0))


def _block_sums(values: Floats) -> Floats:
    """Return (n + 1, n + 1): the sum of the square block [row, column) x [row, column)."""
    count = len(values)
    sums = np.zeros((count + 1, count + 1))
    sums[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    corner = np.diag(sums)
    return np.asarray(corner[:, None] + corner[None] - sums - sums.T)


def _of_intervals(costs: Floats) -> Floats:
    """Bring costs of intervals to pictures: pictures [a, b) have the intervals a to b - 2."""
    count = len(costs)
    of_pictures = np.zeros((count + 1, count + 1))
    of_pictures[:count, 1:] = costs
    return of_pictures


def _filled(measured: Measurement, boundaries: Sequence[int], steps: int) -> Split:
    drawn = _drawn_to_cuts(measured, boundaries)
    edges = list(pairwise((0, *drawn, measured.count)))
    parts = [1] * len(edges)
    while sum(parts) < steps:
        lengths = [(end - start) / share for (start, end), share in zip(edges, parts, strict=True)]
        parts[lengths.index(max(lengths))] += 1
    stretches = []
    for (start, end), shares in zip(edges, parts, strict=True):
        cuts = [start + round((end - start) * index / shares) for index in range(shares + 1)]
        stretches += [Stretch(a, b, is_share=shares > 1) for a, b in pairwise(cuts)]
    return Split(tuple(stretches), saw_change=bool(boundaries))


def _drawn_to_cuts(measured: Measurement, boundaries: Sequence[int]) -> list[int]:
    """Move a boundary onto a scene cut one picture away, if both sides stay long enough."""
    changed = measured.change.mean(axis=(1, 2))
    least = max(_CUT_SHARE, _CUT_FACTOR * float(np.median(changed))) if len(changed) else 1.0
    drawn: list[int] = []
    for boundary, following in zip(boundaries, (*boundaries[1:], measured.count), strict=False):
        previous = drawn[-1] if drawn else 0
        near = [
            start
            for start in (boundary, boundary - 1, boundary + 1)
            if previous + FEWEST_PICTURES <= start <= following - FEWEST_PICTURES
            and changed[start - 1] >= least
        ]
        drawn.append(max(near, key=lambda start: changed[start - 1], default=boundary))
    return drawn
