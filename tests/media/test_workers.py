"""Decoding in worker processes: what crosses the border, and what a lost worker costs."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.media.conftest import Videos, workers_for_many_tests
from tests.media.jobs import (
    die_of,
    divide,
    large,
    leave,
    own_pid,
    raise_what_cannot_be_restored,
    read_address_zero,
    refuse,
    return_what_cannot_leave,
    return_what_kills_the_sender,
    sleep_after_telling_pid,
    sleep_and_tell_pid,
    take_memory,
)
from three_stage.media import (
    MediaError,
    MediaWorkers,
    NotAVideoError,
    WorkerCrashedError,
    WorkerMemoryError,
    WorkerTimeoutError,
    cut_clip,
    find_ffmpeg,
    grab_frames,
    inspect_clip,
    probe_video,
    sample_pool,
)
from three_stage.media import errors as media_errors
from three_stage.settings import CutSettings, SamplingSettings, ThreeStageError

ROOT = Path(__file__).parents[2]


Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Return a function that has a worker do a job; all tests that take it share the worker."""
    one = MediaWorkers(1, timeout_sec=30)
    with workers_for_many_tests(one) as waited:
        yield lambda function, *arguments: waited(one.run(function, *arguments))


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if status.parent.parent.is_dir() and Path("/proc/self/status").is_file():
        return status.is_file() and "State:\tZ" not in status.read_text()
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def wait_until(happens: Callable[[], bool], seconds: float = 15) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happens():
            return True
        time.sleep(0.02)
    return happens()


# What crosses the border


def test_workers_do_what_the_functions_do(videos: Videos, tmp_path: Path) -> None:
    path = videos("h264.mp4").path
    clip, cut = tmp_path / "clip.mp4", CutSettings(preset="ultrafast")
    sampling = SamplingSettings(max_frames=10)

    async def all_jobs() -> None:
        async with MediaWorkers(2) as workers:
            probe, pool, grabbed = await asyncio.gather(
                workers.probe(path),
                workers.sample_pool(path, sampling, origin_sec=3.0, fewest_frames=3),
                workers.grab_frames(path, [0.5, 1.0]),
            )
            assert probe == probe_video(path)
            assert pool == sample_pool(path, sampling, origin_sec=3.0, fewest_frames=3)
            assert grabbed == grab_frames(path, [0.5, 1.0])
            await cut_clip(
                find_ffmpeg(None), path, clip, start_sec=1.0, end_sec=2.0, video=probe.info,
                facts=await workers.source_facts(path),
                settings=cut, timeout_sec=60,
            )  # fmt: skip
            assert await workers.inspect_clip(clip) == inspect_clip(clip)
            span = await workers.clip_span(
                path, clip, start_sec=1.0, end_sec=2.0, frames=30, settings=cut
            )
            assert (span.start_sec, span.end_sec, span.displayed_frames) == (1.0, 2.0, 30)

    asyncio.run(all_jobs())


def test_an_error_of_a_job_arrives_as_it_was_raised(run: Run) -> None:
    with pytest.raises(NotAVideoError) as caught:
        run(refuse, Path("film.mp4"))
    assert str(caught.value) == "film.mp4 is bad. Take another."
    assert caught.value.hint == "Take another."


def test_a_bug_in_a_job_shows_where_it_was(run: Run) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(divide, 1, 0)
    (note,) = caught.value.__notes__
    assert "return number / by" in note


@pytest.mark.parametrize("job", [return_what_cannot_leave, raise_what_cannot_be_restored])
def test_what_cannot_cross_the_border_is_an_error_and_not_the_end(job: Callable[[], Any]) -> None:
    async def twice() -> None:
        async with MediaWorkers(1) as workers:
            first = await workers.run(own_pid)
            with pytest.raises(MediaError, match="cannot leave its worker process"):
                await workers.run(job)
            assert await workers.run(own_pid) == first

    asyncio.run(twice())


@pytest.mark.parametrize(
    "name", [name for name in dir(media_errors) if name.endswith("Error") and name[0] != "_"]
)
def test_every_error_survives_pickling_with_its_hint(name: str) -> None:
    kind = getattr(media_errors, name)
    assert issubclass(kind, ThreeStageError)
    error = copied(kind("film.mp4 is bad.", hint="Take another."))
    assert type(error) is kind
    assert (str(error), error.hint) == ("film.mp4 is bad. Take another.", "Take another.")
    if kind is not ThreeStageError:
        assert name in (media_errors.__doc__ or "")


def copied(error: ThreeStageError) -> ThreeStageError:
    restored = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert isinstance(restored, ThreeStageError)
    return restored


def test_large_results_arrive_whole(run: Run) -> None:
    data = run(large, 60_000_000)
    assert len(data) == 60_000_000 // 1024 * 1024
    assert data[:1024] == data[-1024:]


# What a lost worker costs


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_costs_one_job_and_the_worker_is_replaced(number: signal.Signals) -> None:
    async def crash_among_others() -> None:
        async with MediaWorkers(2) as workers:
            before = await workers.run(own_pid)
            crash, other = await asyncio.gather(
                workers.run(die_of, number, Path("bad film.mp4")),
                workers.run(sleep_and_tell_pid, 0.5),
                return_exceptions=True,
            )
            assert isinstance(crash, WorkerCrashedError)
            assert str(crash).startswith("bad film.mp4: the process that worked on it died")
            assert number.name in str(crash)
            assert isinstance(other, int)
            after = {await workers.run(own_pid) for _ in range(3)}
            assert before not in after or before == other

    asyncio.run(crash_among_others())


