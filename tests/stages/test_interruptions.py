"""Runs that are interrupted, or in each other's way. What is done stays done.

Kills, which no run can notice, are in tests/campaigns/kills.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns.children import MARK, alive
from tests.campaigns.same_folder import Folder, read_folder
from tests.stages.processes import assert_same, options, run_here, start
from tests.support.served_offline import Body, Served, served_offline, stage_of
from tests.support.small_video import write_small_video
from three_stage.media import find_ffmpeg

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

STOPS_WITHIN_SEC = 5.0
NAMES = ("first", "second")


def wait_until(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not happened() and process.poll() is None:
        time.sleep(0.01)


def interrupted(process: subprocess.Popen[str], sent: signal.Signals) -> None:
    """Send a signal; check that the run stops in time, in words, with its exit code."""
    asked_to_stop = time.monotonic()
    process.send_signal(sent)
    _, shown = process.communicate(timeout=60)
    assert time.monotonic() - asked_to_stop < STOPS_WITHIN_SEC
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert "go on" in shown


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, activities in zip(NAMES, (3, 4), strict=True):
        write_small_video(folder / f"{name}.mp4", activities=activities, seconds_each=1.0)
    return folder


@pytest.fixture(scope="module")
def video(videos: Path) -> Path:
    return videos / "first.mp4"


@pytest.fixture(scope="module")
def first(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of the first video that nobody disturbed."""
    root = tmp_path_factory.mktemp("undisturbed")
    with served_offline() as endpoint:
        assert run_here(options(video, endpoint.url, root), root) == 0
    return read_folder(root / "first")


def goes_on(video: Path, folder: Path, expected: Folder) -> Served:
    """Run again, and check that the folder is as if nothing had happened."""
    with served_offline() as endpoint:
        assert run_here(options(video, endpoint.url, folder / "out"), folder) == 0
    assert_same(folder / "out" / "first", expected)
    return endpoint


def slow_second_stage(body: Body) -> float:
    return 60.0 * (stage_of(body) == "stage2")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_run_interrupted_while_it_waits_for_an_answer_can_go_on(
    video: Path, first: Folder, tmp_path: Path, sent: signal.Signals
) -> None:
    with served_offline(delay_sec=slow_second_stage) as endpoint:
        process = start(options(video, endpoint.url, tmp_path / "out"), tmp_path)
        wait_until(lambda: endpoint.requests >= 2, process)
        interrupted(process, sent)
    again = goes_on(video, tmp_path, first)
    assert "stage1" not in {stage_of(body) for body in again.bodies}


def ffmpeg_that_never_ends(path: Path) -> Path:
    """Write a program that is ffmpeg, but for ever at work on its first second of clip."""
    real = find_ffmpeg(None).path
    lines = [
        f"#!{sys.executable} -ISu",
        "import os, pathlib, sys, time",
        f"if '-version' in sys.argv: os.execv({real!r}, [{real!r}, '-version'])",
        "pathlib.Path(sys.argv[-1].removeprefix('file:')).write_bytes(b'begun')",
        "time.sleep(600)",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.slow
def test_a_run_interrupted_while_it_cuts_leaves_nothing_behind(
    video: Path, first: Folder, tmp_path: Path
) -> None:
    slow, mark = ffmpeg_that_never_ends(tmp_path / "ffmpeg"), uuid.uuid4().hex
    clips = tmp_path / "out" / "first" / "stage2" / "step_clips"
    with served_offline() as endpoint:
        given = options(video, endpoint.url, tmp_path / "out", "--ffmpeg-bin", str(slow))
        process = start(given, tmp_path, **{MARK: mark})
        wait_until(lambda: list(clips.glob(".cut-*")), process)
        interrupted(process, signal.SIGTERM)
    assert list(clips.iterdir()) == []
    if sys.platform == "linux":
        assert list(alive(mark)) == []
    again = goes_on(video, tmp_path, first)
    assert {stage_of(body) for body in again.bodies} == {"stage3"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_run_interrupted_while_it_decodes_a_pool_can_go_on(
    video: Path, first: Folder, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex
    with served_offline() as endpoint:
        # With --continue-on-error the first thing that a worker does is the pool.
        given = options(video, endpoint.url, tmp_path / "out", "--continue-on-error")
        process = start(given, tmp_path, **{MARK: mark})

        def workers() -> list[int]:
            found = [pid for pid in alive(mark) if pid != process.pid]
            return [pid for pid in found if b"spawn_main" in command_line(pid)]

        wait_until(workers, process)
        for pid in workers():
            os.kill(pid, signal.SIGSTOP)  # a decoder that hangs
        time.sleep(0.5)
        interrupted(process, signal.SIGTERM)
        assert endpoint.requests == 0
    assert list(alive(mark)) == []
    goes_on(video, tmp_path, first)


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_a_second_run_on_the_same_folder_skips_it_and_says_who_holds_it(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served_offline(delay_sec=lambda body: 4.0 * (stage_of(body) == "stage1")) as endpoint:
        given = options(video, endpoint.url, tmp_path / "out")
        holder = start(given, tmp_path)
        wait_until(lambda: endpoint.requests, holder)
        capsys.readouterr()
        assert run_here(given, tmp_path) == 1
        assert f"process {holder.pid} on" in capsys.readouterr().err
        _, shown = holder.communicate(timeout=60)
        assert holder.returncode == 0, shown


@pytest.mark.slow
def test_two_runs_at_once_over_a_folder_of_videos_do_each_video_once(
    videos: Path, tmp_path: Path
) -> None:
    with served_offline() as endpoint:
        assert run_here(options(videos, endpoint.url, tmp_path / "alone"), tmp_path) == 0
        needed = endpoint.requests
    with served_offline(delay_sec=lambda _body: 0.3) as endpoint:
        given = options(videos, endpoint.url, tmp_path / "out")
        both = [start(given, tmp_path) for _ in range(2)]
        ends = [(process.communicate(timeout=120)[1], process.returncode) for process in both]
        assert endpoint.requests == needed
    for shown, code in ends:
        # Which run gets which video is a matter of chance; one that skips a video says so.
        assert code == ("another run is at work" in shown), shown
        assert "Traceback" not in shown
    for name in NAMES:
        assert_same(tmp_path / "out" / name, read_folder(tmp_path / "alone" / name))


def test_an_endpoint_that_is_gone_ends_the_run_with_3(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = options(video, "http://127.0.0.1:9/v1", tmp_path / "out", "--endpoint-patience-sec=1")
    assert run_here([*given, "--api-call-retry-backoff-sec", "0.1"], tmp_path) == 3
    assert "Traceback" not in capsys.readouterr().err
