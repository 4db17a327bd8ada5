"""The rendered example films: their truth is true, soft boundaries are soft, cuts are cuts."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from examples.render import Truth, frames_of, render, truth_of
from examples.storyboard import plan_film

ROOT = Path(__file__).resolve().parent.parent
VIDEOS = ROOT / "examples" / "videos"
COMMITTED = sorted(VIDEOS.glob("*.mp4"))
FRESH_SEED = 3
PLANNED_SEEDS = (0, 4, 7, 12)
MANY_SEEDS = range(21)


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded video: the mean colour of every frame, and what changes from frame to frame."""

    truth: dict[str, Any]
    size_bytes: int
    fps: float
    width_px: int
    height_px: int
    times_sec: list[float]
    mean_rgb: NDArray[np.float64]
    # jumps[i]: mean absolute difference, 0..255, between frame i and the one before; jumps[0] = 0.
    jumps: NDArray[np.float64]

    def boundary_frames(self, kind: str) -> list[int]:
        wanted = [b for b in self.truth["boundaries"] if b["kind"] == kind]
        return [round(b["time_sec"] * self.truth["fps"]) for b in wanted]


def decode(video: Path, truth: dict[str, Any]) -> Decoded:
    times, means, jumps = [], [], []
    before: NDArray[np.int16] | None = None
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            little = frame.reformat(width=160, height=90, format="rgb24")
            small = little.to_ndarray().astype(np.int16)
            means.append(small.mean(axis=(0, 1)))
            jumps.append(0.0 if before is None else float(np.abs(small - before).mean()))
            times.append(float(frame.time or 0.0))
            before = small
        assert stream.average_rate is not None
        return Decoded(
            truth=truth,
            size_bytes=video.stat().st_size,
            fps=float(stream.average_rate),
            width_px=stream.width,
            height_px=stream.height,
            times_sec=times,
            mean_rgb=np.array(means),
            jumps=np.array(jumps),
        )


def digest(video: Path) -> str:
    content = hashlib.sha256()
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            content.update(frame.to_ndarray(format="rgb24").tobytes())
    return content.hexdigest()


@cache
def planned_truth(seed: int) -> Truth:
    return truth_of(plan_film(seed), seed)


def check_truth(truth: dict[str, Any]) -> None:
    fps, steps, boundaries = truth["fps"], truth["steps"], truth["boundaries"]
    assert set(truth) == {"seed", "fps", "duration_sec", "steps", "boundaries"}
    assert fps in {25, 30}
    assert 5 <= len(steps) <= 7
    assert 40 <= truth["duration_sec"] <= 60
    assert steps[0]["start_sec"] == 0
    assert steps[-1]["end_sec"] == truth["duration_sec"]
    assert all(a["end_sec"] == b["start_sec"] for a, b in pairwise(steps))
    assert all(5 <= step["end_sec"] - step["start_sec"] <= 12 for step in steps)
    assert [b["time_sec"] for b in boundaries] == [step["start_sec"] for step in steps[1:]]
    for time in [step["end_sec"] for step in steps]:
        assert time * fps == pytest.approx(round(time * fps), abs=1e-6)
    assert len({step["label"] for step in steps}) == len(steps)
    kinds = [b["kind"] for b in boundaries]
    assert set(kinds) == {"hard", "soft"}
    assert kinds.count("soft") * 2 >= len(kinds)


