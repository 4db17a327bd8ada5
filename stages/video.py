"""One video: which stages run, what is reused, and the plan that comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from schemas.files import FORMAT_VERSION, RunSummary, StageRecord
from schemas.plan import CausalPlan, RefinedStep
from schemas.problems import SchemaError
from schemas.rules import plan_problems
from stages import draft, localize, refine
from stages.job import VideoJob, VideoView, api_config, sampling_config
from stages.kit import STAGE_NAMES, Kit, Recipe, StageName
from three_stage.batch import VideoInput, VideoOutcome
from three_stage.media import TEMPORARY_PREFIX as CLIP_TEMPORARY_PREFIX
from three_stage.runs import (
    CallJournal,
    FormatVersionError,
    OutputError,
    RunFolder,
    SourceIdentity,
    SourceMismatchError,
    UpstreamError,
    folder_lock,
    identify_source,
    json_text,
    read_model,
    same_name_key,
    utc_now,
)
from three_stage.runs.layout import PLAN_NAME, STAGE1, SUMMARY_NAME
from three_stage.validation import FolderReport, validate_folder


@dataclass(frozen=True)
class FolderState:
    """What a run finds before it changes anything: the source, and the folder's summary if any."""

    source: SourceIdentity
    root: Path
    summary: RunSummary | None
    remark: str = ""


async def annotate(video: VideoInput, kit: Kit) -> VideoOutcome:
    """Run the chosen stages on one video and return how that went.

    Raises ThreeStageError when the video failed, and what ends a whole run.
    """
    output_root = kit.recipe.settings.run.output_root
    with folder_lock(output_root, video.video_id):
        state = await asyncio.to_thread(look, video, kit.recipe)
        job = await asyncio.to_thread(open_job, video, state, kit)
        try:
            await _run_stages(job)
            await job.on_disk(job.end_overwrite)
            report = await _post_validate(job)
        except OSError as error:
            raise OutputError.of(error, job.layout.root) from error
    return VideoOutcome(
        video_id=video.video_id,
        ran=tuple(job.ran),
        warnings=sum(len(r.warnings) for name in STAGE_NAMES if (r := job.folder.stage(name))),
        invalid=tuple(report.errors) if report else (),
    )


def look(video: VideoInput, recipe: Recipe) -> FolderState:
    """Read a source's identity and its folder's summary, and check that they belong together.

    Raises OutputError when the source cannot be read, SourceMismatchError when the folder was made
    from another video or under another name, FormatVersionError when it is of another version.
    """
    try:
        source = identify_source(video.path)
    except OSError as error:
        raise OutputError(
            f"{video.path}: cannot be read: {error.strerror or error}.",
            hint="Check that the file is there and its permissions.",
        ) from error
    root = recipe.settings.run.output_root / video.video_id
    if source.path.is_relative_to(root.absolute()):
        raise SourceMismatchError(
            f"{source.path} lies inside its own output folder {root}.",
            hint="Choose another --output-root, or move the video.",
        )
    try:
        summary = read_model(RunSummary, root / SUMMARY_NAME)
    except SchemaError as error:
        never_begun = not (root / SUMMARY_NAME).exists() and not (root / STAGE1).exists()
        return FolderState(source, root, None, "" if never_begun else error.problems[0])
    if summary.format_version != FORMAT_VERSION:
        raise FormatVersionError(
            f"{root} was written in format {summary.format_version}, and this version of "
            f"three-stage writes format {FORMAT_VERSION}.",
            hint="Use the version that wrote it, or choose another --output-root.",
        )
    same_path = summary.source_video == str(source.path)
    same_content = summary.source_fingerprint == source.fingerprint
    if not same_path and not same_content:
        raise SourceMismatchError(
            f"{root} holds the results of {summary.source_video}, not of {source.path}, and the "
            "two files differ.",
            hint="Choose another --output-root, or move that folder away.",
        )
    if same_name_key(summary.video_id) != same_name_key(video.video_id):
        raise SourceMismatchError(
            f"{root} was made as {summary.video_id!r}, and its files say so.",
            hint=f"Give the folder and the video the name {summary.video_id!r} back, or choose "
            "another --output-root.",
        )
    remark = "" if same_content else "the source's content changed"
    return FolderState(source, root, summary, remark)


def is_drafted(recipe: Recipe, video: VideoInput) -> bool:
    """Tell whether stage 1 was completed once: then the file is known to be a video."""
    summary = look(video, recipe).summary
    return (
        summary is not None
        and summary.stage1 is not None
        and (summary.stage1.status == "completed")
    )


