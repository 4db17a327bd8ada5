"""How well does the embedded model find step boundaries that are known to the frame?

    python -m benchmarks.boundaries --seeds 1000-1009 --output-md docs/boundaries.md

Renders the example films of the seeds, runs the pipeline on them with the embedded model, and
compares the starts of the steps 2..n with the truth, hard and soft boundaries apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from examples.render import Truth, render

ROOT = Path(__file__).resolve().parent.parent
KINDS: tuple[Literal["hard", "soft"], ...] = ("hard", "soft")
WANTED_SHARE = {"hard": 0.8, "soft": 0.6}
# Besides one interval between two pictures, what a boundary may be off.
EXTRA_TOLERANCE_SEC = 0.2


@dataclass(frozen=True)
class Prediction:
    """What the pipeline found in one video, and how far apart the pictures were that it saw."""

    boundaries_sec: tuple[float, ...]
    pool_interval_sec: float

    @property
    def steps(self) -> int:
        """How many steps were found."""
        return len(self.boundaries_sec) + 1

    @property
    def tolerance_sec(self) -> float:
        """How far from the truth a found boundary may lie."""
        return self.pool_interval_sec + EXTRA_TOLERANCE_SEC


@dataclass(frozen=True)
class Score:
    """One video: for each true boundary its kind and its error in seconds, None where not found."""

    seed: int
    true_steps: int
    found_steps: int
    tolerance_sec: float
    errors_sec: tuple[tuple[Literal["hard", "soft"], float | None], ...]
    even_split_errors_sec: tuple[tuple[Literal["hard", "soft"], float | None], ...]


def match_boundaries(
    true_sec: Sequence[float], found_sec: Sequence[float], tolerance_sec: float
) -> list[float | None]:
    """Pair true and found boundaries one to one, the closest pair first.

    Returns for each true boundary `found - true` in seconds, or None where no found boundary
    that is still free lies within the tolerance (which itself counts as within).
    """
    pairs = sorted(
        (abs(found - true), i, j)
        for i, true in enumerate(true_sec)
        for j, found in enumerate(found_sec)
        if abs(found - true) <= tolerance_sec + 1e-9
    )
    errors: list[float | None] = [None] * len(true_sec)
    taken: set[int] = set()
    for _, i, j in pairs:
        if errors[i] is None and j not in taken:
            errors[i] = found_sec[j] - true_sec[i]
            taken.add(j)
    return errors


def read_prediction(video_folder: Path) -> Prediction:
    """Read the step starts and the pool's interval from a finished output folder of the pipeline.

    Raises FileNotFoundError or KeyError when the folder is not a finished one.
    """
    segments_path = video_folder / "stage2" / "step_segments.json"
    manifest_path = video_folder / "stage1" / "frame_manifest.json"
    segments = json.loads(segments_path.read_text(encoding="utf-8"))["segments"]
    frames = json.loads(manifest_path.read_text(encoding="utf-8"))["frames"]
    times = [frame["timestamp_sec"] for frame in frames]
    return Prediction(
        boundaries_sec=tuple(segment["start_sec"] for segment in segments[1:]),
        pool_interval_sec=(times[-1] - times[0]) / (len(times) - 1),
    )


def score_video(truth: Truth, prediction: Prediction) -> Score:
    """Compare one video's prediction, and an even split into as many steps, with the truth."""
    true_sec = [boundary.time_sec for boundary in truth.boundaries]
    even = [truth.duration_sec * index / prediction.steps for index in range(1, prediction.steps)]
    kinds = [boundary.kind for boundary in truth.boundaries]
    found, split = (
        tuple(zip(kinds, match_boundaries(true_sec, guess, prediction.tolerance_sec), strict=True))
        for guess in (prediction.boundaries_sec, even)
    )
    return Score(
        seed=truth.seed,
        true_steps=len(truth.steps),
        found_steps=prediction.steps,
        tolerance_sec=prediction.tolerance_sec,
        errors_sec=found,
        even_split_errors_sec=split,
    )


