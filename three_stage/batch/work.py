"""What goes into a batch and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class VideoInput:
    """One video to work on: its file, and the id that names its output folder."""

    path: Path
    video_id: str


@dataclass(frozen=True)
class VideoOutcome:
    """One video that was worked on: stages that ran (none: all reused), warnings, invalid parts."""

    video_id: str
    ran: tuple[str, ...]
    warnings: int
    invalid: tuple[str, ...] = ()


@dataclass(frozen=True)
class VideoFailure:
    """One video that failed, and why."""

    video_id: str
    error: Exception


@dataclass(frozen=True)
class BatchResult:
    """Everything that a batch did, in the order of its inputs."""

    done: tuple[VideoOutcome, ...]
    failed: tuple[VideoFailure, ...]
    not_started: tuple[VideoInput, ...]
    ended_by: Exception | None = None


class Watch(Protocol):
    """Who wants to know how a run goes (the progress display)."""

    def video_began(self, video_id: str) -> None:
        """Work on a video began."""

    def video_done(self, video_id: str, *, failed: bool) -> None:
        """A video is done, or failed."""

    def stage_began(self, video_id: str, stage: str) -> None:
        """A stage runs."""

    def stage_done(self, video_id: str, stage: str, *, reused: bool) -> None:
        """A stage is completed, or was reused as it was."""
