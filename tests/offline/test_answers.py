"""What the embedded model writes: valid answers, measured words, no frames and no times."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.plan import DraftPlan, RefinedStep
from schemas.problems import text_leaves
from schemas.publish import sent_schema
from schemas.rules import draft_problems, draft_warnings, refined_problems
from schemas.text_rules import find_reference
from tests.offline import scenes
from tests.offline.scenes import Picture
from three_stage.vlm.offline.plans import key_pictures

Ask = Callable[[Any], str]

LENGTHS = (6, 5, 6, 5, 6)
PICTURES = scenes.activities(LENGTHS)
PARTS = scenes.picture_parts(PICTURES)
TEXT = scenes.draft_text(len(PICTURES))


@pytest.fixture(scope="module")
def draft(ask: Ask) -> DraftPlan:
    return DraftPlan.model_validate_json(ask(scenes.body(PARTS, TEXT, "draft_plan")))


def refine(ask: Ask, pictures: Sequence[Picture], step: dict[str, Any]) -> RefinedStep:
    text = scenes.refine_text(len(pictures), "the whole goal", step)
    body = scenes.body(scenes.numbered_parts(pictures), text, "refined_step")
    return RefinedStep.model_validate_json(ask(body))


def test_the_draft_is_valid_and_names_what_moves_where(draft: DraftPlan) -> None:
    assert draft_problems(draft, most_steps=8) == []
    assert draft_warnings(draft) == []
    goals = [step.step_goal for step in draft.steps]
    for goal, words in zip(
        goals,
        (("yellow", "horizontal", "upper left"), ("blue", "lower right"),
         ("green", "vertical", "upper right"), ("pink", "lower left"),
         ("red", "horizontal", "centre")),
        strict=True,
    ):  # fmt: skip
        assert all(word in goal for word in words), (goal, words)
    assert all(step.causal_chain.patient == "grey_surface" for step in draft.steps)


def test_every_text_says_that_it_is_a_measurement(draft: DraftPlan) -> None:
    for text in (draft.high_level_goal, *(step.rationale for step in draft.steps)):
        assert "Measured from pixels, not understood." in text


@pytest.mark.parametrize(
    "pictures",
    [
        PICTURES,
        [scenes.table()] * 9,
        scenes.activities([12]),
        [np.roll(each, 40 * index, axis=1) for index, each in enumerate(PICTURES[:12])],
        list(np.random.default_rng(1).integers(0, 255, (9, 270, 480, 3)).astype(np.uint8)),
        [np.zeros((5, 400, 3), np.uint8)] * 9,
        [np.zeros((300, 3, 3), np.uint8)] * 9,
        [np.full((1, 1, 3), 255, np.uint8)] * 9,
    ],
)
def test_no_text_speaks_of_frames_times_or_numbers(ask: Ask, pictures: list[Picture]) -> None:
    body = scenes.body(scenes.picture_parts(pictures), "", "draft_plan")
    draft = DraftPlan.model_validate_json(ask(body))
    assert draft_problems(draft, most_steps=8) == []
    step = draft.steps[0].model_dump(mode="json")
    refined = refine(ask, pictures, step)
    assert refined_problems(refined, draft.steps[0], len(pictures)) == []
    texts = [text for model in (draft, refined) for _, text in text_leaves(model.model_dump())]
    for text in texts:
        assert find_reference(text) is None
        assert not any(character.isdigit() for character in text), text


def test_a_view_that_changes_as_a_whole_is_called_so(ask: Ask) -> None:
    rough = np.random.default_rng(2).integers(0, 255, (12, 20, 3)).astype(np.uint8)
    coarse = np.kron(rough, np.ones((24, 24, 1), np.uint8)).astype(np.uint8)
    pictures = [np.roll(coarse, (31 * index, 57 * index), axis=(0, 1)) for index in range(9)]
    prose = ask(scenes.body(scenes.picture_parts(pictures), "What happens?"))
    assert "the whole view changes" in prose
    step = {"step_id": 1, "step_goal": "shake", "causal_chain": {}}
    refined = refine(ask, pictures, step)
    assert refined.causal_chain.agent == "whole_moving_view"
    assert refined.counterfactual_challenge_question == "What if nothing moved in the whole view?"


def test_the_same_thing_in_two_parts_is_told_from_what_it_moves_over(ask: Ask) -> None:
    pictures = scenes.activities((5, 5, 5), ((30, 110, 200), (60, 160, 60), (200, 90, 60)))
    draft = DraftPlan.model_validate_json(
        ask(scenes.body(scenes.picture_parts(pictures), "", "draft_plan"))
    )
    surfaces = [step.causal_chain.patient for step in draft.steps]
    assert surfaces == ["orange_surface", "green_surface", "blue_surface"]


def test_steps_that_look_the_same_still_have_goals_of_their_own(ask: Ask) -> None:
    both = scenes.activities((6, 5))
    there, elsewhere = both[:6], both[6:]
    pictures = [*there, *elsewhere, *there, *elsewhere, *there]
    draft = DraftPlan.model_validate_json(
        ask(scenes.body(scenes.picture_parts(pictures), "", "draft_plan"))
    )
    assert len(draft.steps) == 5
    assert draft_problems(draft, most_steps=8) == []


def test_a_refined_step_keeps_the_draft_and_picks_two_pictures(ask: Ask, draft: DraftPlan) -> None:
    clip = scenes.with_numbers(PICTURES[: LENGTHS[0]])
    refined = refine(ask, clip, draft.steps[0].model_dump(mode="json"))
    assert refined_problems(refined, draft.steps[0], len(clip)) == []
    kept = draft.steps[0].causal_chain
    assert (refined.causal_chain.agent, refined.causal_chain.action) == (kept.agent, kept.action)
    assert refined.causal_chain.patient == kept.patient
    assert "upper left" in refined.critical_frames[0].action_state_change_description


def test_key_pictures_stand_where_the_motion_is(ask: Ask, draft: DraftPlan) -> None:
    still, moving = [scenes.activities([1])[0]] * 12, scenes.activities([12])
    step = draft.steps[0].model_dump(mode="json")
    first, second = refine(ask, [*still, *moving, *still], step).critical_frames
    assert 13 <= first.frame_index < second.frame_index <= 25
    first, second = refine(ask, still, step).critical_frames
    assert (first.frame_index, second.frame_index) == (3, 9)
    first, second = refine(ask, still[:2], step).critical_frames
    assert (first.frame_index, second.frame_index) == (1, 2)


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=60))
def test_key_pictures_are_two_and_in_order(amounts: list[float]) -> None:
    movers = np.array(amounts, np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    first, second = key_pictures(scenes.measurement(movers=movers))
    assert 0 <= first < second < len(amounts)


def test_names_of_a_foreign_draft_are_kept_and_missing_ones_measured(
    ask: Ask, draft: DraftPlan
) -> None:
    step = draft.steps[0].model_dump(mode="json")
    step["step_goal"] = "Cut the 3 second-hand carrots {quick}"
    step["causal_chain"] |= {"agent": "Left Hand", "action": "cuts  it", "patient": "n/a"}
    refined = refine(ask, PICTURES[: LENGTHS[0]], step)
    assert refined.step_goal == step["step_goal"]
    assert (refined.causal_chain.agent, refined.causal_chain.action) == ("left_hand", "cuts  it")
    assert refined.causal_chain.patient == "grey_surface"


def test_a_schema_may_stand_in_the_text(ask: Ask, draft: DraftPlan) -> None:
    schema = json.dumps(sent_schema("draft_plan"), indent=1)
    for wanted in ({"type": "json_object"}, None):
        text = f"{TEXT}\n\nAnswer with one JSON object that follows this JSON Schema:\n{schema}"
        body = scenes.body(PARTS, text, response_format=wanted)
        assert DraftPlan.model_validate_json(ask(body)) == draft


def test_a_schema_with_references_is_understood(ask: Ask, draft: DraftPlan) -> None:
    body = scenes.body(PARTS, TEXT)
    body["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "plan", "schema": DraftPlan.model_json_schema()},
    }
    assert DraftPlan.model_validate_json(ask(body)) == draft


def test_a_reask_answers_the_first_question_again(ask: Ask, draft: DraftPlan) -> None:
    body = scenes.body(PARTS, TEXT, "draft_plan")
    body["messages"] += [
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": "Your answer breaks these rules:\nsteps: this key is missing"},
    ]
    assert DraftPlan.model_validate_json(ask(body)) == draft


def test_braces_without_end_do_no_harm(ask: Ask) -> None:
    few = PARTS[:9]
    for text in ("{" * 100_000, '{"a":[' * 100_000, '"' + "\\" * 99_999):
        assert "easured" in ask(scenes.body(few, text))


def test_the_draft_is_told_from_the_examples_of_a_prompt(ask: Ask) -> None:
    example = '{"steps": [{"step_id": 901, "step_goal": "an example"}]}'
    draft = {"steps": [{"step_id": number, "step_goal": "go on"} for number in (1, 2, 5)]}
    tagged = f"{example}\n<draft_plan>\n{json.dumps(draft)}\n</draft_plan>\n{example}"
    plain = f"Some {{braces}}, then the plan: {json.dumps(draft)}. For example: {example}"
    for text in (tagged, plain):
        found = json.loads(ask(scenes.body(PARTS, text, "localization")))
        assert [step["step_id"] for step in found["steps"]] == [1, 2, 5]
