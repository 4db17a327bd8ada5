"""What a run would do: per video and stage, reuse or run, why, and what it would take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from schemas.plan import PREFERRED_STEPS, most_steps_for
from schemas.problems import SchemaError
from stages import draft, localize, refine
from stages.job import VideoView
from stages.keys import cut_record, draft_inputs
from stages.kit import StageName

PROMPT_TOKENS = 1500
"""Text of one request, roughly: our prompts and a draft."""

ANSWER_TOKENS = {"stage1": 3500, "stage2": 300, "stage3": 2000}
"""Answers of Qwen3-VL-235B-A22B-Instruct, roughly; an estimate, not a promise."""

STEPS_EXPECTED = sum(PREFERRED_STEPS) // 2


@dataclass(frozen=True)
class StageForecast:
    """What one stage of one video would do; ``why`` is None when all of it is reused."""

    stage: StageName
    why: str | None
    requests: int
    pictures: int
    input_tokens: int
    output_tokens: int


def forecast(
    job: VideoView, displayed_frames: int, tokens_a_picture: int
) -> Iterator[StageForecast]:
    """Yield what the chosen stages would do; reads the folder and changes nothing."""
    blocked = ""
    for stage in job.recipe.stages:
        why, requests = _outlook(job, stage, blocked, displayed_frames)
        blocked = blocked or (f"{stage} runs" if requests else "")
        # Pools are no larger than the video, and the clips of stage 3 together neither.
        most = job.recipe.settings.sampling.max_frames
        pictures = min(requests * most, displayed_frames)
        yield StageForecast(
            stage=stage,
            why=why,
            requests=requests,
            pictures=pictures,
            input_tokens=pictures * tokens_a_picture + requests * PROMPT_TOKENS,
            output_tokens=requests * ANSWER_TOKENS[stage],
        )


def _outlook(
    job: VideoView, stage: StageName, blocked: str, displayed_frames: int
) -> tuple[str | None, int]:
    steps = min(STEPS_EXPECTED, most_steps_for(displayed_frames))
    try:
        if stage == "stage1":
            inputs = draft_inputs(job.recipe, job.source.fingerprint, job.generation("stage1"))
            why = draft.why_run(job, inputs)
            return why, int(why is not None)
        if blocked:
            return blocked, 1 if stage == "stage2" else steps
        drafted = draft.load(job.layout)
        return _localize(job, drafted) if stage == "stage2" else _refine(job, drafted)
    except SchemaError as error:
        return error.problems[0], 1 if stage == "stage2" else steps


def _localize(job: VideoView, drafted: draft.Drafted) -> tuple[str | None, int]:
    if why := localize.why_run(job, drafted, localize.inputs_of(job, drafted)):
        return why, 1
    return localize.why_recut(job, drafted), 0


def _refine(job: VideoView, drafted: draft.Drafted) -> tuple[str | None, int]:
    whys = []
    clips = localize.load_clips(job, drafted)
    if "stage2" in job.recipe.stages:
        now = cut_record(job.recipe.settings.cut)
        clips = [replace(clip, cut=now) for clip in clips]
    for clip in clips:
        step = refine.step_of(drafted, clip)
        paths = job.layout.step(step.step_id, step.step_goal)
        if why := refine.why_run(job, step, paths, refine.inputs_of(job, drafted, clip)):
            whys.append(f"step {step.step_id}: {why}")
    return (whys[0] if whys else None), len(whys)
