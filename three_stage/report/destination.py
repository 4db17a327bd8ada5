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

_MOUNT_POINT = 0xA0000003
"""IO_REPARSE_TAG_MOUNT_POINT, which the module ``stat`` has on Windows only."""


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
    """Refuse a destination among videos' results, a folder of something else, and links in it.

    Raises UsageError.
    """
    try:
        _refuse_among_results(destination, output_root)
        _refuse_foreign(destination)
        _refuse_links(destination)
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
        _remove_others(destination / name, kept)


def _remove_others(folder: Path, kept: Collection[Path]) -> None:
    with contextlib.suppress(OSError):
        for path in _entries(folder):
            with contextlib.suppress(OSError):  # a folder that still holds something stays
                if _is_own_folder(path):
                    _remove_others(path, kept)
                    path.rmdir()
                elif path not in kept and not _is_link(path):
                    path.unlink()


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


def _refuse_links(destination: Path) -> None:
    for name in (PAGES, MEDIA):
        for link in _links(destination / name):
            raise UsageError(
                f"{link}: is a link, and what it leads to would be written over.",
                hint="Remove the link, or give another folder with --output.",
            )


def _links(path: Path) -> Iterator[Path]:
    """Yield a path that is a link, or the links below it; none is followed."""
    if _is_link(path):
        yield path
    elif _is_own_folder(path):
        for entry in _entries(path):
            yield from _links(entry)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if _is_own_folder(folder) else []


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not _is_link(path)


def _is_link(path: Path) -> bool:
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    # On Windows a folder can also be joined to another place by a mount point ("junction").
    is_joined = getattr(status, "st_reparse_tag", 0) == _MOUNT_POINT
    return stat.S_ISLNK(status.st_mode) or is_joined


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
