"""Answers as a model writes them, and the same answers spoilt in one place.

A spoilt answer is fed byte by byte like any other, so it must be refused just where it departs from
every valid one. Nobody says where that is: it is where the spoilt text departs from the sound one,
because no two valid texts of our schemas differ in anything but the values.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.publish import SENT
from tests.schemas import samples

EXAMPLES: dict[str, Any] = {
    "draft_plan": samples.draft_plan(3),
    "localization": samples.localization(),
    "refined_step": samples.refined_step(),
}
"""A real answer for each sent schema."""

assert EXAMPLES.keys() == SENT.keys()


@dataclass(frozen=True)
class Spoilt:
    """A text, what is wrong with it, and how many of its bytes are still right."""

    what: str
    text: bytes
    right_bytes: int


def written(value: Any) -> bytes:
    """Write an answer as all engines let a model write it: one blank after each comma and colon."""
    return json.dumps(value, ensure_ascii=False).encode()


CANNOT_WRITE = {
    "llguidance": re.compile(r"\x7f"),
    "outlines-core": re.compile(r"[\x00-\x07\x0b\x0e-\x1f\x7f-\x9f]"),
    "xgrammar": re.compile(r"(?!)"),
}
"""Control characters that JSON can hold, and that an engine never writes; no model misses them."""


def as_written(value: Any, schema: Mapping[str, Any], package: str) -> Any:
    """Return a valid value as an engine has it written: keys in the order of the schema, and
    without the control characters that it knows no way to write."""
    if isinstance(value, list):
        return [as_written(item, schema["items"], package) for item in value]
    if isinstance(value, dict):
        known = schema["properties"].items()
        return {key: as_written(value[key], item, package) for key, item in known}
    return CANNOT_WRITE[package].sub("", value) if isinstance(value, str) else value


def spoilt_texts(value: Any) -> Iterator[Spoilt]:
    """Yield an answer spoilt in every way that we know, once a key and the key that it is under."""
    sound = written(value)
    for what, other in _spoilt_values(value):
        text = written(other)
        yield Spoilt(what, text, _common(sound, text))
    yield Spoilt("prose before it", b"Here it is: " + sound, 0)
    yield Spoilt("a code fence", b"```json\n" + sound, 0)
    yield Spoilt("prose behind it", sound + b"Done.", len(sound))
    yield Spoilt("a second object", sound + sound, len(sound))


def cut_texts(value: Any, *, every_bytes: int) -> Iterator[bytes]:
    """Yield beginnings of an answer, none of them whole."""
    sound = written(value)
    yield from (sound[:end] for end in range(0, len(sound), every_bytes))
    yield sound[:-1]


def _spoilt_values(value: Any) -> Iterator[tuple[str, Any]]:
    yield "an empty object", {}
    yield "a list around it", [value]
    yield "a string around it", json.dumps(value)
    yield "null", None
    seen: set[tuple[str, ...]] = set()
    for path in _paths(value):
        names = tuple(part for part in path if isinstance(part, str))[-2:]
        if names in seen or isinstance(path[-1], int):
            continue
        seen.add(names)
        yield from _spoilt_at(value, path, ".".join(names))


def _spoilt_at(value: Any, path: tuple[str | int, ...], name: str) -> Iterator[tuple[str, Any]]:
    """Spoil the value of one key, and its place among its neighbours."""
    *above, key = path
    here = _at(value, above)
    others = [other for other in here if other != key]
    for what, changed in {
        "missing": {other: here[other] for other in others},
        "under another name": _renamed(here, key, f"{key}s"),
        "followed by a further key": _with_comment_after(here, key),
        "in another place": {**{other: here[other] for other in others}, key: here[key]},
        "null": {**here, key: None},
        "in a list": {**here, key: [here[key]]},
        "in an object": {**here, key: {"value": here[key]}},
        "of another type": {**here, key: _of_another_type(here[key])},
    }.items():
        if what == "in another place" and list(changed) == list(here):
            continue
        yield f"{name} {what}", _replaced(value, above, changed)


def _of_another_type(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value + 0.5
    return 7 if isinstance(value, str) else "text"


def _with_comment_after(here: dict[str, Any], key: str | int) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name, item in here.items():
        changed[name] = item
        if name == key:
            changed["comment"] = "hello"
    return changed


def _renamed(here: dict[str, Any], key: str | int, name: str) -> dict[str, Any]:
    return {name if other == key else other: item for other, item in here.items()}


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from _paths(item, (*path, key))


def _at(value: Any, path: list[str | int]) -> Any:
    for part in path:
        value = value[part]
    return value


def _replaced(value: Any, path: list[str | int], new: Any) -> Any:
    if not path:
        return new
    value = copy.deepcopy(value)
    _at(value, path[:-1])[path[-1]] = new
    return value


def _common(one: bytes, other: bytes) -> int:
    """Count the bytes at their beginning that two texts share."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
