"""From server-sent events to one chat completion: some gateways stream though nobody asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_DATA = "data:"
_END = "[DONE]"


def joined_stream(text: str) -> dict[str, Any] | None:
    """Return the completion that a stream's chunks add up to; None for what is no whole stream.

    Whole is a stream with its end mark, or one that tells why the answer ended. An error that a
    server sends in place of a chunk is returned as it is.
    """
    joined: dict[str, Any] = {}
    pieces: dict[str, str] = {}
    reason, is_stream = None, False
    for chunk in _chunks(text):
        is_stream = True
        if chunk is None:
            return None
        if chunk.get("error"):
            return chunk
        joined |= {name: chunk[name] for name in ("id", "model", "usage") if chunk.get(name)}
        choice = _first_choice(chunk)
        reason = choice.get("finish_reason") or reason
        delta = choice.get("delta")
        for name, piece in delta.items() if isinstance(delta, dict) else ():
            if isinstance(piece, str) and name != "role":
                pieces[name] = pieces.get(name, "") + piece
    if not is_stream or (reason is None and not _has_end_mark(text)):
        return None
    return {**joined, "choices": [{"message": pieces, "finish_reason": reason}]}


def _chunks(text: str) -> Iterator[dict[str, Any] | None]:
    """Yield every chunk; None for one that is none."""
    for line in text.split("\n"):
        if line.startswith(_DATA) and line.removeprefix(_DATA).strip() != _END:
            try:
                chunk = json.loads(line.removeprefix(_DATA))
            except (ValueError, RecursionError):
                chunk = None
            yield chunk if isinstance(chunk, dict) else None


def _first_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _has_end_mark(text: str) -> bool:
    return any(
        line.startswith(_DATA) and line.removeprefix(_DATA).strip() == _END
        for line in text.split("\n")
    )
