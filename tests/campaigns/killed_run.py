"""A run of the pipeline that kills itself, alone and with SIGKILL, at one point of its work.

``python -m tests.campaigns.killed_run --at write:17:torn -- OPTIONS`` dies there; with ``--count
FILE`` in its place it lives, and writes how often it came by every kind of point. The product is
not changed: an audit hook sees files opened and programs started, and a few functions of ``os``
are wrapped in this process. Its workers and its ffmpeg know nothing of all this.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil  # noqa: F401 - looks at os when it is imported; it must not find wrapped functions
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from stages.command import main as pipeline
from tests.campaigns.kill_points import KillPoint
from three_stage.media import TEMPORARY_PREFIX as CLIP_TEMPORARY_PREFIX
from three_stage.runs.atomic import TEMPORARY_PREFIX
from three_stage.runs.layout import CALLS_NAME

LOOK_EVERY_SEC = 0.0005


class Watcher:
    """Counts the points of a run and kills the process at one of them, if one is given.

    A file that is opened, synced and renamed is all that in one thread: what a thread opened last
    tells what it syncs.
    """

    def __init__(self, at: KillPoint | None) -> None:
        self._at = at
        self._counts: Counter[str] = Counter()
        self._mutex = threading.Lock()
        self._under_way = threading.local()
        self._cuts: dict[str, int] = {}

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind of event happened."""
        return dict(self._counts)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this process; an audit hook cannot be taken off again, the rest is."""
        sys.addaudithook(self._audited)
        with (
            patch.object(os, "fsync", self._wrapped_fsync(os.fsync)),
            patch.object(os, "replace", self._wrapped_replace(os.replace)),
            patch.object(os, "unlink", self._wrapped_removal(os.unlink)),
            patch.object(os, "rmdir", self._wrapped_removal(os.rmdir)),
        ):
            yield

    def _next(self, kind: str) -> int:
        with self._mutex:
            self._counts[kind] += 1
            return self._counts[kind]

    def _is_at(self, kind: str, number: int, moment: str) -> bool:
        return KillPoint(kind, number, moment) == self._at

    def _reached(self, kind: str, number: int, moment: str) -> None:
        if self._is_at(kind, number, moment):
            die()

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opens(*arguments)
        elif event == "subprocess.Popen":
            self._starts(arguments[1])

    def _opens(self, path: Any, mode: str | None, _flags: int) -> None:
        if not isinstance(path, str | os.PathLike) or not mode or mode[0] not in "xa":
            return
        name = Path(path).name
        if name.startswith(TEMPORARY_PREFIX):
            kind = "write"
        elif name == CALLS_NAME:
            kind = "journal"
        else:
            return
        number = self._next(kind)
        self._under_way.what = kind, number, _size(Path(path))
        self._reached(kind, number, "before")

    def _starts(self, command: Sequence[object]) -> None:
        clip = str(command[-1]).removeprefix("file:")
        if not Path(clip).name.startswith(CLIP_TEMPORARY_PREFIX):
            return
        number = self._next("cut")
        self._cuts[Path(clip).name] = number
        self._reached("cut", number, "before")
        if self._is_at("cut", number, "running"):
            threading.Thread(target=_die_when_there, args=(Path(clip),), daemon=True).start()

    def _wrapped_fsync(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def watched(descriptor: int) -> None:
            what = getattr(self._under_way, "what", None)
            if what is None:  # a folder, or a clip
                fsync(descriptor)
                return
            kind, number, size_before = what
            if self._is_at(kind, number, "torn"):
                written = os.fstat(descriptor).st_size - size_before
                os.ftruncate(descriptor, size_before + written // 2)
                die()
            self._reached(kind, number, "before-fsync")
            fsync(descriptor)
            if kind == "journal":
                self._under_way.what = None
                self._reached(kind, number, "after")

        return watched

    def _wrapped_replace(self, replace: Callable[..., None]) -> Callable[..., None]:
        def watched(source: Any, destination: Any, **more: Any) -> None:
            name = Path(source).name
            if name.startswith(TEMPORARY_PREFIX):
                kind, number, _ = self._under_way.what
                self._under_way.what = None
            elif name in self._cuts:
                kind, number = "cut", self._cuts[name]
            else:
                replace(source, destination, **more)
                return
            self._reached(kind, number, "before-rename")
            replace(source, destination, **more)
            self._reached(kind, number, "after")

        return watched

    def _wrapped_removal(self, remove: Callable[..., None]) -> Callable[..., None]:
        def watched(path: Any, **more: Any) -> None:
            number = self._next("removal")
            self._reached("removal", number, "before")
            try:
                remove(path, **more)
            finally:  # there may be nothing to remove
                self._reached("removal", number, "after")

        return watched


def die() -> None:
    """Kill this process as the kernel does: nothing is flushed, nobody else is told."""
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()  # the signal is on its way; this thread does nothing more


def _die_when_there(path: Path) -> None:
    while not path.exists():
        time.sleep(LOOK_EVERY_SEC)
    die()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def main(arguments: Sequence[str]) -> int:
    """Run the pipeline with a watcher and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.killed_run")
    parser.add_argument("--at", type=KillPoint.parse)
    parser.add_argument("--count", type=Path)
    parser.add_argument("options", nargs="*")
    given = parser.parse_args(arguments)
    watcher = Watcher(given.at)
    with watcher.watching():
        code = pipeline(given.options)
    if given.count is not None:
        given.count.write_text(json.dumps(watcher.counts), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
