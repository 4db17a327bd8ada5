"""The output root: can it be written as a run writes, and is there room?"""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from three_stage.doctor.findings import Finding
from three_stage.runs import RunsError, folder_lock, write_json

TOO_LITTLE_BYTES, LITTLE_BYTES = 200_000_000, 5_000_000_000
"""Free space: below the first a run soon fails; a few hours of video at the defaults take the
second."""

SLOW_WRITE_SEC = 0.5
_NAME = "检查 é " + "n" * 180
"""As long as our names get, in letters that some disks cannot write."""

_NO_ROOM = "Make room there, or choose another --output-root."
_NO_RIGHT = "Get the right to write there, or choose another --output-root."
_NO_NAME = "That disk takes no long names in letters such as é: choose another --output-root."
_ADVICE: Mapping[int, str] = MappingProxyType(
    {
        errno.EROFS: "That disk is mounted read-only: choose another --output-root.",
        errno.ENOSPC: _NO_ROOM,
        errno.EDQUOT: _NO_ROOM,
        errno.EACCES: _NO_RIGHT,
        errno.EPERM: _NO_RIGHT,
        errno.ENAMETOOLONG: _NO_NAME,
        errno.EILSEQ: _NO_NAME,
        errno.EINVAL: _NO_NAME,
    }
)


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
    name, root = "output root", output_root.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as folder:
            took_sec = _write_as_a_run_does(Path(folder))
    except (OSError, RunsError) as error:
        return _refused(name, root, error)
    there = "" if place == root else " (it will be made)"
    found = f"{root}{there} can be written and locked"
    if took_sec > SLOW_WRITE_SEC:
        slow = "A run writes some hundred files a video, each synced: a local disk is faster."
        return Finding(name, "warn", f"{found}; one file took {took_sec:.1f} s.", slow)
    return Finding(name, "ok", found)


def _refused(name: str, root: Path, error: Exception) -> Finding:
    """Say what the system said, without the names of our own that it said it of."""
    said = error if isinstance(error, OSError) else error.__cause__
    if not isinstance(said, OSError):
        return Finding(name, "FAIL", str(error))
    found = f"{root} cannot be written: {said.strerror or type(said).__name__}."
    advice = _ADVICE.get(said.errno or 0, "Choose another --output-root.")
    return Finding(name, "FAIL", found, advice)


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
