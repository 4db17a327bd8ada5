"""The cheapest looks at a file: can it be used as a video, and where does its clock start?"""

from __future__ import annotations

import itertools
from pathlib import Path

from three_stage.media.probe import refuse_short
from three_stage.media.source import Source
from three_stage.media.table import decode_table
from three_stage.settings import FEWEST_FRAMES


def refuse_unusable(path: Path, *, fewest_frames: int = FEWEST_FRAMES) -> None:
    """Open a file and decode its first frames.

    Raises MediaError when it is no video that we can read, or displays fewer frames than
    ``fewest_frames``.
    """
    with Source(path) as source:
        first = list(itertools.islice(source.frames(), fewest_frames))
        if len(first) < fewest_frames:
            refuse_short(path, decode_table(source), fewest_frames)


def clock_start(path: Path) -> float:
    """Return where a container's own clock starts, in seconds. Raises MediaError."""
    with Source(path) as source:
        return source.container_start_sec
