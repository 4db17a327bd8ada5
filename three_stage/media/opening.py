"""The cheapest look at a file: does it open as a video at all?"""

from __future__ import annotations

from pathlib import Path

from three_stage.media.source import Source


def refuse_unusable(path: Path) -> None:
    """Open a file and close it again. Raises MediaError when it is no video that we can read."""
    with Source(path):
        pass
