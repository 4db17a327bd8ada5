"""run_summary.json: stages completed, dates that exist, ids and sources that agree."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from pathlib import Path

from schemas.files import (
    FORMAT_VERSION,
    FrameManifest,
    PartRecord,
    RunSummary,
    StageRecord,
    StepSegments,
)
from schemas.plan import DraftPlan
from three_stage.runs import digest_of
from three_stage.validation.codes import Code
from three_stage.validation.view import FolderView

STAGES = ("stage1", "stage2", "stage3")
NATIVE_MAX_SIDE_PX = 2048
"""The longest side of pool pictures when --frame-max-side is 0."""

_FINGERPRINT_INPUT, _DRAFT_INPUT = "source content", "draft"
"""Names of inputs in ask_inputs."""


def check_summary(view: FolderView, summary: RunSummary) -> None:
    """Check what run_summary.json says of itself and its folder."""
    path, findings = view.relpath(view.layout.summary), view.findings
    if summary.format_version != FORMAT_VERSION:
        findings.add(
            Code.SUMMARY_VERSION,
            path,
            f"format_version: must be {FORMAT_VERSION}; got {summary.format_version}",
        )
    if not _same_name(summary.video_id, folder_name(view.root)):
        findings.add(
            Code.SUMMARY_ID,
            path,
            f"video_id: {summary.video_id!r}, the folder is called {folder_name(view.root)!r}",
        )
    if summary.overwrite_in_progress:
        names = ", ".join(summary.overwrite_in_progress)
        findings.add(Code.SUMMARY_OVERWRITE, path, f"overwrite_in_progress: {names}")
    if not is_real_time(summary.updated_at_utc):
        findings.add(Code.SUMMARY_TIME, path, f"updated_at_utc: no date: {summary.updated_at_utc}")
    for name in STAGES:
        _check_stage(view, summary, name, getattr(summary, name))
    _check_post_validate(view, summary.post_validate)


def check_agreement(
    view: FolderView, summary: RunSummary, manifest: FrameManifest, segments: StepSegments | None
) -> None:
    """Check run_summary.json against the files that it speaks of."""
    path, findings = view.relpath(view.layout.summary), view.findings
    sampling = summary.sampling_config
    if manifest.num_frames > sampling.max_frames:
        findings.add(
            Code.SUMMARY_SAMPLING,
            path,
            f"sampling_config.max_frames: {sampling.max_frames}, the pool has "
            f"{manifest.num_frames} pictures",
        )
    last = manifest.frames[-1].original_frame_index
    if summary.source_displayed_frames <= last:
        findings.add(
            Code.SUMMARY_SOURCE,
            path,
            f"source_displayed_frames: {summary.source_displayed_frames}, but the pool has the "
            f"source's frame {last} (0-based)",
        )
    elif sampling.pool_mode == "exact" and summary.source_displayed_frames != last + 1:
        findings.add(
            Code.SUMMARY_SOURCE,
            path,
            f"source_displayed_frames: {summary.source_displayed_frames}, but the pool ends with "
            f"the source's last frame, number {last} (0-based)",
        )
    if segments is not None:
        _check_segments(view, summary, segments)


def check_draft_asked(view: FolderView, summary: RunSummary, draft: DraftPlan) -> None:
    """Check that stages 2 and 3 were asked with the draft that is there, as far as is recorded."""
    whole = digest_of(draft.model_dump(mode="json"))
    records: dict[str, tuple[StageRecord | PartRecord, str]] = {}
    if summary.stage2 is not None:
        records["stage2"] = (summary.stage2, whole)
    parts = summary.stage3.parts if summary.stage3 else {}
    for step in draft.steps:
        if (part := parts.get(str(step.step_id))) is not None:
            of_step = digest_of([draft.high_level_goal, step.model_dump(mode="json")])
            records[f"stage3, step {step.step_id}"] = (part, of_step)
    for name, (record, digest) in records.items():
        if record.ask_inputs.get(_DRAFT_INPUT, digest) != digest:
            view.findings.add(
                Code.DRAFT_CHANGED,
                view.relpath(view.layout.draft),
                f"is not the draft that {name} was asked with",
            )


def _check_segments(view: FolderView, summary: RunSummary, segments: StepSegments) -> None:
    path, findings = view.relpath(view.layout.segments), view.findings
    if segments.video_id != summary.video_id:
        findings.add(
            Code.SUMMARY_ID,
            path,
            f"video_id: {segments.video_id!r}, run_summary.json has {summary.video_id!r}",
        )
    if segments.source_video != summary.source_video:
        findings.add(
            Code.SUMMARY_SOURCE,
            path,
            f"source_video: {segments.source_video!r}, run_summary.json has "
            f"{summary.source_video!r}",
        )
    if not is_real_time(segments.generated_at_utc):
        findings.add(
            Code.SUMMARY_TIME, path, f"generated_at_utc: no date: {segments.generated_at_utc}"
        )


def folder_name(root: Path) -> str:
    """Return the name of a folder, also when it was given as ``.``."""
    return root.resolve().name


def is_real_time(text: str) -> bool:
    """Whether an ISO 8601 text is a date that exists."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_stage(
    view: FolderView, summary: RunSummary, name: str, record: StageRecord | None
) -> None:
    path, findings = view.relpath(view.layout.summary), view.findings
    if record is None:
        findings.add(Code.SUMMARY_STAGE, path, f"{name}: not done")
        return
    if record.status != "completed":
        reason = f" ({record.error})" if record.error else ""
        findings.add(Code.SUMMARY_STAGE, path, f"{name}: {record.status}{reason}")
    elif record.error is not None or record.error_kind is not None:
        findings.add(Code.SUMMARY_STAGE, path, f"{name}: completed, but has an error")
    elif record.ended_at_utc is None:
        findings.add(Code.SUMMARY_STAGE, path, f"{name}: completed, but has no end")
    _check_times(view, name, record)
    _check_keys(view, summary, name, record)
    for part_name, part in record.parts.items():
        _check_keys(view, summary, f"{name}.parts.{part_name}", part)


