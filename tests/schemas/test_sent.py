"""What may be sent to a model: keywords that every engine does right, and OpenAI's strict mode."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from prompts import load_prompts
from schemas.portable import FRAGILE, PORTABLE, fragile_problems
from schemas.publish import SENT, NotSendableError, reduced, sendable, sent_schema
from schemas.strict_mode import strict_mode_problems
from three_stage.doctor.question import prose_question, small_question


def an_object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def nested(levels: int) -> dict[str, Any]:
    """Return objects within objects, so many in all."""
    inner: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        inner = an_object(a=inner)
    return inner


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize("name", SENT)
def test_our_schemas_may_be_sent_everywhere(name: str) -> None:
    assert sendable(name, sent_schema(name)) == sent_schema(name)


def test_the_questions_of_doctor_carry_a_schema_that_may_be_sent() -> None:
    prompts = load_prompts()
    for question in (small_question(prompts, 6), prose_question(prompts, 6)):
        assert question.sent_schema == sent_schema(question.schema_name)


@pytest.mark.parametrize("keyword", FRAGILE)
def test_a_fragile_keyword_is_refused_with_its_reason_at_any_depth(keyword: str) -> None:
    schema = an_object(list={"type": "array", "items": an_object(a={**TEXT, keyword: 1})})
    (line,) = fragile_problems(schema)
    assert line == f"$.list[].a: {keyword}: {FRAGILE[keyword]}"


def test_a_keyword_that_nobody_thought_of_is_refused_too() -> None:
    (line,) = fragile_problems(an_object(a={**TEXT, "x-order": 1}))
    assert line.startswith("$.a: x-order: ")
    assert not set(FRAGILE) & set(PORTABLE)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (an_object(a={"type": ["string", "null"]}), "$.a: type"),
        (an_object(a={}), "$.a: type"),
        (an_object(a={"type": "text"}), "$.a: type"),
        ({**an_object(a=TEXT), "required": []}, "$: required"),
        ({**an_object(a=TEXT, b=TEXT), "required": ["b", "a"]}, "$: required"),
        ({**an_object(a=TEXT), "additionalProperties": True}, "$: additionalProperties"),
        ({**an_object(a=TEXT), "additionalProperties": TEXT}, "$: additionalProperties"),
        (an_object(a=an_object()), "$.a: properties"),
        (an_object(a={"type": "array"}), "$.a: items"),
        (an_object(a={"type": "array", "items": [TEXT]}), "$.a: items"),
    ],
)
def test_what_leaves_a_model_free_or_breaks_an_engine_is_refused(
    schema: dict[str, Any], said: str
) -> None:
    (line,) = fragile_problems(schema)
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("name", "schema", "said"),
    [
        ("", an_object(a=TEXT), "name ''"),
        ("a plan", an_object(a=TEXT), "name 'a plan'"),
        ("é", an_object(a=TEXT), "name 'é'"),
        ("n" * 65, an_object(a=TEXT), "name 'nnn"),
        ("n", {"type": "array", "items": TEXT}, "$: the root must be an object"),
        ("n", {**an_object(a=TEXT), "anyOf": [an_object(b=TEXT)]}, "$: the root must be"),
        ("n", an_object(a={**TEXT, "minLength": 1}), "$.a: the keyword minLength"),
        ("n", an_object(a={**TEXT, "default": ""}), "$.a: the keyword default"),
        ("n", an_object(a={"allOf": [TEXT], **TEXT}), "$.a: the keyword allOf"),
        ("n", an_object(a={"type": "float"}), "$.a: there is no type 'float'"),
        ("n", an_object(a={"description": "anything"}), "$.a: a type is missing"),
        ("n", an_object(a={"type": "array"}), "$.a: a list needs"),
        ("n", {**an_object(a=TEXT), "required": []}, "$: every property must be in required"),
        ("n", {**an_object(a=TEXT), "required": ["a", "b"]}, "$: every property must be in"),
        ("n", an_object(a={**an_object(b=TEXT), "additionalProperties": True}), "$.a: additional"),
        ("n", an_object(a={"anyOf": [TEXT, {"type": "object"}]}), "$.a|1: additionalProperties"),
        ("n", nested(11), "$: 11 levels of nesting; at most 10"),
        ("n", an_object(**{f"p{i}": NUMBER for i in range(5001)}), "$: 5001 properties"),
        ("n", an_object(a={**NUMBER, "enum": [*range(1001)]}), "$: 1001 enum values"),
        (
            "n",
            an_object(a={**TEXT, "enum": [f"{i:060d}" for i in range(251)]}),
            "$.a: an enum of more than 250 values",
        ),
        ("n", an_object(**{"k" * 120_001: TEXT}), "$: 120001 characters in names"),
    ],
)
def test_a_broken_rule_of_strict_mode_is_said(name: str, schema: dict[str, Any], said: str) -> None:
    found = strict_mode_problems(name, schema)
    assert found
    assert found[0].startswith(said)


@pytest.mark.parametrize(
    "schema",
    [
        nested(10),
        an_object(**{f"p{i}": NUMBER for i in range(5000)}),
        an_object(a={**NUMBER, "enum": [*range(1000)]}),
        an_object(a={"type": ["string", "null"]}),
        an_object(a={"anyOf": [TEXT, {"type": "null"}]}),
        {**an_object(a={"$ref": "#/$defs/n"}), "$defs": {"n": {"type": "integer", "minimum": 1}}},
        an_object(a={"type": "array", "items": {**TEXT, "pattern": "^a"}, "minItems": 1}),
    ],
)
def test_what_strict_mode_allows_passes(schema: dict[str, Any]) -> None:
    assert strict_mode_problems("a-Name_1", schema) == []


def test_a_model_that_cannot_be_sent_is_not_published() -> None:
    class Free(BaseModel):
        counts: dict[str, int]

    class Choice(BaseModel):
        what: int | str
        many: Annotated[list[int], Field(min_length=1)]

    with pytest.raises(NotSendableError, match=r"free cannot be sent: \$\.counts: properties"):
        sendable("free", reduced(Free.model_json_schema()))
    with pytest.raises(NotSendableError, match=r"\$\.what: type"):
        sendable("choice", reduced(Choice.model_json_schema()))


def test_counts_and_lengths_are_left_out_and_everything_is_asked_for() -> None:
    class Step(BaseModel):
        name: Annotated[str, Field(min_length=1, max_length=40, pattern="^a")] = "a"
        parts: Annotated[list[int], Field(min_length=1, max_length=8)]

    assert sendable("step", reduced(Step.model_json_schema())) == an_object(
        name=TEXT, parts={"type": "array", "items": NUMBER}
    )
