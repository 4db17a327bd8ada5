"""Plans, localizations and refined steps, filled with what was measured and nothing else.

Every text says that it is a measurement; none holds a number or speaks of a moment of the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.base import is_placeholder, normalize_identifier
from schemas.localization import LocalizedStep
from schemas.plan import (
    AffordanceCondition,
    CausalChain,
    CriticalFrame,
    DraftPlan,
    DraftStep,
    FailureReflecting,
    Hotspot,
    Interaction,
    RefinedStep,
    SpatialCondition,
)
from three_stage.vlm.offline.errors import RequestError
from three_stage.vlm.offline.measure import Measurement
from three_stage.vlm.offline.pictures import Pictures
from three_stage.vlm.offline.question import JsonObject
from three_stage.vlm.offline.segment import Split, Stretch
from three_stage.vlm.offline.words import Activity, describe, zone_of_picture

EVEN_SPLIT = "No change was measured; the steps divide the video evenly."

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
_REPEATS = ("", ", again", ", a third time", ", a fourth time", ", a fifth time", ", a sixth time",
            ", a seventh time", ", an eighth time")  # fmt: skip
_KEY_PICTURE_SHARES = (0.25, 0.75)
_MEASURED = "Measured from pixels, not understood."


def draft_plan(measured: Measurement, split: Split) -> DraftPlan:
    """Return a plan with one step for each stretch."""
    activities = [describe(measured, stretch) for stretch in split.stretches]
    goals = _goals(activities)
    return DraftPlan(
        high_level_goal=_high_level_goal(split, activities),
        steps=tuple(
            DraftStep(
                step_id=index + 1,
                step_goal=goals[index],
                rationale=_rationale(split, activities, index),
                causal_chain=_chain(activity, activity.agent, activity.action, activity.patient),
                counterfactual_challenge_question=_question(activity),
                expected_challenge_outcome=_outcome(activity),
                failure_reflecting=_failure(),
            )
            for index, activity in enumerate(activities)
        ),
    )


def localized_steps(
    pictures: Pictures, split: Split, step_ids: Sequence[int]
) -> list[LocalizedStep]:
    """Put the steps on the stretches, in order and without gaps; the last ends at count + 1."""
    starts = [pictures.numbers_1based[stretch.start] for stretch in split.stretches]
    ends = [*starts[1:], pictures.count + 1]
    return [
        LocalizedStep(step_id=step_id, start_frame_index=start, end_frame_index=end)
        for step_id, start, end in zip(step_ids, starts, ends, strict=True)
    ]


def refined_step(measured: Measurement, pictures: Pictures, draft: JsonObject) -> RefinedStep:
    """Return a draft step with what was measured in its own clip, and two key pictures.

    Names and goal are the draft's. Raises RequestError where there is only one picture, or where
    the draft's goal says nothing.
    """
    if measured.count < 2:
        raise RequestError(
            "Two key pictures cannot be chosen from one.", param="messages", code="too_few_pictures"
        )
    if is_placeholder(draft["step_goal"]):
        raise RequestError(
            "The draft step's step_goal says nothing.", param="messages", code="no_draft"
        )
    activity = describe(measured, Stretch(0, measured.count, is_share=False))
    chain = _chain(
        activity,
        normalize_identifier(_kept(draft, "agent", activity.agent)),
        _kept(draft, "action", activity.action),
        normalize_identifier(_kept(draft, "patient", activity.patient)),
    )
    return RefinedStep(
        step_id=draft["step_id"],
        step_goal=draft["step_goal"],
        rationale=f"{_MEASURED} {activity.sentence}.",
        causal_chain=chain,
        counterfactual_challenge_question=_question(activity),
        expected_challenge_outcome=_outcome(activity),
        failure_reflecting=_failure(),
        critical_frames=tuple(
            CriticalFrame(
                frame_index=pictures.numbers_1based[index],
                action_state_change_description=description,
                causal_chain=chain,
                interaction=_interaction(chain, activity),
            )
            for index, description in zip(
                key_pictures(measured), _descriptions(measured, activity), strict=True
            )
        ),
    )


def key_pictures(measured: Measurement) -> tuple[int, int]:
    """Return the 0-based pictures by which a quarter and three quarters of the motion are done.

    Where nothing moves, these are a quarter and three quarters of the pictures. At least 2 needed.
    """
    amount = measured.movers.mean(axis=(1, 2)).astype(float)
    amount += max(float(amount.mean()), 1.0) * 1e-6
    done = np.cumsum(amount) / amount.sum()
    # Sums of equal amounts may miss a share by a rounding error.
    first, second = (int(np.searchsorted(done, share - 1e-9)) for share in _KEY_PICTURE_SHARES)
    if first == second:
        first, second = (first, first + 1) if first + 1 < measured.count else (first - 1, first)
    return first, second


def _high_level_goal(split: Split, activities: Sequence[Activity]) -> str:
    if not split.saw_change:
        return f"{EVEN_SPLIT} {_MEASURED} {activities[0].sentence} throughout."
    parts = f"{_COUNTS[len(activities)]} parts" if len(activities) < len(_COUNTS) else "many parts"
    return (
        f"{_MEASURED} The view shows {parts} that differ in what moves, where and how: from "
        f"{activities[0].thing} to {activities[-1].thing}."
    )


def _goals(activities: Sequence[Activity]) -> list[str]:
    seen: dict[str, int] = {}
    goals = []
    for activity in activities:
        times = seen.get(activity.sentence, 0)
        seen[activity.sentence] = times + 1
        goals.append(activity.sentence + _REPEATS[min(times, len(_REPEATS) - 1)])
    return goals


def _rationale(split: Split, activities: Sequence[Activity], index: int) -> str:
    if split.stretches[index].is_share:
        return (
            f"{EVEN_SPLIT} {_MEASURED}" if not split.saw_change
            else f"{_MEASURED} No change was measured within this part; it is divided evenly."
        )  # fmt: skip
    if index == 0:
        return f"{_MEASURED} This is the activity that the view begins with."
    return (
        f"{_MEASURED} What moves, where or how it moves, or the colours change here; before, "
        f"{_lowered(activities[index - 1].sentence)}."
    )


def _chain(activity: Activity, agent: str, action: str, patient: str) -> CausalChain:
    area = "area_" + activity.zone.replace(" ", "_")
    return CausalChain(
        agent=agent,
        action=action,
        patient=patient,
        causal_precondition_on_spatial=(
            SpatialCondition(
                relation="in_motion_before", objects=(area,), truth=activity.moved_before
            ),
        ),
        causal_precondition_on_affordance=(
            AffordanceCondition(
                object_name=patient,
                affordance_types=("visible_surface",),
                reasons=f"Around the {area.replace('_', ' ')}, {activity.surface} was measured; "
                "what it can be used for was not.",
            ),
        ),
        causal_effect_on_spatial=(
            SpatialCondition(
                relation="looks_different_after", objects=(area,), truth=activity.looks_different
            ),
            SpatialCondition(
                relation="in_motion_after", objects=(area,), truth=activity.moves_after
            ),
        ),
        causal_effect_on_affordance=(
            AffordanceCondition(
                object_name=agent,
                affordance_types=("visible_motion" if activity.motion != "still" else "rest",),
                reasons=f"This was measured: {_lowered(activity.sentence)}.",
            ),
        ),
    )


def _interaction(chain: CausalChain, activity: Activity) -> Interaction:
    return Interaction(
        tools=(chain.agent,),
        materials=(chain.patient,),
        hotspot=Hotspot(
            description=f"The part of the view with the most measured motion: {activity.zone}.",
            affordance_type="visible_motion" if activity.motion != "still" else "rest",
            mechanism=f"{_MEASURED} {activity.mover.capitalize()} and {activity.surface} meet "
            "there; how they act on each other was not measured.",
        ),
    )


def _descriptions(measured: Measurement, activity: Activity) -> tuple[str, str]:
    if activity.motion == "still":
        both = f"{_MEASURED} {activity.sentence}; no change was found."
        return both, both
    first, second = (zone_of_picture(measured, index) for index in key_pictures(measured))
    looks = "looks different from before" if activity.looks_different else "looks as it did before"
    takes_hold = f"The motion takes hold; what moves is in the {first} of the view."
    is_done = f"Most of the motion is done; what moves is in the {second} of the view, and the part"
    return f"{_MEASURED} {takes_hold}", f"{_MEASURED} {is_done} with the most motion {looks}."


def _question(activity: Activity) -> str:
    if activity.motion == "still":
        return "What if something moved in the view?"
    return f"What if nothing moved {activity.where}?"


def _outcome(activity: Activity) -> str:
    if activity.motion == "still":
        return "Motion would be measured, and a part of its own would be found for it."
    return f"No motion would be measured {activity.where}, and this part would not stand out."


def _failure() -> FailureReflecting:
    return FailureReflecting(
        reason="To a measurement of pixels, shadows, light or a moving camera look like activity.",
        recovery_strategy="Let a person or a vision-language model look at this part.",
    )


def _kept(draft: JsonObject, key: str, otherwise: str) -> str:
    value: Any = draft["causal_chain"].get(key)
    return value if isinstance(value, str) and not is_placeholder(value) else otherwise


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
