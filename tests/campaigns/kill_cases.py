"""The cases of the kill campaign: which runs there are, and where each of them is killed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tests.campaigns.kill_points import MOMENTS, KillPoint, points_of

QUOTAS = {"instant": 32, "write": 44, "journal": 24, "removal": 16, "cut": 28, "several": 18}
"""Cases of a full campaign by kind; those of ``several`` have four kills each."""

KILLS_IN_A_ROW = 4
FIRST_WRITES = 8
"""A run that goes on comes by as many writes at least, as a rule: later kills aim at these."""


@dataclass(frozen=True)
class Scenario:
    """What runs: which videos, with which options, on what an earlier run left if it is so."""

    name: str
    about: str
    videos: tuple[str, ...]
    concurrency: int
    options: tuple[str, ...] = ()
    goes_on: bool = False

    @property
    def all_options(self) -> tuple[str, ...]:
        """The options of the run that is killed."""
        return (*self.options, "--concurrency", str(self.concurrency))


SCENARIOS = (
    Scenario("fresh", "one video, one request at a time", ("first",), 1),
    Scenario(
        "two", "two videos at once, two workers", ("first", "second"), 4, ("--num-workers", "2")
    ),
    Scenario("overwrite", "`--overwrite`", ("first",), 3, ("--overwrite",), goes_on=True),
    Scenario("recut", "other `--crf`", ("first",), 2, ("--crf", "30"), goes_on=True),
    Scenario(
        "resample", "other `--max-frames`", ("first",), 2, ("--max-frames", "14"), goes_on=True
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Instant:
    """A kill from outside, so many seconds after the start of the run."""

    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.3f}s"


Kill = KillPoint | Instant


@dataclass(frozen=True)
class Case:
    """One folder: the kills that it goes through before the run that is left alone."""

    scenario: str
    kills: tuple[Kill, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote. Raises ValueError."""
        scenario, _, kills = text.partition("@")
        if scenario not in {known.name for known in SCENARIOS}:
            raise ValueError(f"{scenario!r} is no scenario.")
        return cls(scenario, tuple(_kill_of(kill) for kill in kills.split("+")))

    def __str__(self) -> str:
        return f"{self.scenario}@{'+'.join(map(str, self.kills))}"

    @property
    def kind(self) -> str:
        """Of the only kill, or ``several``."""
        first = self.kills[0]
        if len(self.kills) > 1:
            return "several"
        return first.kind if isinstance(first, KillPoint) else "instant"

    @property
    def moment(self) -> str:
        """Of the only kill."""
        first = self.kills[0]
        return first.moment if isinstance(first, KillPoint) and len(self.kills) == 1 else ""


def _kill_of(text: str) -> Kill:
    return Instant(float(text[:-1])) if text.endswith("s") else KillPoint.parse(text)


@dataclass(frozen=True)
class Extent:
    """What an undisturbed run of a scenario takes and comes by: where it can be killed."""

    scenario: Scenario
    duration_sec: float
    counts: Mapping[str, int]


def choose(extents: Sequence[Extent], seed: int) -> list[Case]:
    """Return a full campaign: equal shares a scenario, points spread over the whole run."""
    cases = []
    for number, whole in enumerate(extents):
        chance = random.Random(f"{seed} {whole.scenario.name}")
        for kind, quota in QUOTAS.items():
            share = len(range(number, quota, len(extents)))
            cases += [
                Case(whole.scenario.name, kills) for kills in _of_kind(kind, share, whole, chance)
            ]
    return cases


def chains(whole: Extent, count: int, length: int, seed: int) -> list[Case]:
    """Return cases of several kills in a row, for a short sample."""
    chance = random.Random(f"{seed} {whole.scenario.name}")
    return [Case(whole.scenario.name, _in_a_row(whole, chance, length)) for _ in range(count)]


def _of_kind(
    kind: str, count: int, whole: Extent, chance: random.Random
) -> Iterable[tuple[Kill, ...]]:
    if kind == "instant":
        places = _spread(count, chance)
        return [(Instant(round(place * whole.duration_sec, 3)),) for place in places]
    if kind == "several":
        return [_in_a_row(whole, chance, KILLS_IN_A_ROW) for _ in range(count)]
    points = list(points_of(kind, whole.counts.get(kind, 0)))
    chosen = {int(place * len(points)) for place in _spread(min(count, len(points)), chance)}
    return [(points[number],) for number in sorted(chosen)]


def _spread(count: int, chance: random.Random) -> list[float]:
    """Return numbers from [0, 1), one at random in each of ``count`` equal parts."""
    return [(part + chance.random()) / count for part in range(count)]


def _in_a_row(whole: Extent, chance: random.Random, length: int) -> tuple[Kill, ...]:
    """Return an aimed kill, then others at places that a run which goes on comes by."""
    kind = chance.choice([kind for kind in MOMENTS if whole.counts.get(kind)])
    kills: list[Kill] = [chance.choice(list(points_of(kind, whole.counts[kind])))]
    while len(kills) < length:
        if len(kills) % 2:
            kills.append(chance.choice(list(points_of("write", FIRST_WRITES))))
        else:
            kills.append(Instant(round(chance.uniform(0.5, 1.0) * whole.duration_sec, 3)))
    return tuple(kills)


def sampled(cases: Sequence[Case], kills: int, seed: int) -> list[Case]:
    """Return cases at random, with so many kills together or a few more."""
    left = random.Random(seed).sample(cases, len(cases))
    chosen: list[Case] = []
    while left and sum(len(case.kills) for case in chosen) < kills:
        chosen.append(left.pop())
    return chosen
