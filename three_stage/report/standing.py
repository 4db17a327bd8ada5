"""How a video stands, and what it took: from its record and its journal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.files import CallRecord, RunSummary, StageRecord
from three_stage.report.contents import VideoContents
from three_stage.report.values import Judgement, Spending, State, Verdict, Why
from three_stage.runs import SummaryStanding, summary_standing
from three_stage.validation import FolderReport

STAGES = ("stage1", "stage2", "stage3")


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


def judge(contents: VideoContents) -> Judgement:
    """Tell how a video stands: as its summary says, and damaged where files contradict that."""
    summary = contents.summary
    if summary is None:
        return Judgement(state=State.DAMAGED, reason=_first_problem(contents))
    found = summary_standing(summary)
    if found.state == "done":
        return _of_completed(contents)
    return Judgement(
        state=State(found.state),
        why=_why(summary, found),
        stage=STAGES.index(found.stage) + 1 if found.stage else None,
        reason=_short(summary, found) or None,
        kind=found.kind,
    )


def stage_state(record: StageRecord) -> State:
    """Tell how one stage stands; one that failed at nothing is to be made anew."""
    if record.status == "failed":
        return State.UNFINISHED if record.error_kind is None else State.FAILED
    return State.DONE if record.status == "completed" else State.INTERRUPTED


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


def _of_completed(contents: VideoContents) -> Judgement:
    if contents.is_renamed:
        return Judgement(state=State.DAMAGED, why=Why.RENAMED)
    if contents.problems:
        return Judgement(state=State.DAMAGED, reason=_first_problem(contents))
    return Judgement(state=State.DONE)


def _why(summary: RunSummary, found: SummaryStanding) -> Why:
    record = _stage(summary, found.stage) if found.stage else None
    if found.state == "interrupted":
        # All stages are completed where --overwrite alone is unfinished.
        is_running = record is not None and record.status == "running"
        return Why.INTERRUPTED if is_running else Why.OVERWRITE
    if found.state == "not finished":
        return Why.NOT_BEGUN if record is None else Why.OUTDATED
    return Why.RECORDED


def _short(summary: RunSummary, found: SummaryStanding) -> str:
    """Return the reason without the video and the stage, which stand beside it."""
    text = found.reason.removeprefix(f"{summary.video_id} ")
    return re.sub(rf"^{found.stage}[: ]\s*", "", text)


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
