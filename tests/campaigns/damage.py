"""Damage of every kind to finished folders, and what the validator says of each.

``python -m tests.campaigns.damage --output docs/damage.md`` does all of it; ``--sample 60
--seed 7`` a part, for CI. Damage that is not found must have a reason why nothing in the folder
tells it (``damage_reasons``); without one it is missed, and a reason that is never needed is
stale: both fail the campaign, and so do a crash, a time-out and a traceback.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import click

from tests.campaigns import damage_files, damage_frames, damage_values
from tests.campaigns.damage_command import check_one_by_one, check_together
from tests.campaigns.damage_folder import MODES, Damage, GoodFolder
from tests.campaigns.damage_judge import Verdict, judge_all
from tests.campaigns.damage_kind import Kind, aimed, equal_shares
from tests.campaigns.damage_reasons import REASONS
from tests.campaigns.damage_report import Result, page, stale_reasons
from tests.support.finished_folder import make_finished_folder

KINDS: tuple[Kind, ...] = (*damage_values.KINDS, *damage_frames.KINDS, *damage_files.KINDS)


@dataclass(frozen=True)
class Made:
    """A good folder: options of the pipeline that makes it, and damages a kind and mode."""

    options: tuple[str, ...]
    each: int


FOLDERS = (Made((), 15), Made(("--cut-mode", "copy", "--keep-audio", "--post-validate"), 6))

AIMED = 2
"""Damages aimed at the places of each reason, a kind and mode of it: a reason must be needed."""

ASKED_ALONE, ASKED_TOGETHER, ROOTS = 24, 8, 3
"""Damages that the command is run on: one by one; together in one output root, so many roots."""


@dataclass
class Campaign:
    """A campaign under way: the folders, and what came of it."""

    scratch: Path
    num_workers: int
    seed: int
    results: list[Result] = field(default_factory=list)
    at_reasons: list[Result] = field(default_factory=list)
    command_problems: list[str] = field(default_factory=list)
    commands: int = 0

    def good_folder(self, options: Sequence[str]) -> GoodFolder:
        """Make a finished folder with options of the pipeline."""
        root = self.scratch / f"made{'_'.join(options).replace('-', '')}"
        root.mkdir()
        return GoodFolder.read(make_finished_folder(root, *options))

    def judge(
        self, good: GoodFolder, damages: Sequence[Damage], said: Callable[[], None]
    ) -> list[Result]:
        """Let the validator judge damages of one folder."""

        def judged(_verdict: Verdict) -> None:
            said()

        verdicts = asyncio.run(
            judge_all(good.root, damages, num_workers=self.num_workers, on_verdict=judged)
        )
        return [Result.of(good, verdict, REASONS) for verdict in verdicts]

    def ask_the_command(self, good: GoodFolder, damages: Sequence[Damage]) -> None:
        """Run the command on some of the damages, one by one and together."""
        rng = Random(f"{self.seed} command")
        alone = rng.sample(damages, min(ASKED_ALONE, len(damages)))
        self.command_problems += check_one_by_one(good.root, alone, self.num_workers)
        for _ in range(ROOTS):
            together = rng.sample(damages, min(ASKED_TOGETHER, len(damages)))
            self.command_problems += check_together(good.root, together)
        self.commands += len(alone) + ROOTS


def sampled(good: GoodFolder, kinds: Sequence[Kind], count: int, seed: int) -> list[Damage]:
    """Return a seeded sample of ``count`` damages, kinds alike."""
    each = -(-count // (len(kinds) * len(MODES)))
    damages = equal_shares(good, kinds, MODES, each, seed)
    return Random(seed).sample(damages, min(count, len(damages)))


def at_reasons(good: GoodFolder, seed: int) -> list[Damage]:
    """Return damages at the places of which a reason says that nothing tells what was there."""
    found: list[Damage] = []
    for reason in REASONS:
        for kind in (kind for kind in KINDS if kind.name in reason.kinds):
            for mode in reason.modes:
                rng = Random(f"{seed} {reason.where} {kind.name} {mode}")
                found += aimed(good, kind, mode, reason.fits, AIMED, rng)
    return list(dict.fromkeys(found))


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
@click.option("--output", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--sample", type=click.IntRange(1), help="Only so many, of the first folder only.")
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the places.")
@click.option("--only", default="", help="Only kinds of damage whose name holds this text.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
def main(output: Path | None, sample: int | None, seed: int, only: str, workers: int) -> None:
    """Run the campaign."""
    start = time.monotonic()
    is_whole = sample is None and not only
    kinds = [kind for kind in KINDS if only in kind.name]
    if not kinds:
        raise click.UsageError(f"--only {only!r}: the kinds are {', '.join(k.name for k in KINDS)}")
    with tempfile.TemporaryDirectory(prefix="damage-campaign-") as scratch:
        campaign = Campaign(Path(scratch), workers, seed)
        for made in FOLDERS if sample is None else FOLDERS[:1]:
            good = campaign.good_folder(made.options)
            if sample is None:
                damages = equal_shares(good, kinds, MODES, made.each, seed)
            else:
                damages = sampled(good, kinds, sample, seed)
            with click.progressbar(length=len(damages), label=" ".join(made.options)) as bar:
                said = partial(bar.update, 1)
                campaign.results += campaign.judge(good, damages, said)
            if is_whole:
                campaign.at_reasons += campaign.judge(good, at_reasons(good, seed), _say_nothing)
                campaign.ask_the_command(good, damages)
    part = f" --sample {sample} --seed {seed}" if sample else ""
    text = page(
        campaign.results, campaign.at_reasons, KINDS, REASONS,
        command=f"python -m tests.campaigns.damage{part}",
        folders=[" ".join(made.options) for made in FOLDERS],
        commands=campaign.commands,
        command_problems=campaign.command_problems,
        is_whole=is_whole,
    )  # fmt: skip
    click.echo(text)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(f"{time.monotonic() - start:.0f} s")
    failures = _failures(campaign, is_whole=is_whole)
    if failures:
        raise click.ClickException("\n".join(failures))


def _say_nothing() -> None:
    """Take no notice of a verdict."""


def _failures(campaign: Campaign, *, is_whole: bool) -> list[str]:
    results = [*campaign.results, *campaign.at_reasons]
    missed = [result for result in results if result.is_missed]
    troubles = [result.verdict for result in results if result.verdict.trouble]
    stale = stale_reasons(results, REASONS) if is_whole else []
    return [
        *(f"missed: {result.words}" for result in missed),
        *(f"trouble: {verdict.damage.kind}: {verdict.trouble}" for verdict in troubles),
        *(f"a reason that was never needed: {reason.where}: {reason.why}" for reason in stale),
        *campaign.command_problems,
    ]


if __name__ == "__main__":
    main()
