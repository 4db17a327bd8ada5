"""How a video stands, and what it took: from its record and its journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.files import CallRecord, RunSummary, StageRecord
from three_stage.report.contents import VideoContents
from three_stage.report.values import Spending, State, Verdict
from three_stage.validation import FolderReport

STAGES = ("stage1", "stage2", "stage3")


@dataclass(frozen=True)
class Standing:
    """The state, and what the record or the files say about why."""

    state: State
    reason: str | None = None


@dataclass(frozen=True)
class Call:
    """One request with what came back, and what checking said of it."""

    record: CallRecord
    verdict: CallRecord | None

    @property
    def errors(self) -> tuple[str, ...]:
        """What was wrong: with the request, or found in the answer."""
        return (*self.record.errors, *(self.verdict.errors if self.verdict else ()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed besides."""
        return (*self.record.notes, *(self.verdict.notes if self.verdict else ()))

    @property
    def was_accepted(self) -> bool:
        """Whether an answer came and was found valid."""
        is_answer = self.record.event == "answer"
        return is_answer and self.verdict is not None and not self.verdict.errors


def standing_of(contents: VideoContents) -> Standing:
    """Tell how a video stands. A stage that failed counts before one that was interrupted."""
    summary = contents.summary
    if summary is None:
        return Standing(State.DAMAGED, _first_problem(contents))
    records = {name: _stage(summary, name) for name in STAGES}
    with_status = {
        status: [(name, r.error) for name, r in records.items() if r and r.status == status]
        for status in ("failed", "running")
    }
    for name, error in with_status["failed"]:
        told = error or ""
        return Standing(State.FAILED, told if told.startswith(name) else f"{name}: {told}")
    if begun := [name for name, _error in with_status["running"]]:
        return Standing(State.INTERRUPTED, ", ".join(begun))
    if begun := list(summary.overwrite_in_progress):
        return Standing(State.INTERRUPTED, f"--overwrite: {', '.join(begun)}")
    if missing := [name for name, record in records.items() if record is None]:
        return Standing(State.UNFINISHED, ", ".join(missing))
    return _of_completed(contents)


def calls_of(journal: Sequence[CallRecord]) -> tuple[Call, ...]:
    """Join requests with the verdicts on their answers, in the order of the journal."""
    verdicts = {record.call_id: record for record in journal if record.event == "verdict"}
    return tuple(
        Call(record, verdicts.get(record.call_id))
        for record in journal
        if record.event != "verdict"
    )


def spending_of(calls: Iterable[Call]) -> Spending:
    """Sum up requests, answers that were rejected included."""
    records = [call.record for call in calls]
    costs = [record.cost for record in records if record.cost is not None]
    return Spending(
        requests=len(records),
        prompt_tokens=sum(record.usage.prompt_tokens for record in records),
        completion_tokens=sum(record.usage.completion_tokens for record in records),
        cost=sum(costs) if costs else None,
        waited_sec=sum(record.latency_sec for record in records),
    )


def worked_sec(summary: RunSummary | None) -> float | None:
    """Return for how many seconds at least one stage ran, each in its last run; None: not known."""
    if summary is None:
        return None
    records = (_stage(summary, name) for name in STAGES)
    spans = sorted(span for record in records if record and (span := _span(record)))
    if not spans:
        return None
    total, (start, end) = 0.0, spans[0]
    for later_start, later_end in spans[1:]:
        if later_start > end:
            total += end - start
            start = later_start
        end = max(end, later_end)
    return total + end - start


def verdict_of(report: FolderReport | None) -> Verdict:
    """Put a validator's report into one word."""
    if report is None:
        return Verdict.NOT_ASKED
    if report.errors:
        return Verdict.BAD
    return Verdict.WARNINGS if report.warnings else Verdict.GOOD


def _of_completed(contents: VideoContents) -> Standing:
    if contents.problems:
        return Standing(State.DAMAGED, _first_problem(contents))
    return Standing(State.DONE)


def _stage(summary: RunSummary, name: str) -> StageRecord | None:
    record = getattr(summary, name)
    return record if isinstance(record, StageRecord) else None


def _span(record: StageRecord) -> tuple[float, float] | None:
    if record.ended_at_utc is None:
        return None
    try:
        start, end = (datetime.fromisoformat(text).timestamp()
                      for text in (record.started_at_utc, record.ended_at_utc))  # fmt: skip
    except ValueError:  # a date that does not exist
        return None
    return (start, end) if end >= start else None


def _first_problem(contents: VideoContents) -> str | None:
    problems = contents.problems
    return f"{problems[0].relpath} {problems[0].message}" if problems else None
