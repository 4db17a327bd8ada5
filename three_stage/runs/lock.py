"""One operating-system lock a video folder: it goes when its process goes, however that ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from three_stage.runs.clock import utc_now
from three_stage.runs.errors import FolderBusyError, OutputError
from three_stage.runs.names import LOCKS_FOLDER, same_name_key

_LOOK_TAKES_SEC = 0.5
"""``who_is_at_work`` holds a lock for an instant: longer than that is another run."""


@contextlib.contextmanager
def folder_lock(output_root: Path, video_id: str) -> Iterator[None]:
    """Hold the lock of one video's folder.

    Raises FolderBusyError that says who holds it. The lock file stays: only the lock counts.
    """
    lock_file, holder = _files(output_root, video_id)
    folder = lock_file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_file, thread_local=False)
        lock.acquire(timeout=_LOOK_TAKES_SEC)
    except Timeout:
        raise FolderBusyError(
            f"{output_root / video_id}: another run is at work on this video ({_holder(holder)}).",
            hint="Wait until it is done, or stop it, then run again.",
        ) from None
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be used for locks: {error.strerror or error}.",
            hint="Check the permissions of the output root and the free space.",
        ) from error
    try:
        with contextlib.suppress(OSError):  # a note for people; the lock itself is held
            _say_who(holder, video_id)
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink()
        lock.release()


def who_is_at_work(output_root: Path, video_id: str) -> str | None:
    """Say which run holds a video's folder, or None; nothing is left changed."""
    lock_file, holder = _files(output_root, video_id)
    # A run that is at work, or was killed, has left word; without it nobody is disturbed.
    if not (holder.exists() and lock_file.exists()):
        return None
    try:
        with FileLock(lock_file, thread_local=False).acquire(timeout=0):
            return None
    except Timeout:
        return _holder(holder)
    except OSError:
        return None


def _files(output_root: Path, video_id: str) -> tuple[Path, Path]:
    """Return the lock's file, and that of the word who holds it."""
    name = same_name_key(video_id).encode("utf-8", errors="surrogatepass")
    stem = hashlib.sha256(name).hexdigest()[:32]
    folder = output_root / LOCKS_FOLDER
    return folder / f"{stem}.lock", folder / f"{stem}.holder.json"


def _say_who(holder: Path, video_id: str) -> None:
    who = {
        "video_id": video_id, "pid": os.getpid(), "host": socket.gethostname(),
        "since_utc": utc_now(),
    }  # fmt: skip
    holder.write_text(json.dumps(who) + "\n", encoding="utf-8")


def _holder(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since_utc']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "which has not written who it is"
