"""Recorded times in the order in which things happen: asked, answered, written, stage ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from schemas.files import RunSummary, StageRecord, StepMeta, StepSegments
from three_stage.validation.calls import Journal, Key
from three_stage.validation.codes import Code
from three_stage.validation.records import completed
from three_stage.validation.summary import STAGES, is_real_time
from three_stage.validation.view import FolderView

Moment = tuple[str, str | None]
"""What happened, and its recorded date."""


def check_order(
    view: FolderView,
    summary: RunSummary,
    segments: StepSegments | None,
    metas: Mapping[int, StepMeta],
    journal: Journal | None,
    accepted: Mapping[Key, str],
) -> None:
    """Check that no recorded date lies before one of something that came first.

    ``accepted`` are the raw answers in use, ``metas`` step_meta.json by step. Dates that do not
    exist are said elsewhere.
    """
    answered = dict(_answered(journal, accepted)) if journal is not None else {}
    for before, after in _pairs(summary, segments, metas, answered):
        first, second = _moment(before[1]), _moment(after[1])
        if first is not None and second is not None and second < first:
            message = f"{after[0]}: {after[1]}, but {before[0]} is {before[1]}"
            view.findings.add(Code.SUMMARY_CLOCK, view.relpath(view.layout.summary), message)


def _answered(journal: Journal, accepted: Mapping[Key, str]) -> Iterator[tuple[Key, Moment]]:
    """Yield when each answer in use came; the first of equal ones, since any may be the one."""
    for key, text in accepted.items():
        dates = [a.ended_at_utc for a in journal.same(key, text) if is_real_time(a.ended_at_utc)]
        if dates:
            yield key, ("the answer in calls.jsonl", min(dates, key=datetime.fromisoformat))


def _pairs(
    summary: RunSummary,
    segments: StepSegments | None,
    metas: Mapping[int, StepMeta],
    answered: Mapping[Key, Moment],
) -> Iterator[tuple[Moment, Moment]]:
    """Yield what came first with what came after it."""
    ends = {name: _end(completed(summary, name), name) for name in STAGES}
    for name in STAGES:
        yield ends[name], ("updated_at_utc", summary.updated_at_utc)
    for (name, _), answer in answered.items():
        yield answer, ends[name]
    if segments is not None:
        made = ("generated_at_utc of step_segments.json", segments.generated_at_utc)
        yield answered.get(("stage2", None), made), made
        yield made, ends["stage2"]
    for step_id, meta in metas.items():
        made = (f"generated_at_utc of step {step_id}", meta.generated_at_utc)
        yield answered.get(("stage3", step_id), made), made
        yield made, ends["stage3"]


def _end(stage: StageRecord | None, name: str) -> Moment:
    return f"{name}.ended_at_utc", stage.ended_at_utc if stage else None


def _moment(date: str | None) -> datetime | None:
    return datetime.fromisoformat(date) if date is not None and is_real_time(date) else None
