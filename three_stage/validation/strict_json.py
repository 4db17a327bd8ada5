"""JSON read as the strictest consumer reads it."""

from __future__ import annotations

import json
import math
from typing import Any, Never

from three_stage.validation.codes import Code

MAX_DEPTH = 32
"""Levels of objects and lists; ours have at most 9."""

MAX_INTEGER = 2**53
"""Above it a reader that holds numbers as doubles loses digits (RFC 8259, section 6)."""


class StrictJsonError(ValueError):
    """A text is not JSON as we write it; ``code`` says in which way."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_strict(data: bytes) -> Any:
    """Parse UTF-8 JSON without NaN, huge numbers, twice-given keys or deep nesting.

    Raises StrictJsonError.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(
            Code.JSON_ENCODING, f"is not UTF-8 text (byte {error.start})"
        ) from None
    if text.startswith("\ufeff"):
        raise StrictJsonError(Code.JSON_ENCODING, "begins with a byte-order mark")
    _check_depth(text)
    try:
        return json.loads(
            text,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_keys,
        )
    except StrictJsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise StrictJsonError(Code.JSON_SYNTAX, f"is not JSON ({error})") from None


def _check_depth(text: str) -> None:
    # Before the parser sees it: how deep a parser goes before it gives up differs by version.
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise StrictJsonError(Code.JSON_DEPTH, f"is nested more than {MAX_DEPTH} deep")
        elif character in "]}":
            depth -= 1


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > MAX_INTEGER:
        raise StrictJsonError(Code.JSON_NUMBER, f"holds the number {digits[:40]}, which is too big")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise StrictJsonError(Code.JSON_NUMBER, f"holds the number {digits[:40]}, which is too big")
    return number


def _refuse_constant(name: str) -> Never:
    raise StrictJsonError(Code.JSON_NUMBER, f"holds {name}, which is no JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise StrictJsonError(Code.JSON_DUPLICATE, f"has the key {key[:80]!r} twice")
        result[key] = value
    return result
