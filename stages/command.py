"""The command of the pipeline: options in, exit code out. ``pipeline.py`` and every stage call it.

It stands here and not in the front door, because ``python -m stages.draft`` needs it too and
nothing imports a front door.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Sequence
from typing import Any

import click

from stages.subcommands import run_subcommand
from three_stage import __version__
from three_stage.settings import PipelineSettings, ThreeStageError, UsageError
from three_stage.settings.cli import (
    HELP_FORM,
    dotenv_defaults,
    pipeline_options,
    settings_from,
    without_keys,
)
from three_stage.settings.console import (
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    use_utf8,
    wants_tracebacks,
)

_STAGE_MODULES = {"1": "draft", "2": "localize", "3": "refine"}

_ABOUT = """Turn videos into structured, validated annotations with a vision-language model.

Three stages a video: draft a plan, find its steps in the video, refine each step on its clip. With
no endpoint given, the embedded offline model answers. A run that died goes on where it stopped.
"""

_OTHERS = """\b
Other commands (each with --help):
  doctor              check this machine, the disk and the endpoint
  status OUTPUT_ROOT  what is done, what failed, what the next run would do and why
  retry OUTPUT_ROOT   run failed videos again, all or by kind of failure
  report OUTPUT_ROOT  write a page of every video's results, to look at in a browser
"""


def main(arguments: Sequence[str] | None = None, *, only_stage: str | None = None) -> int:
    """Run the command and return its exit code; errors are one readable line on stderr."""
    use_utf8()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if only_stage is None and given and not given[0].startswith("-"):
            return run_subcommand(given[0], given[1:])
        settings = read_settings(arguments, only_stage=only_stage)
        if settings is None:
            return 0
        return asyncio.run(_run(settings))
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(without_keys(said.getvalue(), given), err=True, nl=False)
        return error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError, click.Abort):
        is_run = not given or given[0] == "retry" or given[0].startswith("-")
        kept = " What is done is kept; run the same command to go on." if is_run else ""
        click.echo(f"Interrupted.{kept}", err=True)
        return EXIT_INTERRUPTED
    except ThreeStageError as error:
        if wants_tracebacks():
            raise
        click.echo(without_keys(f"Error: {error}", given), err=True)
        return EXIT_REFUSED


def stage_main(stage: str) -> None:
    """Run one stage alone, as ``python -m stages.draft`` does."""
    sys.exit(main(only_stage=stage))


def read_settings(
    arguments: Sequence[str] | None, *, only_stage: str | None = None
) -> PipelineSettings | None:
    """Read options from the command line, the environment and ./.env; None after ``--help``.

    Raises click.ClickException or UsageError for what is wrong.
    """
    found: list[PipelineSettings] = []

    @click.command(help=_ABOUT, context_settings=HELP_FORM, epilog=_OTHERS)
    @click.version_option(__version__, prog_name="three-stage")
    @pipeline_options
    def command(**parameters: Any) -> None:
        if only_stage is not None:
            parameters["stages"] = only_stage
        found.append(settings_from(parameters))

    result = command.main(
        args=None if arguments is None else list(arguments),
        prog_name=None if only_stage is None else f"python -m stages.{_STAGE_MODULES[only_stage]}",
        standalone_mode=False,
        default_map=dotenv_defaults(),
    )
    if result not in (None, 0):
        raise UsageError("The options could not be read.")
    return found[0] if found else None


async def _run(settings: PipelineSettings) -> int:
    from stages.run import run_pipeline  # noqa: PLC0415 - the rooms are slow to import, --help is not

    return await run_pipeline(settings)
