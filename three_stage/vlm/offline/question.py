"""What a question says besides its pictures: JSON objects and plain sentences in its text.

Nothing is relied on but these: a JSON Schema as a JSON object; "at most N steps"; the draft as a
JSON object, between <draft_plan> or <draft_step> tags or else the first one that looks like it
(prompts show examples too, and after the draft).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from three_stage.vlm.offline.errors import RequestError

MOST_OBJECTS_TRIED = 1000

_MOST_STEPS = re.compile(r"\b(?:at most|no more than|up to)\s+(\d{1,3})\s+steps\b", re.IGNORECASE)
_DRAFT = re.compile(r"<(draft_plan|draft_step)>(.*?)</\1>", re.DOTALL)

JsonObject = Mapping[str, Any]


def json_objects(text: str) -> Iterator[JsonObject]:
    """Yield the JSON objects in a text, outermost ones, in order."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    for _ in range(MOST_OBJECTS_TRIED):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def schema_in(text: str) -> JsonObject | None:
    """Return the JSON Schema of an object that a text holds, or None."""
    schemas = (value for value in json_objects(text) if isinstance(value.get("properties"), dict))
    return next(schemas, None)


def property_paths(schema: JsonObject) -> frozenset[str]:
    """Return the names of a schema's properties, and ``list.name`` for those of a list's items."""
    paths = set()
    for name, of_property in _properties(schema, schema).items():
        paths.add(name)
        items = _resolved(of_property, schema).get("items", {})
        paths |= {f"{name}.{inner}" for inner in _properties(items, schema)}
    return frozenset(paths)


def most_steps(text: str) -> int | None:
    """Return the N of "at most N steps", or None where a text sets no limit."""
    found = _MOST_STEPS.search(text)
    return int(found.group(1)) if found else None


def draft_step_ids(text: str) -> tuple[int, ...]:
    """Return the ids of the steps of the draft plan in a text.

    Raises RequestError when there is no draft plan.
    """
    plan = _first_draft(text, _is_plan)
    if plan is None:
        raise _no_draft('plan (an object with "steps", each with "step_id" and "step_goal")')
    return tuple(step["step_id"] for step in plan["steps"])


def draft_step(text: str) -> JsonObject:
    """Return the draft step in a text. Raises RequestError when there is none."""
    step = _first_draft(text, _is_step)
    if step is None:
        raise _no_draft('step (an object with "step_id", "step_goal" and "causal_chain")')
    return step


def _properties(schema: object, root: JsonObject) -> JsonObject:
    properties = _resolved(schema, root).get("properties")
    return properties if isinstance(properties, dict) else {}


def _resolved(schema: object, root: JsonObject) -> JsonObject:
    """Follow a reference into the schema's own definitions, one step."""
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    definitions = root.get("$defs")
    found = definitions.get(reference.rsplit("/", 1)[-1]) if isinstance(definitions, dict) else None
    return found if isinstance(found, dict) else {}


def _first_draft(text: str, fits: Callable[[JsonObject], bool]) -> JsonObject | None:
    tagged = [match.group(2) for match in _DRAFT.finditer(text)]
    for part in [*tagged, text]:
        for value in json_objects(part):
            if fits(value):
                return value
    return None


def _is_plan(value: JsonObject) -> bool:
    steps = value.get("steps")
    return isinstance(steps, list) and bool(steps) and all(_has_name(step) for step in steps)


def _is_step(value: JsonObject) -> bool:
    return (
        _has_name(value)
        and isinstance(value.get("causal_chain"), dict)
        and "critical_frames" not in value
    )


def _has_name(step: object) -> bool:
    return (
        isinstance(step, dict)
        and type(step.get("step_id")) is int
        and isinstance(step.get("step_goal"), str)
    )


def _no_draft(what: str) -> RequestError:
    return RequestError(
        f"The text holds no draft {what} as JSON.", param="messages", code="no_draft"
    )
