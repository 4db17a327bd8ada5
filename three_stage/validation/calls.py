"""calls.jsonl: every line a record of this video, and the accepted answers among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from schemas.files import CallRecord, Usage
from three_stage.validation.codes import Code
from three_stage.validation.summary import is_real_time
from three_stage.validation.view import MAX_JSON_BYTES, FolderView, read_object

Key = tuple[str, int | None]
"""Stage and step (None in stages 1 and 2)."""


@dataclass(frozen=True)
class JournalAnswer:
    """One raw answer: its call, its text, which attempt it was (from 1), and what it took."""

    call_id: str
    text: str
    attempt: int
    usage: Usage


@dataclass
class Journal:
    """The raw answers of a journal, and which calls' answers were rejected."""

    answers: dict[Key, list[JournalAnswer]] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)

    def remember(self, record: CallRecord) -> None:
        """Take a line in."""
        if record.raw_answer is not None:
            answer = JournalAnswer(record.call_id, record.raw_answer, record.attempt, record.usage)
            self.answers.setdefault((record.stage, record.step_id), []).append(answer)
        elif record.event == "verdict" and record.errors:
            self.rejected.add(record.call_id)

    def same(self, key: Key, text: str) -> list[JournalAnswer]:
        """Return the answers to a question that have this text."""
        return [answer for answer in self.answers.get(key, ()) if answer.text == text]


def read_journal(view: FolderView, video_id: str | None) -> Journal | None:
    """Check the journal line by line and return what it holds; None when it cannot be read."""
    path = view.layout.calls
    if not view.require(path):
        return None
    journal = Journal()
    relpath = view.relpath(path)
    try:
        with path.open("rb") as file:
            for number, line in _lines(file):
                record = _record(view, f"{relpath}:{number}", line)
                if record is not None:
                    _check_record(view, f"{relpath}:{number}", record, video_id)
                    journal.remember(record)
    except OSError as error:
        view.findings.add(Code.FILE_READ, relpath, f"cannot be read: {error.strerror or error}")
        return None
    return journal


def check_answer(view: FolderView, journal: Journal, key: Key, path: Path, text: str) -> None:
    """Check that the raw answer in ``path`` is the journal's answer, and one that was valid."""
    found = journal.same(key, text)
    stage, step_id = key
    asked = stage if step_id is None else f"{stage}, step {step_id}"
    if not found:
        message = f"calls.jsonl has no such answer of {asked}"
        view.findings.add(Code.CALLS_ANSWER, view.relpath(path), message)
    elif all(answer.call_id in journal.rejected for answer in found):
        message = f"calls.jsonl says that this answer of {asked} was rejected"
        view.findings.add(Code.CALLS_ANSWER, view.relpath(path), message)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MAX_JSON_BYTES):
        number += 1
        yield number, line.rstrip(b"\r\n")


def _record(view: FolderView, place: str, line: bytes) -> CallRecord | None:
    if not line.strip():
        view.findings.add(Code.CALLS_LINE, place, "is an empty line")
        return None
    if line.startswith(b"{") and not line.endswith(b"}"):
        # What a kill cut short; the next run closed it with a line end and went on.
        view.findings.add(Code.CALLS_TORN, place, "is cut short")
        return None
    return read_object(line, CallRecord, "call_record", view.findings, place)


def _check_record(view: FolderView, place: str, record: CallRecord, video_id: str | None) -> None:
    if video_id is not None and record.video_id != video_id:
        view.findings.add(
            Code.CALLS_LINE, place, f"is of the video {record.video_id!r}, not {video_id!r}"
        )
    if (record.step_id is not None) != (record.stage == "stage3"):
        view.findings.add(Code.CALLS_LINE, place, f"{record.stage} with step_id {record.step_id}")
    if (record.event == "answer") != (record.raw_answer is not None):
        view.findings.add(
            Code.CALLS_LINE, place, f"{record.event} with raw_answer {record.raw_answer!r:.40}"
        )
    if not (is_real_time(record.started_at_utc) and is_real_time(record.ended_at_utc)):
        view.findings.add(Code.CALLS_LINE, place, "has a date that does not exist")
