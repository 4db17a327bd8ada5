"""The rules between objects and between the fields of one: what a type alone cannot say.

Every function returns lines "path: rule and offending words"; no lines means that all is well.
What each rule checks beyond the published JSON Schema is listed in beyond_json_schema.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from schemas.files import FrameManifest, StepSegments
from schemas.localization import Localization
from schemas.plan import (
    FEWEST_FRAMES_A_SEGMENT,
    FORBIDDEN_IN_DRAFT,
    PREFERRED_STEPS,
    CausalChain,
    CausalPlan,
    DraftPlan,
    DraftStep,
    RefinedStep,
)
from schemas.problems import text_leaves
from schemas.text_rules import find_reference

UNPLACED_SHARE_WARNED = 0.10


def forbidden_key_problems(value: object, path: str = "") -> list[str]:
    """Find the keys that a draft must not have, at any depth of a parsed JSON value."""
    found: list[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            if key in FORBIDDEN_IN_DRAFT:
                found.append(f"{here}: a draft must not speak of frames; remove the key {key!r}")
            found += forbidden_key_problems(item, here)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            found += forbidden_key_problems(item, f"{path}[{position}]")
    return found


def reference_problems(model: BaseModel) -> list[str]:
    """Find texts that point at a frame or a time of the video."""
    problems = []
    for path, text in text_leaves(model.model_dump(mode="json")):
        found = find_reference(text)
        if found:
            problems.append(
                f"{path}: texts must not refer to frames or times of the video ({found[0]}): "
                f"{found[1]!r} in {text[:120]!r}"
            )
    return problems


def draft_problems(draft: DraftPlan, *, most_steps: int) -> list[str]:
    """Check a draft: ids 1..n in order, goals unique, no references, at most ``most_steps``."""
    problems = _step_list_problems(draft.steps)
    if len(draft.steps) > most_steps:
        problems.append(
            f"steps: this video is too short for {len(draft.steps)} steps; at most {most_steps}"
        )
    return problems + reference_problems(draft)


def draft_warnings(draft: DraftPlan) -> list[str]:
    """Say what is allowed but not preferred in a draft."""
    low, high = PREFERRED_STEPS
    if low <= len(draft.steps) <= high:
        return []
    return [f"steps: {len(draft.steps)} steps; {low} to {high} are preferred"]


def localization_problems(
    localization: Localization,
    step_ids: Sequence[int],
    num_frames: int,
    frames_between: Callable[[int, int], int],
) -> list[str]:
    """Check where the steps were put on a pool of ``num_frames`` pictures.

    ``frames_between(start, end)`` counts the displayed source frames of a 1-based half-open range.
    """
    problems = _same_ids([step.step_id for step in localization.steps], step_ids)
    previous_end = 1
    for position, step in enumerate(localization.steps):
        path = f"steps[{position}]"
        start, end = step.start_frame_index, step.end_frame_index
        if not 1 <= start <= num_frames:
            problems.append(f"{path}.start_frame_index: must be 1 to {num_frames}; got {start}")
        elif not 2 <= end <= num_frames + 1:
            problems.append(f"{path}.end_frame_index: must be 2 to {num_frames + 1}; got {end}")
        elif start >= end:
            problems.append(
                f"{path}: start_frame_index {start} must be before end_frame_index {end}"
            )
        elif frames_between(start, end) < FEWEST_FRAMES_A_SEGMENT:
            problems.append(
                f"{path}: frames {start} to {end} hold only {frames_between(start, end)} frames of "
                f"the video; a step needs at least {FEWEST_FRAMES_A_SEGMENT}. Make it longer"
            )
        if position and start < previous_end:
            problems.append(
                f"{path}.start_frame_index: {start} overlaps the step before, which ends at "
                f"{previous_end} (the end is exclusive)"
            )
        previous_end = end
    return problems


def localization_warnings(localization: Localization, num_frames: int) -> list[str]:
    """Say when much of the pool belongs to no step."""
    placed = sum(step.end_frame_index - step.start_frame_index for step in localization.steps)
    unplaced = num_frames - placed
    if unplaced <= UNPLACED_SHARE_WARNED * num_frames:
        return []
    return [f"{unplaced} of {num_frames} pool frames belong to no step"]


def refined_problems(refined: RefinedStep, draft_step: DraftStep, num_frames: int) -> list[str]:
    """Check a refined step against its draft step and the ``num_frames`` pictures of its clip."""
    problems = []
    if refined.step_id != draft_step.step_id:
        problems.append(f"step_id: must stay {draft_step.step_id}; got {refined.step_id}")
    if refined.step_goal != draft_step.step_goal:
        problems.append(f"step_goal: must stay {draft_step.step_goal!r}; got {refined.step_goal!r}")
    return problems + critical_frame_problems(refined, num_frames) + reference_problems(refined)


def critical_frame_problems(refined: RefinedStep, num_frames: int) -> list[str]:
    """Check a step's key frames: indices in the pool and increasing, chains like the step's."""
    problems = []
    previous = 0
    for position, frame in enumerate(refined.critical_frames):
        path = f"critical_frames[{position}]"
        if frame.frame_index > num_frames:
            problems.append(
                f"{path}.frame_index: must be 1 to {num_frames}; got {frame.frame_index}"
            )
        if frame.frame_index <= previous:
            problems.append(
                f"{path}.frame_index: must be larger than the one before ({previous}); "
                f"got {frame.frame_index}"
            )
        previous = frame.frame_index
        problems += _chain_problems(path, frame.causal_chain, refined.causal_chain)
        agent, patient = refined.causal_chain.agent, refined.causal_chain.patient
        if agent not in frame.interaction.tools:
            problems.append(f"{path}.interaction.tools: must contain the agent {agent!r}")
        if patient not in frame.interaction.materials:
            problems.append(f"{path}.interaction.materials: must contain the patient {patient!r}")
    return problems


def plan_problems(plan: CausalPlan, draft: DraftPlan, steps: Sequence[RefinedStep]) -> list[str]:
    """Check that the final plan is the draft's goal and exactly the refined steps."""
    problems = _step_list_problems(plan.steps)
    if plan.high_level_goal != draft.high_level_goal:
        problems.append(
            f"high_level_goal: must be the draft's {draft.high_level_goal!r}; "
            f"got {plan.high_level_goal!r}"
        )
    if len(plan.steps) != len(steps):
        problems.append(f"steps: {len(plan.steps)} steps, but {len(steps)} step_final.json files")
    for position, (in_plan, in_file) in enumerate(zip(plan.steps, steps, strict=False)):
        if in_plan != in_file:
            problems.append(f"steps[{position}]: differs from its step_final.json")
    return problems


