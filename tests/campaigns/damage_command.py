"""The command itself on damaged folders: exit codes, the report file, never a traceback."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.campaigns.damage_folder import Damage, spoilt_copy

ROOT = Path(__file__).parents[2]
LIMIT_SEC = 180.0

_LINES = {"type": "array", "items": {"type": "string", "pattern": r"^[EW]-[A-Z-]+ .+: .+[.?!…]$"}}
_VERDICT = {"ok": {"type": "boolean"}, "errors": _LINES, "warnings": _LINES}
_TEXT, _COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties],
            "additionalProperties": False}  # fmt: skip


ONE_FOLDER = _object(mode={"const": "video_output_dir"}, video_out=_TEXT, **_VERDICT)
OUTPUT_ROOT = _object(
    mode={"const": "output_root"}, output_root=_TEXT,
    checked_count=_COUNT, passed_count=_COUNT, failed_count=_COUNT,
    results={"type": "array", "items": _object(video_out=_TEXT, video_id=_TEXT, **_VERDICT)},
)  # fmt: skip
"""What the documentation says of the two reports."""


def check_one_by_one(good: Path, damages: Sequence[Damage], num_workers: int) -> list[str]:
    """Run the command on each damaged folder; return what it did wrong."""
    with ThreadPoolExecutor(num_workers) as pool:
        found = pool.map(lambda damage: list(_check_one(good, damage)), damages)
        return [line for lines in found for line in lines]


def check_together(good: Path, damages: Sequence[Damage]) -> list[str]:
    """Run the command on a root with all these damaged folders and the good one."""
    scratch = Path(tempfile.mkdtemp(prefix="damage-root-"))
    try:
        root = scratch / "out"
        root.mkdir()
        for number, damage in enumerate(damages):
            spoilt_copy(good, scratch / "made", damage).rename(root / f"damaged_{number}")
        shutil.copytree(good, root / good.name)
        run = _run(scratch, "--output-root", root)
        return [f"together: {line}" for line in _root_problems(run, good, len(damages))]
    finally:
        shutil.rmtree(scratch)


def _check_one(good: Path, damage: Damage) -> Iterator[str]:
    scratch = Path(tempfile.mkdtemp(prefix="damage-one-"))
    try:
        folder = spoilt_copy(good, scratch / "out", damage)
        code, said, document = _run(scratch, "--video-output-dir", folder)
    finally:
        shutil.rmtree(scratch)
    place = f"{damage.kind}, {damage.file} {damage.where}"
    yield from (f"{place}: {line}" for line in _problems(said, document, ONE_FOLDER))
    if document is not None and code != (0 if document["ok"] else 1):
        yield f"{place}: exit code {code}, ok {document['ok']}"


def _root_problems(run: tuple[int, str, Any], good: Path, damaged: int) -> Iterator[str]:
    code, said, document = run
    yield from _problems(said, document, OUTPUT_ROOT)
    if document is None:
        return
    by_id = {Path(result["video_out"]).name: result["ok"] for result in document["results"]}
    if document["checked_count"] != damaged + 1 or len(by_id) != damaged + 1:
        yield f"{document['checked_count']} folders checked instead of {damaged + 1}"
    if not by_id.get(good.name):
        yield "the good folder among them did not pass"
    if code != 1:
        yield f"exit code {code} with damaged folders"


def _problems(said: str, document: Any, schema: dict[str, Any]) -> Iterator[str]:
    if re.search(r"^Traceback|^  File ", said, re.MULTILINE):
        yield f"a traceback: {said[-300:]}"
    if document is None:
        yield f"no report: {said[-300:]}"
        return
    for error in Draft202012Validator(schema).iter_errors(document):
        yield f"the report: {error.json_path}: {error.message[:200]}"


def _run(scratch: Path, option: str, folder: Path) -> tuple[int, str, Any]:
    """Return the command's exit code, all that it said, and its report (None if there is none)."""
    report = scratch / "report.json"
    command = [sys.executable, str(ROOT / "validate_output.py"), option, str(folder),
               "--report-json", str(report)]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_SEC, check=False
    )
    document = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else None
    return done.returncode, done.stdout + done.stderr, document
