"""calls.jsonl: what was asked and answered, durable before anybody reads the answer."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from schemas.files import CallRecord, Usage
from three_stage.runs.errors import OutputError


class CallJournal:
    """The journal of one video's folder; safe to append to from several threads.

    It implements the Journal protocol of ``three_stage.vlm``. A last line that was cut is closed
    and passed over; lines of other programs are passed over too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._answers: dict[str, list[CallRecord]] = defaultdict(list)
        self._rejected: set[str] = set()
        for record in self._read():
            self._remember(record)

    def stored_answers(self, ask_key: str) -> Sequence[CallRecord]:
        """Return the answers under a key that no verdict rejected, oldest first."""
        with self._mutex:
            return [r for r in self._answers.get(ask_key, ()) if r.call_id not in self._rejected]

    def append(self, record: CallRecord) -> None:
        """Write one line and sync it to the disk. Raises OutputError when the disk refuses."""
        line = record.model_dump_json() + "\n"
        with self._mutex:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a+b") as file:
                    file.write(_end_of_last_line(file) + line.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise OutputError(
                    f"{self._path}: cannot be written: {error.strerror or error}.",
                    hint="Check the free space and the permissions of the folder, then run again.",
                ) from error
            self._remember(record)

    def _remember(self, record: CallRecord) -> None:
        if record.event == "answer" and record.raw_answer is not None:
            self._answers[record.ask_key].append(record)
        elif record.event == "verdict" and record.errors:
            self._rejected.add(record.call_id)

    def _read(self) -> Sequence[CallRecord]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OutputError(
                f"{self._path}: cannot be read: {error.strerror or error}."
            ) from error
        records = []
        for line in data.splitlines():
            try:
                records.append(CallRecord.model_validate_json(line))
            except ValidationError:
                continue
        return records


@dataclass(frozen=True)
class Spent:
    """What requests took; ``cost`` is None when no price was known."""

    usage: Usage = field(default_factory=Usage)
    cost: float | None = None


def spent_in(path: Path) -> Spent:
    """Return what all requests of a journal took, those without a valid answer included.

    A journal that is not there, and lines that are none of ours, took nothing.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return Spent()
    usage, costs = Usage(), []
    for line in lines:
        try:
            record = CallRecord.model_validate_json(line)
        except ValidationError:
            continue
        usage = usage.plus(record.usage)
        costs += [record.cost] if record.cost is not None else []
    return Spent(usage, sum(costs) if costs else None)


def _end_of_last_line(file: BinaryIO) -> bytes:
    """Return what closes a last line that a kill or a full disk cut; ``file`` is at its end."""
    if file.tell() == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"
