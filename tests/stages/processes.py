"""Runs of the pipeline as processes of their own, and their folders beside an undisturbed one.

A run that nothing is done to needs no process: ``run_here`` saves its start.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stages.command import main
from tests.campaigns.same_folder import Folder, differences, read_folder

CHECKOUT = Path(__file__).resolve().parents[2]
PIPELINE = (str(CHECKOUT / "pipeline.py"),)
UNDER = ("-m", "tests.stages.run_under")
FOREIGN_VARIABLES = ("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME")


def options(video: Path, url: str, root: Path, *more: str) -> list[str]:
    """Return the options of a run on a video, or on a folder of videos."""
    given = "--input-video-dir" if video.is_dir() else "--input-video"
    return [
        given, str(video), "--api-base", url, "--output-root", str(root), "--num-workers", "1",
        "--max-frames", "12", *more,
    ]  # fmt: skip


def start(
    arguments: Sequence[str], folder: Path, module: Sequence[str] = PIPELINE, **variables: str
) -> subprocess.Popen[str]:
    """Start a run; what it says to people can be read from its pipe."""
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES}
    return subprocess.Popen(
        [sys.executable, *module, *arguments], cwd=folder,
        env={**environment, "PYTHONPATH": str(CHECKOUT), **variables},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(
    arguments: Sequence[str], folder: Path, module: Sequence[str] = PIPELINE
) -> tuple[int, str]:
    """Run to the end; return the exit code and what was said."""
    process = start(arguments, folder, module)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def run_here(arguments: Sequence[str], folder: Path) -> int:
    """Run to the end in this process, standing in ``folder``; return the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        for name in FOREIGN_VARIABLES:
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        return main(list(arguments))


def assert_same(folder: Path, undisturbed: Folder, *, disturbed: int = 1) -> None:
    """Check a finished folder against an undisturbed one; ``disturbed`` lines may be torn."""
    found = read_folder(folder)
    assert differences(undisturbed, found, kills=disturbed, concurrency=8) == []
