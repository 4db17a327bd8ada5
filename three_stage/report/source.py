"""Where a page finds the source video, and what it says when it does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from schemas.files import RunSummary
from three_stage.report.contents import VideoContents
from three_stage.report.links import file_address, relative_address
from three_stage.runs import identify_source


class SourceState(StrEnum):
    """How the source stood when the report was made."""

    THERE = "there"
    GONE = "gone"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
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
    """Look for the source of a folder; a file of other content at its place is not offered.

    It is offered relative to the page, for whoever moves both, and by its full path.
    """
    if contents.summary is None:
        return SourceOffer(SourceState.UNKNOWN)
    path = Path(contents.summary.source_video)
    state = _state(path, contents.summary)
    if state is not SourceState.THERE:
        return SourceOffer(state)
    manifest = contents.manifest
    found = (relative_address(path, pages), file_address(path))
    return SourceOffer(
        state,
        path,
        tuple(address for address in found if address is not None),
        manifest.video.first_frame_offset_sec if manifest else 0.0,
    )


def _state(path: Path, summary: RunSummary) -> SourceState:
    """Compare what lies at the source's place with the size and the fingerprint on record."""
    try:
        if not (path.is_absolute() and path.exists()):
            return SourceState.GONE
        if not path.is_file():  # a pipe would be waited for
            return SourceState.UNREADABLE
        if path.stat().st_size != summary.source_size_bytes:
            return SourceState.CHANGED
        identity = identify_source(path)
    except (OSError, ValueError):
        return SourceState.UNREADABLE
    is_same = identity.fingerprint == summary.source_fingerprint
    return SourceState.THERE if is_same else SourceState.CHANGED
