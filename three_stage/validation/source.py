"""The source file, where it is still there: whether it is the same, and what it is."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from schemas.files import FrameManifest, RunSummary
from three_stage.media import MediaError, probe_video
from three_stage.runs import identify_source
from three_stage.validation.clip_file import ClipFile, told_wrong
from three_stage.validation.codes import Code
from three_stage.validation.view import FolderView


def same_source(view: FolderView, summary: RunSummary) -> Path | None:
    """Return the source that the folder was made from, if it is there; report another one."""
    path, findings = view.relpath(view.layout.summary), view.findings
    written = summary.source_video
    # The folder may be checked on another system than it was made on.
    if not (PurePosixPath(written).is_absolute() or PureWindowsPath(written).is_absolute()):
        findings.add(Code.SUMMARY_SOURCE, path, f"source_video: no absolute path: {written!r}")
        return None
    try:
        source = Path(written)
        if not source.is_file():
            return None
        found = identify_source(source)
    except (OSError, ValueError):
        return None
    recorded = (summary.source_size_bytes, summary.source_fingerprint)
    if (found.size_bytes, found.fingerprint) == recorded:
        return source
    findings.add(Code.SOURCE_CHANGED, path, f"source_video: {written} has another size or content")
    return None


def check_source_video(
    view: FolderView, source: Path, manifest: FrameManifest, summary: RunSummary
) -> None:
    """Check what stage 1's manifest and run_summary.json say of the source against the file.

    A source that cannot be read here (a codec that this build lacks) is not judged.
    """
    recorded_frames = summary.source_displayed_frames
    try:
        probe = probe_video(source)
        wrong, frames = told_wrong(manifest.video, probe.info), probe.displayed_frames
        if wrong or frames != recorded_frames:
            # Packets can announce what the decoder does not show: then the decoder is right.
            with ClipFile(source) as decoded:
                wrong = wrong and told_wrong(manifest.video, decoded.info)
                frames = recorded_frames if frames == recorded_frames else len(decoded.times_sec)
    except MediaError:
        return
    relpath = view.relpath(view.layout.stage1.manifest)
    for name, written, found in wrong:
        message = f"video.{name}: {written!r}, but the source has {found!r}"
        view.findings.add(Code.MANIFEST_VIDEO, relpath, message)
    if frames != recorded_frames:
        view.findings.add(
            Code.SUMMARY_SOURCE,
            view.relpath(view.layout.summary),
            f"source_displayed_frames: {recorded_frames}, but the source shows {frames}",
        )
