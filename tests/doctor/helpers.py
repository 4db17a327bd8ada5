"""Asking ``doctor`` as a person does, and reading what it shows."""

from __future__ import annotations

import json

import pytest

from stages.command import main

VALID = json.dumps({
    "steps": [
        {"step_id": step, "start_frame_index": 4 * step - 3, "end_frame_index": 4 * step + 1}
        for step in (1, 2, 3)
    ]
})  # fmt: skip


def doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    """Return the exit code, what was shown, and what went to stderr."""
    code = main(["doctor", *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def line_of(shown: str, name: str) -> str:
    """Return the line about ``name``."""
    findings = (line for line in shown.splitlines() if line.startswith("  "))
    return next(line for line in findings if line[8:].startswith(f"{name} "))


def level_of(shown: str, name: str) -> str:
    """Return ok, warn or FAIL of the line about ``name``."""
    return line_of(shown, name).split()[0]