def view(video: VideoInput, state: FolderState, recipe: Recipe) -> VideoView:
    """Return a folder as this run would begin on it; nothing is written."""
    summary = state.summary or RunSummary(
        source_video=str(state.source.path),
        source_size_bytes=state.source.size_bytes,
        source_fingerprint=state.source.fingerprint,
        video_id=video.video_id,
        format_version=FORMAT_VERSION,
        tool_versions={},
        updated_at_utc=utc_now(),
        api_config=api_config(recipe),
        sampling_config=sampling_config(recipe.settings.sampling),
        artifacts={},
        artifact_bytes={},
    )
    if recipe.settings.run.overwrite:
        summary = next_generation(summary, recipe.stages)
    made_from = summary.source_fingerprint
    folder = RunFolder(state.root, summary)
    return VideoView(recipe, video.video_id, state.source, folder, made_from)


def open_job(video: VideoInput, state: FolderState, kit: Kit) -> VideoJob:
    """Make the folder ready for this run and write its summary."""
    seen = view(video, state, kit.recipe)
    if state.remark:
        logger.warning("{}: {}", video.video_id, state.remark)
    journal = CallJournal(seen.layout.calls)
    job = VideoJob(
        seen.recipe, seen.video_id, seen.source, seen.folder, seen.made_from, kit, journal
    )
    if job.made_from != job.source.fingerprint:
        _forget_other_content(job)
    job.folder.remove_temporaries(CLIP_TEMPORARY_PREFIX)
    if state.summary is not None and state.summary.source_video != str(state.source.path):
        _update_source_path(job)
    job.folder.update(
        source_video=str(job.source.path),
        source_size_bytes=job.source.size_bytes,
        source_fingerprint=job.source.fingerprint,
        tool_versions=dict(kit.tool_versions),
    )
    return job


def _forget_other_content(job: VideoJob) -> None:
    """Remove what was made from the file that lay at this path before."""
    root = job.layout.root
    job.folder.remove(root / relpath for relpath in list(job.folder.summary.artifacts))
    job.remove_stale_steps(keep=[])
    job.folder.update(
        stage1=None, stage2=None, stage3=None, post_validate=None, source_displayed_frames=0
    )


def next_generation(summary: RunSummary, stages: Sequence[StageName]) -> RunSummary:
    """Begin an overwrite of stages that were made once; one that was killed is gone on with."""
    pending = summary.overwrite_in_progress
    fresh = [name for name in stages if name not in pending and getattr(summary, name) is not None]
    counts = {name: summary.generations.get(name, 0) + 1 for name in fresh}
    return summary.model_copy(
        update={
            "generations": {**summary.generations, **counts},
            "overwrite_in_progress": tuple(
                name for name in STAGE_NAMES if name in fresh or name in pending
            ),
        }
    )


async def _run_stages(job: VideoJob) -> None:
    stages = job.recipe.stages
    if "stage1" in stages:
        drafted = await draft.run(job)
    else:
        drafted = await job.on_disk(_take_draft, job)
    if stages == ("stage1",):
        return
    await _know_length(job)
    if "stage3" not in stages:
        await localize.run(job, drafted, on_clip=lambda _clip: None)
        return
    refinement = refine.Refinement(job, drafted)
    try:
        await _clips_into(refinement, job, drafted)
        refined = await refinement.finish()
    except asyncio.CancelledError:
        await refinement.cancel()
        raise
    await job.on_disk(_save_plan, job, drafted, refined)


async def _clips_into(refinement: refine.Refinement, job: VideoJob, drafted: draft.Drafted) -> None:
    """Give stage 3 each clip as soon as it is there: cut now, or on disk already."""
    if "stage2" not in job.recipe.stages:
        for clip in await job.on_disk(_take_clips, job, drafted):
            refinement.take(clip)
        return
    try:
        await localize.run(job, drafted, refinement.take)
    except Exception as error:
        await refinement.settle(error)
        raise


async def _know_length(job: VideoJob) -> None:
    """Count the source's displayed frames again when the record of them was lost."""
    if not job.folder.summary.source_displayed_frames:
        probed = await job.kit.workers.probe(job.source.path)
        await job.on_disk(
            lambda: job.folder.update(source_displayed_frames=probed.displayed_frames)
        )


def _take_draft(job: VideoJob) -> draft.Drafted:
    drafted = upstream_draft(job)
    _accept_edited(job, draft.files(job.layout, drafted.manifest))
    return drafted