def check_pixels(video: Decoded) -> None:
    edges = video.boundary_frames("soft") + video.boundary_frames("hard")
    quiet = np.ones(len(video.jumps), bool)
    quiet[[0, *edges]] = False
    usual = float(np.percentile(video.jumps[quiet], 95))
    second = round(video.fps)
    for frame in video.boundary_frames("soft"):
        after, before = (
            video.mean_rgb[frame : frame + second],
            video.mean_rgb[frame - second : frame],
        )
        assert video.jumps[frame] <= usual
        assert np.abs(after.mean(axis=0) - before.mean(axis=0)).max() < 5
    for frame in video.boundary_frames("hard"):
        assert video.jumps[frame] > max(20.0, 2 * video.jumps[quiet].max())


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film that was rendered just now, and its truth."""
    folder = tmp_path_factory.mktemp("fresh")
    render(FRESH_SEED, folder / "film.mp4", folder / "film.json")
    return folder


@pytest.fixture(scope="module")
def fresh(rendered: Path) -> Decoded:
    return decode(rendered / "film.mp4", json.loads((rendered / "film.json").read_text("utf-8")))


@pytest.fixture(scope="module")
def committed() -> Decoded:
    (video,) = COMMITTED
    truth = ROOT / "examples" / "ground_truth" / f"{video.stem}.json"
    return decode(video, json.loads(truth.read_text("utf-8")))


@pytest.fixture(params=[pytest.param("fresh", marks=pytest.mark.slow), "committed"])
def film(request: pytest.FixtureRequest) -> Decoded:
    decoded: Decoded = request.getfixturevalue(request.param)
    return decoded


def test_the_file_holds_what_its_truth_says(film: Decoded) -> None:
    check_truth(film.truth)
    fps, frames = film.truth["fps"], len(film.times_sec)
    assert film.fps == fps
    assert frames == round(film.truth["duration_sec"] * fps)
    assert film.times_sec == pytest.approx([index / fps for index in range(frames)], abs=1e-4)


def test_a_film_is_small(film: Decoded) -> None:
    assert film.size_bytes <= 1_000_000
    assert (film.width_px, film.height_px) == (640, 360)


def test_soft_boundaries_show_in_no_cut_or_colour_and_hard_ones_do(film: Decoded) -> None:
    check_pixels(film)


def test_something_moves_during_nearly_all_of_every_step(film: Decoded) -> None:
    fps = film.truth["fps"]
    quiet = float(np.median(film.jumps)) * 0.2
    for step in film.truth["steps"]:
        first, last = round(step["start_sec"] * fps) + 1, round(step["end_sec"] * fps)
        still = film.jumps[first:last] < quiet
        runs = "".join("." if s else "#" for s in still).split("#")
        assert max(map(len, runs)) < 1.0 * fps, step["label"]


@pytest.mark.parametrize("seed", PLANNED_SEEDS)
def test_the_truth_of_every_seed_keeps_its_contract(seed: int) -> None:
    check_truth(json.loads(json.dumps(asdict(planned_truth(seed)))))


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others() -> None:
    def pictures(seed: int) -> bytes:
        return b"".join(planes.tobytes() for planes in islice(frames_of(plan_film(seed), seed), 20))

    first = pictures(FRESH_SEED)
    assert first == pictures(FRESH_SEED)
    assert first != pictures(FRESH_SEED + 1)


def test_films_differ_in_work_and_order() -> None:
    plans = [planned_truth(seed) for seed in PLANNED_SEEDS]
    assert len({tuple(step.label for step in plan.steps) for plan in plans}) == len(plans)
    assert len({plan.duration_sec for plan in plans}) == len(plans)


@pytest.mark.slow
def test_another_process_renders_the_same_pixels(rendered: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.render", "--seed", str(FRESH_SEED)]
    command += ["--output", str(tmp_path / "there.mp4"), "--truth", str(tmp_path / "there.json")]
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=True
    )
    here, there = rendered / "film.json", tmp_path / "there.json"
    assert json.loads(here.read_text("utf-8"))["steps"][0]["label"] in done.stdout
    assert digest(rendered / "film.mp4") == digest(tmp_path / "there.mp4")
    assert here.read_text("utf-8") == there.read_text("utf-8")


@pytest.mark.campaign
@pytest.mark.parametrize("seed", MANY_SEEDS)
def test_every_seed_gives_a_film_that_keeps_all_promises(seed: int, tmp_path: Path) -> None:
    truth: Truth = render(seed, tmp_path / "film.mp4", tmp_path / "film.json")
    written = json.loads((tmp_path / "film.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(asdict(truth)))
    check_truth(written)
    video = decode(tmp_path / "film.mp4", written)
    assert video.size_bytes <= 1_000_000
    check_pixels(video)
