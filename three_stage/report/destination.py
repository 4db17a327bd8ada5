"""Where a report goes, and what must not be written over."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from three_stage.runs import OutputError, write_json
from three_stage.runs.atomic import TEMPORARY_PREFIX
from three_stage.runs.layout import SUMMARY_NAME
from three_stage.settings import UsageError

MARKER_NAME = "three-stage-report.json"
"""Says that a folder is a report of ours, to be written anew at will."""

INDEX_NAME = "index.html"
PAGES, MEDIA = "videos", "media"
"""Folders that belong to the report alone: what is in them and not of this report is removed."""


def default_destination(output_root: Path) -> Path:
    """Return ``<output root>-report`` beside the output root.

    (A folder inside would be taken for a video's.) Raises UsageError for the root of a disk.
    """
    root = Path(os.path.abspath(output_root))  # noqa: PTH100 - the name that the person sees
    if not root.name:
        raise UsageError(
            f"{output_root}: has no folder beside it for the report.",
            hint="Say with --output where the report shall go.",
        )
    return root.with_name(f"{root.name}-report")


def check_destination(destination: Path, output_root: Path) -> None:
    """Refuse a destination among videos' results, or a folder of something else.

    Raises UsageError.
    """
    try:
        _refuse_among_results(destination, output_root)
        _refuse_foreign(destination)
    except OSError as error:
        raise UsageError(
            f"{destination}: cannot be read: {error.strerror or error}.",
            hint="Give another folder with --output.",
        ) from error


def begin(destination: Path) -> None:
    """Make the folder and mark it as ours, before anything else is in it. Raises OutputError."""
    write_json(
        destination / MARKER_NAME,
        {"made_by": "three-stage report", "note": "This folder is written anew by three-stage."},
    )


def place_media(source: Path, target: Path) -> None:
    """Put a file into the report: a hard link where the disk can, else a copy.

    Raises OutputError.
    """
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(source):
            return
        try:
            _link_or_copy(source, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written: {error.strerror or error}.",
            hint="Check the free space and the permissions of the folder, then run again.",
        ) from error


def remove_stale(destination: Path, kept: Collection[Path]) -> None:
    """Remove pages and media that this report does not have, and what a kill left half-written."""
    for path in destination.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            path.unlink()
    for name in (PAGES, MEDIA):
        for path in sorted((destination / name).rglob("*"), reverse=True):
            with contextlib.suppress(OSError):  # a folder that still holds something stays
                if path.is_symlink() or not path.is_dir():
                    if path not in kept:
                        path.unlink()
                else:
                    path.rmdir()


def _link_or_copy(source: Path, temporary: Path) -> None:
    # A link to a symbolic link would be one too, and lead nowhere once the report is moved.
    real = source.resolve(strict=True)
    try:
        os.link(real, temporary)
    except OSError:
        shutil.copyfile(real, temporary)


def _refuse_among_results(destination: Path, output_root: Path) -> None:
    root = _identity(output_root)
    for place in _itself_and_above(destination):
        identity = _identity(place)
        if identity is not None and identity == root:
            raise UsageError(
                f"{destination}: lies in the output root {output_root}, where it would be taken "
                "for a video's folder.",
                hint="Write the report beside the output root, for example.",
            )
        if (place / SUMMARY_NAME).exists():
            raise UsageError(
                f"{destination}: lies in {place}, the folder of a video.",
                hint="Write the report beside the output root, for example.",
            )

    for sibling in _folders_in(destination.resolve().parent):
        if (sibling / SUMMARY_NAME).exists():
            raise UsageError(
                f"{destination}: lies among the folders of videos ({sibling.name!r} is one), and "
                "would be taken for one.",
                hint="Say with --output where else the report shall go.",
            )


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _refuse_foreign(destination: Path) -> None:
    if not destination.exists():
        return
    if not destination.is_dir():
        raise UsageError(f"{destination}: is a file.", hint="Give a folder with --output.")
    if (destination / MARKER_NAME).is_file():
        return
    names = [path.name for path in destination.iterdir()]
    if any(not name.startswith(TEMPORARY_PREFIX) for name in names):
        raise UsageError(
            f"{destination}: is not empty and not a report of ours (it has no {MARKER_NAME}).",
            hint="Give an empty or a new folder with --output.",
        )


def _itself_and_above(path: Path) -> Iterator[Path]:
    real = path.resolve()
    yield real
    yield from real.parents


def _identity(folder: Path) -> tuple[int, int] | None:
    # Not the path: links, and letters' case on some disks, give one folder several.
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None
