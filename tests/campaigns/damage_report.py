"""The campaign as a page: what was found by kind, what cannot be found and why, what was missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.campaigns.damage_folder import MODES, GoodFolder
from tests.campaigns.damage_judge import Verdict
from tests.campaigns.damage_kind import Kind
from tests.campaigns.damage_reasons import Reason

_SHOWN = 240

_WORDS = """\
A folder that the pipeline made itself is damaged in one place, and validated. *As found*: nothing
else is changed. *Made good*: after it, every digest and size in `run_summary.json` is entered
anew, as a careful forger would, so that digests cannot help. `run_summary.json` and `calls.jsonl`
are not recorded there, so they are damaged as found only. Places are chosen by a seed, the same
number for each kind, and inside a kind each sort of place has its turn before any has a second
one.""".splitlines()


@dataclass(frozen=True)
class Result:
    """A verdict, and the reason why the damage cannot be found, if it was not and has one."""

    verdict: Verdict
    reason: Reason | None

    @classmethod
    def of(cls, good: GoodFolder, verdict: Verdict, reasons: Sequence[Reason]) -> Result:
        """Look for the first reason that applies to damage that was not found."""
        if verdict.is_detected:
            return cls(verdict, None)
        applying = (reason for reason in reasons if reason.applies(good, verdict.damage))
        return cls(verdict, next(applying, None))

    @property
    def share(self) -> tuple[str, str]:
        """Kind and mode."""
        return self.verdict.damage.kind, self.verdict.damage.mode

    @property
    def outcome(self) -> str:
        """``error``, ``warning``, ``listed`` or ``missed``."""
        if self.verdict.errors:
            return "error"
        if self.verdict.warnings:
            return "warning"
        return "listed" if self.reason is not None else "missed"

    @property
    def is_missed(self) -> bool:
        """Whether it was not found and nothing says why; a lost worker found nothing either."""
        return self.outcome == "missed" and not self.verdict.trouble

    @property
    def words(self) -> str:
        """The damage in one line."""
        damage = self.verdict.damage
        place = f"{damage.file} {damage.where}".strip()
        return f"{damage.kind} ({damage.mode}): {place}: {damage.what}"


def stale_reasons(results: Sequence[Result], reasons: Sequence[Reason]) -> list[Reason]:
    """Return the reasons that no result needed."""
    used = {result.reason for result in results}
    return [reason for reason in reasons if reason not in used]


def page(
    results: Sequence[Result],
    at_reasons: Sequence[Result],
    kinds: Sequence[Kind],
    reasons: Sequence[Reason],
    *,
    command: str,
    folders: Sequence[str],
    commands: int,
    command_problems: Sequence[str],
    is_whole: bool,
) -> str:
    """Return the whole campaign as Markdown.

    ``at_reasons`` are damages aimed at the places of the reasons, beside the equal shares.
    """
    every = [*results, *at_reasons]
    lines = [
        "# Damaged folders", "",
        f"Made by `{command}`; `tests/campaigns/damage*.py` say how.", "",
        *_WORDS, "",
        "Good folders: " + "; ".join(f"`{f}`" if f else "default options" for f in folders) + ".",
        "", *_totals(results, at_reasons, commands, command_problems),
        "", *_table(results, kinds), "",
        *_listed(every, reasons, is_whole=is_whole),
        *_missed(every), *_kinds(kinds),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _totals(
    results: Sequence[Result],
    at_reasons: Sequence[Result],
    commands: int,
    command_problems: Sequence[str],
) -> Iterator[str]:
    outcomes = Counter(result.outcome for result in results)
    every = [*results, *at_reasons]
    times = [result.verdict.seconds for result in every if not result.verdict.trouble]
    troubles = sum(bool(result.verdict.trouble) for result in every)
    found = outcomes["error"] + outcomes["warning"]
    listed, missed = outcomes["listed"], outcomes["missed"]
    yield f"- {len(results)} damages: {found} found, {listed} listed with the reason why they"
    yield f"  cannot be, {missed} missed."
    if at_reasons:
        aimed = Counter(result.outcome for result in at_reasons)
        yield f"- {len(at_reasons)} more, aimed at the places that the list below speaks of:"
        yield f"  {aimed['error'] + aimed['warning']} found, {aimed['listed']} listed,"
        yield f"  {aimed['missed']} missed."
    yield f"- {troubles} crashes, time-outs or stopped checks."
    if times:
        yield f"- One validation took {median(times):.2f} s (median), {max(times):.2f} s at most."
    if commands:
        yield f"- The command itself was run {commands} times on some of them (exit code, report"
        yield "  against its schema, no traceback; several damaged folders and a good one in one"
        yield f"  root): {len(command_problems)} problems."


def _table(results: Sequence[Result], kinds: Sequence[Kind]) -> Iterator[str]:
    yield "| damage | mode | damages | found: error | only a warning | listed | missed |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for name in (kind.name for kind in kinds):
        for mode in MODES:
            of_kind = [result for result in results if result.share == (name, mode)]
            if of_kind:
                yield _row(name, mode, of_kind)
    yield _row("all", "", results)


def _row(name: str, mode: str, results: Sequence[Result]) -> str:
    counts = Counter(result.outcome for result in results)
    cells = [counts[outcome] for outcome in ("error", "warning", "listed", "missed")]
    return f"| {name} | {mode} | {len(results)} | " + " | ".join(map(str, cells)) + " |"


def _listed(
    results: Sequence[Result], reasons: Sequence[Reason], *, is_whole: bool
) -> Iterator[str]:
    times = Counter(result.reason for result in results if result.reason is not None)
    yield from ("## Cannot be found", "")
    yield "What nothing else in the folder tells. Two more need no try: a file replaced by a hard"
    yield "link to an equal one, and a change of every place that repeats a thing."
    yield from ("", "| damage | where | why | times |", "|---|---|---|---:|")
    for reason in reasons:
        if is_whole or times[reason]:
            kinds = ", ".join(reason.kinds) or "any"
            yield f"| {kinds} | `{reason.where}` | {reason.why} | {times[reason]} |"
    yield ""


def _missed(results: Sequence[Result]) -> Iterator[str]:
    missed = [result.words for result in results if result.is_missed]
    troubles = [f"{r.words}: {r.verdict.trouble}" for r in results if r.verdict.trouble]
    for title, lines in (("Missed", missed), ("Crashes", troubles)):
        if lines:
            yield from (f"## {title}", "", *(f"- {line[:_SHOWN]}" for line in lines), "")


def _kinds(kinds: Sequence[Kind]) -> Iterator[str]:
    yield from ("## Kinds of damage", "", "| damage | what is done |", "|---|---|")
    for kind in kinds:
        yield f"| {kind.name} | {kind.says} |"
