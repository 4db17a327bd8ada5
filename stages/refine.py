"""Stage 3: every clip in its own pool → the refined step and its two key frames.

``python -m stages.refine`` runs this stage alone, with the options of the pipeline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from schemas.files import FrameManifest, PartRecord, StepMeta
from schemas.plan import FEWEST_FRAMES_A_SEGMENT, DraftStep, RefinedStep
from schemas.problems import SchemaError
from schemas.rules import manifest_problems, refined_problems
from stages.asking import ask, checked, question, save_texts
from stages.draft import Drafted
from stages.job import VideoJob, VideoView
from stages.keys import Inputs, refine_inputs, why_changed
from stages.localize import StepClip
from stages.pool import manifest_of, numbered_pictures, pool_files, save_pool
from three_stage.media import FramePool, GrabbedFrame
from three_stage.runs import (
    StepPaths,
    digest_of,
    json_text,
    key_frame_name,
    read_model,
    utc_now,
)
from three_stage.vlm import Answer, Question, RunEndingError


class Refinement:
    """Stage 3 of one video: clips are taken as they come, results are keyed by step."""

    def __init__(self, job: VideoJob, drafted: Drafted) -> None:
        self._job = job
        self._drafted = drafted
        self._tasks: dict[int, asyncio.Task[RefinedStep]] = {}
        self._began = False

    def take(self, clip: StepClip) -> None:
        """Start on a clip now; nothing waits for the other clips."""
        task = asyncio.create_task(self._step(clip))
        self._tasks[clip.segment.step_id] = task

    async def finish(self) -> dict[int, RefinedStep]:
        """Wait for all steps; return them by step id.

        When steps fail, the others are finished first: what was paid for is kept.
        """
        async with self._job.recording_failure("stage3"):
            results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            raise_first(results)
        if self._began:
            await self._job.on_disk(self._job.ended, "stage3")
        else:
            clips_files = [path for task in self._tasks.values() for path in self._files_of(task)]
            await self._job.on_disk(self._job.reused, "stage3", clips_files)
        return {step_id: task.result() for step_id, task in self._tasks.items()}

    async def settle(self, error: Exception) -> None:
        """Let the steps under way end when stage 2 failed: what was paid for is kept."""
        results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        raise_first([result for result in results if isinstance(result, RunEndingError)])
        await self._job.on_disk(self._job.failed, "stage3", error, f"stage 2: {error}")

    async def cancel(self) -> None:
        """Stop every step that is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _step(self, clip: StepClip) -> RefinedStep:
        job, drafted = self._job, self._drafted
        draft_step = step_of(drafted, clip)
        paths = job.layout.step(draft_step.step_id, draft_step.step_goal)
        inputs = inputs_of(job, drafted, clip)
        why = await job.on_disk(why_run, job, draft_step, paths, inputs)
        if why is None:
            return await job.on_disk(keep, job, draft_step, paths)
        await self._begin(f"{paths.folder.name}: {why}")
        pool = await job.kit.workers.sample_pool(
            clip.path,
            job.recipe.settings.sampling,
            origin_sec=clip.segment.clip_start_sec,
            fewest_frames=FEWEST_FRAMES_A_SEGMENT,
        )
        asked = ask_for(job, drafted, draft_step, pool, inputs)
        answer = await ask(job, asked)
        key_frames = await job.kit.workers.grab_frames(
            job.source.path,
            [pool.frames[c.frame_index - 1].timestamp_sec for c in answer.value.critical_frames],
        )
        await job.on_disk(_save, job, paths, clip, pool, asked, answer, key_frames, inputs)
        return answer.value

    async def _begin(self, why: str) -> None:
        if not self._began:
            self._began = True
            answered = self._job.folder.stage("stage3")
            await self._job.on_disk(self._job.began, "stage3", why, None, answered)

    def _files_of(self, task: asyncio.Task[RefinedStep]) -> list[Path]:
        step = task.result()
        paths = self._job.layout.step(step.step_id, step.step_goal)
        return files(paths, step, read_model(FrameManifest, paths.manifest))


def raise_first(results: Sequence[object]) -> None:
    """Raise the error among results that matters most: one that ends the run, else the first."""
    errors = [result for result in results if isinstance(result, BaseException)]
    ending = [error for error in errors if isinstance(error, RunEndingError)]
    if errors:
        raise [*ending, *errors][0]


def ask_for(
    job: VideoJob, drafted: Drafted, draft_step: DraftStep, pool: FramePool, inputs: Inputs
) -> Question[RefinedStep]:
    """Return the question of stage 3 for one step."""
    num_frames = len(pool.frames)
    blanks: dict[str, object] = {
        "num_frames": num_frames,
        "high_level_goal": drafted.plan.high_level_goal,
        "draft_step": json_text(draft_step).strip(),
    }
    return question(
        job, "stage3", draft_step.step_id, inputs, blanks, numbered_pictures(pool),
        lambda value: checked(
            RefinedStep, value, lambda step: refined_problems(step, draft_step, num_frames)
        ),
    )  # fmt: skip


