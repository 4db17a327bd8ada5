"""From the bytes of an answer, as they arrive, to what each chunk of it says.

Read are server-sent events as servers really send them: any line ends, comments, data over several
lines, a mark before UTF-8, events without the blank line between them, ``error:`` lines. A body
that is no stream at all (plain JSON, a web page) is kept whole instead.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.files import Usage
from three_stage.vlm.replies import reason_in, text_of_part, told_error, usage_in

_DONE = "[DONE]"
_WENT_WRONG = "error"
_FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry", b"error"})
_LONGEST_FIELD = max(map(len, _FIELDS))
_BLANK = b" \t\r\n"


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What one chunk says. ``error`` is what a server says in place of the rest.

    ``is_end``: the stream says that it is over. ``is_garbled``: an event could not be read.
    """

    text: str = ""
    thought: str = ""
    refusal: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    error: Mapping[str, Any] | None = None
    is_end: bool = False
    is_garbled: bool = False


class LiveStream:
    """Takes the bytes in any pieces; the deltas are the same however they are split."""

    def __init__(self) -> None:
        self._begun: bytearray | None = bytearray()
        self._whole: list[bytes] | None = None
        self._line: list[bytes] = []
        self._is_after_return = False
        self._data: list[str] = []
        self._event = ""

    @property
    def whole(self) -> bytes | None:
        """The body so far, when it is no stream; b"" when nothing came yet."""
        if self._begun is not None:
            return bytes(self._begun)
        return None if self._whole is None else b"".join(self._whole)

    def feed(self, piece: bytes) -> list[Delta]:
        """Return what the chunks say that are complete now."""
        if self._begun is not None:
            self._begun += piece
            if not self._decide():
                return []
            piece, self._begun = bytes(self._begun), None
        if self._whole is not None:
            self._whole.append(piece)
            return []
        return [delta for line in self._lines(piece) for delta in self._take(line)]

    def close(self) -> list[Delta]:
        """Return what the last line says, when nothing more comes."""
        line, self._line = b"".join(self._line), []
        return [*(self._take(line) if line else []), *self._flush()]

    def _decide(self) -> bool:
        """Tell whether enough came to see what it is; a stream begins with a field or a comment."""
        assert self._begun is not None  # noqa: S101 - for the type checker
        begun = bytes(self._begun)
        if len(begun) < len(codecs.BOM_UTF8) and codecs.BOM_UTF8.startswith(begun):
            return False
        begun = begun.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK)
        name, colon, _rest = begun.partition(b":")
        if not colon and len(begun) <= _LONGEST_FIELD and begun[:1] not in (b"{", b"[", b"<"):
            return False
        if name in _FIELDS:
            self._begun = bytearray(begun)
        else:
            self._whole = []
        return True

    def _lines(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in this piece: at a line feed, a return, or both together."""
        if self._is_after_return and piece[:1] == b"\n":
            piece = piece[1:]
        if piece:
            self._is_after_return = piece.endswith(b"\r")
        *ended, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        lines: list[bytes] = []
        for end in ended:
            lines.append(b"".join([*self._line, end]))
            self._line.clear()
        if rest:
            self._line.append(rest)
        return lines

    def _take(self, line: bytes) -> list[Delta]:
        """Read one line; an event is told as soon as its data are whole JSON."""
        name, _colon, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if not line:
            return self._flush()
        if name == "event":
            self._event = value.strip()
        elif name == "data" or (name == "error" and value):
            self._event = "error" if name == "error" else self._event
            self._data.append(value)
            chunk = _parsed("\n".join(self._data))
            if chunk is not None:
                return self._told(chunk)
        return []

    def _flush(self) -> list[Delta]:
        """End an event: what is left is no JSON, or was empty."""
        text = "\n".join(self._data)
        if not text.strip():
            self._data.clear()
            self._event = ""
            return []
        return self._told({"error": {"message": text}} if self._event == "error" else None)

    def _told(self, chunk: dict[str, Any] | None) -> list[Delta]:
        is_error, self._event = self._event == "error", ""
        self._data.clear()
        if chunk is None:
            return [Delta(is_garbled=True)]
        if is_error and told_error(chunk) is None:
            chunk = {"error": chunk}
        return [_delta_of(chunk)]


def _parsed(text: str) -> dict[str, Any] | None:
    """Return the chunk that the data are; None while they are no whole object."""
    if text.strip() == _DONE:
        return {_DONE: True}
    try:
        chunk = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return chunk if isinstance(chunk, dict) else None


def _delta_of(chunk: dict[str, Any]) -> Delta:
    if _DONE in chunk:
        return Delta(is_end=True)
    error = told_error(chunk)
    if error is None and isinstance(chunk.get("error"), str) and chunk["error"]:
        error = {"message": chunk["error"]}
    choice = _first_choice(chunk)
    reason = reason_in(choice.get("finish_reason"))
    if reason == _WENT_WRONG:
        reason, error = (
            None,
            error or {"message": "the model's server gave up (finish_reason error)"},
        )
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    model = chunk.get("model")
    return Delta(
        text=_text(delta.get("content")),
        thought=_text(delta.get("reasoning_content")) or _text(delta.get("reasoning")),
        refusal=_text(delta.get("refusal")),
        finish_reason=reason,
        usage=usage_in(chunk.get("usage")),
        model=model if isinstance(model, str) and model else None,
        error=error,
    )


def _first_choice(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the choice that is shown: the others are further answers."""
    choices = chunk.get("choices")
    listed = choices if isinstance(choices, list) else []
    found = (one for one in listed if isinstance(one, dict) and one.get("index") in (0, None))
    return next(found, {})


def _text(content: object) -> str:
    """Return a delta's text, as a string or as a list of parts."""
    parts = content if isinstance(content, list) else [content]
    return "".join(text_of_part(part) for part in parts)
