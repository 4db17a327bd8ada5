"""Check finished folders. ``python validate_output.py --help`` says how."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from three_stage import __version__
from three_stage.settings.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    use_utf8,
)

if TYPE_CHECKING:
    from three_stage.validation import FolderReport


class _Utf8Command(click.Command):
    """A command that speaks UTF-8 whatever the console says, in its usage errors too."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        use_utf8()
        return super().main(*args, **kwargs)


@click.command(cls=_Utf8Command, context_settings={"max_content_width": 100})
@click.option(
    "--video-output-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of one video.",
)
@click.option(
    "--output-root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="An output root: every folder in it is checked (dot-folders such as .locks are not).",
)
@click.option(
    "--check-deps",
    is_flag=True,
    help="Say the versions of what is needed, and try to make and decode a picture and a clip.",
)
@click.option("--fail-on-warnings", is_flag=True, help="Exit with 1 for warnings too.")
@click.option(
    "--report-json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to this file.",
)
@click.version_option(__version__, prog_name="three-stage")
@click.pass_context
def main(
    context: click.Context,
    video_output_dir: Path | None,
    output_root: Path | None,
    check_deps: bool,  # noqa: FBT001 - click gives options by name
    fail_on_warnings: bool,  # noqa: FBT001
    report_json: Path | None,
) -> None:
    """Check finished folders: every file, every rule, every picture and clip. Changes nothing.

    Exit codes: 0 all good; 1 something is wrong; 2 wrong use, or no video folder there.
    """
    given = [path for path in (video_output_dir, output_root) if path is not None]
    if len(given) != 1 and not (check_deps and not given):
        raise click.UsageError("Give exactly one of --video-output-dir and --output-root.")
    folders = given if output_root is None else _folders_below(output_root)
    if report_json is not None:
        _refuse_inside(report_json, folders, output_root)
    if check_deps and not _dependencies_work():
        context.exit(EXIT_FAILED)
    if not given:
        context.exit(EXIT_DONE)
    try:
        reports = asyncio.run(_checked(folders))
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        context.exit(EXIT_INTERRUPTED)
    _show_totals(reports)
    if report_json is not None:
        _write(report_json, output_root, reports)
    failed = any(not r.ok or (fail_on_warnings and r.warnings) for r in reports)
    context.exit(EXIT_FAILED if failed else EXIT_DONE)


async def _checked(folders: list[Path]) -> list[FolderReport]:
    from three_stage.validation import validate_folders  # noqa: PLC0415 - slow, --help is not

    workers = max(1, min(len(folders), os.cpu_count() or 1))
    return await validate_folders(folders, _show, num_workers=workers)


def _folders_below(output_root: Path) -> list[Path]:
    from three_stage.validation import video_folders  # noqa: PLC0415

    try:
        folders = video_folders(output_root)
    except OSError as error:
        raise click.UsageError(f"{output_root}: cannot be listed: {error.strerror}.") from None
    if (output_root / "run_summary.json").exists():
        raise click.UsageError(
            f"{output_root} is the folder of one video: give it with --video-output-dir."
        )
    if not folders:
        raise click.UsageError(f"{output_root} holds no folder of a video.")
    return folders


def _refuse_inside(report_json: Path, folders: list[Path], output_root: Path | None) -> None:
    """Refuse a report that the next check would find where only the pipeline's files belong."""
    report = report_json.resolve()
    checked = {_identity(folder): folder for folder in folders}
    root = None if output_root is None else _identity(output_root)
    below: Path | None = None
    for place in report.parents:
        identity = _identity(place) if place.exists() else None
        folder = checked.get(identity) if identity is not None else None
        if folder is None and identity is not None and identity == root:
            # A folder that would be made for the report would be taken for a video's.
            folder = None if below is None or below.name.startswith(".") else below
        if folder is not None:
            raise click.UsageError(
                f"--report-json {report_json} lies in {folder}, a folder of the videos' results, "
                "where the next check would take it for a foreign file. Write it elsewhere: "
                "beside the output root, for example."
            )
        below = place


def _identity(folder: Path) -> tuple[int, int]:
    # Not the path: links, and letters' case on some disks, give one folder several.
    status = folder.stat()
    return status.st_dev, status.st_ino


def _show(report: FolderReport) -> None:
    lines = (*report.errors, *report.warnings)
    click.echo(f"{'ok    ' if report.ok else 'FAILED'}  {report.root}{_counts([report])}")
    for line in lines:
        click.echo(f"    {line}")


def _show_totals(reports: list[FolderReport]) -> None:
    passed = sum(report.ok for report in reports)
    folders = "1 folder" if len(reports) == 1 else f"{len(reports)} folders"
    click.echo(f"{folders} checked: {passed} ok, {len(reports) - passed} failed{_counts(reports)}")


def _counts(reports: list[FolderReport]) -> str:
    errors = sum(len(report.errors) for report in reports)
    warnings = sum(len(report.warnings) for report in reports)
    said = [f"{count} {kind}" + "s" * (count > 1)
            for count, kind in ((errors, "error"), (warnings, "warning")) if count]  # fmt: skip
    return f" ({', '.join(said)})" if said else ""


def _write(path: Path, output_root: Path | None, reports: list[FolderReport]) -> None:
    from three_stage.runs import OutputError, write_json  # noqa: PLC0415
    from three_stage.validation import folder_document, root_document  # noqa: PLC0415

    document = (
        folder_document(reports[0]) if output_root is None else root_document(output_root, reports)
    )
    try:
        write_json(path, document)
    except OutputError as error:
        click.echo(f"Error: --report-json: {error}", err=True)
        click.get_current_context().exit(EXIT_REFUSED)


def _dependencies_work() -> bool:
    from three_stage.validation import check_dependencies  # noqa: PLC0415

    found = check_dependencies()
    for dependency in found:
        problem = f"  PROBLEM: {dependency.problem}" if dependency.problem else ""
        click.echo(f"{dependency.name:<12} {dependency.found}{problem}")
    return all(dependency.problem is None for dependency in found)


if __name__ == "__main__":
    main()
