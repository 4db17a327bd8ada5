"""Error lines go back to a model: each names the path, the rule and the offending words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.localization import Localization
from schemas.plan import CausalPlan, DraftPlan, RefinedStep
from schemas.problems import SchemaError, parse, parse_json, text_leaves
from tests.schemas import samples
from tests.schemas.strategies import spoiled


def problems(model: Any, value: object) -> tuple[str, ...]:
    with pytest.raises(SchemaError) as caught:
        parse(model, value)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


def test_a_missing_key_is_named_by_its_path() -> None:
    value = samples.draft_plan()
    del value["steps"][2]["causal_chain"]["patient"]
    assert problems(DraftPlan, value) == ("steps[2].causal_chain.patient: this key is missing",)


def test_a_foreign_key_is_named_by_its_path() -> None:
    value = samples.draft_plan()
    value["steps"][0]["mood"] = "calm"
    assert problems(DraftPlan, value) == ("steps[0].mood: this key is not allowed here",)


def test_a_placeholder_is_quoted() -> None:
    value = samples.draft_plan()
    value["steps"][1]["rationale"] = "N/A"
    assert problems(DraftPlan, value) == (
        "steps[1].rationale: must say something; 'N/A' counts as empty",
    )


def test_a_wrong_type_is_quoted() -> None:
    value = samples.draft_plan()
    value["steps"][0]["causal_chain"]["action"] = ["cut", "bread"]
    assert problems(DraftPlan, value) == (
        'steps[0].causal_chain.action: input should be a valid string; got ["cut", "bread"]',
    )


def test_a_list_is_not_called_too_short_because_an_item_is_wrong() -> None:
    value = samples.localization(((1, 4), (4, 8), (8, 13)))
    value["steps"][0]["start_frame_index"] = True
    assert problems(Localization, value) == (
        "steps[0].start_frame_index: input should be a valid integer; got true",
    )


@pytest.mark.parametrize(("steps", "words"), [(2, "at least 3 items; got 2"),
                                              (0, "at least 3 items; got 0"),
                                              (9, "at most 8 items; got 9")])  # fmt: skip
def test_too_few_or_many_steps_are_counted(steps: int, words: str) -> None:
    assert problems(DraftPlan, samples.draft_plan(steps)) == (f"steps: must be a list of {words}",)


def test_a_short_list_and_its_wrong_item_are_both_said() -> None:
    value = samples.refined_step()
    value["critical_frames"] = [{**samples.critical_frame(1), "frame_index": 0}]
    assert problems(RefinedStep, value) == (
        "critical_frames[0].frame_index: input should be greater than or equal to 1; got 0",
        "critical_frames: must be a list of at least 2 items; got 1",
    )


def test_no_line_speaks_of_python() -> None:
    value: object
    for value in ({"steps": "x"}, {"steps": [1, []]}, [], None, 3, {"steps": {"1": {}}}):
        for line in problems(DraftPlan, value):
            assert not any(word in line.lower() for word in ("tuple", "dict", "pydantic"))


def test_long_offending_words_are_cut() -> None:
    value = samples.localization()
    value["steps"][0]["step_id"] = "x" * 5000
    (line,) = problems(Localization, value)
    assert line.startswith("steps[0].step_id: ")
    assert line.endswith("x…")
    assert len(line) < 200


def test_a_flood_of_errors_is_cut_and_counted() -> None:
    value = samples.draft_plan(8)
    for step in value["steps"]:
        step["causal_chain"] = dict.fromkeys(step["causal_chain"], 1)
    lines = problems(DraftPlan, value)
    assert len(lines) == 41
    assert lines[-1] == f"... and {8 * 7 - 40} more"


def test_exactly_the_most_errors_are_all_said() -> None:
    value = samples.draft_plan(8)
    for step in value["steps"]:
        for key in ("step_goal", "rationale", "counterfactual_challenge_question",
                    "expected_challenge_outcome", "failure_reflecting"):  # fmt: skip
            del step[key]
    lines = problems(DraftPlan, value)
    assert len(lines) == 40
    assert not lines[-1].startswith("...")


@pytest.mark.parametrize("value", ["\ud800", {"steps": "\ud83d"}, {"\udfff": 1}])
def test_half_a_character_is_an_error_that_can_be_sent(value: object) -> None:
    for line in problems(Localization, value):
        line.encode("utf-8")
    with pytest.raises(SchemaError) as caught:
        parse_json(Localization, json.dumps(value, ensure_ascii=False))
    for line in caught.value.problems:
        line.encode("utf-8")


def test_a_bottomless_value_is_an_error_and_no_crash() -> None:
    bottomless: list[Any] = []
    for _ in range(100_000):
        bottomless = [bottomless]
    assert problems(Localization, {"steps": bottomless})[0].startswith("$: not a JSON value")
    with pytest.raises(SchemaError, match="recursion"):
        parse_json(Localization, "[" * 100_000)


def test_a_giant_number_is_an_error_and_no_crash() -> None:
    value = samples.localization()
    value["steps"][0]["step_id"] = 10**5000
    assert problems(Localization, value)[0].startswith("$: not a JSON value")


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nonsense", b"\xff", b"\xef\xbb\xbf{}"])
def test_what_is_no_json_is_said_to_be_none(text: str | bytes) -> None:
    with pytest.raises(SchemaError, match=r"^\$: .*JSON"):
        parse_json(Localization, text)


def test_json_text_is_read() -> None:
    text = json.dumps(samples.localization())
    assert parse_json(Localization, text) == parse(Localization, samples.localization())
    assert parse_json(Localization, text.encode()) == parse(Localization, samples.localization())


@given(st.data())
def test_every_line_names_a_path_and_a_rule(data: st.DataObject) -> None:
    value = data.draw(spoiled(samples.FILES["causal_plan_with_keyframes"]))
    try:
        parse(CausalPlan, value)
    except SchemaError as error:
        for line in error.problems:
            path, _, rule = line.partition(": ")
            assert path
            assert path == "$" or path.split(".")[0].split("[")[0] in value or "missing" in rule
            assert rule


def test_leaves_are_all_strings_with_their_paths() -> None:
    value = {"a": "1", "b": ["2", {"c": "3"}], "d": 4, "e": None, "f": ("5",)}
    assert list(text_leaves(value)) == [("a", "1"), ("b[0]", "2"), ("b[1].c", "3"), ("f[0]", "5")]
    assert list(text_leaves("alone")) == [("", "alone")]
