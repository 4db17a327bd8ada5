"""Whether a video's folder is the one that an undisturbed run makes, up to times and ids.

Every file and folder counts. What may differ is taken out value by value (``MAY_DIFFER`` says what,
and why), and what is taken out is looked at: a time must be a time, a digest that of its file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.files import CallRecord
from three_stage.runs.layout import CALLS_NAME, SUMMARY_NAME
from three_stage.validation import FolderReport, validate_folder

MAY_DIFFER = {
    "`generated_at_utc` in `step_segments.json` and `step_meta.json`": "a time",
    "the digests of these files in `run_summary.json`": (
        "they hold a time; that the digests are the files' own is checked"
    ),
    "`updated_at_utc`, `started_at_utc`, `ended_at_utc`, `latency_sec`": (
        "times; each must be a date with a zone, and a latency not below zero"
    ),
    "`api_config.api_base`": "the port of the endpoint, another one in each lane",
    "`reused` of each stage in `run_summary.json`": (
        "it tells how the result came about: an answer from the journal, a clip that was kept; "
        "only such lines, about parts that exist, are accepted"
    ),
    "`call_id` in `calls.jsonl`": "an id; that a verdict belongs to an answer is checked",
    "the order of lines in `calls.jsonl`": "answers to several steps come as they come",
    "a verdict that is absent in `calls.jsonl`": (
        "the kill came between an answer and its verdict; the next run reads the answer again "
        "and writes no second verdict"
    ),
    "a line of `calls.jsonl` that was cut short": (
        "one a kill at most; the next run closes it and goes on"
    ),
    "`.tmp-…` in `.runs/`": (
        "the record of the last run is no result; what a kill leaves of it goes with a later run"
    ),
}
"""What may differ from an undisturbed run, and why."""

SHOWN_CHARACTERS = 200

_REUSED = re.compile(
    r"answer from calls\.jsonl|step (?P<step>\d+): answer from calls\.jsonl"
    r"|localization_raw\.json|(?P<clip>step_clips/step\d+_\w+\.mp4)"
)
_TIMES = ("updated_at_utc", "started_at_utc", "ended_at_utc", "generated_at_utc")
_STAGES = ("stage1", "stage2", "stage3")
_TAKEN_FROM_CALLS = ("call_id", "latency_sec", "started_at_utc", "ended_at_utc")


@dataclass(frozen=True)
class Calls:
    """A journal: its answers and verdicts without times and ids, and the lines that are none."""

    answers: Counter[str]
    verdicts: Counter[str]
    failures: tuple[str, ...]
    foreign_lines: tuple[str, ...]


@dataclass(frozen=True)
class Folder:
    """A video's folder with times and ids taken out.

    ``wrong`` are the findings that make it wrong by itself: those of the validator, and what the
    places hold from which something was taken.
    """

    files: Mapping[str, str]
    summary: Mapping[str, Any]
    calls: Calls
    warnings: tuple[str, ...]
    wrong: tuple[str, ...]


def read_folder(root: Path) -> Folder:
    """Validate and read a finished folder."""
    return folder_of(root, validate_folder(root))


def folder_of(root: Path, report: FolderReport) -> Folder:
    """Read a finished folder of which the validator said this."""
    wrong = [f"validator: {line}" for line in report.errors]
    summary = json.loads((root / SUMMARY_NAME).read_bytes())
    wrong += _take_out(summary, root)
    return Folder(
        files=dict(_files(root)),
        summary=summary,
        calls=read_calls(root / CALLS_NAME),
        warnings=tuple(line for line in report.warnings if not line.startswith("W-CALLS-TORN")),
        wrong=tuple(wrong),
    )


def differences(expected: Folder, found: Folder, *, kills: int, concurrency: int) -> list[str]:
    """Say in which way a folder is not the expected one after so many kills."""
    lines = list(found.wrong)
    lines += _unequal("file", expected.files, found.files)
    lines += _unequal("run_summary.json", _leaves(expected.summary), _leaves(found.summary))
    if expected.warnings != found.warnings:
        lines.append(f"validator's warnings: {found.warnings}, not {expected.warnings}")
    return lines + _calls_differences(expected.calls, found.calls, kills, concurrency)


def read_calls(path: Path) -> Calls:
    """Read a journal as it stands; there may be none."""
    answers: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    failures, foreign = [], []
    call_ids: set[str] = set()
    for record, line in read_records(path):
        if record is None:
            foreign.append(line)
            continue
        kept = json.dumps(record.model_dump(mode="json", exclude=set(_TAKEN_FROM_CALLS)))
        if record.event == "verdict" and record.call_id in call_ids:
            verdicts[kept] += 1
        elif record.event == "answer" and record.call_id not in call_ids:
            call_ids.add(record.call_id)
            answers[kept] += 1
        else:
            failures.append(line)
        if record.latency_sec < 0:
            failures.append(line)
    return Calls(answers, verdicts, tuple(failures), tuple(foreign))


def read_records(path: Path) -> Iterator[tuple[CallRecord | None, str]]:
    """Yield each line of a journal, and the record that it is if it is one."""
    data = path.read_bytes() if path.exists() else b""
    for line in data.splitlines():
        try:
            record = CallRecord.model_validate_json(line)
        except ValidationError:
            record = None
        yield record, line.decode("utf-8", errors="replace")


def _files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield every path but those of summary and journal, and what makes it equal to another."""
    for path in sorted(root.rglob("*")):
        relpath = path.relative_to(root).as_posix()
        if path.is_dir():
            yield relpath, "a folder"
        elif relpath not in (SUMMARY_NAME, CALLS_NAME):
            data = path.read_bytes()
            if path.suffix == ".json":
                lines = data.splitlines(keepends=True)
                data = b"".join(line for line in lines if b'"generated_at_utc"' not in line)
            yield relpath, hashlib.sha256(data).hexdigest()


