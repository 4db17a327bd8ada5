"""What the tests of whole runs share: small videos, the command, an endpoint that counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.command import main

Run = Callable[..., int]


@pytest.fixture(autouse=True)
def _no_foreign_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person's own variables and .env must not reach a test."""
    for name in ("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the pipeline in this process with an output root of its own; return the exit code."""

    def command(*arguments: object, only_stage: str | None = None) -> int:
        given = [str(argument) for argument in arguments]
        if "--output-root" not in given:
            given += ["--output-root", str(tmp_path / "out")]
        if "--max-frames" not in given:
            given += ["--max-frames", "12"]
        return main([*given, "--num-workers", "1"], only_stage=only_stage)

    return command


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def content(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder that an undisturbed run would make alike.

    The journal, the summary, the record of the run and the lines with times of writing are left
    out.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        its_own = path.name in ("calls.jsonl", "run_summary.json") or path.parent.name == ".runs"
        if path.is_file() and not its_own:
            lines = path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if b'"generated_at_utc"' not in line]
            found[path.relative_to(folder).as_posix()] = b"".join(kept)
    return found
