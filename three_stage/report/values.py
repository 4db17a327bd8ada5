"""The values that this room takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from schemas.files import FailureKind
from three_stage.validation import FolderReport

Language = Literal["en", "zh"]


class State(StrEnum):
    """How far a video is: the states of a summary (``three_stage.runs``), and damaged."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNFINISHED = "not finished"
    DAMAGED = "damaged"


class Why(StrEnum):
    """Which words a page has for a reason; RECORDED: none of its own, the recorded text says it."""

    RECORDED = "recorded"
    NOT_BEGUN = "not begun"
    OUTDATED = "outdated"
    INTERRUPTED = "interrupted"
    OVERWRITE = "overwrite"
    RENAMED = "renamed"


class Verdict(StrEnum):
    """What the validator says of a folder."""

    GOOD = "good"
    WARNINGS = "warnings"
    BAD = "bad"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a report shall be like.

    ``destination`` None is the folder ``<output root>-report`` beside the output root. The pages
    hold our own words in every one of ``languages``, with a switch when there are several.
    """

    destination: Path | None = None
    languages: tuple[Language, ...] = ("en", "zh")
    validate: bool = True
    with_sources: bool = False
    num_workers: int = 1


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What the requests of a video took; ``cost`` is None when no price was known."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    waited_sec: float = 0.0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How a video stands: ``stage`` (1-based) decides it, None: no single one does.

    ``reason`` is the recorded text, in the language in which it was written; ``kind`` says what
    failed, and is None in every other state.
    """

    state: State
    why: Why = Why.RECORDED
    stage: int | None = None
    reason: str | None = None
    kind: FailureKind | None = None


@dataclass(frozen=True, kw_only=True)
class VideoRow:
    """One video as the index shows it.

    ``page`` is the page's path below the report's folder, None when none could be made. ``poster``
    is a data: URI. Durations are in seconds; ``worked_sec`` is how long its stages ran.
    """

    name: str
    page: str | None
    poster: str | None
    goal: str | None
    standing: Judgement
    steps: int | None
    duration_sec: float | None
    verdict: Verdict
    errors: int
    warnings: int
    spending: Spending
    worked_sec: float | None
    is_offline: bool
    problems: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """How far the video is."""
        return self.standing.state


@dataclass(frozen=True)
class PageJob:
    """What one page is made of, and where it goes."""

    folder: Path
    destination: Path
    languages: tuple[Language, ...]
    findings: FolderReport | None
    with_source: bool


@dataclass(frozen=True)
class MadePage:
    """A page that is on disk: its line of the index, and every file that it consists of."""

    row: VideoRow
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """A report that is on disk: open ``index`` in a browser.

    ``problems`` has one line for each page that could not be made, and each file that is missing
    in the report because it could not be read; the pages say the same.
    """

    index: Path
    rows: tuple[VideoRow, ...]
    problems: tuple[str, ...]

    @property
    def videos(self) -> int:
        """How many videos the index lists."""
        return len(self.rows)
