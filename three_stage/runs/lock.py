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


@contextlib.contextmanager
def folder_lock(output_root: Path, video_id: str) -> Iterator[None]:
    """Hold the lock of one video's folder.

    Raises FolderBusyError that says who holds it. The lock file stays: only the lock counts.
    """
    stem = hashlib.sha256(
        same_name_key(video_id).encode("utf-8", errors="surrogatepass")
    ).hexdigest()[:32]
    folder = output_root / LOCKS_FOLDER
    holder = folder / f"{stem}.holder.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{stem}.lock", thread_local=False)
        lock.acquire(timeout=0)
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
