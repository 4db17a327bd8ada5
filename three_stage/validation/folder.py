"""One video's folder → a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.files import RunSummary
from three_stage.runs import VideoLayout
from three_stage.settings.console import wants_tracebacks
from three_stage.validation.artifacts import check_all_recorded, check_artifacts
from three_stage.validation.asked import check_questions
from three_stage.validation.calls import read_journal
from three_stage.validation.clips import ClipCheck
from three_stage.validation.clock import check_order
from three_stage.validation.codes import Code
from three_stage.validation.contents import (
    Contents,
    expected_files,
    read_contents,
    untold_folders,
)
from three_stage.validation.inventory import take_inventory
from three_stage.validation.layout_checks import check_strangers
from three_stage.validation.made_with import check_settings
from three_stage.validation.plans import (
    check_clip_records,
    check_draft,
    check_localization,
    check_plan,
    check_segments,
)
from three_stage.validation.pool import SeenPool, check_note, look_at_pool
from three_stage.validation.records import check_cut, check_parts, check_sampling, check_sums
from three_stage.validation.report import Findings, FolderReport
from three_stage.validation.source import check_source_video, same_source
from three_stage.validation.steps import check_meta, check_step_media
from three_stage.validation.summary import (
    NATIVE_MAX_SIDE_PX,
    check_agreement,
    check_draft_asked,
    check_summary,
    folder_name,
)
from three_stage.validation.view import FolderView


def validate_folder(root: Path) -> FolderReport:
    """Check everything that a reader of a finished folder relies on; change nothing.

    Never raises for what lies in the folder: whatever is wrong is a line of the report.
    """
    findings = Findings()
    if root.is_dir():
        with _guarded(findings, "the folder"):
            view = FolderView(VideoLayout(root), take_inventory(root, findings), findings)
            _validate(view)
    else:
        findings.add(Code.LAYOUT_MISSING, ".", f"{root} is no folder")
    return findings.report(root, folder_name(root))


def _validate(view: FolderView) -> None:
    findings, summary = view.findings, None
    with _guarded(findings, "the summary"):
        summary = view.read_model(view.layout.summary, RunSummary, "run_summary")
        if summary is not None:
            check_summary(view, summary)
    contents = read_contents(view, summary)
    with _guarded(findings, "the layout"):
        _check_files(view, contents)
    with _guarded(findings, "the texts"):
        _check_texts(view, contents)
    with _guarded(findings, "the plans"):
        _check_plans(view, contents)
    with _guarded(findings, "the records"):
        _check_records(view, contents)
    with _guarded(findings, "the source"):
        _check_source(view, contents)
    with _guarded(findings, "the pictures of stage 1"):
        seen = _check_pool(view, contents)
        _check_steps(view, contents, seen)


def _check_files(view: FolderView, contents: Contents) -> None:
    expected = list(expected_files(view, contents))
    check_strangers(view, expected, untold_folders(view, contents))
    if contents.summary is not None:
        check_artifacts(view, contents.summary)
        unrecorded = (view.layout.summary, view.layout.calls)
        result = frozenset(view.relpath(path) for path in expected if path not in unrecorded)
        check_all_recorded(view, contents.summary, result)


def _check_texts(view: FolderView, contents: Contents) -> None:
    journal = read_journal(view, contents.summary.video_id if contents.summary else None)
    answers = check_questions(view, contents, journal)
    if contents.summary is not None:
        metas = {i: files.meta for i, files in contents.steps.items() if files.meta is not None}
        check_order(view, contents.summary, contents.segments, metas, journal, answers)


def _check_records(view: FolderView, contents: Contents) -> None:
    summary, segments = contents.summary, contents.segments
    if summary is None:
        return
    check_sums(view, summary)
    check_settings(view, summary)
    pools = {step_id: files.manifest for step_id, files in contents.steps.items()}
    check_sampling(view, summary, {i: pool for i, pool in pools.items() if pool is not None})
    if contents.draft is not None:
        check_parts(view, summary, contents.draft)
    if segments is not None:
        check_cut(view, summary, segments)


def _check_source(view: FolderView, contents: Contents) -> None:
    if contents.summary is None:
        return
    source = same_source(view, contents.summary)
    if source is not None and contents.manifest is not None:
        check_source_video(view, source, contents.manifest, contents.summary)


def _check_plans(view: FolderView, contents: Contents) -> None:
    draft, pool, segments = contents.draft, contents.pool, contents.segments
    localization, summary = contents.localization, contents.summary
    if draft is not None:
        check_draft(view, draft, pool)
    if draft is not None and pool is not None and localization is not None:
        check_localization(view, localization, draft, pool)
        if segments is not None:
            check_segments(view, segments, localization, draft, pool)
    if draft is not None and contents.plan is not None and contents.refined is not None:
        check_plan(view, contents.plan, draft, contents.refined)
    if summary is not None and contents.manifest is not None:
        check_agreement(view, summary, contents.manifest, segments)
    if summary is not None and draft is not None:
        check_draft_asked(view, summary, draft)
    if summary is not None and segments is not None:
        check_clip_records(view, segments, summary)


def _check_pool(view: FolderView, contents: Contents) -> SeenPool | None:
    if contents.manifest is None:
        return None
    max_side_px = None
    if contents.summary is not None:
        displayed = contents.summary.source_displayed_frames
        check_note(view, view.layout.stage1, contents.manifest, displayed)
        max_side_px = contents.summary.sampling_config.frame_max_side or NATIVE_MAX_SIDE_PX
    return look_at_pool(view, view.layout.stage1, contents.manifest, max_side_px=max_side_px)


def _check_steps(view: FolderView, contents: Contents, seen: SeenPool | None) -> None:
    segments, pool = contents.segments, contents.pool
    by_id = {s.step_id: s for s in segments.segments} if segments else {}
    for step in contents.draft.steps if contents.draft else ():
        with _guarded(view.findings, f"step {step.step_id}"):
            segment, files = by_id.get(step.step_id), contents.steps.get(step.step_id)
            check = None
            if segment is not None and segments is not None and pool is not None:
                path = view.layout.clip(step.step_id, step.step_goal)
                check = ClipCheck(path, segment, segments.cut, pool)
            if files is not None and segment is not None:
                check_meta(view, files, segment)
            check_step_media(view, files, check, seen)


@contextmanager
def _guarded(findings: Findings, what: str) -> Iterator[None]:
    """Turn an error in a check into a finding: a broken folder must never stop the others."""
    try:
        yield
    except Exception as error:
        if wants_tracebacks():
            raise
        kind = type(error).__name__
        findings.add(Code.CHECK_STOPPED, ".", f"the check of {what} stopped ({kind}: {error})")
