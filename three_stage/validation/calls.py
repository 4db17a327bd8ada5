"""calls.jsonl: every line a record of this video, and the accepted answers among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from schemas.files import CallRecord
from three_stage.validation.codes import Code
from three_stage.validation.summary import is_real_time
from three_stage.validation.view import MAX_JSON_BYTES, FolderView, read_object

Answers = dict[tuple[str, int | None], set[str]]
"""Raw answers by stage and step (None in stages 1 and 2)."""


def read_answers(view: FolderView, video_id: str | None) -> Answers | None:
    """Check the journal line by line and return the answers in it; None when it cannot be read."""
    path = view.layout.calls
    if not view.require(path):
        return None
    answers: Answers = {}
    relpath = view.relpath(path)
    try:
        with path.open("rb") as file:
            for number, line in _lines(file):
                record = _record(view, f"{relpath}:{number}", line)
                if record is not None:
                    _check_record(view, f"{relpath}:{number}", record, video_id)
                    _remember(answers, record)
    except OSError as error:
        view.findings.add(Code.FILE_READ, relpath, f"cannot be read: {error.strerror or error}")
        return None
    return answers


def check_answer(
    view: FolderView, answers: Answers | None, key: tuple[str, int | None], path: Path
) -> None:
    """Check a raw answer: it says something, and it is the journal's answer to that question."""
    text = view.read_text(path)
    if text is None or answers is None or text in answers.get(key, ()):
        return
    stage, step_id = key
    of_step = "" if step_id is None else f", step {step_id}"
    view.findings.add(
        Code.CALLS_ANSWER, view.relpath(path), f"calls.jsonl has no such answer of {stage}{of_step}"
    )


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


def _remember(answers: Answers, record: CallRecord) -> None:
    if record.raw_answer is not None:
        answers.setdefault((record.stage, record.step_id), set()).add(record.raw_answer)