def step_of(drafted: Drafted, clip: StepClip) -> DraftStep:
    """Return the draft step that a clip shows."""
    return next(s for s in drafted.plan.steps if s.step_id == clip.segment.step_id)


def inputs_of(job: VideoView, drafted: Drafted, clip: StepClip) -> Inputs:
    """Return what decides about the refined step of a clip."""
    return refine_inputs(
        job.recipe,
        job.source.fingerprint,
        job.generation("stage3"),
        drafted.plan,
        step_of(drafted, clip),
        clip.segment,
        clip.cut,
    )


def why_run(job: VideoView, draft_step: DraftStep, paths: StepPaths, inputs: Inputs) -> str | None:
    """Say why a step must be refined, or None when the one on disk holds."""
    part = job.part("stage3", draft_step.step_id)
    if not job.recipe.settings.run.reuse_any:
        if part is None:
            return "not done yet"
        if changed := why_changed(part.ask_inputs, inputs):
            return "--overwrite" if changed == "overwrite changed" else changed
    try:
        step, manifest = load(paths, draft_step)
    except SchemaError as error:
        return error.problems[0]
    return job.why_files_unfit(files(paths, step, manifest))


def keep(job: VideoJob, draft_step: DraftStep, paths: StepPaths) -> RefinedStep:
    """Read a step that is kept as it is."""
    step, manifest = load(paths, draft_step)
    job.accept(files(paths, step, manifest))
    return step


def load(paths: StepPaths, draft_step: DraftStep) -> tuple[RefinedStep, FrameManifest]:
    """Read a refined step from disk and check it. Raises SchemaError that names the file."""
    step = read_model(RefinedStep, paths.final)
    manifest = read_model(FrameManifest, paths.manifest)
    read_model(StepMeta, paths.meta)
    problems = [
        *(f"step_final.json {p}" for p in refined_problems(step, draft_step, manifest.num_frames)),
        *(f"frame_manifest.json {p}" for p in manifest_problems(manifest)),
    ]
    if problems:
        raise SchemaError(tuple(f"{paths.folder.name}/{problem}" for problem in problems))
    return step, manifest


def files(paths: StepPaths, step: RefinedStep, manifest: FrameManifest) -> list[Path]:
    """Return every file that a refined step consists of."""
    key_frames = [
        paths.folder / key_frame_name(c.frame_index, time_of(manifest, c.frame_index))
        for c in step.critical_frames
    ]
    return [paths.final, paths.meta, *paths.texts, *pool_files(paths, manifest), *key_frames]


def time_of(manifest: FrameManifest, index_1based: int) -> float:
    """Return the time of a pool picture, in seconds of the source."""
    return manifest.frames[index_1based - 1].timestamp_sec


def _save(
    job: VideoJob,
    paths: StepPaths,
    clip: StepClip,
    pool: FramePool,
    asked: Question[RefinedStep],
    answer: Answer[RefinedStep],
    key_frames: tuple[GrabbedFrame, ...],
    inputs: Inputs,
) -> None:
    folder, step, manifest = job.folder, answer.value, manifest_of(pool)
    folder.remove([folder.layout.plan, *_old_key_frames(paths)])
    written = save_pool(folder, paths, pool)
    written += save_texts(job, paths, asked, answer)
    for critical, grabbed in zip(step.critical_frames, key_frames, strict=True):
        name = key_frame_name(critical.frame_index, time_of(manifest, critical.frame_index))
        written.append(folder.write(paths.folder / name, grabbed.jpeg))
    written.append(folder.write(paths.meta, _meta(job, paths, clip, manifest)))
    written.append(folder.write(paths.final, step))
    folder.record(written)
    part = PartRecord(
        ask_key=digest_of(inputs), ask_inputs=inputs, warnings=(*pool.warnings, *answer.notes)
    )
    job.count_step("stage3", step.step_id, part, answer)


def _meta(job: VideoJob, paths: StepPaths, clip: StepClip, manifest: FrameManifest) -> StepMeta:
    clip_relpath = job.layout.relpath(clip.path)
    return StepMeta(
        step_id=clip.segment.step_id,
        step_goal=clip.segment.step_goal,
        clip_path=f"../{clip_relpath}",
        clip_start_sec=clip.segment.clip_start_sec,
        clip_end_sec=clip.segment.clip_end_sec,
        num_frames=manifest.num_frames,
        generated_at_utc=utc_now(),
        manifest_path=paths.manifest.name,
    )


def _old_key_frames(paths: StepPaths) -> list[Path]:
    return sorted(paths.folder.glob("frame_*.jpg")) if paths.folder.is_dir() else []


if __name__ == "__main__":
    from stages.command import stage_main

    stage_main("3")
