"""Which container formats are opened, and how a file is named to ffmpeg and its libraries."""

from __future__ import annotations

import os
from pathlib import Path

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,asf"
"""ffmpeg's names of the formats that we open. None of them names other files to read."""


def file_url(path: Path) -> str:
    """Return a name that ffmpeg takes for exactly this file.

    Absolute and with the protocol spelled out: ``10:30 cook.mp4`` is no protocol ``10``, and
    ``-x.mp4`` no option.
    """
    return "file:" + os.path.abspath(path)  # noqa: PTH100 - a Path would follow no link either way
