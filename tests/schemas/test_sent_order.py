"""Engines let a model write the keys in the schema's order only: our prompts must show that one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from prompts import load_prompts
from schemas.publish import sent_schema

STAGES = {
    "stage1_user": "draft_plan",
    "stage2_user": "localization",
    "stage3_user": "refined_step",
}
LISTED_KEYS = re.compile(r'^ *- ("\w+"(?:(?:, | and )"\w+")*)', re.MULTILINE)


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from objects_in(item)


def orders_in(schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of every object of a schema, in its order."""
    if "properties" in schema:
        yield tuple(schema["properties"])
    inner = [*schema.get("properties", {}).values()]
    for item in [*inner, schema["items"]] if "items" in schema else inner:
        yield from orders_in(item)


@pytest.mark.parametrize(("prompt", "schema"), STAGES.items())
def test_the_example_of_a_prompt_has_the_keys_in_the_order_of_the_schema(
    prompt: str, schema: str
) -> None:
    example = json.loads(load_prompts()[prompt].template.strip().splitlines()[-1])
    allowed = set(orders_in(sent_schema(schema)))
    shown = [tuple(found) for found in objects_in(example)]
    assert shown
    assert [keys for keys in shown if keys not in allowed] == []


@pytest.mark.parametrize(("prompt", "schema"), STAGES.items())
def test_a_prompt_lists_the_keys_in_the_order_of_the_schema(prompt: str, schema: str) -> None:
    text = load_prompts()[prompt].template
    listed = [key for line in LISTED_KEYS.findall(text) for key in re.findall(r'"(\w+)"', line)]
    in_order = list(_keys_in_order(sent_schema(schema)))
    assert listed == [key for key in in_order if key in listed][: len(listed)]


def _keys_in_order(schema: dict[str, Any]) -> Iterator[str]:
    for key, item in schema.get("properties", {}).items():
        yield key
        yield from _keys_in_order(item)
    yield from _keys_in_order(schema["items"]) if "items" in schema else ()
