"""The places of a run at which it can be killed: which write, which line of the journal, which cut.

A point reads ``write:17:torn``: at the 17th atomic write, with half of the temporary file written.
Numbers count from 1 in the order in which the run comes by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

MOMENTS: Mapping[str, tuple[str, ...]] = {
    # An atomic write: nothing there, half of the temporary file, all of it, under its own name.
    "write": ("before", "torn", "before-rename", "after"),
    # A line of calls.jsonl: not begun, half of it, not synced, synced.
    "journal": ("before", "torn", "before-fsync", "after"),
    "removal": ("before", "after"),
    # A clip: ffmpeg not started, its file begun, ffmpeg ended, the clip under its own name.
    "cut": ("before", "running", "before-rename", "after"),
}


@dataclass(frozen=True)
class KillPoint:
    """One moment of the ``number``-th event (1-based) of a kind."""

    kind: str
    number: int
    moment: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote. Raises ValueError."""
        kind, number, moment = text.split(":")
        if moment not in MOMENTS.get(kind, ()):
            raise ValueError(f"{text!r} is no point: kinds and moments are {dict(MOMENTS)}.")
        return cls(kind, int(number), moment)

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}:{self.moment}"


def points_of(kind: str, count: int) -> Iterator[KillPoint]:
    """Yield every moment of every event of a kind that happens ``count`` times."""
    for number in range(1, count + 1):
        for moment in MOMENTS[kind]:
            yield KillPoint(kind, number, moment)
