"""Hypothesis strategies: JSON values that fit a published schema, and ways to spoil one."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

_PLAIN = st.text("abcdefgh_切é", max_size=12).map(lambda text: f"w{text}".rstrip("_"))
_ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=20).map(lambda text: f"w{text}")


def fitting(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> Any:
    """Return a strategy for values that are valid under one of our published schemas.

    Texts begin with a letter, so that no name among them is normalised to nothing.
    """
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        return fitting(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        return st.one_of([fitting(option, definitions) for option in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    by_type: dict[str, Callable[[], Any]] = {
        "object": lambda: _objects(schema, definitions),
        "array": lambda: _arrays(schema, definitions),
        "string": lambda: _strings(schema),
        "integer": lambda: st.integers(schema.get("minimum", -5), schema.get("maximum", 10**6)),
        "number": lambda: _numbers(schema),
        "boolean": st.booleans,
        "null": st.none,
    }
    return by_type[schema["type"]]()


def _objects(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "properties" not in schema:
        values = schema.get("additionalProperties", {"type": "string"})
        return st.dictionaries(_ANY_TEXT, fitting(values, definitions), max_size=2)
    required = set(schema.get("required", ()))
    parts = {name: fitting(item, definitions) for name, item in schema["properties"].items()}
    return st.fixed_dictionaries(
        {name: part for name, part in parts.items() if name in required},
        optional={name: part for name, part in parts.items() if name not in required},
    )


def _arrays(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    fewest = schema.get("minItems", 0)
    most = min(schema.get("maxItems", fewest + 1), fewest + 1)
    return st.lists(fitting(schema["items"], definitions), min_size=fewest, max_size=most)


def _strings(schema: dict[str, Any]) -> Any:
    if "pattern" in schema:
        refused = re.compile(schema["not"]["pattern"])
        matching = st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
        return matching.filter(lambda text: not refused.search(text))
    # A bounded text is a relation: its length is measured after it was normalised.
    return _PLAIN if "maxLength" in schema else _ANY_TEXT


def _numbers(schema: dict[str, Any]) -> Any:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1e6))
    return st.floats(low, 1e6, exclude_min="exclusiveMinimum" in schema) | st.integers(1, 99)


PLACEHOLDERS = ("", " ", "\t\n", "\u3000", "n/a", "N/A", "NA", "none", "None", "null", "unknown",
                "UNKNOWN", "tbd", "TODO", "-", "--", "...", "…", " n/a ", "?")  # fmt: skip
_INSTEAD: tuple[Any, ...] = (
            None, True, False, 0, 1, -1, 2.5, "text", "4", [], {}, ["text"], {"a": 1}, 10**20,
            "a => b", "a (b)", "x" * 41, "/abs", "line\n", *PLACEHOLDERS)  # fmt: skip


@st.composite
def spoiled(draw: Callable[[Any], Any], value: Any) -> Any:
    """Draw a copy of ``value`` with one thing deleted, added, retyped or moved; maybe still fit."""
    value = copy.deepcopy(value)
    holder, key = draw(st.sampled_from(list(_places(value))))
    here = holder[key]
    ways: list[Callable[[], object]] = [
        lambda: holder.__delitem__(key),
        lambda: holder.__setitem__(key, copy.deepcopy(draw(st.sampled_from(_INSTEAD)))),
        lambda: holder.__setitem__(key, [here]),
    ]
    if isinstance(here, dict):
        ways.append(lambda: here.__setitem__(draw(_ANY_TEXT), draw(st.sampled_from(_INSTEAD))))
    if isinstance(here, list):
        ways.append(lambda: here.extend(copy.deepcopy(here)))
        ways.append(here.clear)
    if isinstance(here, int | float) and not isinstance(here, bool):
        step = draw(st.sampled_from((-1000, -1, 1, 1000)))
        ways.append(lambda: holder.__setitem__(key, here + step))
    if isinstance(here, str):
        ways.append(lambda: holder.__setitem__(key, draw(st.sampled_from(PLACEHOLDERS))))
        ways.append(lambda: holder.__setitem__(key, here + draw(st.sampled_from(" \n\u2028é"))))
    draw(st.sampled_from(ways))()
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)
