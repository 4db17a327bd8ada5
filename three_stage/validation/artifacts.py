"""The record of artifacts against the files: present, the same size, the same content."""

from __future__ import annotations

from schemas.files import RunSummary
from three_stage.runs import file_sha256
from three_stage.validation.codes import Code
from three_stage.validation.view import FolderView, leads_outside


def check_artifacts(view: FolderView, summary: RunSummary) -> None:
    """Check every recorded file: where it is, its size, its SHA-256."""
    record, findings = view.relpath(view.layout.summary), view.findings
    for relpath in sorted(set(summary.artifacts) ^ set(summary.artifact_bytes)):
        missing = "artifacts" if relpath in summary.artifact_bytes else "artifact_bytes"
        findings.add(Code.ARTIFACT_UNRECORDED, record, f"{missing}: has no entry for {relpath!r}")
    for relpath, digest in summary.artifacts.items():
        if leads_outside(view.root, view.root, relpath):
            findings.add(Code.ARTIFACT_PATH, record, f"artifacts: {relpath!r} is no path below it")
        elif relpath not in view.inventory.files:
            findings.add(Code.ARTIFACT_MISSING, relpath, "is recorded, but there is no such file")
        else:
            _check_content(view, relpath, digest, summary.artifact_bytes.get(relpath))


def check_all_recorded(view: FolderView, summary: RunSummary, expected: frozenset[str]) -> None:
    """Check that every file of the result (``expected``, relative paths) is recorded."""
    present = expected & view.inventory.files.keys()
    for relpath in sorted(present - summary.artifacts.keys()):
        view.findings.add(Code.ARTIFACT_UNRECORDED, relpath, "is not recorded in run_summary.json")


def _check_content(view: FolderView, relpath: str, digest: str, size: int | None) -> None:
    actual = view.inventory.files[relpath]
    if size is not None and actual != size:
        view.findings.add(Code.ARTIFACT_SIZE, relpath, f"has {actual} bytes, {size} are recorded")
        return
    try:
        found = file_sha256(view.root / relpath)
    except OSError as error:
        view.findings.add(Code.FILE_READ, relpath, f"cannot be read: {error.strerror or error}")
        return
    if found != digest:
        view.findings.add(Code.ARTIFACT_DIGEST, relpath, "its SHA-256 is not the recorded one")
