"""The rules between objects: each fires on its own fault, and on nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import rules
from schemas.files import FrameManifest, StepSegments
from schemas.localization import Localization
from schemas.plan import FORBIDDEN_IN_DRAFT, CausalPlan, DraftPlan, DraftStep, RefinedStep
from schemas.problems import parse
from tests.schemas import samples


def draft(**changes: Any) -> DraftPlan:
    """Return the sample draft; ``goal2="..."`` changes the goal of step 2."""
    value = samples.draft_plan()
    for name, goal in changes.items():
        value["steps"][int(name.removeprefix("goal")) - 1]["step_goal"] = goal
    return parse(DraftPlan, value)


# Draft


def test_an_honest_draft_has_no_problems() -> None:
    for steps in range(3, 9):
        assert rules.draft_problems(samples.parsed_draft(steps), most_steps=8) == []


@pytest.mark.parametrize("ids", [[1, 2, 3, 5], [2, 3, 4, 5], [1, 3, 2, 4], [1, 1, 2, 3]])
def test_draft_steps_are_numbered_from_1_in_order(ids: list[int]) -> None:
    value = samples.draft_plan()
    for step, step_id in zip(value["steps"], ids, strict=True):
        step["step_id"] = step_id
    assert rules.draft_problems(parse(DraftPlan, value), most_steps=8) == [
        f"steps: step_id must be [1, 2, 3, 4] in this order, each once; got {ids}"
    ]


@pytest.mark.parametrize("same", ["cut slice 1", "Cut  Slice 1", " cut\nslice 1 "])
def test_no_two_steps_have_the_same_goal(same: str) -> None:
    assert rules.draft_problems(draft(goal3=same), most_steps=8) == [
        f"steps[2].step_goal: the same as steps[0]: {same!r}"
    ]
    assert rules.draft_problems(draft(goal4="cut slice 1", goal3="cut slice 1"), most_steps=8) == [
        "steps[2].step_goal: the same as steps[0]: 'cut slice 1'",
        "steps[3].step_goal: the same as steps[0]: 'cut slice 1'",
    ]
    assert rules.draft_problems(draft(goal3="cutslice 1"), most_steps=8) == []


def test_a_short_video_gets_few_steps() -> None:
    assert rules.draft_problems(samples.parsed_draft(4), most_steps=4) == []
    assert rules.draft_problems(samples.parsed_draft(4), most_steps=3) == [
        "steps: this video is too short for 4 steps; at most 3"
    ]


@pytest.mark.parametrize(("steps", "warned"), [(3, True), (4, False), (7, False), (8, True)])
def test_4_to_7_steps_are_preferred(steps: int, warned: bool) -> None:
    expected = [f"steps: {steps} steps; 4 to 7 are preferred"] if warned else []
    assert rules.draft_warnings(samples.parsed_draft(steps)) == expected


def test_every_text_of_a_draft_is_searched_for_references() -> None:
    plain = samples.draft_plan(3)
    spoil: list[tuple[str, Callable[[Any], object]]] = [
        ("high_level_goal", lambda v: v.update(high_level_goal="See frame 3.")),
        ("steps[1].step_goal", lambda v: v["steps"][1].update(step_goal="See frame 3.")),
        (
            "steps[2].failure_reflecting.reason",
            lambda v: v["steps"][2]["failure_reflecting"].update(reason="See frame 3."),
        ),
        (
            "steps[0].causal_chain.causal_effect_on_affordance[0].affordance_types[1]",
            lambda v: v["steps"][0]["causal_chain"]["causal_effect_on_affordance"][0].update(
                affordance_types=["holding", "see frame 3"]
            ),
        ),
    ]
    for path, change in spoil:
        value = copy.deepcopy(plain)
        change(value)
        (problem,) = rules.draft_problems(parse(DraftPlan, value), most_steps=8)
        assert problem.startswith(f"{path}: texts must not refer to frames or times of the video")
        assert "(numbered frame)" in problem
        assert "frame 3" in problem or "frame_3" in problem


def test_a_long_text_with_a_reference_is_quoted_in_part() -> None:
    (problem,) = rules.draft_problems(draft(goal1="In frame 3 " + "x" * 5000), most_steps=8)
    quoted = "In frame 3 " + "x" * 109
    assert len(quoted) == 120
    assert problem.endswith(f"(numbered frame): 'frame 3' in '{quoted}'")


@pytest.mark.parametrize("key", FORBIDDEN_IN_DRAFT)
def test_forbidden_keys_are_found_at_any_depth(key: str) -> None:
    line = f"a draft must not speak of frames; remove the key {key!r}"
    assert rules.forbidden_key_problems({key: 1}) == [f"{key}: {line}"]
    value = samples.draft_plan()
    value["steps"][1]["causal_chain"]["causal_effect_on_spatial"][0][key] = {"deeper": [{key: 1}]}
    path = f"steps[1].causal_chain.causal_effect_on_spatial[0].{key}"
    assert rules.forbidden_key_problems(value) == [
        f"{path}: {line}",
        f"{path}.deeper[0].{key}: {line}",
    ]


def test_innocent_keys_and_values_are_not_forbidden() -> None:
    assert set(FORBIDDEN_IN_DRAFT) == {
        "critical_frames", "frame_index", "interaction", "keyframe_image_path",
    }  # fmt: skip
    assert rules.forbidden_key_problems(samples.draft_plan()) == []
    assert rules.forbidden_key_problems({"a": "critical_frames", "b": ["interaction"]}) == []
    alone: object
    for alone in (None, 3, "frame_index", []):
        assert rules.forbidden_key_problems(alone) == []


# Localization: an oracle that counts frames one by one


@st.composite
def localizations(draw: Callable[[Any], Any]) -> tuple[Localization, int, list[int]]:
    """Draw steps on a pool of N pictures, mostly sane; and the source index of each picture."""
    num_frames = draw(st.integers(9, 40))
    gaps = draw(st.lists(st.integers(1, 4), min_size=num_frames, max_size=num_frames))
    source = [sum(gaps[:i]) for i in range(num_frames + 1)]  # one more: the end of the video
    count = draw(st.integers(3, 6))
    edges = sorted(draw(st.lists(st.integers(1, num_frames + 1), min_size=2 * count,
                                 max_size=2 * count)))  # fmt: skip
    bounds = list(zip(edges[::2], edges[1::2], strict=True))
    if draw(st.booleans()):
        wild = (draw(st.integers(1, num_frames + 3)), draw(st.integers(2, num_frames + 3)))
        bounds[draw(st.integers(0, count - 1))] = wild
    return as_localization([(s, max(e, 2)) for s, e in bounds]), num_frames, source


def as_localization(bounds: Sequence[tuple[int, int]]) -> Localization:
    return parse(Localization, samples.localization(tuple(bounds)))


def counted(source: list[int]) -> Callable[[int, int], int]:
    """Count displayed source frames of a 1-based half-open range, one by one."""
    return lambda start, end: len(range(source[start - 1], source[end - 1]))


def sound(bounds: Sequence[tuple[int, int]], num_frames: int, source: list[int]) -> bool:
    """Judge by laying every frame of the source on a table."""
    before: set[int] = set()
    for start, end in bounds:
        if start not in range(1, num_frames + 1) or end not in range(2, num_frames + 2):
            return False
        pictures = set(range(start, end))
        shown = {f for f in range(source[-1] + 1) if source[start - 1] <= f < source[end - 1]}
        if not pictures or len(shown) < 3 or any(p <= b for p in pictures for b in before):
            return False
        before |= pictures
    return True


def pairs(localization: Localization) -> list[tuple[int, int]]:
    return [(step.start_frame_index, step.end_frame_index) for step in localization.steps]


@given(localizations())
def test_a_localization_is_judged_as_by_counting_frames(
    case: tuple[Localization, int, list[int]],
) -> None:
    localization, num_frames, source = case
    ids = [step.step_id for step in localization.steps]
    found = rules.localization_problems(localization, ids, num_frames, counted(source))
    assert (found == []) is sound(pairs(localization), num_frames, source), found


@given(localizations())
def test_pictures_of_no_step_are_warned_of_above_a_tenth(
    case: tuple[Localization, int, list[int]],
) -> None:
    localization, num_frames, source = case
    if not sound(pairs(localization), num_frames, source):
        return
    placed = {p for start, end in pairs(localization) for p in range(start, end)}
    unplaced = len(set(range(1, num_frames + 1)) - placed)
    expected = [f"{unplaced} of {num_frames} pool frames belong to no step"]
    assert rules.localization_warnings(localization, num_frames) == (
        expected if 10 * unplaced > num_frames else []
    )


def located(
    *bounds: tuple[int, int], num_frames: int = 12, ids: Sequence[int] = (1, 2, 3), each: int = 5
) -> list[str]:
    """Return the problems of three steps on a pool whose pictures stand ``each`` frames apart."""
    source = [each * i for i in range(num_frames + 10)]
    return rules.localization_problems(as_localization(bounds), ids, num_frames, counted(source))


def test_a_localization_may_fill_the_pool_and_may_leave_gaps() -> None:
    assert located((1, 4), (4, 8), (8, 13)) == []
    assert located((2, 3), (5, 6), (12, 13)) == []


def test_a_start_lies_on_the_pool() -> None:
    assert located((1, 4), (4, 8), (13, 14)) == [
        "steps[2].start_frame_index: must be 1 to 12; got 13"
    ]
    assert located((1, 4), (4, 8), (12, 13)) == []


def test_an_end_lies_on_the_pool_or_just_behind_it() -> None:
    assert located((1, 4), (4, 8), (8, 14)) == ["steps[2].end_frame_index: must be 2 to 13; got 14"]


@pytest.mark.parametrize("end", [5, 6])
def test_a_step_is_longer_than_nothing(end: int) -> None:
    assert located((1, 4), (6, end), (8, 13)) == [
        f"steps[1]: start_frame_index 6 must be before end_frame_index {end}"
    ]


def test_steps_do_not_overlap() -> None:
    assert located((1, 5), (4, 8), (8, 13)) == [
        (
            "steps[1].start_frame_index: 4 overlaps the step before, which ends at 5 "
            "(the end is exclusive)"
        )
    ]
    assert located((4, 8), (1, 4), (8, 13)) == [
        (
            "steps[1].start_frame_index: 1 overlaps the step before, which ends at 8 "
            "(the end is exclusive)"
        )
    ]


def test_a_segment_holds_at_least_3_frames_of_the_source() -> None:
    assert located((1, 2), (4, 8), (12, 13), each=3) == []
    assert located((1, 3), (4, 8), (12, 13), each=2) == [
        (
            "steps[2]: frames 12 to 13 hold only 2 frames of the video; a step needs at least 3. "
            "Make it longer"
        )
    ]
    assert located((1, 3), (4, 8), (9, 11), each=2) == []


@pytest.mark.parametrize("ids", [(1, 2), (1, 2, 3, 4), (2, 1, 3), (1, 2, 4)])
def test_a_localization_has_one_entry_a_draft_step(ids: tuple[int, ...]) -> None:
    assert located((1, 4), (4, 8), (8, 13), ids=ids) == [
        f"steps: step_id must be {list(ids)} in this order, each once; got [1, 2, 3]"
    ]


@pytest.mark.parametrize(("end", "warned"), [(51, False), (46, False), (45, True), (40, True)])
def test_a_tenth_of_the_pool_may_belong_to_no_step(end: int, warned: bool) -> None:
    localization = as_localization([(1, 10), (10, 20), (20, end)])
    expected = [f"{51 - end} of 50 pool frames belong to no step"] if warned else []
    assert rules.localization_warnings(localization, 50) == expected


# Refined step


def refined(change: Callable[[Any], object] = lambda _: None) -> list[str]:
    """Return the problems of the sample step after ``change``, on a clip of 8 pictures."""
    value = samples.refined_step()
    change(value)
    draft_step = parse(DraftStep, samples.draft_step())
    return rules.refined_problems(parse(RefinedStep, value), draft_step, 8)


def test_an_honest_refined_step_has_no_problems() -> None:
    assert refined() == []
    assert refined(lambda v: v["critical_frames"][1].update(frame_index=8)) == []
    assert refined(lambda v: v["critical_frames"][0].update(frame_index=6)) == []
    assert refined(lambda v: v["critical_frames"][0].update(frame_index=1)) == []


def test_a_refined_step_keeps_id_and_goal() -> None:
    assert refined(lambda v: v.update(step_id=2)) == ["step_id: must stay 1; got 2"]
    assert refined(lambda v: v.update(step_goal="cut slice  1")) == [
        "step_goal: must stay 'cut slice 1'; got 'cut slice  1'"
    ]


def test_key_frames_lie_on_the_clips_pool() -> None:
    assert refined(lambda v: v["critical_frames"][1].update(frame_index=9)) == [
        "critical_frames[1].frame_index: must be 1 to 8; got 9"
    ]


@pytest.mark.parametrize("index", [2, 1])
def test_key_frames_strictly_increase(index: int) -> None:
    assert refined(lambda v: v["critical_frames"][1].update(frame_index=index)) == [
        f"critical_frames[1].frame_index: must be larger than the one before (2); got {index}"
    ]


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("name", ["agent", "patient"])
def test_key_frames_have_the_steps_agent_and_patient(name: str, position: int) -> None:
    def change(value: Any) -> None:
        value["critical_frames"][position]["causal_chain"][name] = "robot"

    steps_own = samples.chain()[name]
    assert refined(change) == [
        (
            f"critical_frames[{position}].causal_chain.{name}: must equal the step's "
            f"{steps_own!r}; got 'robot'"
        )
    ]


def test_a_key_frames_action_equals_the_steps_up_to_white_space() -> None:
    def act(action: str) -> Callable[[Any], object]:
        return lambda v: v["critical_frames"][0]["causal_chain"].update(action=action)

    assert refined(act(" cuts\n the \t bread ")) == []
    assert refined(act("Cuts the bread")) == [
        (
            "critical_frames[0].causal_chain.action: must equal the step's 'cuts the bread'; "
            "got 'Cuts the bread'"
        )
    ]
    assert refined(act("cutsthe bread")) != []


def test_tools_contain_the_agent_and_materials_the_patient() -> None:
    def hold(**names: list[str]) -> Callable[[Any], object]:
        return lambda v: v["critical_frames"][1]["interaction"].update(names)

    assert refined(hold(tools=["knife"])) == [
        "critical_frames[1].interaction.tools: must contain the agent 'hand'"
    ]
    assert refined(hold(materials=["crumb", "breadboard"])) == [
        "critical_frames[1].interaction.materials: must contain the patient 'bread'"
    ]
    assert refined(hold(tools=["knife", "Hand"], materials=["crumb", "BREAD"])) == []


def test_no_text_of_a_refined_step_refers_to_a_frame() -> None:
    def change(value: Any) -> None:
        value["critical_frames"][1]["interaction"]["hotspot"]["mechanism"] = "as in frame 3"

    (problem,) = refined(change)
    assert problem.startswith("critical_frames[1].interaction.hotspot.mechanism: texts must not")


# Final plan


def test_the_final_plan_is_the_drafts_goal_and_the_step_files() -> None:
    plan = parse(CausalPlan, samples.causal_plan(3))
    steps = [samples.parsed_refined(number) for number in (1, 2, 3)]
    draft_of_3 = samples.parsed_draft(3)
    assert rules.plan_problems(plan, draft_of_3, steps) == []

    other_goal = plan.model_copy(update={"high_level_goal": "Toast."})
    assert rules.plan_problems(other_goal, draft_of_3, steps) == [
        "high_level_goal: must be the draft's 'Two slices of toast.'; got 'Toast.'"
    ]
    assert rules.plan_problems(plan, draft_of_3, steps[:2]) == [
        "steps: 3 steps, but 2 step_final.json files"
    ]
    changed = [steps[0], steps[1].model_copy(update={"rationale": "Other."}), steps[2]]
    assert rules.plan_problems(plan, draft_of_3, changed) == [
        "steps[1]: differs from its step_final.json"
    ]
    swapped = plan.model_copy(update={"steps": (plan.steps[1], plan.steps[0], plan.steps[2])})
    assert rules.plan_problems(swapped, draft_of_3, steps) == [
        "steps: step_id must be [1, 2, 3] in this order, each once; got [2, 1, 3]",
        "steps[0]: differs from its step_final.json",
        "steps[1]: differs from its step_final.json",
    ]


# Frame manifest


def pool(change: Callable[[Any], object] = lambda _: None) -> list[str]:
    value = samples.manifest()
    change(value)
    return rules.manifest_problems(parse(FrameManifest, value))


def test_an_honest_manifest_has_no_problems() -> None:
    assert pool() == []
    assert pool(lambda v: v["frames"][1].update(timestamp_sec=0.001, original_frame_index=1)) == []


def test_a_manifest_counts_its_frames() -> None:
    assert pool(lambda v: v.update(num_frames=11)) == ["num_frames: 11, but 12 frames"]
    assert pool(lambda v: v.update(num_frames=13)) == ["num_frames: 13, but 12 frames"]


def test_a_manifest_numbers_its_frames_from_1() -> None:
    assert pool(lambda v: v["frames"][0].update(frame_index_1based=2)) == [
        "frames[0].frame_index_1based: must be 1; got 2"
    ]
    assert pool(lambda v: v["frames"][11].update(frame_index_1based=11)) == [
        "frames[11].frame_index_1based: must be 12; got 11"
    ]


def test_the_times_and_source_indices_of_a_manifest_strictly_increase() -> None:
    assert pool(lambda v: v["frames"][3].update(timestamp_sec=2.0)) == [
        "frames[3].timestamp_sec: 2.0 is not after 2.0"
    ]
    assert pool(lambda v: v["frames"][3].update(timestamp_sec=1.5)) == [
        "frames[3].timestamp_sec: 1.5 is not after 2.0"
    ]
    assert pool(lambda v: v["frames"][3].update(original_frame_index=50)) == [
        "frames[3].original_frame_index: 50 is not after 50"
    ]
    assert pool(lambda v: v["frames"][11].update(original_frame_index=0)) == [
        "frames[11].original_frame_index: 0 is not after 250"
    ]


# Segments


def segmented(
    change: Callable[[Any], object] = lambda _: None,
    located: Callable[[Any], object] = lambda _: None,
) -> list[str]:
    value, localization = samples.step_segments(), samples.localization()
    change(value)
    located(localization)
    return rules.segments_problems(
        parse(StepSegments, value),
        parse(Localization, localization),
        samples.parsed_draft(),
        parse(FrameManifest, samples.manifest()),
    )


def test_honest_segments_have_no_problems() -> None:
    assert segmented() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("step_goal", "cut", "'cut slice 4'"),
        ("start_frame_index", 10, "11"),
        ("end_frame_index", 12, "13"),
        ("start_sec", 10.001, "10.0"),
        ("end_sec", 11.0, "11.04"),
        ("start_image_relpath", "a.jpg", "'sampled_frames/sample_011_ts_10.00s.jpg'"),
        ("end_image_relpath", "a.jpg", "'sampled_frames/sample_012_ts_11.00s.jpg'"),
    ],
)
def test_a_segment_repeats_localization_draft_and_pool(
    name: str, value: object, expected: str
) -> None:
    assert segmented(lambda v: v["segments"][3].update({name: value})) == [
        f"segments[3].{name}: must be {expected}; got {value!r}"
    ]


def test_a_segment_in_the_middle_ends_where_its_end_frame_stands() -> None:
    assert segmented(lambda v: v["segments"][1].update(end_sec=11.04)) == [
        "segments[1].end_sec: must be 7.0; got 11.04"
    ]
    assert segmented(lambda v: v["segments"][1].update(end_image_relpath="a.jpg")) == [
        (
            "segments[1].end_image_relpath: must be 'sampled_frames/sample_008_ts_7.00s.jpg'; "
            "got 'a.jpg'"
        )
    ]


def test_segments_count_the_pool_and_the_steps() -> None:
    assert segmented(lambda v: v.update(num_frames=11)) == ["num_frames: 11, the pool has 12"]
    assert segmented(lambda v: v["segments"].pop()) == [
        "segments: step_id must be [1, 2, 3, 4] in this order, each once; got [1, 2, 3]"
    ]
    assert segmented(lambda v: v["segments"][3].update(step_id=9)) == [
        "segments: step_id must be [1, 2, 3, 4] in this order, each once; got [1, 2, 3, 9]"
    ]


@pytest.mark.parametrize("clip_end_sec", [3.0, 2.5])
def test_a_clip_is_longer_than_nothing(clip_end_sec: float) -> None:
    assert segmented(lambda v: v["segments"][1].update(clip_end_sec=clip_end_sec)) == [
        "segments[1]: clip_start_sec is not before clip_end_sec"
    ]


@pytest.mark.parametrize("bounds", [(13, 14), (11, 14), (14, 12)])
def test_a_localization_off_the_pool_makes_no_segment_rule_fall_over(
    bounds: tuple[int, int],
) -> None:
    entry = dict(zip(("start_frame_index", "end_frame_index"), bounds, strict=True))
    assert (
        segmented(lambda v: v["segments"][3].update(entry), lambda v: v["steps"][3].update(entry))
        == []
    )


def test_a_step_on_the_first_and_on_the_last_picture_is_compared_too() -> None:
    def one_second(value: Any) -> None:
        value["segments"][3].update(samples.segment(4, 12, 13))

    assert segmented(one_second, lambda v: v["steps"][3].update(start_frame_index=12)) == []

    def a_wrong_second(value: Any) -> None:
        value["segments"][3].update(samples.segment(4, 12, 13), start_sec=10.9)

    assert segmented(a_wrong_second, lambda v: v["steps"][3].update(start_frame_index=12)) == [
        "segments[3].start_sec: must be 11.0; got 10.9"
    ]
    first = {"start_frame_index": 1, "end_frame_index": 2}
    found = segmented(
        lambda v: v["segments"][0].update(first), lambda v: v["steps"][0].update(first)
    )
    assert found == [
        "segments[0].end_sec: must be 1.0; got 3.0",
        (
            "segments[0].end_image_relpath: must be 'sampled_frames/sample_002_ts_1.00s.jpg'; "
            "got 'sampled_frames/sample_004_ts_3.00s.jpg'"
        ),
    ]


@given(localizations())
def test_segments_made_from_a_sound_localization_have_no_problems(
    case: tuple[Localization, int, list[int]],
) -> None:
    localization, num_frames, source = case
    if not sound(pairs(localization), num_frames, source):
        return
    value = samples.step_segments()
    value["num_frames"] = num_frames
    value["segments"] = [
        samples.segment(number, start, end, num_frames)
        for number, (start, end) in enumerate(pairs(localization), start=1)
    ]
    manifest = parse(FrameManifest, samples.manifest(num_frames))
    draft_plan = samples.parsed_draft(len(localization.steps))
    segments = parse(StepSegments, value)
    assert rules.segments_problems(segments, localization, draft_plan, manifest) == []
