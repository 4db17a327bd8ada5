"""Runs that die: killed, interrupted, in each other's way. What is done stays done."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stages.conftest import content
from tests.support.served_offline import Served, served_offline, stage_of
from tests.support.small_video import write_small_video

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def command(video: Path, url: str, root: Path, *more: str) -> list[str]:
    return [
        sys.executable, str(CHECKOUT / "pipeline.py"), "--input-video", str(video),
        "--api-base", url, "--output-root", str(root), "--num-workers", "1",
        "--max-frames", "16", *more,
    ]  # fmt: skip


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )


def wait_for_requests(endpoint: Served, count: int, process: subprocess.Popen[str]) -> None:
    while endpoint.requests < count and process.poll() is None:
        time.sleep(0.02)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_video(tmp_path_factory.mktemp("videos") / "clip.mp4", activities=3)


@pytest.fixture(scope="module")
def undisturbed(video: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("undisturbed")
    with served_offline() as endpoint:
        subprocess.run(command(video, endpoint.url, root), check=True, capture_output=True)
    return content(root / "clip")


@pytest.mark.parametrize(
    "sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_stops_soon_and_can_go_on(
    video: Path, undisturbed: dict[str, bytes], tmp_path: Path, sent: signal.Signals
) -> None:
    with served_offline(delay_sec=lambda body: 60.0 * (stage_of(body) == "stage2")) as endpoint:
        process = start(command(video, endpoint.url, tmp_path), tmp_path)
        wait_for_requests(endpoint, 2, process)
        asked_to_stop = time.monotonic()
        process.send_signal(sent)
        _, shown = process.communicate(timeout=30)
        assert time.monotonic() - asked_to_stop < 5
        assert process.returncode == 130
        assert "Traceback" not in shown
        assert "go on" in shown
    with served_offline() as endpoint:
        subprocess.run(command(video, endpoint.url, tmp_path), check=True, capture_output=True)
        assert "stage1" not in {stage_of(body) for body in endpoint.bodies}
    assert content(tmp_path / "clip") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_killed_run_goes_on_and_ends_like_an_undisturbed_one(
    video: Path, undisturbed: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    in_flight_at_kills = 0
    with served_offline(delay_sec=lambda _body: 0.15) as endpoint:
        for _kill in range(3):
            process = start(command(video, endpoint.url, tmp_path, "--concurrency", "2"), tmp_path)
            time.sleep(chance.uniform(0.5, 5.0))
            if process.poll() is None:
                in_flight_at_kills += 2
                process.send_signal(signal.SIGKILL)
            process.communicate()
        done = start(command(video, endpoint.url, tmp_path), tmp_path)
        _, shown = done.communicate(timeout=120)
        assert done.returncode == 0, shown
        needed = 2 + sum(1 for name in undisturbed if name.endswith("step_final.json"))
        assert endpoint.requests <= needed + in_flight_at_kills
    assert content(tmp_path / "clip") == undisturbed


@pytest.mark.slow
def test_a_second_run_on_the_same_folder_skips_it_and_says_who_holds_it(
    video: Path, tmp_path: Path
) -> None:
    with served_offline(delay_sec=lambda body: 4.0 * (stage_of(body) == "stage1")) as endpoint:
        first = start(command(video, endpoint.url, tmp_path), tmp_path)
        wait_for_requests(endpoint, 1, first)
        second = start(command(video, endpoint.url, tmp_path), tmp_path)
        _, shown = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"process {first.pid} on" in shown
        _, shown = first.communicate(timeout=60)
        assert first.returncode == 0, shown


def test_an_endpoint_that_is_gone_ends_the_run_with_3(video: Path, tmp_path: Path) -> None:
    arguments = command(video, "http://127.0.0.1:9/v1", tmp_path, "--endpoint-patience-sec", "1")
    process = start([*arguments, "--api-call-retry-backoff-sec", "0.1"], tmp_path)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "Traceback" not in shown
