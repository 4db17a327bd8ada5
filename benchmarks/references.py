"""How well texts that point at a frame or a time of the video are told from those that do not.

    python -m benchmarks.references --output docs/text_rules.md

Scores ``schemas.text_rules`` on two lists. *labelled*: the texts of the tests, the sentences of
``tests/schemas/data/labelled_references.tsv`` among them, which the rules were written with.
*unseen*: ``data/unseen_references.tsv``, written by somebody who had not seen the rules, and scored
as it is: no rule was changed because of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from schemas.text_rules import find_reference
from tests.schemas.test_text_rules import LABELLED

HEAD = (
    "Made by `python -m benchmarks.references --output docs/text_rules.md`. *labelled*: the texts "
    "of the tests, which the rules were written with. *unseen*: written by somebody who had not "
    "seen the rules; scored as it is, and no rule was changed because of it."
)

UNSEEN = Path(__file__).parent / "data" / "unseen_references.tsv"


@dataclass(frozen=True)
class Labelled:
    """A text, and whether it refers to a frame or a time of the video."""

    text: str
    is_reference: bool

    @property
    def is_chinese(self) -> bool:
        """Whether there is a Chinese character in it."""
        return any("\u4e00" <= character <= "\u9fff" for character in self.text)


@dataclass(frozen=True)
class Score:
    """How the verdicts on a list of texts agree with its labels."""

    hits: int
    misses: int
    false_alarms: int
    passed: int

    @property
    def precision(self) -> float:
        """Of what is refused, the share that is a reference."""
        return self.hits / (self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Of the references, the share that is refused."""
        return self.hits / (self.hits + self.misses)


def labelled() -> list[Labelled]:
    """Return the texts of the tests."""
    return [Labelled(text, is_reference) for text, is_reference in LABELLED]


def unseen() -> list[Labelled]:
    """Return the list that was written without sight of the rules."""
    rows = [line.split("\t") for line in UNSEEN.read_text(encoding="utf-8").splitlines()]
    return [Labelled(text, label == "1") for label, _language, text in rows]


def score(texts: Iterable[Labelled]) -> Score:
    """Compare verdicts and labels."""
    verdicts = [(item.is_reference, find_reference(item.text) is not None) for item in texts]
    return Score(
        hits=verdicts.count((True, True)),
        misses=verdicts.count((True, False)),
        false_alarms=verdicts.count((False, True)),
        passed=verdicts.count((False, False)),
    )


def row(name: str, texts: list[Labelled]) -> str:
    """Return a line of the table."""
    found = score(texts)
    return (
        f"| {name} | {len(texts)} | {found.hits} | {found.misses} | {found.false_alarms} | "
        f"{found.passed} | {found.precision:.3f} | {found.recall:.3f} |"
    )


def page() -> str:
    """Return the page: both lists, in parts, and every wrong verdict on the unseen one."""
    lines = [
        "# How well references to frames and times are found",
        "",
        HEAD,
        "",
        "| list | texts | found | missed | wrongly refused | rightly passed | precision | recall |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, texts in (("labelled", labelled()), ("unseen", unseen())):
        lines.append(row(name, texts))
        lines.append(row(f"{name}, English", [item for item in texts if not item.is_chinese]))
        lines.append(row(f"{name}, Chinese", [item for item in texts if item.is_chinese]))
    wrong = [item for item in unseen() if (find_reference(item.text) is None) == item.is_reference]
    lines += ["", "## Wrong verdicts on the unseen list", ""]
    lines += [f"- {'missed' if w.is_reference else 'wrongly refused'}: {w.text}" for w in wrong]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--output", type=click.Path(path_type=Path), help="Write the page here.")
def main(output: Path | None) -> None:
    """Score the text rules on both lists."""
    text = page()
    if output is not None:
        output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(text)


if __name__ == "__main__":
    main()
