"""``three-stage report OUTPUT_ROOT``: pages of the results, and how far their making is."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from three_stage.report import ReportOptions, VideoRow, write_report
from three_stage.settings.console import EXIT_DONE


async def make_report(output_root: Path, options: ReportOptions) -> int:
    """Write the report, and say where it is. Raises what ``write_report`` raises."""
    made = 0

    def on_video(row: VideoRow) -> None:
        nonlocal made
        made += 1
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{made} pages, {row.name}"[:120], err=True, nl=False)

    written = await write_report(output_root, options, on_video)
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)
    for problem in written.problems:
        click.echo(f"not whole: {problem}", err=True)
    pages = "1 page" if len(written.rows) == 1 else f"{len(written.rows)} pages"
    click.echo(f"{pages}: open {written.index.absolute()} in a browser.")
    return EXIT_DONE
