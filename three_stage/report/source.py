"""Where a page finds the source video, and what it says when it does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from three_stage.report.contents import VideoContents
from three_stage.report.links import file_address, relative_address


class SourceState(StrEnum):
    """How the source stood when the report was made."""

    THERE = "there"
    GONE = "gone"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SourceOffer:
    """Addresses that a player tries one after the other; ``path`` None: the file is of no use.

    ``first_frame_offset_sec`` is what a player adds to a time of the source.
    """

    state: SourceState
    path: Path | None = None
    addresses: tuple[str, ...] = ()
    first_frame_offset_sec: float = 0.0

    def placed(self, address: str) -> SourceOffer:
        """Return the offer of the same file inside the report."""
        return replace(self, addresses=(address,))


def offer_source(contents: VideoContents, pages: Path) -> SourceOffer:
    """Look for the source of a folder; another file at its place is not offered.

    It is offered relative to the page, for whoever moves both, and by its full path.
    """
    if contents.summary is None:
        return SourceOffer(SourceState.UNKNOWN)
    path = Path(contents.summary.source_video)
    size = _size_bytes(path)
    if size is None:
        return SourceOffer(SourceState.GONE)
    if size != contents.summary.source_size_bytes:
        return SourceOffer(SourceState.CHANGED)
    manifest = contents.manifest
    found = (relative_address(path, pages), file_address(path))
    return SourceOffer(
        SourceState.THERE,
        path,
        tuple(address for address in found if address is not None),
        manifest.video.first_frame_offset_sec if manifest else 0.0,
    )


def _size_bytes(path: Path) -> int | None:
    """Return the size of a file that can be read; None for everything else."""
    try:
        if not (path.is_absolute() and path.is_file()):
            return None
        path.open("rb").close()
        return path.stat().st_size
    except (OSError, ValueError):
        return None
