"""``three-stage report OUTPUT_ROOT``: pages of the results, and how far their making is."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from three_stage.report import ReportOptions, VideoRow, write_report
from three_stage.settings.console import EXIT_DONE
from three_stage.validation import FolderReport

_CLEARED_LINE = "\r\033[K"
_LINE_CHARACTERS = 79


class _Counter:
    """Says on a terminal how many folders were checked and how many pages are there."""

    def __init__(self) -> None:
        self._checked = self._made = 0

    def checked(self, report: FolderReport) -> None:
        """A folder was checked."""
        self._checked += 1
        self._show(f"checked {self._checked}: {report.root.name}")

    def made(self, row: VideoRow) -> None:
        """A page is there."""
        self._made += 1
        self._show(f"page {self._made}: {row.name}")

    def done(self) -> None:
        """Leave the line clean."""
        self._show("")

    def _show(self, line: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"{_CLEARED_LINE}{line[:_LINE_CHARACTERS]}", err=True, nl=False)


async def make_report(output_root: Path, options: ReportOptions) -> int:
    """Write the report, and say where it is. Raises what ``write_report`` raises."""
    counter = _Counter()
    try:
        written = await write_report(output_root, options, counter.made, counter.checked)
    finally:
        counter.done()
    for problem in written.problems:
        click.echo(f"not whole: {problem}", err=True)
    pages = "1 page" if len(written.rows) == 1 else f"{len(written.rows)} pages"
    click.echo(f"{pages}: open {written.index.absolute()} in a browser.")
    return EXIT_DONE
