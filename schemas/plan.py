"""What a model answers about the steps: the draft, the refined step and the final plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Identifier, Index1, Relation, StrictModel, Text

MIN_STEPS, MAX_STEPS = 3, 8
FEWEST_FRAMES_A_SEGMENT = 3
PREFERRED_STEPS = (4, 7)
CRITICAL_FRAMES = 2
FORBIDDEN_IN_DRAFT = ("critical_frames", "frame_index", "interaction", "keyframe_image_path")


class SpatialCondition(StrictModel):
    """Where things are: a relation between objects that holds, or does not."""

    relation: Relation
    objects: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    truth: bool


class AffordanceCondition(StrictModel):
    """What an object can be used for, and why."""

    object_name: Identifier
    affordance_types: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    reasons: Text


class CausalChain(StrictModel):
    """Who does what to what, what must hold before, and what holds after."""

    agent: Identifier
    action: Text
    patient: Identifier
    causal_precondition_on_spatial: Annotated[tuple[SpatialCondition, ...], Field(min_length=1)]
    causal_precondition_on_affordance: Annotated[
        tuple[AffordanceCondition, ...], Field(min_length=1)
    ]
    causal_effect_on_spatial: Annotated[tuple[SpatialCondition, ...], Field(min_length=1)]
    causal_effect_on_affordance: Annotated[tuple[AffordanceCondition, ...], Field(min_length=1)]


class FailureReflecting(StrictModel):
    """How a step can go wrong, and what then."""

    reason: Text
    recovery_strategy: Text


class DraftStep(StrictModel):
    """One step of a draft; it says nothing of frames or times."""

    step_id: Index1
    step_goal: Text
    rationale: Text
    causal_chain: CausalChain
    counterfactual_challenge_question: Text
    expected_challenge_outcome: Text
    failure_reflecting: FailureReflecting


class DraftPlan(StrictModel):
    """stage1/draft_plan.json: the plan of the whole video."""

    high_level_goal: Text
    steps: Annotated[tuple[DraftStep, ...], Field(min_length=MIN_STEPS, max_length=MAX_STEPS)]


class Hotspot(StrictModel):
    """The place where tool and material meet."""

    description: Text
    affordance_type: Identifier
    mechanism: Text


class Interaction(StrictModel):
    """What touches what in a key frame."""

    tools: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    materials: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    hotspot: Hotspot


class CriticalFrame(StrictModel):
    """A key frame: ``frame_index`` is 1-based in the pool of the step's own clip."""

    frame_index: Index1
    action_state_change_description: Text
    causal_chain: CausalChain
    interaction: Interaction


class RefinedStep(StrictModel):
    """step_final.json: a draft step, refined on its clip, with its key frames."""

    step_id: Index1
    step_goal: Text
    rationale: Text
    causal_chain: CausalChain
    counterfactual_challenge_question: Text
    expected_challenge_outcome: Text
    failure_reflecting: FailureReflecting
    critical_frames: Annotated[
        tuple[CriticalFrame, ...], Field(min_length=CRITICAL_FRAMES, max_length=CRITICAL_FRAMES)
    ]


class CausalPlan(StrictModel):
    """causal_plan_with_keyframes.json: exactly the objects of the step_final.json files."""

    high_level_goal: Text
    steps: Annotated[tuple[RefinedStep, ...], Field(min_length=MIN_STEPS, max_length=MAX_STEPS)]


def most_steps_for(displayed_frames: int) -> int:
    """Return how many steps a video of so many displayed frames can have."""
    return min(MAX_STEPS, displayed_frames // FEWEST_FRAMES_A_SEGMENT)
