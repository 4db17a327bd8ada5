"""An output root: which of its folders are those of videos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from three_stage.runs.layout import SUMMARY_NAME


def video_folders(output_root: Path) -> list[Path]:
    """Return the folders of videos below an output root, sorted by name.

    Every folder is one, finished or not; a folder whose name begins with a dot (``.locks``) only
    when it holds a run_summary.json. Raises OSError when the root cannot be listed.
    """
    return sorted(_folders(output_root), key=lambda path: path.name)


def _folders(output_root: Path) -> Iterator[Path]:
    for path in output_root.iterdir():
        if path.is_dir() and (not path.name.startswith(".") or (path / SUMMARY_NAME).exists()):
            yield path
