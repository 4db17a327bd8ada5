"""From a server's JSON to what it said: text, why it ended, what it used."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from schemas.files import Usage
from three_stage.vlm.reading import printable

STOP = "stop"
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
_FROM_TOOL_CALL = "the content was empty; the text is a tool call's arguments"
_FROM_OBJECT = "the content was an object instead of a text"
_ERROR_BESIDE = "the server put an error beside its whole answer"
# No request of ours uses as much: such a figure is a mistake of the server's.
_MOST_TOKENS = 1_000_000_000


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
    choice = _first_choice(data)
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    text, notes = _text_of(message)
    if not choice:
        notes += ("the list of choices is empty",)
    if told_error(data) is not None:
        notes += (_ERROR_BESIDE,)
    return Reply(
        text=text,
        finish_reason=reason_in(choice.get("finish_reason")),
        refusal=_string(message.get("refusal")),
        usage=usage_in(data.get("usage")),
        model=_string(data.get("model")),
        request_id=request_id or _string(data.get("id")),
        notes=notes,
    )


def error_in(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the error that some gateways put into an answer of status 200.

    An error that says nothing is none. One beside an answer whose model came to its end by itself
    (``stop``) is passed over: the answer is paid for, and its check will tell if it is whole.
    """
    error = told_error(data)
    return None if error is None or _is_finished(_first_choice(data)) else error


def told_error(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return an error that says something, wherever it stands."""
    for holder in (data, _first_choice(data)):
        error = holder.get("error")
        if isinstance(error, dict) and any(error.values()):
            return error
    return None


def _first_choice(data: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _is_finished(choice: Mapping[str, Any]) -> bool:
    message = choice.get("message")
    has_content = isinstance(message, dict) and bool(message.get("content"))
    return has_content and choice.get("finish_reason") == STOP


def _text_of(message: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """Return the answer's text and, where it does not stand where it should, where it stood."""
    content = message.get("content")
    if isinstance(content, dict) and content:
        return _string(json.dumps(content, ensure_ascii=False)), (_FROM_OBJECT,)
    if isinstance(content, list):
        content = "".join(text_of_part(part) for part in content)
    text = _string(content)
    if text is not None:
        return text, ()
    text = _tool_arguments(message.get("tool_calls"))
    if text is not None:
        return text, (_FROM_TOOL_CALL,)
    for name in ("reasoning_content", "reasoning"):
        text = _string(message.get(name))
        if text is not None:
            return text, (FROM_REASONING,)
    return None, ()


def text_of_part(part: object) -> str:
    """Return the text of one part of a content that is a list."""
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else ""


def _tool_arguments(calls: object) -> str | None:
    """Return what the first tool call hands over: some servers make one of every JSON answer."""
    first = calls[0] if isinstance(calls, list) and calls else None
    function = first.get("function") if isinstance(first, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return _string(arguments)


def _string(value: object) -> str | None:
    """Return a text that UTF-8 can hold, or None for anything that is no text."""
    return printable(value) if isinstance(value, str) and value else None


def reason_in(value: object) -> str | None:
    """Return why an answer ended, in OpenAI's words."""
    reason = _string(value)
    return None if reason is None else _SAME_REASON.get(reason.lower(), reason.lower())


def usage_in(value: object) -> Usage | None:
    """Read what was used; None when the figures cannot be right: there is always a prompt.

    Some servers count the thinking in the total only.
    """
    if not isinstance(value, dict):
        return None
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if not prompt or completion is None:
        return None
    completion = max(completion, (_count(value.get("total_tokens")) or 0) - prompt)
    details = value.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(
        requests=1, prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached or 0
    )


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None
