"""From a server's JSON to what it said: text, why it ended, what it used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from schemas.files import Usage
from three_stage.vlm.reading import printable

LENGTH = "length"
CONTENT_FILTER = "content_filter"

_SAME_REASON: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": LENGTH,
        "model_length": LENGTH,
        "content-filter": CONTENT_FILTER,
        "safety": CONTENT_FILTER,
        "sensitive": CONTENT_FILTER,
        "refusal": CONTENT_FILTER,
    }
)
FROM_REASONING = "the content was null; the text is the reasoning's"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back. ``text`` is None when there was none; ``usage`` when it was not told.

    ``finish_reason`` is in OpenAI's words whatever the server calls it.
    """

    text: str | None
    finish_reason: str | None
    refusal: str | None
    usage: Usage | None
    model: str | None
    request_id: str | None
    notes: tuple[str, ...]

    def cleaned(self, clean: Callable[[str], str]) -> Reply:
        """Return the reply with every text of the server's cleaned."""
        return replace(
            self,
            text=self.text and clean(self.text),
            refusal=self.refusal and clean(self.refusal),
            model=self.model and clean(self.model),
            request_id=self.request_id and clean(self.request_id),
        )


def parse_reply(data: Mapping[str, Any], *, request_id: str | None) -> Reply | None:
    """Read a chat completion; None when this is none. No choices are a reply without text."""
    choices = data.get("choices")
    if not isinstance(choices, list):
        return None
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    text, notes = _text_of(message)
    if not choice:
        notes += ("the list of choices is empty",)
    return Reply(
        text=text,
        finish_reason=_reason(choice.get("finish_reason")),
        refusal=_string(message.get("refusal")),
        usage=_usage(data.get("usage")),
        model=_string(data.get("model")),
        request_id=request_id or _string(data.get("id")),
        notes=notes,
    )


def error_in(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the error that some gateways put into an answer of status 200."""
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for holder in (data, first):
        error = holder.get("error") if isinstance(holder, dict) else None
        if isinstance(error, dict):
            return error
    return None


def _text_of(message: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    content = message.get("content")
    if isinstance(content, list):
        pieces = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(piece for piece in pieces if isinstance(piece, str))
    text = _string(content)
    if text is not None:
        return text, ()
    for name in ("reasoning_content", "reasoning"):
        text = _string(message.get(name))
        if text is not None:
            return text, (FROM_REASONING,)
    return None, ()


def _string(value: object) -> str | None:
    """Return a text that UTF-8 can hold, or None for anything that is no text."""
    return printable(value) if isinstance(value, str) and value else None


def _reason(value: object) -> str | None:
    reason = _string(value)
    return None if reason is None else _SAME_REASON.get(reason.lower(), reason.lower())


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    details = value.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(
        requests=1, prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached or 0
    )


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count and isinstance(value, int) else None
