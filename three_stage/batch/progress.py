"""What the person at the terminal sees while a run goes on, and the account at its end.

On a terminal one live block is redrawn; elsewhere a bounded number of lines is printed, whatever
the number of videos. Everything goes to stderr, so that stdout stays free.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TextIO

from three_stage.vlm import (
    AskEvent,
    LimitChanged,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    RunPaused,
    RunResumed,
)

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

PROGRESS_LINES = 20
"""Lines about finished videos that a run prints when it is not on a terminal."""

NOTE_LINES = 15
"""Further lines (pauses, reasons) that it prints there."""


@dataclass
class Tally:
    """How far a run is."""

    videos: int
    done: int = 0
    failed: int = 0
    stages_done: int = 0
    stages_reused: int = 0
    in_flight: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    under_way: dict[str, str] = field(default_factory=dict)
    state: str = ""

    @property
    def finished(self) -> int:
        """Videos that are done or failed."""
        return self.done + self.failed


class Progress:
    """Watches videos and requests; draws when there is a terminal, prints few lines when not.

    ``verbose`` prints every note, however many there are; ``redact`` takes secrets out of them.
    """

    def __init__(
        self,
        videos: int,
        *,
        quiet: bool,
        verbose: bool = False,
        redact: Callable[[str], str] = str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally = Tally(videos)
        self._quiet = quiet
        self._redact = redact
        self._stream = stream or sys.stderr
        self._clock = clock
        self._started = clock()
        self._verbose = verbose
        self._notes_left = NOTE_LINES
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._stream.isatty() and not self._quiet:
            from rich.console import Console  # noqa: PLC0415 - rich is slow to import
            from rich.live import Live  # noqa: PLC0415

            console = Console(file=self._stream)
            self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def note(self, line: str) -> None:
        """Print a line if there is room for it; what has no room is in the log file."""
        if self._quiet:
            return
        line = self._redact(line)
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)
        elif self._verbose:
            print(line, file=self._stream, flush=True)
        elif self._notes_left > 0:
            self._notes_left -= 1
            more = " (further notes go to the log file alone)" if not self._notes_left else ""
            print(f"{line}{more}", file=self._stream, flush=True)

    def video_began(self, video_id: str) -> None:
        """Work on a video began."""
        self.tally.under_way[video_id] = "prepared"

    def video_done(self, video_id: str, *, failed: bool) -> None:
        """A video is done, or failed."""
        self.tally.under_way.pop(video_id, None)
        if failed:
            self.tally.failed += 1
        else:
            self.tally.done += 1
        if self._live is None and not self._quiet and self._is_line_due():
            print(self.line(), file=self._stream, flush=True)

    def stage_began(self, video_id: str, stage: str) -> None:
        """A stage runs."""
        self.tally.under_way[video_id] = stage

    def stage_done(self, video_id: str, stage: str, *, reused: bool) -> None:
        """A stage is completed, or was reused as it was."""
        self.tally.under_way[video_id] = f"{stage} {'reused' if reused else 'done'}"
        if reused:
            self.tally.stages_reused += 1
        else:
            self.tally.stages_done += 1

    def observe(self, event: AskEvent) -> None:
        """Take note of what happened to a request."""
        match event:
            case RequestStarted():
                self.tally.in_flight += 1
                self.tally.requests += 1
            case RequestFinished(usage=usage, cost=cost):
                self.tally.in_flight -= 1
                self.tally.prompt_tokens += usage.prompt_tokens
                self.tally.completion_tokens += usage.completion_tokens
                if cost is not None:
                    self.tally.cost = (self.tally.cost or 0.0) + cost
            case RequestFailed():
                self.tally.in_flight -= 1
            case LimitChanged(old=old, new=new):
                self.tally.state = f"at most {new} requests at once (was {old})"
            case RunPaused(reason=reason):
                self.tally.state = f"paused: {reason}"
            case RunResumed():
                self.tally.state = ""

    def line(self) -> str:
        """Return the state of the run in one line."""
        tally = self.tally
        parts = [f"{tally.finished}/{tally.videos} videos"]
        if tally.failed:
            parts.append(f"{tally.failed} failed")
        parts += [f"{tally.requests} requests", tokens_text(tally), cost_text(tally.cost)]
        parts.append(f"{duration_text(self._clock() - self._started)} so far")
        if left := self._time_left_sec():
            parts.append(f"about {duration_text(left)} left")
        return ", ".join(part for part in parts if part)

    def elapsed_sec(self) -> float:
        """Return how long the run has been going."""
        return self._clock() - self._started

    def _time_left_sec(self) -> float | None:
        left = self.tally.videos - self.tally.finished
        if not self.tally.finished or not left:
            return None
        return self.elapsed_sec() / self.tally.finished * left

    def _is_line_due(self) -> bool:
        tally = self.tally
        if tally.videos <= PROGRESS_LINES:
            return True
        return tally.finished * PROGRESS_LINES // tally.videos != (
            (tally.finished - 1) * PROGRESS_LINES // tally.videos
        )

    def _table(self) -> Table:
        from rich.table import Table  # noqa: PLC0415 - rich is slow to import

        tally = self.tally
        table = Table.grid(padding=(0, 1))
        table.add_row("three-stage", self.line())
        table.add_row(
            "", f"{tally.stages_done} stages done, {tally.stages_reused} reused, "
            f"{tally.in_flight} requests in flight {tally.state}".rstrip(),
        )  # fmt: skip
        for video_id, what in list(tally.under_way.items())[:8]:
            table.add_row("", f"{video_id}: {what}")
        if len(tally.under_way) > 8:
            table.add_row("", f"and {len(tally.under_way) - 8} more")
        return table


def tokens_text(tally: Tally) -> str:
    """Return the tokens of a run in words."""
    total = tally.prompt_tokens + tally.completion_tokens
    return f"{total:,} tokens" if total else ""


def cost_text(cost: float | None) -> str:
    """Return a sum of money, in the currency of the price file."""
    return "" if cost is None else f"cost {cost:.4f}"


def duration_text(seconds: float) -> str:
    """Return a duration as people write it: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
