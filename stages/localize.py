"""Stage 2: draft and pool → where every step is, in pictures and seconds, and one clip a step.

``python -m stages.localize`` runs this stage alone, with the options of the pipeline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.files import CutRecord, FrameManifest, PartRecord, Segment, StepSegments
from schemas.localization import Localization, LocalizedStep
from schemas.plan import DraftPlan
from schemas.problems import SchemaError
from schemas.rules import localization_problems, localization_warnings, segments_problems
from stages.asking import ask, checked, question, save_texts
from stages.draft import Drafted
from stages.job import VideoJob, VideoView
from stages.keys import Inputs, cut_record, localize_inputs, why_changed
from stages.pool import numbered_pictures
from three_stage.media import (
    FramePool,
    MediaError,
    cut_clip,
    frames_between,
    segment_times,
)
from three_stage.runs import (
    VideoLayout,
    clip_key,
    cut_inputs,
    json_text,
    read_model,
    step_folder_name,
    utc_now,
)
from three_stage.vlm import Answer, Question

CUT_SECONDS_A_SECOND, READ_SECONDS_A_SECOND = 30.0, 2.0
"""Time limit of a cut: a minute, so much for each second of clip, and so much for each second
before its end (some files can only be read from their start)."""


@dataclass(frozen=True)
class StepClip:
    """One step's clip on disk: its segment, and the displayed frames that it holds."""

    segment: Segment
    path: Path
    frames: int
    cut: CutRecord


async def run(job: VideoJob, drafted: Drafted, on_clip: Callable[[StepClip], None]) -> None:
    """Reuse or ask for the localization, cut what is not there, and hand on each clip at once."""
    inputs = inputs_of(job, drafted)
    why_ask = await job.on_disk(why_run, job, drafted, inputs)
    why_cut = None if why_ask else await job.on_disk(why_recut, job, drafted)
    if why_ask is None and why_cut is None:
        await job.on_disk(job.reused, "stage2", files(job.layout))
        for clip in load_clips(job, drafted):
            on_clip(clip)
        return
    made_with = inputs if why_ask else job.ask_inputs("stage2")
    answered = None if why_ask else job.folder.stage("stage2")
    await job.on_disk(job.began, "stage2", why_ask or why_cut or "", made_with, answered)
    async with job.recording_failure("stage2"):
        if why_ask:
            localization = await _localize(job, drafted, inputs)
        else:
            localization = await job.on_disk(_keep_localization, job)
        await _cut_all(job, drafted, localization, on_clip)
        await job.on_disk(job.ended, "stage2")


async def _localize(job: VideoJob, drafted: Drafted, inputs: Inputs) -> Localization:
    pool = drafted.pool or await _pool_of(job, drafted.manifest)
    asked = ask_for(job, drafted, pool, inputs)
    answer = await ask(job, asked)
    await job.on_disk(_save_localization, job, drafted, asked, answer)
    return answer.value


def ask_for(
    job: VideoJob, drafted: Drafted, pool: FramePool, inputs: Inputs
) -> Question[Localization]:
    """Return the question of stage 2."""
    num_frames = len(pool.frames)
    blanks: dict[str, object] = {
        "num_frames": num_frames,
        "end_of_video": num_frames + 1,
        "draft_plan": json_text(drafted.plan).strip(),
    }
    return question(
        job, "stage2", None, inputs, blanks, numbered_pictures(pool),
        lambda value: checked(
            Localization,
            value,
            lambda found: problems_on_pool(
                found, drafted.plan, drafted.manifest, pool.displayed_frames
            ),
        ),
    )  # fmt: skip


def problems_on_pool(
    localization: Localization, draft: DraftPlan, manifest: FrameManifest, displayed_frames: int
) -> list[str]:
    """Check a localization against its draft and the pool."""
    indices = [frame.original_frame_index for frame in manifest.frames]
    return localization_problems(
        localization,
        [step.step_id for step in draft.steps],
        manifest.num_frames,
        lambda start, end: frames_between(indices, displayed_frames, start, end),
    )


async def _pool_of(job: VideoJob, manifest: FrameManifest) -> FramePool:
    pool = await job.kit.workers.sample_pool(job.source.path, job.pool_settings())
    sampled = [frame.original_frame_index for frame in pool.frames]
    if sampled != [frame.original_frame_index for frame in manifest.frames]:
        raise MediaError(
            f"{job.source.path}: sampling it again does not give the pictures of stage 1.",
            hint="Run stage 1 again with --overwrite.",
        )
    return pool


async def _cut_all(
    job: VideoJob,
    drafted: Drafted,
    localization: Localization,
    on_clip: Callable[[StepClip], None],
) -> None:
    segments = [segment_of(job.layout, drafted, step) for step in localization.steps]
    await job.on_disk(_remove_stale_clips, job, segments)

    async def cut_one(segment: Segment) -> StepClip:
        clip = await _clip_of(job, drafted, segment)
        on_clip(clip)
        return clip

    cuts = [asyncio.create_task(cut_one(segment)) for segment in segments]
    try:
        clips = await asyncio.gather(*cuts)
    finally:
        for cut in cuts:
            cut.cancel()
        await asyncio.gather(*cuts, return_exceptions=True)
    await job.on_disk(_save_segments, job, drafted, clips)


