"""How far a campaign is, said on stderr while it runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

import click

TOLD_EVERY = 10


class CaseOutcome(Protocol):
    """What came of one case, and how a person knows the case again."""

    @property
    def title(self) -> str:
        """The case's name."""
        ...

    @property
    def deviations(self) -> Sequence[str]:
        """What was not as it must be."""
        ...


class Teller:
    """Says every tenth case that is done, and every deviation at once."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self._done = itertools.count(1)

    def __call__(self, outcome: CaseOutcome) -> None:
        """Take note of one more outcome."""
        done = next(self._done)
        for line in outcome.deviations:
            click.echo(f"{outcome.title}: {line}", err=True)
        if done % TOLD_EVERY == 0:
            click.echo(f"{done} of {self._cases} cases", err=True)
