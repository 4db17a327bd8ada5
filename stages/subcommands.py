"""The commands beside the run itself: doctor, status, retry, report."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import click

from three_stage.settings import UsageError
from three_stage.settings.cli import (
    HELP_FORM,
    dotenv_defaults,
    pipeline_options_without,
    settings_from,
)

_INPUTS = ("input_video", "input_video_dir", "recursive")
_NOT_OF_DOCTOR = (
    *_INPUTS, "shard", "stages", "overwrite", "reuse_any", "continue_on_error", "post_validate",
    "preflight_only", "verbose", "quiet", "log_file",
)  # fmt: skip
_NOT_OF_STATUS = (
    "output_root", "preflight_only", "shard", "continue_on_error", "post_validate", "overwrite",
    "num_workers", "ffmpeg_bin", "concurrency", "api_call_retries", "api_call_retry_backoff_sec",
    "api_timeout_sec", "endpoint_patience_sec", "stage1_retries", "stage2_retries",
    "stage3_retries", "max_cost", "max_total_tokens", "prices", "verbose", "quiet", "log_file",
)  # fmt: skip
_NOT_OF_RETRY = ("output_root", "continue_on_error")
_LANGUAGES: Mapping[str, tuple[Literal["en", "zh"], ...]] = MappingProxyType(
    {"en": ("en",), "zh": ("zh",), "both": ("en", "zh")}
)
_output_root = click.argument("output_root", type=click.Path(path_type=Path))


@click.command(context_settings=HELP_FORM)
@pipeline_options_without(*_NOT_OF_DOCTOR)
def doctor(**parameters: Any) -> int:
    """Check this machine, the disk and the endpoint before a long run.

    Give it those options of the run that say where to ask, where to write and how many pictures;
    it takes no videos, and caps do not bind it. A real endpoint is asked a few small questions,
    some thousand tokens in all, and has a minute for each. Nothing that is written stays.

    Exit codes: 0 a run can start (there may be warnings); 1 something here must be mended first;
    2 wrong use; 3 the endpoint is down, refuses, or gives no usable answer.
    """
    from three_stage.doctor import examine  # noqa: PLC0415 - slow to import, --help is not

    return asyncio.run(examine(settings_from(parameters), click.echo))


@click.command(context_settings=HELP_FORM)
@_output_root
@click.option("--all", "shows_done", is_flag=True, help="List the videos that are done, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@pipeline_options_without(*_NOT_OF_STATUS)
@click.pass_context
def status(
    context: click.Context,
    /,
    output_root: Path,
    *,
    shows_done: bool,
    as_json: bool,
    **parameters: Any,
) -> int:
    """Say what is done, what failed, and what the next run would do, and why.

    Reads the output root and the videos' files; asks nobody and changes nothing. Options that are
    not given are those of the last run there.

    Exit codes: 0 everything is done; 1 something is not; 2 wrong use.
    """  # fmt: skip
    from stages.recall import recalled  # noqa: PLC0415 - slow to import, --help is not
    from stages.status import print_status, print_status_json  # noqa: PLC0415

    found = recalled(context, parameters, output_root)
    return print_status_json(found) if as_json else print_status(found, shows_done=shows_done)


@click.command(context_settings=HELP_FORM)
@_output_root
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only videos that failed so; repeat for several. answer refusal request video cut "
    "worker disk folder busy invalid fault: see docs/commands.md.",
)
@pipeline_options_without(*_NOT_OF_RETRY)
@click.pass_context
def retry(
    context: click.Context, /, output_root: Path, kinds: tuple[str, ...], **parameters: Any
) -> int:
    """Run the failed videos of an output root again, all or by kind of failure.

    Options that are not given are those of the last run there, but for where to ask, the key and
    your own prompts, which no file in an output folder may decide. A video that fails again does
    not stop the others. What is done is kept.

    Exit codes: those of a run; 0 too when no video has failed.
    """
    from stages.recall import recalled  # noqa: PLC0415 - slow to import, --help is not
    from stages.retry import KINDS  # noqa: PLC0415
    from stages.retry import retry as run_again  # noqa: PLC0415

    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UsageError(f"--kind {unknown[0]}: is one of {', '.join(KINDS)}.")
    return asyncio.run(run_again(recalled(context, parameters, output_root), kinds))


@click.command(context_settings=HELP_FORM)
@_output_root
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the report goes.  [default: OUTPUT_ROOT-report, beside it]",
)
@click.option(
    "--language",
    type=click.Choice(tuple(_LANGUAGES)),
    default="both",
    show_default=True,
    help="Of our own words; with both, the page has a switch.",
)
@click.option("--no-validate", is_flag=True, help="Leave out the validator's verdict: faster.")
@click.option("--with-sources", is_flag=True, help="Put the source videos into the report, too.")
@click.option(
    "--num-workers",
    type=click.IntRange(1, 1024),
    default=os.cpu_count() or 1,
    show_default="cores",
    help="Most videos being looked at at once.",
)
def report(
    output_root: Path,
    *,
    output: Path | None,
    language: str,
    no_validate: bool,
    with_sources: bool,
    num_workers: int,
) -> int:
    """Write pages of the results to look at in a browser: an index, and a page a video.

    They open from disk, need no server, and ask nobody for anything.

    Exit codes: 0 written, also when some videos failed (the pages say so); 2 wrong use, or the
    disk refused.
    """
    from stages.reporting import make_report  # noqa: PLC0415 - slow to import, --help is not
    from three_stage.report import ReportOptions  # noqa: PLC0415

    options = ReportOptions(
        destination=output,
        languages=_LANGUAGES[language],
        validate=not no_validate,
        with_sources=with_sources,
        num_workers=num_workers,
    )
    return asyncio.run(make_report(output_root, options))


SUBCOMMANDS: Mapping[str, click.Command] = MappingProxyType(
    {"doctor": doctor, "status": status, "retry": retry, "report": report}
)


def run_subcommand(name: str, arguments: Sequence[str]) -> int:
    """Run one of them and return its exit code; raises what ``stages.command`` shows."""
    if name not in SUBCOMMANDS:
        raise UsageError(
            f"There is no command {name!r}.",
            hint=f"Commands: {', '.join(SUBCOMMANDS)}. A run takes options alone: see --help.",
        )
    from loguru import logger  # noqa: PLC0415 - slow to import, --help is not

    logger.remove()
    logger.add(sys.stderr, level="WARNING", format="{message}", diagnose=False)
    invoke: Callable[..., Any] = SUBCOMMANDS[name].main
    code = invoke(
        args=list(arguments),
        prog_name=f"{Path(sys.argv[0]).name} {name}",
        standalone_mode=False,
        default_map=dotenv_defaults(),
    )
    return int(code or 0)