def _take_out(summary: dict[str, Any], root: Path) -> list[str]:
    """Take out of a summary what may differ; return what is wrong with it."""
    wrong = list(_take_out_times(summary))
    summary["api_config"].pop("api_base")
    for relpath, digest in summary["artifacts"].items():
        path = root / relpath
        data = path.read_bytes() if path.is_file() else b""
        if path.suffix == ".json" and b'"generated_at_utc"' in data:
            if digest != hashlib.sha256(data).hexdigest():
                wrong.append(f"run_summary.json: the digest of {relpath} is not that of the file")
            summary["artifacts"][relpath] = "of a file with a time"
    for stage in _STAGES:
        record = summary[stage] or {}
        wrong += [
            f"run_summary.json: {stage}.reused says {line!r}"
            for line in record.pop("reused", ())
            if not _is_true(line, record, root)
        ]
    return wrong


def _is_true(line: str, record: Mapping[str, Any], root: Path) -> bool:
    said = _REUSED.fullmatch(line)
    if said is None:
        return False
    if said["clip"]:
        return (root / "stage2" / said["clip"]).is_file()
    return said["step"] is None or said["step"] in record["parts"]


def _take_out_times(value: Any) -> Iterator[str]:
    """Take every time out of nested objects; yield those that are none."""
    for name in [name for name in _TIMES if name in value]:
        text = value.pop(name)
        try:
            is_time = datetime.fromisoformat(text).tzinfo is not None
        except (TypeError, ValueError):
            is_time = False
        if not is_time:
            yield f"run_summary.json: {name} is {text!r}"
    for inner in value.values():
        if isinstance(inner, dict):
            yield from _take_out_times(inner)


def _leaves(value: Any, place: str = "") -> dict[str, str]:
    if isinstance(value, Mapping) and value:
        return {
            leaf: text
            for key, inner in value.items()
            for leaf, text in _leaves(inner, f"{place}/{key}").items()
        }
    return {place: json.dumps(value)}


def _unequal(what: str, expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [
        f"{what} {name}: {found.get(name, 'absent')}, not {expected.get(name, 'absent')}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]


def _calls_differences(expected: Calls, found: Calls, kills: int, concurrency: int) -> list[str]:
    unwanted: dict[str, Iterable[str]] = {
        "an answer too few": expected.answers - found.answers,
        "an answer too many": found.answers - expected.answers,
        "a verdict too many": found.verdicts - expected.verdicts,
        "neither an answer nor the verdict of one": found.failures,
        "not a line cut short": [line for line in found.foreign_lines if not _is_cut_short(line)],
    }
    lines = [
        f"calls.jsonl: {what}: {text[:SHOWN_CHARACTERS]}"
        for what, texts in unwanted.items()
        for text in texts
    ]
    absent = (expected.verdicts - found.verdicts).total()
    if absent > kills * concurrency:
        lines.append(f"calls.jsonl: {absent} verdicts are absent after {kills} kills")
    if len(found.foreign_lines) > kills:
        lines.append(f"calls.jsonl: {len(found.foreign_lines)} lines are no records")
    return lines


def _is_cut_short(line: str) -> bool:
    """Tell whether a line is the beginning of a record; it may well end with a brace."""
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return line.startswith('{"event":'[: len(line)])
    return False
