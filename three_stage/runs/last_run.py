"""The records of the last runs on an output root: one, or one a shard."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from schemas.problems import SchemaError
from schemas.runs import RunRecord
from three_stage.runs.atomic import TEMPORARY_PREFIX, write_json
from three_stage.runs.folder import read_model
from three_stage.runs.names import RUNS_FOLDER

ABANDONED_AFTER_SEC = 3600.0
"""A record is written in an instant: a temporary file of this age belongs to nobody."""


def run_record_path(output_root: Path, shard: tuple[int, int] | None) -> Path:
    """Return where the last run of all videos, or of the shard (i, N), is recorded."""
    name = "last.json" if shard is None else f"last-{shard[0]}-of-{shard[1]}.json"
    return output_root / RUNS_FOLDER / name


def write_run_record(path: Path, record: RunRecord) -> None:
    """Write a record whole; what a kill left of an older one goes. Raises OutputError."""
    write_json(path, record)
    _remove_abandoned(path.parent)


def read_run_record(path: Path) -> RunRecord | None:
    """Read one record; one that is absent or damaged is none: it is a help, not a result."""
    try:
        return read_model(RunRecord, path)
    except SchemaError:
        return None


def read_run_records(output_root: Path) -> list[RunRecord]:
    """Return the records of an output root, the latest run first."""
    try:
        paths = sorted((output_root / RUNS_FOLDER).glob("last*.json"))
    except OSError:
        return []
    found = (read_run_record(path) for path in paths)
    return sorted(
        (record for record in found if record is not None),
        key=lambda record: record.started_at_utc,
        reverse=True,
    )


def _remove_abandoned(folder: Path) -> None:
    """Remove old temporary files; a young one may be that of another run, which is alive."""
    abandoned_before = time.time() - ABANDONED_AFTER_SEC
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < abandoned_before:
                path.unlink()
