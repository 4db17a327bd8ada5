"""What the kill campaign found, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tests.campaigns.children import can_be_seen
from tests.campaigns.kill_points import MOMENTS
from tests.campaigns.kill_trials import Outcome, Undisturbed
from tests.campaigns.same_folder import MAY_DIFFER

_HEAD = (
    "| cases | kills | folders equal | requests needed | made | allowed | longest orphan, s |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)
_KINDS = {
    "instant": "at a random instant",
    "write": "aimed at an atomic write",
    "journal": "aimed at a line of `calls.jsonl`",
    "removal": "aimed at a removal",
    "cut": "aimed at a cut",
    "several": "several in a row on one folder",
}

_METHOD = (
    "A run is killed with SIGKILL, its process alone: its ffmpeg and its workers are not. The same "
    "command runs again at once and is left alone. *Equal*: every file and folder is the one that "
    "a run makes which nobody killed, up to times and ids; the validator finds no error; nothing "
    "else lies there; no answer that was on disk at a kill was asked for again; no process of the "
    "killed run lived more than 5 s longer. *Requests* are the server's own count over all runs "
    "of a folder; *allowed*: those needed, and `--concurrency` more a kill. *Orphans* are what the "
    "killed run had started; 0.00 is gone when first looked for."
)
_TORN = (
    "*torn*: half of the bytes are on disk. *running*: ffmpeg has begun its file. A removal is "
    "also one of a file that is not there (any more)."
)
_COMPARED = (
    "All else is compared: files byte by byte, the summary and the journal value by value "
    "(attempts, usage, cost, warnings, keys, generations, sizes, digests, raw answers)."
)
_OVERWRITTEN = (
    "An `--overwrite` that was over when the kill came is gone on with without the flag: with it, "
    "the next run would be another overwrite."
)
_AGAIN = (
    "All of it: `python -m tests.campaigns.kills --output docs/kills.md`. A part: `--sample 10 "
    "--seed 3`. One case: `--case 'two@write:17:torn'`, where `17:torn` is the 17th write, with "
    "half of its temporary file on disk; `0.850s` is an instant, and `+` joins kills in a row. A "
    "deviation is listed with its case."
)


def report(
    outcomes: Sequence[Outcome],
    undisturbed: Sequence[Undisturbed],
    command: str,
    *,
    stopped: int = 0,
) -> str:
    """Return the campaign as Markdown; ``stopped`` is how many cases an interruption left out."""
    bad = [outcome for outcome in outcomes if outcome.deviations]
    lines = ["# Killed runs", "", *_about(outcomes, command, stopped), ""]
    lines += ["## By kind of kill", "", f"| kind {_HEAD}"]
    for kind, words in _KINDS.items():
        lines.append(_row(words, [o for o in outcomes if o.case.kind == kind]))
    lines += [_row("all", outcomes), "", "## By moment", "", f"| moment {_HEAD}"]
    for kind, moments in MOMENTS.items():
        for moment in moments:
            there = [o for o in outcomes if (o.case.kind, o.case.moment) == (kind, moment)]
            lines.append(_row(f"{kind}, {moment}", there))
    lines += ["", _TORN, "", "## By scenario", "", f"| scenario {_HEAD}"]
    for whole in undisturbed:
        there = [o for o in outcomes if o.case.scenario == whole.scenario.name]
        lines.append(_row(f"{whole.scenario.name}: {whole.scenario.about}", there))
    lines += ["", *_sizes(undisturbed), "", "## What may differ from an undisturbed run", ""]
    lines += ["| what | why |", "|---|---|"]
    lines += [f"| {what} | {why} |" for what, why in MAY_DIFFER.items()]
    lines += ["", _COMPARED, "", _OVERWRITTEN, "", "## Deviations", ""]
    lines += [f"- `{o.case}`: {line}" for o in bad for line in o.deviations] or ["None."]
    lines += ["", "## Again", "", _AGAIN]
    return "\n".join(lines) + "\n"


def _about(outcomes: Sequence[Outcome], command: str, stopped: int) -> list[str]:
    kills = sum(outcome.kills for outcome in outcomes)
    untouched = sum(outcome.kills == 0 for outcome in outcomes)
    equal = sum(not outcome.deviations for outcome in outcomes)
    early = f" It was stopped before {stopped} cases more." if stopped else ""
    seen = "" if can_be_seen() else " Orphans could not be seen on this system."
    found = (
        f"Made by `{command}`. {kills} kills in {len(outcomes)} folders, {equal} of them equal "
        f"afterwards; {untouched} runs had ended before their kill.{early}{seen}"
    )
    return [found, "", _METHOD]


def _sizes(undisturbed: Sequence[Undisturbed]) -> list[str]:
    lines = [
        "What an undisturbed run comes by, from which the kills were chosen:",
        "",
        "| scenario | seconds | `--concurrency` | writes | journal lines | removals | cuts |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for whole in undisturbed:
        scenario, extent = whole.scenario, whole.extent
        counts = " | ".join(str(extent.counts.get(kind, 0)) for kind in MOMENTS)
        lines.append(
            f"| {scenario.name} | {extent.duration_sec:.1f} | {scenario.concurrency} | {counts} |"
        )
    return lines


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    cells = [
        len(outcomes), sum(o.kills for o in outcomes), sum(not o.deviations for o in outcomes),
        sum(o.needed for o in outcomes), sum(o.made for o in outcomes),
        sum(o.allowed for o in outcomes),
    ]  # fmt: skip
    longest = max((outcome.orphans_sec for outcome in outcomes), default=0.0)
    return f"| {name} | " + " | ".join(map(str, cells)) + f" | {longest:.2f} |"
