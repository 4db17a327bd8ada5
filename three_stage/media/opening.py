"""The cheapest looks at a file: is it a video that can be used, and where does its clock start?"""

from __future__ import annotations

from pathlib import Path

from three_stage.media.source import Source


def refuse_unusable(path: Path) -> None:
    """Open a file and close it again. Raises MediaError when it is no video that we can read."""
    with Source(path):
        pass


def clock_start(path: Path) -> float:
    """Return where a container's own clock starts, in seconds. Raises MediaError."""
    with Source(path) as source:
        return source.container_start_sec