def count_found(errors: Sequence[tuple[str, float | None]], kind: str) -> tuple[int, int]:
    """Return how many boundaries of a kind were found, and how many there are."""
    of_kind = [error for its_kind, error in errors if its_kind == kind]
    return sum(error is not None for error in of_kind), len(of_kind)


def to_markdown(scores: Sequence[Score]) -> str:
    """Return the report: the two shares against what is wanted, then a line for each seed."""
    lines = [
        "# How well the embedded model finds step boundaries",
        "",
        "Films rendered by `python -m examples.render`, annotated with `--provider offline`. A",
        "boundary counts as found when a step that was found begins within one interval between",
        f"two pictures of the pool + {EXTRA_TOLERANCE_SEC} s of it; each found boundary counts",
        "once. Hard: the film cuts to another work place. Soft: the camera stays, only the work",
        "changes. Even split: the film cut into as many equal steps as were found.",
        "",
        "| boundaries | found | of | share | wanted | even split | middle error |",
        "|---|---|---|---|---|---|---|",
    ]
    every = [error for score in scores for error in score.errors_sec]
    split = [error for score in scores for error in score.even_split_errors_sec]
    for kind in KINDS:
        found, total = count_found(every, kind)
        even, _ = count_found(split, kind)
        away = sorted(abs(error) for its, error in every if its == kind and error is not None)
        middle = f"{away[len(away) // 2]:.2f} s" if away else "-"
        lines.append(
            f"| {kind} | {found} | {total} | {_percent(found, total)} | "
            f">= {WANTED_SHARE[kind]:.0%} | {_percent(even, total)} | {middle} |"
        )
    lines += [
        "",
        "| seed | true steps | found steps | hard found | soft found | tolerance |",
        "|---|---|---|---|---|---|",
    ]
    for score in scores:
        hard, soft = (count_found(score.errors_sec, kind) for kind in KINDS)
        lines.append(
            f"| {score.seed} | {score.true_steps} | {score.found_steps} | {hard[0]}/{hard[1]} | "
            f"{soft[0]}/{soft[1]} | {score.tolerance_sec:.2f} s |"
        )
    return "\n".join(lines) + "\n"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of `3`, `3,5` or `1000-1009`; raises ValueError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    if not seeds:
        raise ValueError(f"no seeds in {text!r}")
    return seeds


def measure(seeds: Sequence[int], folder: Path) -> list[Score]:
    """Render the seeds' films into a folder, run the pipeline there and score what it found.

    Raises click.ClickException with the pipeline's own words when it fails.
    """
    truths: list[Truth] = []
    for seed in seeds:
        name = f"seed_{seed}"
        click.echo(f"rendering {name}", err=True)
        truths.append(render(seed, folder / "videos" / f"{name}.mp4", folder / f"{name}.json"))
    command = [sys.executable, str(ROOT / "pipeline.py")]
    command += ["--input-video-dir", str(folder / "videos")]
    command += ["--output-root", str(folder / "outputs"), "--provider", "offline"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr)[-2000:]
        raise click.ClickException(f"the pipeline ended with {done.returncode}:\n{words}")
    return [
        score_video(truth, read_prediction(folder / "outputs" / f"seed_{truth.seed}"))
        for truth in truths
    ]


@click.command()
@click.option("--seeds", default="1000-1009", show_default=True, help="Like 7 or 1,2 or 10-19.")
@click.option(
    "--output-md",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the report to this file.",
)
def main(seeds: str, output_md: Path | None) -> None:
    """Measure the embedded model's step boundaries on rendered films."""
    try:
        numbers = parse_seeds(seeds)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write seeds like 7 or 1,2 or 10-19") from error
    with tempfile.TemporaryDirectory() as folder:
        report = to_markdown(measure(numbers, Path(folder)))
    click.echo(report)
    if output_md is not None:
        output_md.parent.mkdir(parents=True, exist_ok=True)
        output_md.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
