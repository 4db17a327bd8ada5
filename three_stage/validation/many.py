"""Many folders, checked in processes of their own: a decoder that crashes costs one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from three_stage.media import MediaError, MediaWorkers
from three_stage.media.ordered import in_order
from three_stage.validation.codes import Code
from three_stage.validation.report import Findings, FolderReport
from three_stage.validation.summary import folder_name


async def validate_folders(
    folders: Sequence[Path], on_report: Callable[[FolderReport], None], *, num_workers: int
) -> list[FolderReport]:
    """Check folders, at most ``num_workers`` at once, and return their reports in the same order.

    ``on_report`` gets each report as soon as those of all folders before it are there.
    """
    async with MediaWorkers(num_workers) as workers:
        return await in_order((_report(workers, folder) for folder in folders), on_report)


async def _report(workers: MediaWorkers, folder: Path) -> FolderReport:
    try:
        return await workers.run(_validate, folder)
    except MediaError as error:
        findings = Findings()
        findings.add(Code.CHECK_STOPPED, ".", str(error))
        return findings.report(folder, folder_name(folder))


def _validate(folder: Path) -> FolderReport:
    # The decoders are imported in the worker only.
    from three_stage.validation.folder import validate_folder  # noqa: PLC0415

    return validate_folder(folder)
