"""A kind of damage, and the choice of places: equal shares a kind, spread over kinds of places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.campaigns.damage_folder import RECORD, Change, Damage, GoodFolder, Mode


@dataclass(frozen=True)
class Spoilt:
    """What was done, in words, and the changes that do it."""

    what: str
    changes: tuple[Change, ...]


Maker = Callable[[], Spoilt | None]
"""Makes a damage; None when nothing would differ."""


@dataclass(frozen=True)
class Spot:
    """A place that can be damaged; ``group`` is what places of one kind share."""

    group: str
    file: str
    where: str
    make: Maker


@dataclass(frozen=True)
class Kind:
    """A kind of damage and all places of a folder that it can be done to."""

    name: str
    says: str
    spots: Callable[[GoodFolder, Random], Iterator[Spot]]


def choose(good: GoodFolder, kind: Kind, mode: Mode, count: int, rng: Random) -> list[Damage]:
    """Return ``count`` damages of a kind, or as many as there are places.

    Every group of places gets its turn before any has a second one. What the record does not
    record is damaged in the mode "as found" only: made good, it would be the same damage.
    """
    groups: dict[str, list[Spot]] = defaultdict(list)
    for spot in kind.spots(good, rng):
        if mode == "as found" or spot.file not in RECORD:
            groups[spot.group].append(spot)
    for spots in groups.values():
        rng.shuffle(spots)
    order = list(groups)
    rng.shuffle(order)
    chosen: list[Damage] = []
    while order and len(chosen) < count:
        group = order.pop(0)
        damage = _next(kind, mode, groups[group])
        if damage is not None:
            chosen.append(damage)
            order.append(group)
    return chosen


def _next(kind: Kind, mode: Mode, spots: list[Spot]) -> Damage | None:
    while spots:
        spot = spots.pop()
        spoilt = spot.make()
        if spoilt is not None:
            place = (spot.file, spot.where)
            return Damage(kind.name, mode, spot.group, *place, spoilt.what, spoilt.changes)
    return None


def equal_shares(
    good: GoodFolder, kinds: Sequence[Kind], modes: Sequence[Mode], count: int, seed: int
) -> list[Damage]:
    """Return damages of every kind in every mode, ``count`` each; seeded."""
    chosen = []
    for kind in kinds:
        for mode in modes:
            # A generator of its own, so that one kind's places do not depend on another's.
            rng = Random(f"{seed} {kind.name} {mode}")
            chosen += choose(good, kind, mode, count, rng)
    return chosen


def aimed(
    good: GoodFolder, kind: Kind, mode: Mode, fits: Callable[[str], bool], count: int, rng: Random
) -> list[Damage]:
    """Return up to ``count`` damages of a kind in groups of places that fit."""

    def fitting(folder: GoodFolder, chance: Random) -> Iterator[Spot]:
        return (spot for spot in kind.spots(folder, chance) if fits(spot.group))

    return choose(good, Kind(kind.name, kind.says, fitting), mode, count, rng)
