"""Which processes a run left behind: they are known by a mark in their environment (Linux)."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "KILL_CAMPAIGN_RUN"
"""The variable that a run and all that it starts are marked with."""

LOOK_EVERY_SEC = 0.02
GIVEN_UP_AFTER_SEC = 15.0


def can_be_seen() -> bool:
    """Tell whether this system shows the environment of processes."""
    return sys.platform == "linux"


def alive(mark: str) -> Iterator[int]:
    """Yield the ids of processes that carry a mark; zombies carry none."""
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:  # gone meanwhile, or somebody else's
                continue
            if wanted in environment.split(b"\0"):
                yield int(folder.name)


class Outliving:
    """Measures, beside other work, how long the processes of a killed run live on."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._killed_at = time.monotonic()
        self._lived_sec = 0.0
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def seconds(self) -> float:
        """Wait until all are gone, at most 15 s, and return how long the last one lived."""
        self._thread.join()
        return self._lived_sec

    def _look(self) -> None:
        while can_be_seen() and any(alive(self._mark)):
            self._lived_sec = time.monotonic() - self._killed_at
            if self._lived_sec > GIVEN_UP_AFTER_SEC:
                return
            time.sleep(LOOK_EVERY_SEC)
