"""Many videos: bounds, failures, what ends a run; results by video, whatever comes first."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from three_stage.batch import BatchResult, VideoInput, VideoOutcome, run_batch

VIDEOS = [VideoInput(Path(f"v{i}.mp4"), f"v{i}") for i in range(12)]


class Ends(Exception):  # noqa: N818
    pass


class Busy(Exception):  # noqa: N818
    pass


class Watcher:
    """Writes down what it was told."""

    def __init__(self) -> None:
        self.done: dict[str, bool] = {}

    def video_began(self, video_id: str) -> None:
        assert video_id not in self.done

    def video_done(self, video_id: str, *, failed: bool) -> None:
        self.done[video_id] = failed

    def stage_began(self, video_id: str, stage: str) -> None:
        raise AssertionError

    def stage_done(self, video_id: str, stage: str, *, reused: bool) -> None:
        raise AssertionError


class Work:
    """Fails where told; counts how many are under way."""

    def __init__(self, errors: dict[str, Exception], *, seed: int = 1) -> None:
        self.errors = errors
        self.started: list[str] = []
        self.under_way = 0
        self.most_under_way = 0
        self._random = random.Random(seed)

    async def __call__(self, video: VideoInput) -> VideoOutcome:
        self.started.append(video.video_id)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self._random.random() / 100)
            if video.video_id in self.errors:
                raise self.errors[video.video_id]
            return VideoOutcome(video.video_id, ("stage1",), warnings=0)
        finally:
            self.under_way -= 1


def batch(work: Work, *, at_once: int = 3, stop: bool = False) -> tuple[BatchResult, Watcher]:
    watch = Watcher()
    result = asyncio.run(
        run_batch(
            VIDEOS, work, watch, at_once=at_once, stop_at_failure=stop,
            ends_run=(Ends,), skips=(Busy,),
        )
    )  # fmt: skip
    return result, watch


@pytest.mark.parametrize("seed", range(5))
def test_results_stand_in_the_order_of_the_inputs_whatever_finishes_first(seed: int) -> None:
    work = Work({"v4": ValueError("bad")}, seed=seed)
    result, watch = batch(work)
    assert [o.video_id for o in result.done] == [v.video_id for v in VIDEOS if v.video_id != "v4"]
    assert [(f.video_id, str(f.error)) for f in result.failed] == [("v4", "bad")]
    assert result.not_started == ()
    assert watch.done == {v.video_id: v.video_id == "v4" for v in VIDEOS}


@pytest.mark.parametrize("at_once", [1, 3, 50])
def test_no_more_videos_are_under_way_than_allowed(at_once: int) -> None:
    work = Work({})
    batch(work, at_once=at_once)
    assert work.most_under_way == min(at_once, len(VIDEOS))


def test_a_failure_stops_the_batch_but_not_what_is_under_way() -> None:
    work = Work({"v1": ValueError("bad")})
    result, _ = batch(work, stop=True)
    assert [f.video_id for f in result.failed] == ["v1"]
    assert {o.video_id for o in result.done} == set(work.started) - {"v1"}
    assert len(result.not_started) == len(VIDEOS) - len(work.started) > 0


def test_a_skipped_video_stops_nothing() -> None:
    result, _ = batch(Work({"v1": Busy("held")}), stop=True)
    assert [f.video_id for f in result.failed] == ["v1"]
    assert len(result.done) == len(VIDEOS) - 1


def test_an_error_that_ends_the_run_cancels_what_is_under_way() -> None:
    work = Work({"v5": Ends("endpoint gone")})
    result, _ = batch(work)
    assert isinstance(result.ended_by, Ends)
    assert work.under_way == 0
    assert "v5" in {v.video_id for v in result.not_started}
    assert len(result.done) + len(result.not_started) == len(VIDEOS)


def test_cancelling_the_batch_cancels_its_work() -> None:
    work = Work({})

    async def cancelled() -> None:
        running = asyncio.create_task(
            run_batch(VIDEOS, work, Watcher(), at_once=2, stop_at_failure=False, ends_run=())
        )
        await asyncio.sleep(0.002)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert work.under_way == 0