def _check_times(view: FolderView, name: str, record: StageRecord) -> None:
    path, findings = view.relpath(view.layout.summary), view.findings
    times = [t for t in (record.started_at_utc, record.ended_at_utc) if t is not None]
    if not all(map(is_real_time, times)):
        findings.add(Code.SUMMARY_TIME, path, f"{name}: a date that does not exist: {times}")
    elif len(times) > 1 and datetime.fromisoformat(times[1]) < datetime.fromisoformat(times[0]):
        findings.add(
            Code.SUMMARY_CLOCK, path, f"{name}: ended_at_utc {times[1]}, started_at_utc {times[0]}"
        )


def _check_keys(
    view: FolderView, summary: RunSummary, name: str, record: StageRecord | PartRecord
) -> None:
    path, findings = view.relpath(view.layout.summary), view.findings
    has_key = record.ask_key is not None or bool(record.ask_inputs)
    if has_key and record.ask_key != digest_of(record.ask_inputs):
        findings.add(
            Code.SUMMARY_STAGE, path, f"{name}.ask_key: is not the digest of its ask_inputs"
        )
    content = record.ask_inputs.get(_FINGERPRINT_INPUT, summary.source_fingerprint)
    if content != summary.source_fingerprint:
        findings.add(
            Code.SUMMARY_SOURCE, path, f"{name}.ask_inputs: made from another source content"
        )


def _check_post_validate(view: FolderView, record: StageRecord | None) -> None:
    # Its verdict is not taken over: this run gives its own. It must only not contradict itself.
    if record is None:
        return
    _check_times(view, "post_validate", record)
    told = ("status", "started_at_utc", "ended_at_utc", "warnings", "error", "error_kind")
    if record != StageRecord(**{name: getattr(record, name) for name in told}):
        view.findings.add(
            Code.SUMMARY_COUNT,
            view.relpath(view.layout.summary),
            "post_validate: a validation takes no answer, and its record has none",
        )
    if (record.status == "failed") != (record.error is not None):
        view.findings.add(
            Code.SUMMARY_STAGE,
            view.relpath(view.layout.summary),
            f"post_validate: {record.status}, but its error is {record.error!r}",
        )


def _same_name(first: str, second: str) -> bool:
    return unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", second)
