"""What a person sees of a run that has no terminal: few lines, whatever the number of videos."""

from __future__ import annotations

import io

import pytest

from schemas.files import Usage
from three_stage.batch import Progress, duration_text
from three_stage.vlm import (
    AskKey,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    RunPaused,
    RunResumed,
)

KEY = AskKey("v", "stage1", None)


def play(videos: int, *, quiet: bool = False, failed: int = 0) -> list[str]:
    stream = io.StringIO()
    seconds = iter(range(10**9))
    with Progress(videos, quiet=quiet, stream=stream, clock=lambda: float(next(seconds))) as shown:
        for i in range(videos):
            shown.video_began(f"v{i}")
            shown.note(f"v{i}: prompt changed")
            shown.observe(
                RequestStarted(key=KEY, call_id="c", attempt=1, pictures=50, request_bytes=9)
            )
            usage = Usage(requests=1, prompt_tokens=100, completion_tokens=10)
            shown.observe(
                RequestFinished(key=KEY, call_id="c", usage=usage, cost=0.5, latency_sec=1.0)
            )
            shown.video_done(f"v{i}", failed=i < failed)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("videos", [1, 19, 20, 21, 100, 2345])
def test_at_most_fifty_lines_for_any_number_of_videos(videos: int) -> None:
    lines = play(videos)
    assert len(lines) <= 50
    assert lines[-1].startswith(f"{videos}/{videos} videos")


def test_a_line_says_how_far_how_long_and_what_it_took() -> None:
    line = next(line for line in play(4, failed=1) if line.startswith("2/4"))
    assert "1 failed" in line
    assert "2 requests, 220 tokens, cost 1.0000" in line
    assert "so far" in line
    assert "left" in line


def test_verbose_prints_every_note() -> None:
    stream = io.StringIO()
    with Progress(1, quiet=False, verbose=True, stream=stream) as progress:
        for number in range(200):
            progress.note(f"note {number}")
    assert len(stream.getvalue().splitlines()) == 200


def test_quiet_says_nothing() -> None:
    assert play(30, quiet=True) == []


def test_failed_requests_are_no_longer_in_flight() -> None:
    progress = Progress(1, quiet=True, stream=io.StringIO())
    progress.observe(RequestStarted(key=KEY, call_id="c", attempt=1, pictures=1, request_bytes=1))
    progress.observe(RequestFailed(key=KEY, call_id="c", reason="502", will_retry=True))
    assert progress.tally.in_flight == 0
    assert progress.tally.requests == 1


def test_a_pause_stands_in_the_live_display_until_it_is_over() -> None:
    with Progress(1, quiet=False, stream=io.StringIO()) as progress:
        progress.observe(RunPaused(reason="connection refused", next_try_in_sec=5.0))
        assert "connection refused" in progress.tally.state
        progress.observe(RunResumed(paused_sec=5.0))
        assert progress.tally.state == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min")],
)
def test_durations_are_written_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