async def _clip_of(job: VideoJob, drafted: Drafted, segment: Segment) -> StepClip:
    """Return the clip of one segment, cut now unless the one on disk has the same key."""
    path = job.layout.stage2.folder / segment.clip_relpath
    key = _key_of(job, segment)
    frames = _frames_of(job, drafted, segment)
    settings = job.recipe.settings.cut
    part = job.part("stage2", segment.step_id)
    if part and part.cut_key == key and job.why_files_unfit([path]) is None:
        await job.on_disk(job.note_reused, "stage2", segment.clip_relpath)
        return StepClip(_with_recorded_times(job, segment), path, frames, cut_record(settings))
    facts = await job.kit.workers.source_facts(job.source.path)
    async with job.kit.ffmpeg_slots:
        await cut_clip(
            job.kit.ffmpeg,
            job.source.path,
            path,
            start_sec=segment.start_sec,
            end_sec=segment.end_sec,
            video=drafted.manifest.video,
            facts=facts,
            settings=settings,
            timeout_sec=cut_time_limit_sec(segment),
        )
    held = await job.kit.workers.clip_span(
        job.source.path,
        path,
        start_sec=segment.start_sec,
        end_sec=segment.end_sec,
        frames=frames,
        settings=settings,
    )
    segment = segment.model_copy(
        update={"clip_start_sec": held.start_sec, "clip_end_sec": held.end_sec}
    )
    await job.on_disk(_record_clip, job, segment, path, key)
    return StepClip(segment, path, frames, cut_record(settings))


def cut_time_limit_sec(segment: Segment) -> float:
    """Return how long ffmpeg may take for a clip."""
    length_sec = segment.end_sec - segment.start_sec
    return 60 + CUT_SECONDS_A_SECOND * length_sec + READ_SECONDS_A_SECOND * segment.end_sec


def segment_of(layout: VideoLayout, drafted: Drafted, step: LocalizedStep) -> Segment:
    """Return a localized step in seconds, with the names of its pictures and its clip."""
    manifest = drafted.manifest
    goal = next(s.step_goal for s in drafted.plan.steps if s.step_id == step.step_id)
    start_sec, end_sec = segment_times(
        [frame.timestamp_sec for frame in manifest.frames],
        manifest.video.duration_sec,
        step.start_frame_index,
        step.end_frame_index,
    )
    last = min(step.end_frame_index, manifest.num_frames)
    clip = layout.clip(step.step_id, goal)
    return Segment(
        step_id=step.step_id,
        step_goal=goal,
        start_frame_index=step.start_frame_index,
        end_frame_index=step.end_frame_index,
        start_sec=start_sec,
        end_sec=end_sec,
        start_image_relpath=manifest.frames[step.start_frame_index - 1].image_relpath,
        end_image_relpath=manifest.frames[last - 1].image_relpath,
        clip_relpath=clip.relative_to(layout.stage2.folder).as_posix(),
        clip_start_sec=start_sec,
        clip_end_sec=end_sec,
    )


def inputs_of(job: VideoView, drafted: Drafted) -> Inputs:
    """Return what decides about the localization of a draft."""
    return localize_inputs(
        job.recipe,
        job.source.fingerprint,
        job.generation("stage2"),
        drafted.plan,
        job.pool_settings(),
    )


def why_run(job: VideoView, drafted: Drafted, inputs: Inputs) -> str | None:
    """Say why the localization must be asked for, or None when the one on disk holds."""
    layout = job.layout
    if why := job.why_not_reusable("stage2", inputs):
        return why
    try:
        localization = read_model(Localization, layout.localization)
    except SchemaError as error:
        return error.problems[0]
    displayed = job.folder.summary.source_displayed_frames
    if problems := problems_on_pool(localization, drafted.plan, drafted.manifest, displayed):
        return f"localization_raw.json {problems[0]}"
    return job.why_files_unfit([layout.localization, *layout.stage2.texts])


def why_recut(job: VideoView, drafted: Drafted) -> str | None:
    """Say why clips must be looked at again, or None when all are as recorded."""
    layout = job.layout
    try:
        clips = load_clips(job, drafted)
    except SchemaError as error:
        return error.problems[0]
    for clip in clips:
        part = job.part("stage2", clip.segment.step_id)
        key = _key_of(job, clip.segment)
        if not job.recipe.settings.run.reuse_any and (part is None or part.cut_key != key):
            now = cut_inputs(cut_record(job.recipe.settings.cut))
            return why_changed(cut_inputs(clip.cut), now) or "how clips were cut is not recorded"
    return job.why_files_unfit([layout.segments, *(clip.path for clip in clips)])


def load_clips(job: VideoView, drafted: Drafted) -> list[StepClip]:
    """Read stage 2 on disk and check it. Raises SchemaError that names the file."""
    return clips_of(job, drafted, read_model(Localization, job.layout.localization))