def test_a_real_segmentation_fault_is_survived(run: Run) -> None:
    with pytest.raises(WorkerCrashedError, match="read_address_zero: the process"):
        run(read_address_zero)


def test_a_worker_that_leaves_by_itself_is_a_crash(run: Run) -> None:
    with pytest.raises(WorkerCrashedError, match="exit code 3"):
        run(leave, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_worker_that_dies_while_it_sends_blocks_nobody() -> None:
    async def send_and_die() -> None:
        async with MediaWorkers(2) as workers:
            outcomes = await asyncio.gather(
                *(workers.run(return_what_kills_the_sender) for _ in range(2)),
                *(workers.run(divide, number, 2) for number in range(6)),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes[:2]] == [WorkerCrashedError] * 2
            assert outcomes[2:] == [0, 0.5, 1, 1.5, 2, 2.5]

    asyncio.run(send_and_die())


def test_a_job_that_hangs_costs_its_time_and_is_given_up() -> None:
    async def hang() -> None:
        async with MediaWorkers(1, timeout_sec=3.0) as workers:
            first = await workers.run(own_pid)
            started = time.monotonic()
            with pytest.raises(WorkerTimeoutError, match=r"sleep_and_tell_pid: not done after 3 s"):
                await workers.run(sleep_and_tell_pid, 600)
            assert time.monotonic() - started < 6
            assert await workers.run(own_pid) != first
            assert wait_until(lambda: not is_running(first))

    asyncio.run(hang())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the data of a process")
def test_a_job_that_takes_too_much_memory_is_refused_it() -> None:
    async def take() -> None:
        async with MediaWorkers(1, memory_limit_bytes=512 * 1024**2) as workers:
            assert await workers.run(take_memory, 10**6, Path("film.mp4")) == 10**6
            with pytest.raises(WorkerMemoryError, match=r"^giant.mp4: needs more .* than 0.5 GiB"):
                await workers.run(take_memory, 10**9, Path("giant.mp4"))
            assert await workers.run(take_memory, 10**6, Path("film.mp4")) == 10**6

    asyncio.run(take())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_an_idle_worker_that_was_killed_is_replaced_unnoticed() -> None:
    async def kill_idle() -> None:
        async with MediaWorkers(1) as workers:
            first = await workers.run(own_pid)
            os.kill(first, signal.SIGKILL)
            assert wait_until(lambda: not is_running(first))
            assert await workers.run(own_pid) != first

    asyncio.run(kill_idle())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_ctrl_c_is_not_the_affair_of_workers() -> None:
    async def interrupt() -> None:
        async with MediaWorkers(1) as workers:
            pid = await workers.run(own_pid)
            job = asyncio.create_task(workers.run(sleep_and_tell_pid, 0.5))
            await asyncio.sleep(0.2)
            os.kill(pid, signal.SIGINT)
            assert await job == pid

    asyncio.run(interrupt())


def test_a_cancelled_job_ends_at_once_and_so_does_its_worker(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    async def cancel() -> None:
        async with MediaWorkers(1) as workers:
            job = asyncio.create_task(workers.run(sleep_after_telling_pid, note))
            await asyncio.to_thread(wait_until, lambda: note.is_file() and note.read_text() != "")
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            assert wait_until(lambda: not is_running(int(note.read_text())))
            assert await workers.run(divide, 4, 2) == 2

    asyncio.run(cancel())


def test_there_are_never_more_workers_than_allowed_and_they_stay() -> None:
    async def many() -> set[int]:
        async with MediaWorkers(2) as workers:
            jobs = [workers.run(sleep_and_tell_pid, 0.05) for _ in range(10)]
            return set(await asyncio.gather(*jobs))

    pids = asyncio.run(many())
    assert len(pids) == 2
    assert not any(is_running(pid) for pid in pids)


# Nothing outlives the main process


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
@pytest.mark.parametrize("child", ["worker", "ffmpeg"])
def test_children_die_with_a_parent_that_is_killed(
    videos: Videos, tmp_path: Path, child: str
) -> None:
    note, ffmpeg = tmp_path / "pid", tmp_path / "ffmpeg"
    ffmpeg.write_text(f'#!/bin/sh\necho $$ > "{note}"\nexec sleep 600\n')
    ffmpeg.chmod(0o755)
    path = videos("h264.mp4").path
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent(f"""
            import asyncio, sys
            from pathlib import Path
            sys.path.insert(0, {str(ROOT)!r})
            from tests.media.jobs import sleep_after_telling_pid
            from three_stage.media import Ffmpeg, MediaWorkers, cut_clip, probe_video, source_facts
            from three_stage.settings import CutSettings

            async def worker():
                async with MediaWorkers(1) as workers:
                    await workers.run(sleep_after_telling_pid, Path({str(note)!r}))

            async def ffmpeg():
                path = Path({str(path)!r})
                await cut_clip(
                    Ffmpeg(path={str(ffmpeg)!r}, version="slow", libavutil=(61, 1)), path,
                    Path({str(tmp_path / "clip.mp4")!r}), start_sec=0.0, end_sec=1.0,
                    video=probe_video(path).info, facts=source_facts(path), settings=CutSettings(),
                    timeout_sec=60,
                )

            if __name__ == "__main__":
                asyncio.run({child}())
        """),
        encoding="utf-8",
    )
    with subprocess.Popen([sys.executable, str(program)]) as parent:
        try:
            assert wait_until(lambda: note.is_file() and note.read_text().strip() != "")
            pid = int(note.read_text())
            assert is_running(pid)
        finally:
            parent.kill()
    assert wait_until(lambda: not is_running(pid))
