"""An output root → a report on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from three_stage.media import MediaError, MediaWorkers
from three_stage.media.ordered import in_order
from three_stage.report.destination import (
    INDEX_NAME,
    begin,
    check_destination,
    default_destination,
    remove_stale,
)
from three_stage.report.links import printable
from three_stage.report.standing import verdict_of
from three_stage.report.values import (
    Judgement,
    MadePage,
    PageJob,
    ReportOptions,
    Spending,
    State,
    VideoRow,
    WrittenReport,
)
from three_stage.runs import OutputError, utc_now, write_bytes
from three_stage.runs.layout import SUMMARY_NAME
from three_stage.settings import UsageError
from three_stage.settings.console import wants_tracebacks
from three_stage.validation import FolderReport, video_folders


async def write_report(
    output_root: Path,
    options: ReportOptions,
    on_video: Callable[[VideoRow], None] = lambda _row: None,
    on_checked: Callable[[FolderReport], None] = lambda _report: None,
) -> WrittenReport:
    """Write the report of an output root, over an earlier one of ours.

    Each file appears whole, the index last, so that a kill at any instant leaves pages that are old
    or new. Folders are checked by the validator first, when ``options.validate`` says so.
    ``on_checked`` gets what it says of each, and ``on_video`` each video's line when its page is
    there, both in the order of the index. Nothing below ``output_root`` is changed.

    Raises UsageError for a root without videos or a destination that must not be written to, before
    anything is written; OutputError when the disk refuses.
    """
    folders = _folders(output_root)
    destination = options.destination or default_destination(output_root)
    check_destination(destination, output_root)
    begin(destination)  # first: a disk that refuses shall not be found out after all the checking
    findings = await _findings(folders, options, on_checked)
    jobs = [
        PageJob(folder, destination, options.languages, findings.get(folder), options.with_sources)
        for folder in folders
    ]
    made = await _pages(jobs, options.num_workers, on_video)
    rows = tuple(page.row for page in made)
    index = destination / INDEX_NAME
    await asyncio.to_thread(_finish, index, rows, options, output_root)
    kept = frozenset(path for page in made for path in page.files)
    await asyncio.to_thread(remove_stale, destination, kept)
    problems = [f"{row.name}: {line}" for row in rows for line in row.problems]
    return WrittenReport(index=index, rows=rows, problems=tuple(problems))


def _folders(output_root: Path) -> list[Path]:
    if not output_root.is_dir():
        raise UsageError(f"{output_root}: there is no such folder.")
    if (output_root / SUMMARY_NAME).exists():
        raise UsageError(
            f"{output_root}: is the folder of one video.",
            hint=f"Give the output root that it lies in: {output_root.absolute().parent}",
        )
    try:
        folders = video_folders(output_root)
    except OSError as error:
        raise UsageError(f"{output_root}: cannot be listed: {error.strerror or error}.") from error
    if not folders:
        raise UsageError(f"{output_root}: holds no folder of a video.")
    return folders


async def _findings(
    folders: Sequence[Path],
    options: ReportOptions,
    on_checked: Callable[[FolderReport], None],
) -> Mapping[Path, FolderReport]:
    if not options.validate:
        return {}
    from three_stage.validation import validate_folders  # noqa: PLC0415 - slow, refusals are not

    reports = await validate_folders(folders, on_checked, num_workers=options.num_workers)
    return dict(zip(folders, reports, strict=True))


async def _pages(
    jobs: Sequence[PageJob], num_workers: int, on_video: Callable[[VideoRow], None]
) -> list[MadePage]:
    async with MediaWorkers(num_workers) as workers:
        made = (_made(workers, job) for job in jobs)
        return await in_order(made, lambda page: on_video(page.row))


async def _made(workers: MediaWorkers, job: PageJob) -> MadePage:
    """Make one page in a worker; a folder that breaks the worker costs its page alone."""
    try:
        return await workers.run(_make_page, job.folder, job)
    except OutputError:
        raise
    except Exception as error:
        if wants_tracebacks():
            raise
        kind = "" if isinstance(error, MediaError) else f"{type(error).__name__}: "
        return MadePage(_row_alone(job, f"no page could be made ({kind}{error})"), ())


def _make_page(_folder: Path, job: PageJob) -> MadePage:
    # The folder is an argument of its own for the errors of a worker, which name it. What draws
    # pages and pictures is imported in the worker only.
    from three_stage.report.video_page import make_page  # noqa: PLC0415

    return make_page(job)


def _row_alone(job: PageJob, problem: str) -> VideoRow:
    report = job.findings
    return VideoRow(
        name=printable(job.folder.name),
        page=None,
        poster=None,
        goal=None,
        standing=Judgement(state=State.DAMAGED, reason=printable(problem)),
        steps=None,
        duration_sec=None,
        verdict=verdict_of(report),
        errors=len(report.errors) if report else 0,
        warnings=len(report.warnings) if report else 0,
        spending=Spending(),
        worked_sec=None,
        is_offline=False,
        problems=(printable(problem),),
    )


def _finish(
    index: Path, rows: Sequence[VideoRow], options: ReportOptions, output_root: Path
) -> None:
    from three_stage.report.index_page import index_page  # noqa: PLC0415 - templates are slow

    write_bytes(index, index_page(rows, options.languages, output_root, utc_now()))
