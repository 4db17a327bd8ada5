"""The account at the end of a run: totals, each failure with what to do, the exit code."""

from __future__ import annotations

from collections.abc import Callable

import click

from stages.advice import command_line
from three_stage.batch import (
    BatchResult,
    Progress,
    VideoFailure,
    cost_text,
    duration_text,
    tokens_text,
)
from three_stage.media import CutError, MediaError, WorkerError
from three_stage.runs import FormatVersionError, SourceMismatchError, UpstreamError
from three_stage.settings import PipelineSettings, ThreeStageError
from three_stage.settings.console import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED
from three_stage.vlm import RunEndingError

_REFUSALS = (MediaError, SourceMismatchError, FormatVersionError, UpstreamError)
_NOT_REFUSALS = (CutError, WorkerError)


def show(
    result: BatchResult,
    progress: Progress,
    settings: PipelineSettings,
    redact: Callable[[str], str],
) -> None:
    """Print totals and failures to stderr, without secrets."""
    tally = progress.tally
    for failure in result.failed:
        click.echo(redact(f"FAILED {failure.video_id}: {_reason(failure)}"), err=True)
    for outcome in result.done:
        if outcome.invalid:
            more = f" (and {len(outcome.invalid) - 1} more)" if len(outcome.invalid) > 1 else ""
            click.echo(f"INVALID {outcome.video_id}: {outcome.invalid[0]}{more}", err=True)
    if result.ended_by is not None:
        click.echo(redact(f"The run ended early: {result.ended_by}"), err=True)
    if settings.output.quiet:
        return
    reused = sum(not outcome.ran for outcome in result.done)
    warnings = sum(outcome.warnings for outcome in result.done)
    parts = [
        f"{len(result.done)} done" + (f" ({reused} reused as they were)" if reused else ""),
        f"{len(result.failed)} failed" if result.failed else "",
        f"{len(result.not_started)} not finished" if result.not_started else "",
        f"{tally.requests} requests",
        tokens_text(tally),
        cost_text(tally.cost),
        f"warnings: {warnings} (see run_summary.json)" if warnings else "",
        duration_text(progress.elapsed_sec()),
    ]
    click.echo(", ".join(part for part in parts if part), err=True)
    if (result.failed or result.not_started) and (result.done or tally.requests):
        click.echo("What is done is kept: run the same command to go on.", err=True)
        if result.failed:
            line = command_line("retry", settings.run.output_root, settings.endpoint)
            click.echo(redact(f"Only the failed ones: {line}"), err=True)


def exit_code(result: BatchResult, *, requests: int) -> int:
    """Return 0: all done; 1: some failed, or a cap; 2: refused before any call; 3: endpoint."""
    if isinstance(result.ended_by, RunEndingError):
        return result.ended_by.exit_code
    if result.failed:
        refused = all(
            isinstance(failure.error, _REFUSALS) and not isinstance(failure.error, _NOT_REFUSALS)
            for failure in result.failed
        )
        return EXIT_REFUSED if refused and not result.done and not requests else EXIT_FAILED
    return EXIT_FAILED if any(outcome.invalid for outcome in result.done) else EXIT_DONE


def _reason(failure: VideoFailure) -> str:
    if isinstance(failure.error, ThreeStageError):
        return " ".join(str(failure.error).splitlines())
    return (
        f"unexpected {type(failure.error).__name__}: {failure.error}. This is a fault in "
        "three-stage; with --log-file the log holds the details"
    )