def _take_clips(job: VideoJob, drafted: draft.Drafted) -> list[localize.StepClip]:
    clips = upstream_clips(job, drafted)
    _accept_edited(job, localize.files(job.layout))
    return clips


def _save_plan(job: VideoJob, drafted: draft.Drafted, refined: dict[int, RefinedStep]) -> None:
    """Assemble the plan by step id, check it, and write it when it is not there as it should."""
    steps = [refined[step.step_id] for step in drafted.plan.steps]
    plan = CausalPlan(high_level_goal=drafted.plan.high_level_goal, steps=tuple(steps))
    if problems := plan_problems(plan, drafted.plan, steps):
        raise SchemaError(tuple(problems))
    path = job.layout.plan
    if not path.is_file() or path.read_bytes() != json_text(plan).encode():
        # What makes a plan stale removes it from the record, too: one that is recorded was damaged.
        if PLAN_NAME in job.folder.summary.artifacts and (why := job.why_files_unfit([path])):
            logger.info("{}: {}: it is put together again", job.video_id, why)
        job.folder.write(path, plan)
    job.folder.record(job.folder.changed([job.layout.relpath(path)]))
    for stage in ("stage2", "stage3"):
        job.forget_parts(stage, keep=refined.keys())


def upstream_draft(seen: VideoView) -> draft.Drafted:
    """Read stage 1 as it is, a hand-edited draft included. Raises UpstreamError."""
    try:
        drafted = draft.load(seen.layout)
    except SchemaError as error:
        raise _upstream_error(seen, "stage1", error.problems[0]) from None
    _refuse_unfit(seen, "stage1", draft.files(seen.layout, drafted.manifest))
    return drafted


def upstream_clips(seen: VideoView, drafted: draft.Drafted) -> list[localize.StepClip]:
    """Read stage 2 as it is. Raises UpstreamError."""
    try:
        clips = localize.load_clips(seen, drafted)
        files = localize.files(seen.layout)
    except SchemaError as error:
        raise _upstream_error(seen, "stage2", error.problems[0]) from None
    _refuse_unfit(seen, "stage2", files)
    return clips


def _refuse_unfit(seen: VideoView, stage: StageName, files: list[Path]) -> None:
    """Raise UpstreamError when a stage was not completed, is of another video, or lacks files."""
    record = seen.folder.stage(stage)
    is_completed = record is not None and record.status == "completed"
    if not is_completed and not seen.recipe.settings.run.reuse_any:
        raise _upstream_error(seen, stage, "it was not completed")
    if seen.made_from != seen.source.fingerprint:
        raise _upstream_error(seen, stage, "it was made from another video at the same path")
    absent = [path for path in files if not path.is_file()]
    if absent:
        raise _upstream_error(seen, stage, f"{seen.layout.relpath(absent[0])} is missing")


def _upstream_error(seen: VideoView, stage: StageName, why: str) -> UpstreamError:
    return UpstreamError(
        f"{seen.layout.root}: {stage} is needed and cannot be used: {why}.",
        hint=f"Run it first: add {stage[-1]} to --stages.",
    )


def _accept_edited(job: VideoJob, files: list[Path]) -> None:
    """Take upstream files that differ from the record, edited by hand as a rule, into it."""
    changed = job.folder.changed(job.layout.relpath(path) for path in files)
    for relpath in changed:
        logger.warning("{}: {} differs from the record; accepted", job.video_id, relpath)
    job.folder.record(changed)


def _update_source_path(job: VideoJob) -> None:
    """The same content lies elsewhere now: say so in the segments too."""
    logger.info("{}: the source is at {} now", job.video_id, job.source.path)
    layout = job.layout
    try:
        segments = localize.read_segments(layout)
    except SchemaError:
        return
    moved = segments.model_copy(update={"source_video": str(job.source.path)})
    job.folder.record([job.folder.write(layout.segments, moved)])


async def _post_validate(job: VideoJob) -> FolderReport | None:
    if not job.recipe.settings.run.post_validate or "stage3" not in job.recipe.stages:
        return None
    started = utc_now()
    report = await job.kit.workers.run(validate_folder, job.layout.root)
    job.folder.update(
        post_validate=StageRecord(
            status="completed" if not report.errors else "failed",
            started_at_utc=started,
            ended_at_utc=utc_now(),
            warnings=tuple(report.warnings),
            error="; ".join(report.errors) or None,
            error_kind="invalid" if report.errors else None,
        )
    )
    return report
