"""What a run leaves beside the videos' folders: ``<output root>/.runs/*.json``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Index1, Sha256, StrictModel, UtcTime, whole
from schemas.files import Count, FailureKind, Name, Usage

OptionValue = bool | int | float | str | tuple[str, ...] | None

FolderName = Annotated[str, *whole(r"[^/\\\x00]{1,255}")]
"""The name of a folder in the output root, and not a way out of it (".." is refused apart)."""

LONGEST_RUN_SEC = 1e9


class FailedVideo(StrictModel):
    """A video that failed, by the folder's name and its file.

    ``source_fingerprint`` is that of the file when it failed; None when it could not be read.
    """

    video_id: FolderName
    source_video: Annotated[str, *whole(r"[^\x00]{1,4096}")]
    source_fingerprint: Sha256 | None = None
    kind: FailureKind
    error: str


class RunRecord(StrictModel):
    """The last run of a shard (or of all): with which options, and how it ended.

    ``ended_at_utc`` and ``exit_code`` are None while it goes on, and for ever when it was killed.
    ``options`` hold no key. ``failed`` names also the videos of earlier runs that were not tried
    again.
    """

    format_version: Index1
    shard: str | None = None
    started_at_utc: UtcTime
    ended_at_utc: UtcTime | None = None
    exit_code: int | None = None
    ended_by: str | None = None
    took_sec: Annotated[float, Field(ge=0, le=LONGEST_RUN_SEC)] = 0.0
    videos: Count
    done: Count = 0
    model: Name
    api_base: Name
    options: dict[str, OptionValue]
    failed: tuple[FailedVideo, ...] = ()
    usage: Usage = Usage()
    cost: Annotated[float, Field(ge=0)] | None = None
