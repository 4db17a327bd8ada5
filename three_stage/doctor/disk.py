"""The output root: can it be written as a run writes, and is there room?"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from three_stage.doctor.findings import Finding
from three_stage.runs import OutputError, RunsError, folder_lock, write_json

TOO_LITTLE_BYTES, LITTLE_BYTES = 200_000_000, 5_000_000_000
"""Free space: below the first a run soon fails; a few hours of video at the defaults take the
second."""

SLOW_WRITE_SEC = 0.5
_NAME = "检查 é " + "n" * 180
"""As long as our names get, in letters that some disks cannot write."""


def disk_findings(output_root: Path) -> Iterator[Finding]:
    """Write, rename, lock and remove in the output root, or where it would be made."""
    place = next(p for p in (output_root.absolute(), *output_root.absolute().parents) if p.exists())
    if not place.is_dir():
        advice = "Choose another --output-root."
        yield Finding("output root", "FAIL", f"{place} is a file, not a folder.", advice)
        return
    yield _writing(output_root, place)
    yield _space(place)


def _writing(output_root: Path, place: Path) -> Finding:
    name = "output root"
    advice = "Give another --output-root, or the right to write there."
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as folder:
            took_sec = _write_as_a_run_does(Path(folder))
    except (OSError, RunsError) as error:
        said = str(error) if isinstance(error, OutputError) else f"{place}: {error}"
        return Finding(name, "FAIL", said, advice)
    there = "" if place == output_root.absolute() else " (it will be made)"
    found = f"{output_root.absolute()}{there} can be written and locked"
    if took_sec > SLOW_WRITE_SEC:
        slow = "A run writes some hundred files a video, each synced: a local disk is faster."
        return Finding(name, "warn", f"{found}; one file took {took_sec:.1f} s.", slow)
    return Finding(name, "ok", found)


def _write_as_a_run_does(folder: Path) -> float:
    """Return how long one durable file takes, in seconds."""
    started = time.monotonic()
    write_json(folder / _NAME / f"{_NAME}.json", {"ok": True})
    took_sec = time.monotonic() - started
    with folder_lock(folder, _NAME):
        write_json(folder / _NAME / f"{_NAME}.json", {"ok": "again"})
    return took_sec


def _space(place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free"
    if free < TOO_LITTLE_BYTES:
        return Finding("disk", "FAIL", f"{found}.", "Make room, or choose another --output-root.")
    if free < LITTLE_BYTES:
        return Finding("disk", "warn", f"{found}.", "Clips and pictures of long videos need more.")
    return Finding("disk", "ok", found)
