"""Load: real runs against an endpoint that takes so many requests at once and answers 429 beyond.

``python -m tests.campaigns.load --output docs/load.md`` does all of it; ``--scenario steady`` a
part. Each scenario is two runs of ``pipeline.py`` over the same videos: one against a server that
refuses what comes beyond its capacity, and one against the same server when it lets that wait, so
that nothing is ever refused. The second is what a run takes that always keeps to the capacity.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from tests.campaigns.busy_server import Arrival, BusyServer, Capacity, serving
from tests.campaigns.kills import copy_of_product
from tests.stages.processes import FOREIGN_VARIABLES
from tests.support.small_video import write_small_video
from three_stage.vlm.limiter import TRIAL_AFTER_ANSWERS

SETTLED_AFTER_SEC = 20.0
MOST_REFUSED = 0.05
LONGEST_RATIO = 1.35
ANSWER_TAKES_SEC = (1.0, 2.0)
VIDEOS = 40
SEED = 5
GIVEN_UP_AFTER_SEC = 600.0

_COLUMNS = (
    "scenario", "capacity of the server", "`--concurrency`", "videos done", "answers", "429",
    "after 20 s", "too early", "wall time, s", "never refused, s", "ratio",
)  # fmt: skip
_HOW = (
    "It starts at `--concurrency`; a 429 lowers the number in flight for everybody, to what the "
    "server still holds, and clean answers with every slot in use raise it again. A level that was "
    f"refused is tried anew only after {TRIAL_AFTER_ANSWERS} of them, so that trials alone cost "
    "about one answer in as many: between `--concurrency` and the capacity of a moment, a server "
    "that suddenly takes more is used fully a little later. The rules stand in "
    "`three_stage/vlm/limiter.py`."
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A capacity over time, ``--concurrency`` of the run, and what a refusal carries."""

    name: str
    about: str
    capacity: Capacity
    concurrency: int = 16
    retry_after: str | None = None


def _restless(seed: int, every_sec: float) -> Capacity:
    """Return another capacity from 2 to 8 every few seconds."""
    chosen = random.Random(seed)
    return Capacity(tuple((number * every_sec, chosen.randint(2, 8)) for number in range(40)))


