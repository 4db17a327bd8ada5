"""What belongs into a finished folder, and what lies there besides."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.files import FrameManifest
from schemas.plan import RefinedStep
from three_stage.media import TEMPORARY_PREFIX as CLIP_TEMPORARY_PREFIX
from three_stage.runs import StagePaths, StepPaths, key_frame_name
from three_stage.runs.atomic import TEMPORARY_PREFIX
from three_stage.runs.layout import CLIPS, SAMPLES, STAGE2
from three_stage.validation.codes import Code
from three_stage.validation.pool import expected_pictures
from three_stage.validation.view import FolderView

TEMPORARY_PREFIXES = (TEMPORARY_PREFIX, CLIP_TEMPORARY_PREFIX)
SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})

_STEP_FOLDER = re.compile(r"\d{2}_.+")
_OURS_BY_NAME = {
    "step folder": _STEP_FOLDER,
    "clip": re.compile(rf"{STAGE2}/{CLIPS}/step\d{{2}}_.+\.mp4"),
    "picture": re.compile(rf"(.+/)?{SAMPLES}/sample_\d{{3,}}_ts_\d+\.\d\ds\.jpg"),
    "key frame": re.compile(r"\d{2}_.+/frame_\d{3,}_ts_\d+\.\d\ds\.jpg"),
}


def key_frame_paths(paths: StepPaths, step: RefinedStep, manifest: FrameManifest) -> list[Path]:
    """Return where a step's key frames must lie: index and time of its pool in their names."""
    return [
        paths.folder / key_frame_name(index, manifest.frames[index - 1].timestamp_sec)
        for index in (critical.frame_index for critical in step.critical_frames)
        if index <= len(manifest.frames)
    ]


def pool_files(paths: StagePaths, manifest: FrameManifest | None) -> list[Path]:
    """Return every file of a question: its three texts, its manifest and its pictures."""
    return [*paths.texts, paths.manifest, *(expected_pictures(paths, manifest) if manifest else ())]


def check_strangers(view: FolderView, expected: Iterable[Path], unknown: Sequence[str]) -> None:
    """Report everything that is not ``expected``.

    ``unknown`` are folders whose content cannot be told, because a file that says it is broken:
    what in them has a name of ours is passed over.
    """
    files = {view.relpath(path) for path in expected}
    folders = {parent for path in files for parent in _parents(path)}
    for relpath in view.inventory.files:
        if relpath not in files:
            _report(view, relpath, files, folders, unknown)
    for relpath in sorted(view.inventory.folders - folders):
        if not _below_a_stranger(relpath, folders):
            _report(view, relpath, files, folders, unknown)


def _report(
    view: FolderView,
    relpath: str,
    files: set[str],
    folders: set[str],
    unknown: Sequence[str],
) -> None:
    name = posixpath.basename(relpath)
    if name.startswith(TEMPORARY_PREFIXES):
        view.findings.add(Code.LAYOUT_TEMPORARY, relpath, "is what a killed run left")
    elif name in SYSTEM_FILES:
        view.findings.add(Code.LAYOUT_SYSTEM, relpath, "was made by an operating system")
    elif relpath in folders:
        view.findings.add(Code.LAYOUT_KIND, relpath, "is a file; a folder belongs there")
    elif relpath in files:
        view.findings.add(Code.LAYOUT_KIND, relpath, "is a folder; a file belongs there")
    elif _below_a_stranger(relpath, folders):
        pass  # said once, of the folder
    elif kind := _kind_of_ours(relpath):
        if not _in_unknown(relpath, unknown):
            view.findings.add(Code.LAYOUT_STALE, relpath, f"is a {kind} of no step of this folder")
    else:
        view.findings.add(Code.LAYOUT_FOREIGN, relpath, "does not belong here")


def _kind_of_ours(relpath: str) -> str | None:
    return next((kind for kind, name in _OURS_BY_NAME.items() if name.fullmatch(relpath)), None)


def _below_a_stranger(relpath: str, folders: set[str]) -> bool:
    parent = posixpath.dirname(relpath)
    return bool(parent) and parent not in folders


def _in_unknown(relpath: str, unknown: Sequence[str]) -> bool:
    return any(folder == "." or relpath.startswith(f"{folder}/") for folder in unknown)


def _parents(relpath: str) -> Iterable[str]:
    while relpath := posixpath.dirname(relpath):
        yield relpath
