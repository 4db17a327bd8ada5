"""Renders a video of a procedure whose step boundaries are known to the frame.

    python -m examples.render --seed 7 --output table.mp4 --truth table.json

A fixed camera watches hands (or a gripper) at a table: they stir, pour, stack, push, wipe. Between
two steps either only the work changes (a soft boundary) or the film cuts to another work place (a
hard one). The same seed gives the same pixels; another seed another film.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import av
import click
import cv2
import numpy as np

from examples.drawing import Pixels, soft_noise
from examples.storyboard import HEIGHT_PX, WIDTH_PX, Film, plan_film

MAX_BYTES = 1_000_000
_NOISE_IMAGES = 8
_NOISE_STRENGTH = 1.6
_QUALITIES_CRF = (24, 27, 30, 33, 36)


@dataclass(frozen=True)
class TrueStep:
    """One step as it really is; seconds from the first frame, the end is the next one's start."""

    start_sec: float
    end_sec: float
    label: str


@dataclass(frozen=True)
class TrueBoundary:
    """The instant between two steps: the time of the later step's first frame."""

    time_sec: float
    kind: Literal["hard", "soft"]


@dataclass(frozen=True)
class Truth:
    """What happens when in a rendered video."""

    seed: int
    fps: int
    duration_sec: float
    steps: tuple[TrueStep, ...]
    boundaries: tuple[TrueBoundary, ...]


def truth_of(film: Film, seed: int) -> Truth:
    """Return the truth about a planned film; every time is a frame's number / fps."""
    steps: list[TrueStep] = []
    boundaries: list[TrueBoundary] = []
    frame = 0
    for shot in film.shots:
        for step, activity in enumerate(shot.activities):
            if frame:
                boundaries.append(TrueBoundary(frame / film.fps, "soft" if step else "hard"))
            end = frame + film.step_frames[len(steps)]
            steps.append(TrueStep(frame / film.fps, end / film.fps, activity.label))
            frame = end
    return Truth(seed, film.fps, frame / film.fps, tuple(steps), tuple(boundaries))


def frames_of(film: Film, seed: int) -> Iterator[Pixels]:
    """Yield every picture of a film as YUV 4:2:0 planes, with a camera's faint noise.

    A picture is (height * 3 / 2, width): brightness, then both colour planes, as encoders take it.
    """
    rng = np.random.default_rng([seed, 1])
    noise = [_noise_image(rng) for _ in range(_NOISE_IMAGES)]
    step_frames = iter(film.step_frames)
    for shot in film.shots:
        for step in range(len(shot.activities)):
            stage = shot.stage(step)
            for frame in range(next(step_frames)):
                pixels = shot.draw(step, frame / film.fps, stage)
                planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)
                grain = noise[int(rng.integers(_NOISE_IMAGES))]
                planes[:HEIGHT_PX] = cv2.addWeighted(planes[:HEIGHT_PX], 1, grain, 1, -128)
                yield np.asarray(planes, np.uint8)


def _noise_image(rng: np.random.Generator) -> Pixels:
    """Return sensor noise around 128, a little coarser than a pixel as cameras smooth it."""
    noise = soft_noise(rng, (HEIGHT_PX, WIDTH_PX), (1.5, 1.5)) * _NOISE_STRENGTH
    return np.round(128 + noise).astype(np.uint8)


def _encode(film: Film, seed: int, video_path: Path, crf: int) -> None:
    # A fixed number of threads: x264's output depends on it, and the same seed is the same file.
    options = {"crf": str(crf), "preset": "veryfast", "threads": "2"}
    with av.open(str(video_path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=film.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for planes in frames_of(film, seed):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())


def render(seed: int, video_path: Path, truth_path: Path) -> Truth:
    """Render the film of a seed to an MP4 file of at most MAX_BYTES, and its truth to JSON.

    Raises RuntimeError when the film does not fit into MAX_BYTES at any quality.
    """
    film = plan_film(seed)
    video_path.parent.mkdir(parents=True, exist_ok=True)
    truth_path.parent.mkdir(parents=True, exist_ok=True)
    for crf in _QUALITIES_CRF:
        _encode(film, seed, video_path, crf)
        if video_path.stat().st_size <= MAX_BYTES:
            break
    else:
        raise RuntimeError(f"{video_path}: seed {seed} makes more than {MAX_BYTES} bytes")
    truth = truth_of(film, seed)
    text = json.dumps(asdict(truth), indent=2, ensure_ascii=False) + "\n"
    truth_path.write_text(text, encoding="utf-8")
    return truth


@click.command()
@click.option("--seed", type=click.IntRange(min=0), required=True, help="Which film.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="MP4 file."
)
@click.option(
    "--truth", type=click.Path(path_type=Path, dir_okay=False), required=True, help="JSON file."
)
def main(seed: int, output: Path, truth: Path) -> None:
    """Render a video of a procedure and the truth about its steps."""
    result = render(seed, output, truth)
    for step in result.steps:
        print(f"{step.start_sec:7.2f} {step.end_sec:7.2f}  {step.label}")


if __name__ == "__main__":
    sys.exit(main())
