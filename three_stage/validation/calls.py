"""calls.jsonl: every line a record of this video, and the accepted answers among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from schemas.files import CallRecord
from three_stage.validation.codes import Code
from three_stage.validation.summary import is_real_time
from three_stage.validation.verdicts import check_call
from three_stage.validation.view import MAX_JSON_BYTES, FolderView, read_object

Key = tuple[str, int | None]
"""Stage and step (None in stages 1 and 2)."""

NO_WHOLE_ANSWER = frozenset({"length", "content_filter"})
"""Why an answer may end that is never accepted."""


@dataclass
class Journal:
    """A journal: answers, and answers and failures together (requests), by question; by call id
    the first request (calls) and verdict.
    """

    answers: dict[Key, list[CallRecord]] = field(default_factory=dict)
    requests: dict[Key, list[CallRecord]] = field(default_factory=dict)
    calls: dict[str, CallRecord] = field(default_factory=dict)
    verdicts: dict[str, CallRecord] = field(default_factory=dict)

    def remember(self, record: CallRecord) -> None:
        """Take a line in."""
        key = (record.stage, record.step_id)
        if record.event == "verdict":
            self.verdicts.setdefault(record.call_id, record)
            return
        self.calls.setdefault(record.call_id, record)
        self.requests.setdefault(key, []).append(record)
        if record.raw_answer is not None:
            self.answers.setdefault(key, []).append(record)

    def same(self, key: Key, text: str) -> list[CallRecord]:
        """Return the answers to a question that have this text."""
        return [answer for answer in self.answers.get(key, ()) if answer.raw_answer == text]

    def is_rejected(self, answer: CallRecord) -> bool:
        """Whether a verdict found errors in an answer."""
        verdict = self.verdicts.get(answer.call_id)
        return verdict is not None and bool(verdict.errors)


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
                    check_call(
                        view, f"{relpath}:{number}", record, journal.calls.get(record.call_id)
                    )
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
    elif all(map(journal.is_rejected, found)):
        message = f"calls.jsonl says that this answer of {asked} was rejected"
        view.findings.add(Code.CALLS_ANSWER, view.relpath(path), message)
    elif all(answer.finish_reason in NO_WHOLE_ANSWER for answer in found):
        message = (
            f"calls.jsonl says that this answer of {asked} was stopped ({found[0].finish_reason})"
        )
        view.findings.add(Code.CALLS_ANSWER, view.relpath(path), message)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MAX_JSON_BYTES):
        number += 1
        yield number, line.removesuffix(b"\n")


def _record(view: FolderView, place: str, line: bytes) -> CallRecord | None:
    if not line.strip():
        view.findings.add(Code.CALLS_LINE, place, "is an empty line")
        return None
    if line.endswith(b"\r"):
        view.findings.add(Code.JSON_FORM, place, "has the line end of Windows")
        line = line.rstrip(b"\r")
    if _is_cut_short(line):
        view.findings.add(Code.CALLS_TORN, place, "is cut short")
        return None
    return read_object(line, CallRecord, "call_record", view.findings, place)


def _is_cut_short(line: bytes) -> bool:
    """Tell whether a kill left a line so; the next run closed it with a line end and went on."""
    if not line.startswith(b"{"):
        return False
    if not line.endswith(b"}"):
        return True
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        # The cut came just after a brace within the line: of an answer, as a rule.
        return error.pos >= len(error.doc) or error.msg.startswith("Unterminated string")
    except (ValueError, RecursionError):
        return False
    return False


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
