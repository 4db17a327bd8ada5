"""Kinds of damage to a value in a JSON object: to every place of every document alike."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from tests.campaigns.damage_folder import (
    Document,
    GoodFolder,
    Node,
    at,
    place_kind,
    with_value,
    without,
)
from tests.campaigns.damage_kind import Kind, Maker, Spoilt, Spot

_MARK = "\ue000the place\ue000"
_SHOWN = 60

_OTHERS: Mapping[str, tuple[Any, ...]] = {
    "mode": ("reencode", "copy"),
    "pool_mode": ("exact", "keyframe"),
    "status": ("running", "completed", "failed"),
    "event": ("answer", "failure", "verdict"),
    "stage": ("stage1", "stage2", "stage3"),
    "structured_mode": ("auto", "json_schema", "json_object", "prompt", None),
    "finish_reason": ("stop", "length", "content_filter", None),
    "preset": ("veryfast", "slow"),
    "codec": ("h264", "hevc"),
    "media_dialect": ("images", "video_url"),
    "provider": ("offline", "openai"),
    "model": ("offline", "qwen3-vl-235b-a22b-instruct"),
    "model_asked": ("offline", "qwen3-vl-235b-a22b-instruct"),
    "model_answered": ("offline", "qwen3-vl-235b-a22b-instruct", None),
    "rotation": (0, 90, 180, 270),
}
"""Other values that a key may have, by its name."""


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _changed(good: GoodFolder, node: Node, value: Any) -> Spoilt | None:
    """Put another value in a place; None when it is written as before."""
    document = node.document
    text = document.text(with_value(document.value, node.keys, value))
    if text == document.own_text:
        return None
    return Spoilt(f"{_json(node.value)} → {_json(value)}", (good.written(document, text),))


def _written(good: GoodFolder, node: Node, token: str) -> Spoilt:
    """Put a text, JSON or not, in a place."""
    document = node.document
    marked = document.text(with_value(document.value, node.keys, _MARK))
    text = marked.replace(json.dumps(_MARK, ensure_ascii=False), token)
    shown = token if len(token) <= _SHOWN else f"{token[:_SHOWN]}… ({len(token)} characters)"
    return Spoilt(f"{_json(node.value)} → {shown}", (good.written(document, text),))


def _spot(node: Node, make: Maker) -> Spot:
    return Spot(node.kind, node.document.relpath, node.where, make)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# Kinds


def _deletions(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        yield _spot(node, partial(_deleted, good, node))
    for document in good.documents:
        if document.line is not None:
            where = f"line {document.line + 1}"
            make = partial(_line_deleted, good, document)
            yield Spot(f"{document.kind} line", document.relpath, where, make)


def _deleted(good: GoodFolder, node: Node) -> Spoilt:
    document = node.document
    text = document.text(without(document.value, node.keys))
    return Spoilt(f"{_json(node.value)} deleted", (good.written(document, text),))


def _line_deleted(good: GoodFolder, document: Document) -> Spoilt:
    change = good.written(document, _MARK)
    data = change.data.replace(_MARK.encode() + b"\n", b"")
    return Spoilt("the line deleted", (type(change)("write", document.relpath, data),))


def _retypings(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        other = rng.choice(_other_types(node.value))
        yield _spot(node, partial(_changed, good, node, other))


def _other_types(value: Any) -> list[Any]:
    """Return values of other types, as like this one as can be."""
    if isinstance(value, list):
        return [dict(enumerate(value)), _json(value), value[0] if value else "", None]
    if isinstance(value, dict):
        return [list(value.values()), [value], _json(value), None]
    simple: Mapping[type, list[Any]] = {
        bool: [1 if value else 0, str(value).lower(), None],
        int: [str(value), f"{value}.0", [value], None, True],
        float: [str(value), [value], None, True],
        str: [[value], None, 0, {"text": value}, False],
    }
    return simple.get(type(value), ["", 0, False, []])


def _off_by_one(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            yield _spot(node, partial(_changed, good, node, node.value + rng.choice((-1, 1))))


def _last_digits(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        if isinstance(node.value, float):
            decimals = len(repr(node.value).partition(".")[2])
            other = round(node.value + rng.choice((-1, 1)) * 10.0**-decimals, decimals)
            yield _spot(node, partial(_changed, good, node, other))


def _swaps(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        if isinstance(node.value, list):
            for place in range(len(node.value) - 1):
                items = list(node.value)
                items[place : place + 2] = items[place + 1], items[place]
                yield _spot(node, partial(_changed, good, node, items))
        elif isinstance(node.value, dict):
            yield from _value_swaps(good, node)


def _value_swaps(good: GoodFolder, node: Node) -> Iterator[Spot]:
    """Swap the values of neighbouring keys, where both are of one type."""
    names = list(node.value)
    for first, second in itertools.pairwise(names):
        one, other = node.value[first], node.value[second]
        if type(one) is type(other):
            swapped = {**node.value, first: other, second: one}
            make = partial(_changed, good, node, swapped)
            kind = place_kind((*node.keys, first))
            where = f"{node.where}: {first} and {second}"
            yield Spot(f"{node.document.kind} {kind}", node.document.relpath, where, make)


def _characters(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        if isinstance(node.value, str) and node.value:
            yield _spot(node, partial(_changed, good, node, other_character(node.value, rng)))


def other_character(text: str, rng: Random) -> str:
    """Return a text with one character changed: a digit to a digit, a letter to a letter."""
    place = rng.randrange(len(text))
    old = text[place]
    pool = "0123456789" if old.isdecimal() else "abcdefghijklmnopqrstuvwxyz"
    new = rng.choice([character for character in pool if character != old])
    return text[:place] + new + text[place + 1 :]


def _other_values(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    seen = defaultdict(list)
    for node in good.nodes:
        if node.is_leaf:
            seen[place_kind(node.keys[-1:])].append(node.value)
    for node in good.nodes:
        if node.is_leaf:
            choices = _choices(node, seen[place_kind(node.keys[-1:])], rng)
            if choices:
                yield _spot(node, partial(_changed, good, node, rng.choice(choices)))


def _choices(node: Node, seen: list[Any], rng: Random) -> list[Any]:
    """Return valid values of the same type that differ from the one that is there."""
    value, name = node.value, str(node.keys[-1])
    if isinstance(value, bool):
        return [not value]
    if name in _OTHERS:
        found: list[Any] = list(_OTHERS[name])
    elif name.endswith("_utc"):
        found = [_later(value, seconds) for seconds in (-86400.0, -1.0, 0.001, 1.0, 3600.0)]
    elif isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        found = [f"{rng.getrandbits(256):064x}"]
    elif isinstance(value, str):
        found = [other for other in seen if isinstance(other, str)] + [f"{value} indeed"]
    elif _is_number(value):
        found = [other for other in seen if type(other) is type(value)]
        found += [type(value)(value * 2 + 1), type(value)(value / 2)]
    else:
        found = [["something"]] if value == [] else [{}, 0.25]
    return [other for other in found if other != value]


def _later(text: str, seconds: float) -> str:
    moved = datetime.fromisoformat(text) + timedelta(seconds=seconds)
    return moved.isoformat(timespec="milliseconds")


_NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e999")
_HUGE = (
    "1e308",
    "-1e308",
    str(2**63),
    str(2**53 + 1),
    "9" * 400,
    "-" + "9" * 400,
    "0." + "3" * 400,
)


_LENGTHS = (10_000, 300_000)


def _no_numbers(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    return _tokens(good, rng, _NO_NUMBERS)


def _huge_numbers(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    return _tokens(good, rng, _HUGE)


def _tokens(good: GoodFolder, rng: Random, tokens: tuple[str, ...]) -> Iterator[Spot]:
    for node in good.nodes:
        if _is_number(node.value):
            yield _spot(node, partial(_written, good, node, rng.choice(tokens)))


def _depths(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        levels = rng.choice((2, 33, 1000, 100_000))
        yield _spot(
            node, partial(_nested, good, node, levels, rng.choice((("[", "]"), ('{"a": ', "}"))))
        )


def _nested(good: GoodFolder, node: Node, levels: int, around: tuple[str, str]) -> Spoilt:
    inner = json.dumps(node.value, ensure_ascii=False)
    return _written(good, node, around[0] * levels + inner + around[1] * levels)


def _duplicates(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        if isinstance(node.keys[-1], str):
            owner = at(node.document.value, node.keys[:-1])
            again = rng.choice((node.value, *owner.values()))
            written = (json.dumps(item, ensure_ascii=False) for item in (again, node.value))
            token = f", {json.dumps(node.keys[-1], ensure_ascii=False)}: ".join(written)
            yield _spot(node, partial(_written, good, node, token))


def _long_texts(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for node in good.nodes:
        if isinstance(node.value, str):
            yield _spot(node, partial(_lengthened, good, node, rng.choice(_LENGTHS)))


def _lengthened(good: GoodFolder, node: Node, length: int) -> Spoilt | None:
    text = node.value or "long "
    return _changed(good, node, text * (1 + length // len(text)))


KINDS = (
    Kind("delete", "a key, a list item or a line of the journal is gone", _deletions),
    Kind("retype", "a number as text, a text as list, true as 1, null, …", _retypings),
    Kind("off by one", "a whole number one more or one less", _off_by_one),
    Kind("last digit", "the last digit of a number with decimals", _last_digits),
    Kind("swap values", "two neighbours of a list, or the values of two neighbouring keys", _swaps),
    Kind("one character", "one character of a text", _characters),
    Kind("another value", "another valid value of the same type: mode, digest, date, …",
         _other_values),
    Kind("no number", "NaN, Infinity, or what overflows to it, for a number", _no_numbers),
    Kind("huge number", "1e308, 2^53 + 1, 2^63, 400 digits for a number", _huge_numbers),
    Kind("nesting", "a value inside 2 to 100,000 lists or objects", _depths),
    Kind("key twice", "a key that stands twice in its object", _duplicates),
    Kind("long text", "a text of 10,000 or 300,000 characters", _long_texts),
)  # fmt: skip
