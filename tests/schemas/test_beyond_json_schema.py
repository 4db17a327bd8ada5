"""What pydantic and the rules check and the published JSON Schemas do not, value by value.

``schemas/beyond_json_schema.md`` lists these rules, each with the name of its test.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import schemas
from schemas import publish
from schemas.problems import SchemaError, parse, parse_json
from tests.schemas import samples

LIST = Path(str(schemas.__file__)).parent / "beyond_json_schema.md"
TESTS = Path(__file__).parents[1]


def schema_accepts(name: str, value: object) -> bool:
    return bool(Draft202012Validator(publish.published_schema(name)).is_valid(value))


def pydantic_accepts(name: str, value: object) -> bool:
    try:
        parse(publish.FILES[name], value)
    except SchemaError:
        return False
    return True


def draft_with(name: str, text: str) -> Any:
    """Return a draft whose first agent, or first relation, is ``text``."""
    value = samples.draft_plan()
    chain = value["steps"][0]["causal_chain"]
    holder = chain["causal_effect_on_spatial"][0] if name == "relation" else chain
    holder[name] = text
    return value


def test_an_index_written_with_a_decimal_point_is_no_integer() -> None:
    value = samples.localization()
    value["steps"][0]["end_frame_index"] = 4.0
    assert schema_accepts("localization_raw", value)
    assert not pydantic_accepts("localization_raw", value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_is_finite(number: str) -> None:
    text = json.dumps(samples.manifest()).replace("-0.08", number)
    assert schema_accepts("frame_manifest", json.loads(text))
    with pytest.raises(SchemaError):
        parse_json(publish.FILES["frame_manifest"], text)


@pytest.mark.parametrize("name", ["+", "=", "ｎｏｎｅ", "none+", "<unknown> = ?", "n & a"])
def test_a_name_says_something_after_it_was_normalised(name: str) -> None:
    value = draft_with("agent", name)
    assert schema_accepts("draft_plan", value)
    assert not pydantic_accepts("draft_plan", value)


@pytest.mark.parametrize("relation", ["on（top）", "to ＝＞ from", "ﷺ" * 3, "aB" * 15])
def test_a_relation_is_measured_after_it_was_normalised(relation: str) -> None:
    value = draft_with("relation", relation)
    assert schema_accepts("draft_plan", value)
    assert not pydantic_accepts("draft_plan", value)


def test_a_relation_that_is_too_long_only_as_written_is_accepted() -> None:
    value = draft_with("relation", "lies on" + " " * 40)
    assert not schema_accepts("draft_plan", value)
    assert pydantic_accepts("draft_plan", value)


def test_what_was_saved_after_normalising_is_valid_both_ways() -> None:
    written = draft_with("relation", "Lies  On" + " " * 40)
    saved = parse(publish.FILES["draft_plan"], written).model_dump(mode="json")
    assert schema_accepts("draft_plan", saved)
    assert pydantic_accepts("draft_plan", saved)


def test_half_a_character_is_no_text() -> None:
    value = draft_with("agent", "cup \ud83d")
    assert schema_accepts("draft_plan", value)
    assert not pydantic_accepts("draft_plan", value)


def test_every_rule_in_the_list_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", LIST.read_text(encoding="utf-8"))
    assert len(named) > 20
    for path, test in named:
        tree = ast.parse((TESTS.parent / path).read_text(encoding="utf-8"))
        assert test in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, test


def test_every_rule_function_stands_in_the_list() -> None:
    text = LIST.read_text(encoding="utf-8")
    tree = ast.parse(Path(str(schemas.__file__)).with_name("rules.py").read_text(encoding="utf-8"))
    public = {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"}
    assert {name for name in public if f"`{name}`" not in text} == set()
