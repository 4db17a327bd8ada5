"""Stage 1: the whole video in up to 50 pictures → a draft plan of 3 to 8 steps.

``python -m stages.draft`` runs this stage alone, with the options of the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.files import FrameManifest
from schemas.plan import MAX_STEPS, PREFERRED_STEPS, DraftPlan, most_steps_for
from schemas.problems import SchemaError
from schemas.rules import (
    draft_problems,
    draft_warnings,
    forbidden_key_problems,
    manifest_problems,
)
from stages.asking import ask, checked, question, save_texts
from stages.job import VideoJob, VideoView, sampling_config
from stages.keys import Inputs, draft_inputs
from stages.pool import manifest_of, plain_pictures, pool_files, save_pool
from three_stage.media import FramePool
from three_stage.runs import (
    VideoLayout,
    json_text,
    read_model,
    step_folder_name,
    text_sha256,
)
from three_stage.vlm import Answer, AnswerRejected, Question


@dataclass(frozen=True)
class Drafted:
    """What stage 1 gives to the others; ``pool`` when it was sampled in this run."""

    plan: DraftPlan
    manifest: FrameManifest
    pool: FramePool | None


async def run(job: VideoJob) -> Drafted:
    """Reuse the draft that is there, or sample, ask and save."""
    inputs = draft_inputs(job.recipe, job.source.fingerprint, job.generation("stage1"))
    why = await job.on_disk(why_run, job, inputs)
    if why is None:
        drafted = await job.on_disk(load, job.layout)
        await job.on_disk(job.reused, "stage1", files(job.layout, drafted.manifest))
        return drafted
    await job.on_disk(job.began, "stage1", why, inputs)
    async with job.recording_failure("stage1"):
        pool = await job.kit.workers.sample_pool(job.source.path, job.recipe.settings.sampling)
        asked = ask_for(job, pool, inputs)
        answer = await ask(job, asked)
        await job.on_disk(_save, job, pool, asked, answer)
        await job.on_disk(job.ended, "stage1")
    return Drafted(answer.value, manifest_of(pool), pool)


def ask_for(job: VideoJob, pool: FramePool, inputs: Inputs) -> Question[DraftPlan]:
    """Return the question of stage 1."""
    most_steps = most_steps_for(pool.displayed_frames)
    low, high = PREFERRED_STEPS
    blanks: dict[str, object] = {
        "num_frames": len(pool.frames),
        "most_steps": most_steps,
        "preferred_steps": f"{low} to {min(high, most_steps)}" if most_steps > low else most_steps,
    }
    return question(
        job, "stage1", None, inputs, blanks, plain_pictures(pool),
        lambda value: check_answer(value, most_steps),
    )  # fmt: skip


def check_answer(value: object, most_steps: int) -> DraftPlan:
    """Turn a parsed answer into a draft. Raises AnswerRejected with every error found."""
    if problems := forbidden_key_problems(value):
        raise AnswerRejected(tuple(problems))
    return checked(DraftPlan, value, lambda draft: draft_problems(draft, most_steps=most_steps))


def why_run(job: VideoView, inputs: Inputs) -> str | None:
    """Say why stage 1 must run, or None when what is there can be reused."""
    if why := job.why_not_reusable("stage1", inputs):
        return why
    try:
        drafted = load(job.layout)
    except SchemaError as error:
        return error.problems[0]
    return job.why_files_unfit(files(job.layout, drafted.manifest))


def load(layout: VideoLayout) -> Drafted:
    """Read stage 1 from disk and check it. Raises SchemaError that names the file."""
    draft = read_model(DraftPlan, layout.draft)
    manifest = read_model(FrameManifest, layout.stage1.manifest)
    problems = [
        *(f"draft_plan.json {line}" for line in draft_problems(draft, most_steps=MAX_STEPS)),
        *(f"stage1/frame_manifest.json {line}" for line in manifest_problems(manifest)),
    ]
    if problems:
        raise SchemaError(tuple(problems))
    return Drafted(draft, manifest, pool=None)


def files(layout: VideoLayout, manifest: FrameManifest) -> list[Path]:
    """Return every file that stage 1 consists of."""
    return [layout.draft, *pool_files(layout.stage1, manifest), *layout.stage1.texts]


def _save(
    job: VideoJob, pool: FramePool, asked: Question[DraftPlan], answer: Answer[DraftPlan]
) -> None:
    folder, layout = job.folder, job.layout
    if not _is_what_was_there(job, answer.value, manifest_of(pool)):
        job.remove_stale_steps(
            keep=[step_folder_name(step.step_id, step.step_goal) for step in answer.value.steps]
        )
        job.stale("stage2", "stage 1 was made anew")
        job.stale("stage3", "stage 1 was made anew")
    written = save_pool(folder, layout.stage1, pool)
    written += save_texts(job, layout.stage1, asked, answer)
    written.append(folder.write(layout.draft, answer.value))
    folder.record(written)
    folder.update(
        source_displayed_frames=pool.displayed_frames,
        sampling_config=sampling_config(job.recipe.settings.sampling),
    )
    job.count("stage1", answer)
    job.warn("stage1", [*pool.warnings, *draft_warnings(answer.value)])


def _is_what_was_there(job: VideoJob, plan: DraftPlan, manifest: FrameManifest) -> bool:
    """Tell whether the later stages stand on just this, also when the files were damaged since."""
    layout, recorded = job.layout, job.folder.summary.artifacts
    made = ((layout.draft, plan), (layout.stage1.manifest, manifest))
    if all(recorded.get(layout.relpath(path)) == text_sha256(json_text(m)) for path, m in made):
        return True
    try:
        old = load(layout)
    except SchemaError:
        return False
    return old.plan == plan and old.manifest == manifest


if __name__ == "__main__":
    from stages.command import stage_main

    stage_main("1")
