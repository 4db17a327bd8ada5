"""The verdict of the validator on one damaged folder; runs in a worker process."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.damage_folder import Damage, spoilt_copy
from three_stage.media import MediaError, MediaWorkers
from three_stage.validation import Code, FolderReport, validate_folder

LIMIT_SEC = 60.0
"""A validation that takes longer hangs."""


@dataclass(frozen=True)
class Verdict:
    """What the validator said of a damaged folder beyond what it says of the good one.

    ``trouble`` says that it did not end as it should: a crash, a time-out, a check that stopped.
    """

    damage: Damage
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    trouble: str = ""

    @property
    def is_detected(self) -> bool:
        """Whether the damage was found."""
        return bool(self.errors or self.warnings)


def judge(good: Path, damage: Damage, known: frozenset[str]) -> Verdict:
    """Damage a copy of a folder and validate it; ``known`` are the good folder's own findings."""
    scratch = Path(tempfile.mkdtemp(prefix="damage-"))
    try:
        folder = spoilt_copy(good, scratch, damage)
        start = time.perf_counter()
        report = validate_folder(folder)
        seconds = time.perf_counter() - start
    finally:
        shutil.rmtree(scratch)
    new = _new(report.errors, known)
    stopped = [line for line in new if line.startswith(Code.CHECK_STOPPED.code)]
    return Verdict(damage, new, _new(report.warnings, known), seconds, " ".join(stopped))


def findings(report: FolderReport) -> frozenset[str]:
    """Return every line of a report."""
    return frozenset((*report.errors, *report.warnings))


def _new(lines: Sequence[str], known: frozenset[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line not in known)


async def judge_all(
    good: Path,
    damages: Sequence[Damage],
    *,
    num_workers: int,
    on_verdict: Callable[[Verdict], None] = lambda _verdict: None,
) -> list[Verdict]:
    """Judge damages in processes of their own, with a time limit; return verdicts in order.

    Raises RuntimeError when the folder without damage does not pass.
    """
    report = await asyncio.to_thread(validate_folder, good)
    if report.errors:
        raise RuntimeError(f"without damage, {good} does not pass: {report.errors[0]}")
    known = findings(report)
    async with MediaWorkers(num_workers, timeout_sec=LIMIT_SEC) as workers:

        async def verdict(damage: Damage) -> Verdict:
            try:
                found = await workers.run(judge, good, damage, known)
            except MediaError as error:  # the worker was lost: a crash, or the time limit
                found = Verdict(damage, trouble=str(error))
            on_verdict(found)
            return found

        return list(await asyncio.gather(*map(verdict, damages)))
