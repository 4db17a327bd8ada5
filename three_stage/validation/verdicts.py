"""One call of calls.jsonl: its times, and the verdict against the answer that it judges."""

from __future__ import annotations

from datetime import datetime

from schemas.files import CallRecord, Usage
from three_stage.validation.codes import Code
from three_stage.validation.summary import is_real_time
from three_stage.validation.view import FolderView

_OWN_FIELDS = frozenset({
    "event", "raw_answer", "errors", "notes", "usage", "cost", "request_bytes", "latency_sec",
    "started_at_utc", "ended_at_utc",
})  # fmt: skip
"""What a verdict does not repeat of its answer."""

ROUNDED_SEC = 0.002
"""Dates are cut to milliseconds, at both ends."""


def check_call(
    view: FolderView, place: str, record: CallRecord, request: CallRecord | None
) -> None:
    """Check a line against itself and against the ``request`` with the same id that came before."""
    _check_times(view, place, record)
    if record.event == "verdict":
        _check_verdict(view, place, record, request)
    elif request is not None:
        view.findings.add(Code.CALLS_VERDICT, place, f"call_id {record.call_id} stands twice")


def _check_verdict(
    view: FolderView, place: str, verdict: CallRecord, answer: CallRecord | None
) -> None:
    if answer is None or answer.raw_answer is None:
        view.findings.add(Code.CALLS_VERDICT, place, f"no answer {verdict.call_id} comes before it")
        return
    for name in CallRecord.model_fields.keys() - _OWN_FIELDS:
        said, is_so = getattr(verdict, name), getattr(answer, name)
        if said != is_so:
            message = f"{name}: {said!r:.60}, its answer has {is_so!r:.60}"
            view.findings.add(Code.CALLS_VERDICT, place, message)
    if not set(answer.notes) <= set(verdict.notes):
        view.findings.add(Code.CALLS_VERDICT, place, "notes: those of its answer are not there")
    took = (verdict.usage, verdict.cost, verdict.request_bytes, verdict.latency_sec)
    if took != (Usage(), None, 0, 0.0):
        view.findings.add(Code.CALLS_VERDICT, place, "a verdict takes no request and no tokens")


def _check_times(view: FolderView, place: str, record: CallRecord) -> None:
    if not (is_real_time(record.started_at_utc) and is_real_time(record.ended_at_utc)):
        return
    started = datetime.fromisoformat(record.started_at_utc)
    lasted_sec = (datetime.fromisoformat(record.ended_at_utc) - started).total_seconds()
    if lasted_sec < 0:
        view.findings.add(Code.SUMMARY_CLOCK, place, "ended_at_utc is before started_at_utc")
    elif record.latency_sec > lasted_sec + ROUNDED_SEC:
        message = f"latency_sec: {record.latency_sec}, but all of the call lasted {lasted_sec} s"
        view.findings.add(Code.SUMMARY_CLOCK, place, message)
    elif record.event == "verdict" and lasted_sec != 0:
        view.findings.add(Code.CALLS_VERDICT, place, f"a verdict that lasted {lasted_sec} s")