def manifest_problems(manifest: FrameManifest) -> list[str]:
    """Check a pool's record: count, numbering, and that times and source indices increase."""
    problems = []
    if manifest.num_frames != len(manifest.frames):
        problems.append(f"num_frames: {manifest.num_frames}, but {len(manifest.frames)} frames")
    previous_sec, previous_index = -1.0, -1
    for position, frame in enumerate(manifest.frames):
        path = f"frames[{position}]"
        if frame.frame_index_1based != position + 1:
            problems.append(
                f"{path}.frame_index_1based: must be {position + 1}; got {frame.frame_index_1based}"
            )
        if frame.timestamp_sec <= previous_sec:
            problems.append(
                f"{path}.timestamp_sec: {frame.timestamp_sec} is not after {previous_sec}"
            )
        if frame.original_frame_index <= previous_index:
            problems.append(
                f"{path}.original_frame_index: {frame.original_frame_index} is not after "
                f"{previous_index}"
            )
        previous_sec, previous_index = frame.timestamp_sec, frame.original_frame_index
    return problems


def segments_problems(
    segments: StepSegments, localization: Localization, draft: DraftPlan, manifest: FrameManifest
) -> list[str]:
    """Check the segments against the localization, the draft and the pool's times."""
    problems = []
    if segments.num_frames != manifest.num_frames:
        problems.append(f"num_frames: {segments.num_frames}, the pool has {manifest.num_frames}")
    problems += _same_ids(
        [segment.step_id for segment in segments.segments],
        [step.step_id for step in localization.steps],
        "segments",
    )
    goals = {step.step_id: step.step_goal for step in draft.steps}
    placed = {step.step_id: step for step in localization.steps}
    for position, segment in enumerate(segments.segments):
        path = f"segments[{position}]"
        step = placed.get(segment.step_id)
        if step is None:
            continue
        expected: dict[str, Any] = {
            "step_goal": goals.get(segment.step_id),
            "start_frame_index": step.start_frame_index,
            "end_frame_index": step.end_frame_index,
            **_expected_on_pool(step.start_frame_index, step.end_frame_index, manifest),
        }
        problems += [
            f"{path}.{name}: must be {value!r}; got {getattr(segment, name)!r}"
            for name, value in expected.items()
            if getattr(segment, name) != value
        ]
        if segment.clip_start_sec >= segment.clip_end_sec:
            problems.append(f"{path}: clip_start_sec is not before clip_end_sec")
    return problems


def _expected_on_pool(start: int, end: int, manifest: FrameManifest) -> dict[str, Any]:
    frames, count = manifest.frames, len(manifest.frames)
    if not (1 <= start <= count and 2 <= end <= count + 1):
        return {}
    end_sec = manifest.video.duration_sec if end == count + 1 else frames[end - 1].timestamp_sec
    return {
        "start_sec": frames[start - 1].timestamp_sec,
        "end_sec": end_sec,
        "start_image_relpath": frames[start - 1].image_relpath,
        "end_image_relpath": frames[min(end, count) - 1].image_relpath,
    }


class _Step(Protocol):
    @property
    def step_id(self) -> int: ...
    @property
    def step_goal(self) -> str: ...


def _step_list_problems(steps: Sequence[_Step]) -> list[str]:
    problems = _same_ids([step.step_id for step in steps], range(1, len(steps) + 1))
    seen: dict[str, int] = {}
    for position, step in enumerate(steps):
        goal = _collapsed(step.step_goal).casefold()
        if goal in seen:
            problems.append(
                f"steps[{position}].step_goal: the same as steps[{seen[goal]}]: {step.step_goal!r}"
            )
        seen.setdefault(goal, position)
    return problems


def _same_ids(got: Sequence[int], wanted: Iterable[int], path: str = "steps") -> list[str]:
    wanted = list(wanted)
    if list(got) == wanted:
        return []
    return [f"{path}: step_id must be {wanted} in this order, each once; got {list(got)}"]


def _chain_problems(path: str, chain: CausalChain, of_step: CausalChain) -> list[str]:
    problems = [
        f"{path}.causal_chain.{name}: must equal the step's {getattr(of_step, name)!r}; "
        f"got {getattr(chain, name)!r}"
        for name in ("agent", "patient")
        if getattr(chain, name) != getattr(of_step, name)
    ]
    if _collapsed(chain.action) != _collapsed(of_step.action):
        problems.append(
            f"{path}.causal_chain.action: must equal the step's {of_step.action!r}; "
            f"got {chain.action!r}"
        )
    return problems


def _collapsed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
