"""Faults: runs of the pipeline against an endpoint in trouble; what is done, paid for and said.

``python -m tests.campaigns.faults --output docs/reliability.md`` does all of it; ``--sample 4
--seed 1`` a part; ``--only 429`` the cases whose name holds these words. After each run that does
not finish, the same command runs with a healthy endpoint; it must finish everything and pay only
for what is missing, by the count of the server.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import click

from tests.campaigns.fault_cases import MANY, Case, cases, sampled
from tests.campaigns.fault_kinds import SHORT_VIDEO_PICTURES
from tests.campaigns.fault_server import Answers
from tests.campaigns.fault_trials import Lane, Outcome, run_case, run_undisturbed
from tests.campaigns.faults_report import report
from tests.campaigns.kills import copy_of_product
from tests.campaigns.telling import Teller
from tests.support.small_video import FPS, write_small_video

ACTIVITIES = 3
FRAMES = 15


class Campaign:
    """A copy of the product, videos, and lanes that run one case at a time each."""

    def __init__(self, scratch: Path, lanes: int, names: Sequence[str] = MANY) -> None:
        tree, videos = copy_of_product(scratch / "tree"), scratch / "videos"
        videos.mkdir()
        for number, name in enumerate(names):
            frames = SHORT_VIDEO_PICTURES if name == "second" else FRAMES
            write_small_video(
                videos / f"{name}.mp4", activities=ACTIVITIES,
                seconds_each=frames / ACTIVITIES / FPS, number=number,
            )  # fmt: skip
        answers = Answers()
        self._lanes: SimpleQueue[Lane] = SimpleQueue()
        self._number = lanes
        for number in range(lanes):
            folder = scratch / f"lane{number}"
            folder.mkdir()
            self._lanes.put(Lane(folder, tree, videos, answers))
        self._names = names

    def run(
        self, table: Sequence[Case], told: Callable[[Outcome], None] = lambda _outcome: None
    ) -> list[Outcome]:
        """Run all cases, one a lane at a time; ``told`` hears of each when it is done."""
        first = self._lanes.get()
        undisturbed = run_undisturbed(first, self._names)
        self._lanes.put(first)

        def one(case: Case) -> Outcome:
            lane = self._lanes.get()
            lane.undisturbed = undisturbed
            try:
                outcome = run_case(case, lane)
            finally:
                self._lanes.put(lane)
            told(outcome)
            return outcome

        with ThreadPoolExecutor(self._number) as pool:
            return list(pool.map(one, table))


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
@click.option("--output", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--sample", type=click.IntRange(2), help="Run only so many, half of them endings.")
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the sample.")
@click.option("--only", help="Run the cases whose name holds these words.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
def main(
    output: Path | None, sample: int | None, seed: int, only: str | None, workers: int
) -> None:
    """Run the campaign."""
    table = [case for case in cases() if only is None or only in case.name]
    if sample is not None:
        table = sampled(table, sample // 2, sample - sample // 2, seed)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        outcomes = Campaign(Path(scratch), workers).run(table, Teller(len(table)))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(report(outcomes), encoding="utf-8", newline="\n")
    click.echo(f"{len(outcomes)} cases, {time.monotonic() - start:.0f} s")
    if any(outcome.deviations for outcome in outcomes):
        raise click.ClickException("not everything came as the table says")


if __name__ == "__main__":
    main()
