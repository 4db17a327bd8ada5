"""A report of folders of every kind, made once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.report.folders import (
    HOSTILE_NAME,
    HOSTILE_TEXT,
    ODD_NAMES,
    Media,
    no_media,
    write_folder,
)
from three_stage.report import ReportOptions, WrittenReport, write_report


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """Files that stand for videos."""
    return no_media(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory, media: Media) -> WrittenReport:
    """Return the report of an output root with folders of every kind; not to be changed."""
    root = tmp_path_factory.mktemp("zoo") / "out"
    for name in ODD_NAMES:
        goal = HOSTILE_TEXT if name == HOSTILE_NAME else "Two slices of toast."
        write_folder(root, name, media, goal=goal)
    write_folder(root, "failed", media, change_summary=_failed)
    write_folder(root, "interrupted", media, change_summary=_running)
    write_folder(root, "outdated", media, change_summary=_outdated)
    write_folder(root, "rewritten", media, change_summary=_rewritten)
    write_folder(root, "not valid", media, change_summary=_not_valid)
    write_folder(root, "called so", media).rename(root / "called otherwise")
    write_folder(root, "unfinished", media, change_summary=lambda s: s.update(stage3=None))
    damaged = write_folder(root, "damaged", media)
    (damaged / "stage1" / "draft_plan.json").write_text('{"high_level_goal": ', encoding="utf-8")
    (root / "empty").mkdir()
    (root / ".locks").mkdir()
    return asyncio.run(write_report(root, ReportOptions(validate=False)))


def _failed(summary: Any) -> None:
    error = {"error": "failed stage2: no <valid> answer.", "error_kind": "answer"}
    summary["stage2"] = {**summary["stage2"], "status": "failed", **error}


def _running(summary: Any) -> None:
    summary["stage3"] = {**summary["stage3"], "status": "running", "ended_at_utc": None}


def _outdated(summary: Any) -> None:
    why = {"error": "its clips were cut anew"}
    summary["stage3"] = {**summary["stage3"], "status": "failed", **why}


def _rewritten(summary: Any) -> None:
    summary["overwrite_in_progress"] = ["stage2", "stage3"]


def _not_valid(summary: Any) -> None:
    found = {"error": "KEY_FRAME step 2: is another picture.", "error_kind": "invalid"}
    summary["post_validate"] = {**summary["stage3"], "status": "failed", **found}


def page_of(report: WrittenReport, name: str) -> Path:
    """Return the page of a video."""
    row = next(row for row in report.rows if row.name == name)
    assert row.page is not None
    return report.index.parent / row.page
