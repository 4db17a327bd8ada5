"""Runs one piece of work a video, a bounded number at once; a failure need not stop the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from loguru import logger

from three_stage.batch.work import BatchResult, VideoFailure, VideoInput, VideoOutcome, Watch
from three_stage.settings import ThreeStageError

Work = Callable[[VideoInput], Awaitable[VideoOutcome]]


@dataclass
class _State:
    done: dict[str, VideoOutcome] = field(default_factory=dict)
    failed: dict[str, VideoFailure] = field(default_factory=dict)
    ended_by: Exception | None = None
    stopped: bool = False


async def run_batch(
    videos: Sequence[VideoInput],
    work: Work,
    watch: Watch,
    *,
    at_once: int,
    stop_at_failure: bool,
    ends_run: tuple[type[Exception], ...],
    skips: tuple[type[Exception], ...] = (),
) -> BatchResult:
    """Work on all videos, at most ``at_once`` under way; results are keyed by video id.

    An error of a type in ``ends_run`` ends the whole run: what is under way is cancelled. With
    ``stop_at_failure`` a failed video lets those under way finish and starts no further one; an
    error of a type in ``skips`` fails a video and stops nothing.
    """
    state = _State()
    waiting = iter(videos)

    async def worker() -> None:
        for video in waiting:
            if state.stopped:
                return
            await _one(video, work, watch, state, ends_run)
            failure = state.failed.get(video.video_id)
            if stop_at_failure and failure and not isinstance(failure.error, skips):
                state.stopped = True

    workers = [asyncio.create_task(worker()) for _ in range(min(at_once, len(videos)))]
    try:
        await _until_done_or_ended(workers, state)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    touched = state.done.keys() | state.failed.keys()
    return BatchResult(
        done=tuple(state.done[v.video_id] for v in videos if v.video_id in state.done),
        failed=tuple(state.failed[v.video_id] for v in videos if v.video_id in state.failed),
        not_started=tuple(v for v in videos if v.video_id not in touched),
        ended_by=state.ended_by,
    )


async def _until_done_or_ended(workers: list[asyncio.Task[None]], state: _State) -> None:
    pending = set(workers)
    while pending and state.ended_by is None:
        finished, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            task.result()


async def _one(
    video: VideoInput,
    work: Work,
    watch: Watch,
    state: _State,
    ends_run: tuple[type[Exception], ...],
) -> None:
    watch.video_began(video.video_id)
    try:
        state.done[video.video_id] = await work(video)
    except ends_run as error:
        state.ended_by = state.ended_by or error
        state.stopped = True
    except Exception as error:
        if not isinstance(error, ThreeStageError):
            logger.opt(exception=error).debug("{}: unexpected error", video.video_id)
        logger.debug("{}: failed: {}", video.video_id, error)
        state.failed[video.video_id] = VideoFailure(video.video_id, error)
        watch.video_done(video.video_id, failed=True)
    else:
        watch.video_done(video.video_id, failed=False)
