"""Which container formats are opened, and how a file is named to ffmpeg and its libraries."""

from __future__ import annotations

import os
from pathlib import Path

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,asf"
"""ffmpeg's names of the formats that we open. None of them names other files to read."""


MATROSKA_START = b"\x1aE\xdf\xa3"
"""The EBML magic number (RFC 8794)."""

MP4_STARTS = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
"""Types of the boxes that an mp4 or QuickTime file begins with."""


def file_url(path: Path) -> str:
    """Return a name that ffmpeg takes for exactly this file.

    Absolute and with the protocol spelled out: ``10:30 cook.mp4`` is no protocol ``10``, and
    ``-x.mp4`` no option.
    """
    return "file:" + os.path.abspath(path)  # noqa: PTH100 - a Path would follow no link either way


def starts_seekable(path: Path) -> bool:
    """Tell from a file's first bytes whether it is mp4 or Matroska, where seeking can be trusted.

    Elsewhere ffmpeg may land after its target, or between two key frames: there the file is read
    from its start. Raises OSError when it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
    return head[:4] == MATROSKA_START or head[4:] in MP4_STARTS