def clips_of(job: VideoView, drafted: Drafted, localization: Localization) -> list[StepClip]:
    """Read a localization's segments and check them. Raises SchemaError that names the file."""
    layout = job.layout
    segments = read_segments(layout)
    displayed = job.folder.summary.source_displayed_frames
    problems = [
        *problems_on_pool(localization, drafted.plan, drafted.manifest, displayed),
        *segments_problems(segments, localization, drafted.plan, drafted.manifest),
    ]
    if problems:
        raise SchemaError(tuple(f"stage2: {line}" for line in problems))
    return [
        StepClip(
            segment,
            layout.stage2.folder / segment.clip_relpath,
            _frames_of(job, drafted, segment),
            segments.cut,
        )
        for segment in segments.segments
    ]


def read_segments(layout: VideoLayout) -> StepSegments:
    """Read step_segments.json. Raises SchemaError that names the file."""
    return read_model(StepSegments, layout.segments)


def files(layout: VideoLayout) -> list[Path]:
    """Return every file that stage 2 consists of, clips as step_segments.json names them."""
    segments = read_segments(layout).segments
    clips = [layout.stage2.folder / segment.clip_relpath for segment in segments]
    return [layout.localization, layout.segments, *layout.stage2.texts, *clips]


def _frames_of(job: VideoView, drafted: Drafted, segment: Segment) -> int:
    return frames_between(
        [frame.original_frame_index for frame in drafted.manifest.frames],
        job.folder.summary.source_displayed_frames,
        segment.start_frame_index,
        segment.end_frame_index,
    )


def _key_of(job: VideoView, segment: Segment) -> str:
    return clip_key(
        cut_record(job.recipe.settings.cut),
        job.source.fingerprint,
        job.generation("stage2"),
        segment.start_sec,
        segment.end_sec,
    )


def _with_recorded_times(job: VideoView, segment: Segment) -> Segment:
    """Take what a clip that is kept really holds from the segments of the run that cut it."""
    part = job.part("stage2", segment.step_id)
    if part is None or part.clip_start_sec is None or part.clip_end_sec is None:
        return segment
    return segment.model_copy(
        update={"clip_start_sec": part.clip_start_sec, "clip_end_sec": part.clip_end_sec}
    )


def _keep_localization(job: VideoJob) -> Localization:
    job.note_reused("stage2", "localization_raw.json")
    job.folder.record(job.folder.changed([job.layout.relpath(job.layout.localization)]))
    return read_model(Localization, job.layout.localization)


def _save_localization(
    job: VideoJob,
    drafted: Drafted,
    asked: Question[Localization],
    answer: Answer[Localization],
) -> None:
    folder, layout = job.folder, job.layout
    folder.remove([layout.segments, layout.plan])
    written = save_texts(job, layout.stage2, asked, answer)
    written.append(folder.write(layout.localization, answer.value))
    folder.record(written)
    shown = {"embed_index": not job.recipe.settings.sampling.no_embed_index}
    folder.update(sampling_config=folder.summary.sampling_config.model_copy(update=shown))
    job.count("stage2", answer)
    job.warn("stage2", localization_warnings(answer.value, drafted.manifest.num_frames))


def _remove_stale_clips(job: VideoJob, segments: list[Segment]) -> None:
    """Leave in the clips' folder only those that are kept, and of stage 3 what it made of them."""
    folder, layout = job.folder, job.layout
    kept = [
        segment
        for segment in segments
        if (part := job.part("stage2", segment.step_id)) and part.cut_key == _key_of(job, segment)
    ]
    clips = {layout.stage2.folder / segment.clip_relpath for segment in kept}
    layout.clips.mkdir(parents=True, exist_ok=True)
    folder.remove(sorted(set(layout.clips.glob("step*.mp4")) - clips))
    job.remove_stale_steps(
        keep=[step_folder_name(segment.step_id, segment.step_goal) for segment in kept]
    )
    if len(kept) < len(segments):
        job.stale("stage3", "its clips were cut anew")


def _record_clip(job: VideoJob, segment: Segment, path: Path, key: str) -> None:
    job.folder.record([job.layout.relpath(path)])
    job.part_done(
        "stage2",
        segment.step_id,
        PartRecord(
            cut_key=key,
            clip_start_sec=segment.clip_start_sec,
            clip_end_sec=segment.clip_end_sec,
        ),
    )


def _save_segments(job: VideoJob, drafted: Drafted, clips: list[StepClip]) -> None:
    folder, layout = job.folder, job.layout
    record = StepSegments(
        source_video=str(job.source.path),
        video_id=job.video_id,
        generated_at_utc=utc_now(),
        num_frames=drafted.manifest.num_frames,
        cut=cut_record(job.recipe.settings.cut),
        segments=tuple(clip.segment for clip in clips),
    )
    folder.record([folder.write(layout.segments, record)])


if __name__ == "__main__":
    from stages.command import stage_main

    stage_main("2")
