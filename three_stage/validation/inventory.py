"""What lies in a folder, without following links and without opening anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from three_stage.validation.codes import Code
from three_stage.validation.report import Findings

JUNCTION_TAG = 0xA0000003
"""IO_REPARSE_TAG_MOUNT_POINT of Windows; the module ``stat`` has it only there."""


@dataclass(frozen=True)
class Inventory:
    """Relative paths with slashes: plain files with their size in bytes, folders, links, others."""

    files: Mapping[str, int]
    folders: frozenset[str]
    links: frozenset[str]
    others: frozenset[str]

    def children(self, folder: str) -> Iterator[str]:
        """Yield the names of everything directly in a folder (``.`` is the root), sorted."""
        prefix = "" if folder == "." else f"{folder}/"
        everything = (*self.files, *self.folders, *self.links, *self.others)
        yield from sorted(
            path.removeprefix(prefix)
            for path in everything
            if path.startswith(prefix) and "/" not in path.removeprefix(prefix)
        )

    def __contains__(self, relpath: str) -> bool:
        return (
            relpath in self.files
            or relpath in self.folders
            or relpath in self.links
            or relpath in self.others
        )


def take_inventory(root: Path, findings: Findings) -> Inventory:
    """Walk a folder; links, special files and unreadable folders are findings."""
    files: dict[str, int] = {}
    found: dict[str, set[str]] = {"folder": set(), "link": set(), "other": set()}
    waiting = ["."]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(root, folder, findings):
            relpath = entry.name if folder == "." else f"{folder}/{entry.name}"
            kind, size = _kind(entry)
            if kind == "file":
                files[relpath] = size
                continue
            found[kind].add(relpath)
            if kind == "folder":
                waiting.append(relpath)
    _report(root, found, findings)
    return Inventory(
        dict(sorted(files.items())),
        frozenset(found["folder"]),
        frozenset(found["link"]),
        frozenset(found["other"]),
    )


def _report(root: Path, found: Mapping[str, set[str]], findings: Findings) -> None:
    for relpath in sorted(found["link"]):
        where = "outside the folder" if _leads_outside(root, relpath) else "inside the folder"
        findings.add(Code.LAYOUT_LINK, relpath, f"is a link that leads {where}")
    for relpath in sorted(found["other"]):
        findings.add(Code.LAYOUT_KIND, relpath, "is neither a plain file nor a folder")


def _entries(root: Path, folder: str, findings: Findings) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        findings.add(Code.FILE_READ, folder, f"cannot be listed ({error.strerror or error})")
        return []


def _kind(entry: os.DirEntry[str]) -> tuple[str, int]:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return "other", 0
    if entry.is_symlink() or _is_junction(status):
        return "link", 0
    if stat.S_ISDIR(status.st_mode):
        return "folder", 0
    if stat.S_ISREG(status.st_mode):
        return "file", status.st_size
    return "other", 0


def _is_junction(status: os.stat_result) -> bool:
    # DirEntry.is_junction is there from Python 3.12 on; the tag is in every Windows stat.
    return getattr(status, "st_reparse_tag", 0) == JUNCTION_TAG


def _leads_outside(root: Path, relpath: str) -> bool:
    target = os.path.realpath(root / relpath)
    return not Path(target).is_relative_to(os.path.realpath(root))
