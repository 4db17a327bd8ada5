"""A finished output folder, made by the pipeline itself from a small rendered video."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stages.command import main
from tests.support.small_video import write_small_video

POOL_SIZE = 16
STEPS = 4
NAME = "little"


@cache
def finished_folder(session_folder: Path) -> Path:
    """Return the one finished folder of a test session (``tmp_path_factory.getbasetemp()``).

    Copy it before you change anything.
    """
    root = session_folder / "finished"
    root.mkdir()
    return make_finished_folder(root)


def make_finished_folder(root: Path, *options: str) -> Path:
    """Annotate a video of 8 s with the embedded model; return its folder below ``root/out``."""
    video = write_small_video(root / f"{NAME}.mp4", activities=STEPS, seconds_each=2.0)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME"):
            patch.delenv(name, raising=False)
        patch.chdir(root)
        code = main([
            "--input-video", str(video), "--output-root", str(root / "out"),
            "--max-frames", str(POOL_SIZE), "--num-workers", "1", *options,
        ])  # fmt: skip
    if code != 0:
        raise RuntimeError(f"the pipeline ended with exit code {code}")
    return root / "out" / NAME


def restamp(folder: Path) -> None:
    """Enter digests and sizes of all recorded files anew, as a careful forger would.

    Files that are gone leave the record, new ones below step folders and stages enter it.
    """
    path = folder / "run_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    kept = ("run_summary.json", "calls.jsonl")
    files = {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.is_symlink() and file.name not in kept
    }
    summary["artifacts"] = {
        relpath: hashlib.sha256(data).hexdigest() for relpath, data in files.items()
    }
    summary["artifact_bytes"] = {relpath: len(data) for relpath, data in files.items()}
    write(path, summary)


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write(path: Path, value: Any) -> None:
    """Write a JSON file as the pipeline does."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
