"""Kills: runs of the pipeline die at chosen and at random moments; the next run must mend all.

``python -m tests.campaigns.kills --output docs/kills.md`` does all of it; ``--sample 10 --seed 1``
a part. After each kill the same command runs again at once, and the folder must be the one that an
undisturbed run makes, up to times and ids. No answer that was on disk may be asked for again, by
the count of the server.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Self

import click

from tests.campaigns.kill_cases import SCENARIOS, Case, Scenario, choose, sampled
from tests.campaigns.kill_trials import (
    Lane,
    Outcome,
    Undisturbed,
    make_base,
    run_case,
    run_undisturbed,
)
from tests.campaigns.kills_report import report
from tests.campaigns.telling import Teller
from tests.support.served_offline import served_offline
from tests.support.small_video import write_small_video

ROOT = Path(__file__).parents[2]
COPIED = ("schemas", "prompts", "stages", "three_stage", "tests", "pipeline.py")
VIDEOS = {"first": 3, "second": 4}
"""Names of the videos, and how many activities each shows, for a second each."""

ANSWER_TAKES_SEC = 0.05


class Campaign:
    """A copy of the product, lanes, and the undisturbed runs; a context manager.

    The copy keeps edits of the working tree out of runs that are compared with each other.
    """

    def __init__(self, scratch: Path, lanes: int) -> None:
        self._scratch = scratch
        self._stack = ExitStack()
        self._lanes: SimpleQueue[Lane] = SimpleQueue()
        self._number = lanes

    def __enter__(self) -> Self:
        tree = copy_of_product(self._scratch / "tree")
        for name, activities in VIDEOS.items():
            path = self._scratch / f"{name}.mp4"
            write_small_video(path, activities=activities, seconds_each=1.0)
        for number in range(self._number):
            folder = self._scratch / f"lane{number}"
            folder.mkdir()
            served = served_offline(delay_sec=lambda _body: ANSWER_TAKES_SEC)
            endpoint = self._stack.enter_context(served)
            self._lanes.put(Lane(folder, tree, self._scratch, endpoint))
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def prepare(self, scenarios: Sequence[Scenario]) -> list[Undisturbed]:
        """Run every scenario once without a kill. Raises RuntimeError when one fails."""
        lane = self._lanes.get()
        try:
            goes_on = any(scenario.goes_on for scenario in scenarios)
            base = make_base(SCENARIOS[0], lane) if goes_on else None
            return [
                run_undisturbed(scenario, lane, base if scenario.goes_on else None)
                for scenario in scenarios
            ]
        finally:
            self._lanes.put(lane)

    def run(
        self,
        cases: Sequence[Case],
        undisturbed: Sequence[Undisturbed],
        told: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> list[Outcome]:
        """Run all cases, one a lane at a time; ``told`` hears of each when it is done.

        After Ctrl-C, returns what came of those that were begun.
        """
        by_name = {whole.scenario.name: whole for whole in undisturbed}

        def one(case: Case) -> Outcome:
            lane = self._lanes.get()
            try:
                outcome = run_case(case, by_name[case.scenario], lane)
            finally:
                self._lanes.put(lane)
            told(outcome)
            return outcome

        pool = ThreadPoolExecutor(self._number)
        begun = [pool.submit(one, case) for case in cases]
        try:
            wait(begun)
        except KeyboardInterrupt:
            click.echo("Interrupted; the cases under way are ended first.", err=True)
        pool.shutdown(cancel_futures=True)
        return [future.result() for future in begun if not future.cancelled()]


def _cases_of(
    _context: click.Context, _option: click.Parameter, texts: Sequence[str]
) -> list[Case]:
    try:
        return [Case.parse(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def copy_of_product(folder: Path) -> Path:
    """Copy what runs to a folder and return it."""
    skipped = shutil.ignore_patterns("__pycache__", ".*", "*.mp4")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
@click.option("--output", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--sample", type=click.IntRange(1), help="Kill only so many times.")
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the kills.")
@click.option("--case", "named", multiple=True, callback=_cases_of, help="Run just this case.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
def main(
    output: Path | None, sample: int | None, seed: int, named: list[Case], workers: int
) -> None:
    """Run the campaign."""
    wanted = {case.scenario for case in named} or {scenario.name for scenario in SCENARIOS}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, Campaign(Path(scratch), workers) as campaign:
        undisturbed = campaign.prepare([s for s in SCENARIOS if s.name in wanted])
        cases = named or choose([whole.extent for whole in undisturbed], seed)
        cases = sampled(cases, sample or sum(len(case.kills) for case in cases), seed)
        outcomes = campaign.run(cases, undisturbed, Teller(len(cases)))
    part = f" --sample {sample}" if sample else ""
    chosen = "".join(f" --case '{case}'" for case in named) or f"{part} --seed {seed}"
    command = f"python -m tests.campaigns.kills{chosen}"
    text = report(outcomes, undisturbed, command, stopped=len(cases) - len(outcomes))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(text)
    click.echo(f"{time.monotonic() - start:.0f} s")
    if any(outcome.deviations for outcome in outcomes):
        raise click.ClickException("a folder is not as an undisturbed run leaves it")


if __name__ == "__main__":
    main()
