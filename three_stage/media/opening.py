"""The cheapest looks at a file: can it be used as a video, and what must a cut know of it?"""

from __future__ import annotations

import itertools
from pathlib import Path

from three_stage.media.picture import has_alpha
from three_stage.media.probe import refuse_short
from three_stage.media.source import Source
from three_stage.media.table import decode_table
from three_stage.media.values import SourceFacts
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


def source_facts(path: Path) -> SourceFacts:
    """Say what a cut must know of its source. Raises MediaError."""
    with Source(path) as source:
        pixel_format = source.stream.codec_context.format
        return SourceFacts(
            clock_start_sec=source.container_start_sec,
            has_alpha=pixel_format is not None and has_alpha(pixel_format),
        )
