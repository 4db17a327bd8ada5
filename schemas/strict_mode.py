"""OpenAI's rules for a schema that is sent with ``strict: true``.

A schema that breaks one is refused with status 400 before any token is written. Source: OpenAI,
"Structured model outputs", section "Supported schemas", as others quoted it in February 2026 (the
limits of 2024 were 5 levels and 100 properties), and the API reference of ``response_format`` for
the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MOST_LEVELS = 10
MOST_PROPERTIES = 5_000
MOST_CHARACTERS = 120_000
MOST_ENUM_VALUES = 1_000
LONG_ENUM_VALUES, MOST_CHARACTERS_OF_A_LONG_ENUM = 250, 15_000

TYPES = frozenset({"string", "number", "boolean", "integer", "object", "array", "null"})
KEYWORDS = frozenset(
    {
        "type", "properties", "required", "additionalProperties", "items", "enum", "const",
        "anyOf", "$ref", "$defs", "title", "description", "pattern", "format", "multipleOf",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
    }
)  # fmt: skip
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def strict_mode_problems(name: str, schema: Mapping[str, Any]) -> list[str]:
    """Return a line for each rule that a schema, or the name it is sent under, breaks."""
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(f"name {name!r}: 1 to 64 of the characters a-z, A-Z, 0-9, _ and -")
    if schema.get("type") != "object" or "anyOf" in schema:
        problems.append("$: the root must be an object, and no anyOf")
    nodes = list(_nodes(schema, "$", 1))
    for path, _, node in nodes:
        problems += [f"{path}: {problem}" for problem in _node_problems(node)]
    return [*problems, *_size_problems([(level, node) for _, level, node in nodes])]


def _node_problems(node: Mapping[str, Any]) -> Iterator[str]:
    for keyword in sorted(node.keys() - KEYWORDS):
        yield f"the keyword {keyword} is not supported"
    kinds = node.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if unknown := [kind for kind in kinds if kind not in TYPES]:
        yield f"there is no type {unknown[0]!r}"
    if not node.keys() & {"type", "enum", "const", "anyOf", "$ref"}:
        yield "a type is missing"
    if "array" in kinds and not isinstance(node.get("items"), Mapping):
        yield "a list needs one schema for its items"
    if "object" in kinds:
        if node.get("additionalProperties") is not False:
            yield "additionalProperties must be false"
        if sorted(node.get("required", [])) != sorted(node.get("properties", {})):
            yield "every property must be in required, and nothing else"
    values = _enum_texts(node)
    if len(values) > LONG_ENUM_VALUES and sum(map(len, values)) > MOST_CHARACTERS_OF_A_LONG_ENUM:
        most = MOST_CHARACTERS_OF_A_LONG_ENUM
        yield f"an enum of more than {LONG_ENUM_VALUES} values has more than {most} characters"


def _size_problems(nodes: list[tuple[int, Mapping[str, Any]]]) -> Iterator[str]:
    levels = max(level for level, _ in nodes)
    if levels > MOST_LEVELS:
        yield f"$: {levels} levels of nesting; at most {MOST_LEVELS}"
    names = [name for _, node in nodes for name in node.get("properties", {})]
    if len(names) > MOST_PROPERTIES:
        yield f"$: {len(names)} properties; at most {MOST_PROPERTIES}"
    enums = sum(len(node.get("enum", [])) for _, node in nodes)
    if enums > MOST_ENUM_VALUES:
        yield f"$: {enums} enum values; at most {MOST_ENUM_VALUES}"
    names += [name for _, node in nodes for name in node.get("$defs", {})]
    names += [value for _, node in nodes for value in _enum_texts(node)]
    characters = sum(map(len, names))
    if characters > MOST_CHARACTERS:
        yield f"$: {characters} characters in names and values; at most {MOST_CHARACTERS}"


def _enum_texts(node: Mapping[str, Any]) -> list[str]:
    values = [*node.get("enum", []), node.get("const")]
    return [value for value in values if isinstance(value, str)]


def _nodes(
    schema: Mapping[str, Any], path: str, level: int
) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Yield every schema in a schema: (path, level, it). An object or a list opens a level."""
    yield path, level, schema
    for holder in ("properties", "$defs"):
        for name, item in schema.get(holder, {}).items():
            yield from _nodes(item, f"{path}.{name}", _below(level, item))
    if isinstance(schema.get("items"), Mapping):
        yield from _nodes(schema["items"], f"{path}[]", _below(level, schema["items"]))
    for place, item in enumerate(schema.get("anyOf", [])):
        yield from _nodes(item, f"{path}|{place}", level)


def _below(level: int, item: Mapping[str, Any]) -> int:
    return level + 1 if {"properties", "items"} & item.keys() else level
