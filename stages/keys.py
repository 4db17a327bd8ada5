"""The two keys of a stage: what decides about its answer, and what decides about its clips.

A key is the digest of named inputs. The names are kept beside it in run_summary.json, so that a
changed key can be told in words ("prompt changed").
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.files import CutRecord, Segment
from schemas.plan import DraftPlan, DraftStep
from schemas.publish import sent_schema
from stages.kit import Recipe, StageName
from three_stage.runs import changed_inputs, cut_inputs, digest_of
from three_stage.settings import CutSettings, SamplingSettings

Inputs = dict[str, str]

SENT_SCHEMAS: Mapping[StageName, str] = {
    "stage1": "draft_plan",
    "stage2": "localization",
    "stage3": "refined_step",
}


def draft_inputs(recipe: Recipe, fingerprint: str, generation: int) -> Inputs:
    """Return what decides about the draft."""
    return _inputs(recipe, "stage1", fingerprint, generation)


def localize_inputs(
    recipe: Recipe,
    fingerprint: str,
    generation: int,
    draft: DraftPlan,
    sampling: SamplingSettings,
) -> Inputs:
    """Return what decides about the localization; ``sampling`` made the pool of stage 1."""
    return {
        **_inputs(recipe, "stage2", fingerprint, generation),
        **sampling_inputs(sampling, "stage2"),
        "draft": digest_of(draft.model_dump(mode="json")),
    }


def refine_inputs(
    recipe: Recipe,
    fingerprint: str,
    generation: int,
    draft: DraftPlan,
    step: DraftStep,
    segment: Segment,
    cut: CutRecord,
) -> Inputs:
    """Return what decides about one refined step: also where its clip is and how it was cut."""
    return {
        **_inputs(recipe, "stage3", fingerprint, generation),
        "draft": digest_of([draft.high_level_goal, step.model_dump(mode="json")]),
        "segment": digest_of([segment.start_sec, segment.end_sec]),
        **cut_inputs(cut),
    }


def cut_record(cut: CutSettings) -> CutRecord:
    """Return the settings of a cut as step_segments.json has them."""
    return CutRecord.model_validate(
        {
            "mode": cut.cut_mode,
            "crf": cut.crf,
            "preset": cut.preset,
            "keep_audio": cut.keep_audio,
        }
    )


def sampling_inputs(sampling: SamplingSettings, stage: StageName) -> Inputs:
    """Return the sampling options that a stage's pictures depend on."""
    inputs = {
        "max frames": str(sampling.max_frames),
        "pool mode": sampling.pool_mode,
        "picture size": str(sampling.frame_max_side),
        "JPEG quality": str(sampling.jpeg_quality),
        "body limit": str(sampling.max_body_mb),
    }
    if stage != "stage1":
        inputs["drawn index"] = str(not sampling.no_embed_index)
    return inputs


def why_changed(recorded: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Say in words which inputs of a key changed, or None when none did."""
    if not recorded:
        return "what it was made with is not recorded"
    changed = changed_inputs(recorded, now)
    return f"{', '.join(changed)} changed" if changed else None


def _inputs(recipe: Recipe, stage: StageName, fingerprint: str, generation: int) -> Inputs:
    settings = recipe.settings
    prompts = [recipe.prompts[f"{stage}_{role}"].digest for role in ("system", "user")]
    return {
        "stage": stage,
        "source content": fingerprint,
        **sampling_inputs(settings.sampling, stage),
        "prompt": digest_of(prompts),
        "schema": digest_of(sent_schema(SENT_SCHEMAS[stage])),
        "model": recipe.endpoint.model,
        "temperature": str(settings.endpoint.temperature),
        "max tokens": str(settings.endpoint.max_tokens),
        "overwrite": str(generation),
    }
