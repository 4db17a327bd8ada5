"""Errors as lines that go back to the model: path, rule, offending words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

ModelT = TypeVar("ModelT", bound=BaseModel)

_SHOWN_CHARACTERS = 80
_MOST_PROBLEMS = 40


class SchemaError(ValueError):
    """An object does not fit its model; ``problems`` holds one line an error."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse(model: type[ModelT], value: object) -> ModelT:
    """Build ``model`` from a parsed JSON value, in pydantic's strict JSON mode.

    Raises SchemaError with one readable line a problem.
    """
    try:
        return model.model_validate_json(json.dumps(value, ensure_ascii=False))
    except ValidationError as error:
        raise SchemaError(problem_lines(error)) from None
    except (RecursionError, ValueError, TypeError) as error:
        raise SchemaError((f"$: not a JSON value that can be checked ({error})",)) from None


def parse_json(model: type[ModelT], text: str | bytes) -> ModelT:
    """Build ``model`` from JSON text. Raises SchemaError with one readable line a problem."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise SchemaError(problem_lines(error)) from None


def problem_lines(error: ValidationError) -> tuple[str, ...]:
    """Turn pydantic's errors into lines: ``steps[0].step_goal: this key is missing``."""
    found = error.errors(include_url=False, include_context=True)
    lines = tuple(_line(item) for item in found if not _only_follows(item))
    if len(lines) <= _MOST_PROBLEMS:
        return lines
    return (*lines[:_MOST_PROBLEMS], f"... and {len(lines) - _MOST_PROBLEMS} more")


def text_leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Walk every string of a JSON value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from text_leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from text_leaves(item, f"{path}[{position}]")


def _only_follows(item: Any) -> bool:
    """Tell whether a list is called too short because an item, reported itself, did not count."""
    return item["type"] == "too_short" and bool(len(item["input"]) >= item["ctx"]["min_length"])


def _line(item: Any) -> str:
    path = _path(item["loc"])
    kind = str(item["type"])
    if kind == "missing":
        return f"{path}: this key is missing"
    if kind == "extra_forbidden":
        return f"{path}: this key is not allowed here"
    if kind == "json_invalid":
        return f"{path}: {item['msg']}"
    if kind in ("too_short", "too_long"):
        bound, limit = ("least", "min") if kind == "too_short" else ("most", "max")
        number = item["ctx"][f"{limit}_length"]
        return f"{path}: must be a list of at {bound} {number} items; got {len(item['input'])}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return f"{path}: {message}"
    return f"{path}: {message[:1].lower()}{message[1:]}; got {_shown(item['input'])}"


def _path(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "$"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    # A text that was cut may hold half a character, which no request can carry.
    text = text.encode("utf-8", errors="backslashreplace").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
