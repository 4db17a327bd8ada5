"""How a video stands by its run_summary.json alone: the one judgement that every view shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.files import FailureKind, RunSummary, StageRecord

StageName = Literal["stage1", "stage2", "stage3"]
SummaryState = Literal["failed", "interrupted", "not finished", "done"]

_STAGES: tuple[StageName, ...] = ("stage1", "stage2", "stage3")


@dataclass(frozen=True)
class SummaryStanding:
    """A state, the stage that decides it (None: the validator, or nothing), and the reason.

    ``kind`` says what failed, and is None in every other state.
    """

    state: SummaryState
    stage: StageName | None = None
    reason: str = ""
    kind: FailureKind | None = None


def summary_standing(summary: RunSummary) -> SummaryStanding:
    """Judge a summary: what failed comes before what was stopped, and that before what is missing.

    A failed stage without a kind failed at nothing: it no longer fits a stage before it that was
    made anew, so it is not finished.
    """
    records = [(name, record) for name in _STAGES if (record := _record(summary, name))]
    for name, record in records:
        if record.status == "failed" and record.error_kind is not None:
            return SummaryStanding("failed", name, record.error or "", record.error_kind)
    for name, record in records:
        if record.status == "running":
            return SummaryStanding("interrupted", name, "it was interrupted")
    for name in _STAGES:
        found = _record(summary, name)
        if found is None or found.status != "completed":
            why = "not done yet" if found is None else found.error or "it is to be made anew"
            return SummaryStanding("not finished", name, why)
    if summary.overwrite_in_progress:
        name = summary.overwrite_in_progress[0]
        return SummaryStanding("interrupted", name, "--overwrite was interrupted")
    checked = summary.post_validate
    if checked is not None and checked.status == "failed":
        return SummaryStanding("failed", None, checked.error or "", "invalid")
    return SummaryStanding("done")


def _record(summary: RunSummary, name: StageName) -> StageRecord | None:
    record: StageRecord | None = getattr(summary, name)
    return record