SCENARIOS = (
    Scenario(
        name="steady", about="6 at once, all the time", capacity=Capacity(((0.0, 6),)),
    ),
    Scenario(
        name="changing", about="6, from second 25 on 3, from second 50 on 10",
        capacity=Capacity(((0.0, 6), (25.0, 3), (50.0, 10))),
    ),
    Scenario(
        name="retry-after", about="as changing; a 429 says Retry-After: 3",
        capacity=Capacity(((0.0, 6), (25.0, 3), (50.0, 10))), retry_after="3",
    ),
    Scenario(
        name="defaults", about="`--concurrency` as it is; 4, from second 30 on 2, from 50 on 8",
        capacity=Capacity(((0.0, 4), (30.0, 2), (50.0, 8))), concurrency=8,
    ),
    Scenario(
        name="restless", about="another capacity from 2 to 8 every 15 seconds",
        capacity=_restless(SEED, 15.0),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the pipeline, and what the server saw of it."""

    exit_code: int
    took_sec: float
    said: str
    arrivals: tuple[Arrival, ...]
    answers: int

    @property
    def refused(self) -> int:
        """How many requests got a 429."""
        return sum(arrival.was_refused for arrival in self.arrivals)

    def refused_share(self, after_sec: float) -> float:
        """Return the share of 429 among all answers to requests that came later than that."""
        late = [arrival for arrival in self.arrivals if arrival.at_sec >= after_sec]
        return sum(arrival.was_refused for arrival in late) / max(1, len(late))

    def too_early(self) -> int:
        """Count the requests that came again before their own Retry-After had passed."""
        not_before: dict[str, float] = {}
        early = 0
        for arrival in self.arrivals:
            early += arrival.at_sec < not_before.get(arrival.digest, 0.0)
            not_before[arrival.digest] = arrival.at_sec + (arrival.retry_after_sec or 0.0)
        return early


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A scenario's two runs."""

    scenario: Scenario
    videos: int
    refusing: Run
    waiting: Run

    @property
    def ratio(self) -> float:
        """Wall time, against the run that was never refused."""
        return self.refusing.took_sec / self.waiting.took_sec

    def deviations(self) -> Iterator[str]:
        """Yield what is not as it must be."""
        for name, run in (("refusing", self.refusing), ("waiting", self.waiting)):
            if run.exit_code != 0 or f"{self.videos} done" not in run.said:
                yield f"the {name} run ended with {run.exit_code}: {run.said[-500:]}"
        share = self.refusing.refused_share(SETTLED_AFTER_SEC)
        if share > MOST_REFUSED:
            yield f"{share:.1%} of the answers after {SETTLED_AFTER_SEC:g} s are 429"
        if self.ratio > LONGEST_RATIO:
            yield f"it took {self.ratio:.2f} times as long as a run that is never refused"
        if self.refusing.too_early():
            yield f"{self.refusing.too_early()} requests came before their Retry-After"


class Campaign:
    """Videos, a copy of the product, and the answers that were heard once."""

    def __init__(
        self, scratch: Path, videos: int, takes_sec: tuple[float, float] = ANSWER_TAKES_SEC
    ) -> None:
        self._scratch = scratch
        self._videos = videos
        self._takes_sec = takes_sec
        self._answers: dict[str, bytes] = {}
        self._tree = copy_of_product(scratch / "tree")
        self._folder = scratch / "videos"
        self._folder.mkdir()
        for number in range(videos):
            path = self._folder / f"video {number:03d}.mp4"
            write_small_video(path, activities=4, seconds_each=1.0, number=number)
        self._hear()

    def run(self, scenario: Scenario) -> Outcome:
        """Run a scenario against both kinds of server."""
        return Outcome(
            scenario=scenario, videos=self._videos,
            refusing=self.run_against(scenario, "refused"),
            waiting=self.run_against(scenario, "waits"),
        )  # fmt: skip

    def _hear(self) -> None:
        """Let the embedded model answer once, so that all later answers are canned."""
        one = self._scratch / "one"
        one.mkdir()
        shutil.copy2(self._folder / "video 000.mp4", one)
        everything = Scenario(name="hear", about="", capacity=Capacity(((0.0, 99),)))
        self._run_on(one, everything, "refused", (0.0, 0.0))

    def run_against(self, scenario: Scenario, beyond: Literal["refused", "waits"]) -> Run:
        """Run once against a server that refuses, or lets wait, what comes beyond."""
        return self._run_on(self._folder, scenario, beyond, self._takes_sec)

    def _run_on(
        self,
        videos: Path,
        scenario: Scenario,
        beyond: Literal["refused", "waits"],
        takes_sec: tuple[float, float],
    ) -> Run:
        chosen = random.Random(SEED)
        server = BusyServer(
            capacity=scenario.capacity, beyond=beyond, answers=self._answers,
            latency_sec=lambda: chosen.uniform(*takes_sec),
            retry_after=scenario.retry_after,
        )  # fmt: skip
        output_root = self._scratch / "outputs"
        with serving(server):
            process = self._start(videos, output_root, server.url, scenario.concurrency)
            server.begin()
            try:
                said, _ = process.communicate(timeout=GIVEN_UP_AFTER_SEC)
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
            took_sec = server.now_sec
        shutil.rmtree(output_root)
        return Run(
            exit_code=process.returncode, took_sec=took_sec, said=said,
            arrivals=tuple(server.arrivals), answers=len(server.answered_at_sec),
        )  # fmt: skip

    def _start(
        self, videos: Path, output_root: Path, url: str, concurrency: int
    ) -> subprocess.Popen[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in FOREIGN_VARIABLES and not name.startswith("THREE_STAGE_")
        }
        return subprocess.Popen(
            [
                sys.executable, str(self._tree / "pipeline.py"), "--input-video-dir", str(videos),
                "--output-root", str(output_root), "--api-base", url, "--max-frames", "12",
                "--num-workers", "2", "--concurrency", str(concurrency),
            ],
            cwd=self._scratch, env={**environment, "PYTHONPATH": str(self._tree)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip


def report(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as Markdown."""
    lines = ["# Under load", "", *_about(outcomes), ""]
    lines += [
        f"| {' | '.join(_COLUMNS)} |",
        "|---|---|" + "---:|" * (len(_COLUMNS) - 2),
    ]
    for outcome in outcomes:
        scenario, run = outcome.scenario, outcome.refusing
        done = f"{outcome.videos} of {outcome.videos}" if run.exit_code == 0 else "not all"
        lines.append(
            f"| {scenario.name} | {scenario.about} | {scenario.concurrency} | {done} | "
            f"{run.answers} | {run.refused} | {run.refused_share(SETTLED_AFTER_SEC):.1%} | "
            f"{run.too_early()} | {run.took_sec:.1f} | {outcome.waiting.took_sec:.1f} | "
            f"{outcome.ratio:.2f} |"
        )
    bad = [f"- {o.scenario.name}: {line}" for o in outcomes for line in o.deviations()]
    lines += ["", "## Deviations", "", *(bad or ["None."])]
    return "\n".join(lines) + "\n"


def _about(outcomes: Sequence[Outcome]) -> list[str]:
    low, high = ANSWER_TAKES_SEC
    made = (
        "Made by `python -m tests.campaigns.load --output docs/load.md`. Each line is two real "
        f"runs of `pipeline.py` over {outcomes[0].videos} videos of 4 s, six requests each; an "
        f"answer takes {low:g} to {high:g} s."
    )
    columns = (
        "*429*: requests refused because the server had as many as it takes. *After 20 s*: their "
        f"share of all answers from then on (allowed: {MOST_REFUSED:.0%}). *Too early*: requests "
        "that came again before their own `Retry-After` had passed (allowed: none). *Never "
        "refused*: the same run against the same server when it lets wait what is too much, so "
        "that there is no 429 and the capacity is always used. *Ratio*: of the two wall times "
        f"(allowed: {LONGEST_RATIO:g}), all work on videos included."
    )
    return [made, "", columns, "", _HOW]


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
@click.option("--output", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option(
    "--scenario", "names", multiple=True, type=click.Choice([one.name for one in SCENARIOS])
)
@click.option("--videos", type=click.IntRange(1), default=VIDEOS, show_default=True)
def main(output: Path | None, names: tuple[str, ...], videos: int) -> None:
    """Run the campaign."""
    chosen = [one for one in SCENARIOS if not names or one.name in names]
    with tempfile.TemporaryDirectory() as scratch:
        campaign = Campaign(Path(scratch), videos)
        outcomes = []
        for scenario in chosen:
            outcomes.append(campaign.run(scenario))
            click.echo(f"{len(outcomes)} of {len(chosen)} scenarios", err=True)
    text = report(outcomes)
    if output is not None:
        output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(text)
    if any(list(outcome.deviations()) for outcome in outcomes):
        raise click.ClickException("a run under load is not as it must be")


if __name__ == "__main__":
    main()
