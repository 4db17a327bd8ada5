"""How much memory a process and all that it started take, looked at now and then (Linux)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

EVERY_SEC = 0.1
_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Bytes of one moment: ``main`` of the process alone, ``tree`` of all of them together.

    ``tree_pss`` counts pages that several of them share once.
    """

    main: int = 0
    tree: int = 0
    tree_pss: int = 0


def can_be_seen() -> bool:
    """Tell whether this system shows the memory of processes."""
    return sys.platform == "linux"


def tree_of(process_id: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [process_id]
    for parent in found:
        found += _children(parent)
    return found


def memory_of(process_id: int) -> Memory:
    """Return what a process and its descendants take now."""
    sizes = [_sizes(one) for one in tree_of(process_id)]
    return Memory(sizes[0][0], sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes))


def _children(process_id: int) -> Iterator[int]:
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        try:
            yield from map(int, task.read_text(encoding="ascii").split())
        except OSError:  # ended meanwhile
            continue


def _sizes(process_id: int) -> tuple[int, int]:
    """Return RSS and PSS; zero for a process that has ended."""
    try:
        text = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0, 0
    kib = {line.split()[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return kib.get("Rss:", 0) * _KIB, kib.get("Pss:", 0) * _KIB


class MemoryWatch:
    """Remembers the most that was seen while it is used as a context manager."""

    def __init__(self, process_id: int) -> None:
        self._process_id = process_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.most = Memory()
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while can_be_seen() and not self._over.wait(EVERY_SEC):
            now, most = memory_of(self._process_id), self.most
            self.most = Memory(
                max(now.main, most.main), max(now.tree, most.tree),
                max(now.tree_pss, most.tree_pss),
            )  # fmt: skip
            self.looks += 1
