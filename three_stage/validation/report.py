"""What the validator found: lines ``CODE path: message. Hint``, and the report documents."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from three_stage.validation.codes import Code

MOST_LINES_A_CODE = 25
MOST_CHARACTERS_A_MESSAGE = 400


@dataclass(frozen=True)
class FolderReport:
    """The verdict on one video's folder; it fails when there is an error."""

    root: Path
    video_id: str
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings are allowed."""
        return not self.errors


@dataclass
class Findings:
    """Collects findings while a folder is checked; the same line is kept once."""

    _lines: dict[str, Code] = field(default_factory=dict)
    _counts: Counter[Code] = field(default_factory=Counter)

    def add(self, code: Code, path: str, message: str, *, hint: str | None = None) -> None:
        """Enter a finding about a path of the folder (``.`` is the folder itself)."""
        line = f"{code.code} {_printable(path)}: {_sentence(message)} {hint or code.hint}"
        if line in self._lines:
            return
        self._counts[code] += 1
        if self._counts[code] <= MOST_LINES_A_CODE:
            self._lines[line] = code

    def add_all(self, code: Code, path: str, messages: Sequence[str]) -> None:
        """Enter several findings of one kind about one path."""
        for message in messages:
            self.add(code, path, message)

    def has(self, code: Code) -> bool:
        """Whether something of this kind was found."""
        return code in self._counts

    def report(self, root: Path, video_id: str) -> FolderReport:
        """Return what was found so far; kinds with too many lines end with how many more."""
        lines = list(self._lines.items()) + [
            (f"{code.code} .: and {count - MOST_LINES_A_CODE} more of this kind. {code.hint}", code)
            for code, count in self._counts.items()
            if count > MOST_LINES_A_CODE
        ]
        return FolderReport(
            root=root,
            video_id=video_id,
            errors=tuple(line for line, code in lines if code.is_error),
            warnings=tuple(line for line, code in lines if not code.is_error),
        )


def folder_document(report: FolderReport) -> dict[str, Any]:
    """Return the report JSON of ``--video-output-dir``."""
    return {
        "mode": "video_output_dir",
        "video_out": _whole_characters(str(report.root)),
        "ok": report.ok,
        "errors": list(report.errors),
        "warnings": list(report.warnings),
    }


def root_document(output_root: Path, reports: Sequence[FolderReport]) -> dict[str, Any]:
    """Return the report JSON of ``--output-root``."""
    passed = sum(report.ok for report in reports)
    return {
        "mode": "output_root",
        "output_root": _whole_characters(str(output_root)),
        "checked_count": len(reports),
        "passed_count": passed,
        "failed_count": len(reports) - passed,
        "results": [
            {
                "video_out": _whole_characters(str(report.root)),
                "video_id": _whole_characters(report.video_id),
                "ok": report.ok,
                "errors": list(report.errors),
                "warnings": list(report.warnings),
            }
            for report in reports
        ],
    }


def _whole_characters(text: str) -> str:
    # A file name that is no UTF-8 has halves of characters in it, which no JSON file may hold.
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _sentence(message: str) -> str:
    text = _printable(message)
    if len(text) > MOST_CHARACTERS_A_MESSAGE:
        text = text[:MOST_CHARACTERS_A_MESSAGE] + "…"
    return text if text.endswith((".", "…", "?", "!")) else f"{text}."


def _printable(text: str) -> str:
    # A finding is one line, whatever a broken file or a file name holds.
    return "".join(
        c if unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"} else _escaped(c) for c in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", errors="backslashreplace").decode("ascii")
