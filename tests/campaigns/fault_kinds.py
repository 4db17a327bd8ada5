"""What a server does wrong, as data: one Fault each, and which requests it strikes."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.scripted_server import (
    CutBody,
    Hang,
    Raw,
    Received,
    Reset,
    Status,
    Step,
)

Completion = dict[str, Any]
Body = Mapping[str, Any]

KEY = "sk-9d41c07be62f4a83b5d0e7f1a6c2984b"
"""The key of every run; eight of its characters in a row must show nowhere."""

PAGE = "<html><head><title>{}</title></head><body><h1>nginx</h1></body></html>"
HTML = "text/html"


@dataclass(frozen=True)
class Spoilt:
    """What comes in place of a good answer, made of it; ``is_usable``: it says the same."""

    change: Callable[[Completion], Step]
    is_usable: bool = False


@dataclass(frozen=True)
class Refuses:
    """A refusal of requests that ask for something, or None for those that do not."""

    refusal: Callable[[Body], Step | None]


@dataclass(frozen=True)
class IgnoresSchema:
    """The schema of ``response_format`` is taken and not looked at."""


Play = Step | Callable[[], Step] | Spoilt | Refuses | IgnoresSchema


@dataclass(frozen=True)
class Fault:
    """``does`` says for people what the server does."""

    does: str
    play: Play


@dataclass(frozen=True)
class Outage:
    """The server goes away when it gets a request after so many; it comes back, or never does."""

    after_requests: int
    for_sec: float | None


@dataclass(frozen=True)
class Where:
    """Which requests a fault strikes, told by their number from 1 and by what they ask."""

    name: str
    strikes: Callable[[int, Received], bool]


SHORT_VIDEO_PICTURES = 9
"""The second video has so few frames that its stages 1 and 2 are known by their pictures."""


def pictures_in(body: Body) -> int:
    """Count the pictures of a request."""
    contents = [message["content"] for message in body["messages"]]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return sum(part["type"] == "image_url" for part in parts)


def _is_short_video(_number: int, received: Received) -> bool:
    is_whole = not any("hotspot" in text for text in received.texts)
    return is_whole and pictures_in(received.body) == SHORT_VIDEO_PICTURES


FIRST = Where("the first request", lambda number, _received: number == 1)
LATER = Where("the 4th request", lambda number, _received: number == 4)
ALWAYS = Where("every request", lambda _number, _received: True)
FROM_LATER = Where("from the 4th request on", lambda number, _received: number >= 4)
ONE_VIDEO = Where("every request of one video", _is_short_video)


def error(
    status: int, message: str, headers: Mapping[str, str] | None = None, **more: str
) -> Status:
    """Return a refusal as OpenAI and most others write it."""
    return Status(status, {"error": {"message": message, **more}}, headers=headers or {})


def _page(status: int, title: str) -> Status:
    return Status(status, PAGE.format(title), content_type=HTML)


def _with_text(change: Callable[[str], str | None], **fields: Any) -> Callable[[Completion], Step]:
    """Return a change of an answer's text, and of fields of its choice."""

    def changed(completion: Completion) -> Step:
        choice = completion["choices"][0]
        message = {**choice["message"], "content": change(choice["message"]["content"])}
        return _sent({**completion, "choices": [{**choice, "message": message, **fields}]})

    return changed


def _with_message(**fields: Any) -> Callable[[Completion], Step]:
    def changed(completion: Completion) -> Step:
        choice = completion["choices"][0]
        content = choice["message"]["content"]
        given = {name: content if value is TEXT else value for name, value in fields.items()}
        message = {**choice["message"], **given}
        return _sent({**completion, "choices": [{**choice, "message": message}]})

    return changed


TEXT = object()
"""In its place comes the text of the good answer."""


def _sent(completion: Completion) -> Raw:
    return Raw(json.dumps(completion).encode())


def _without(*names: str) -> Callable[[Completion], Step]:
    return lambda completion: _sent({k: v for k, v in completion.items() if k not in names})


def _raw(**how: Any) -> Callable[[Completion], Step]:
    """Return a good answer that is sent in another way."""
    return lambda completion: replace(_sent(completion), **how)


def _halved(completion: Completion) -> Step:
    content = _sent(completion).content
    return Raw(content[: len(content) // 2])


def _as_stream(completion: Completion) -> Step:
    """Return the answer as server-sent events, as a request with "stream" gets it."""
    text = completion["choices"][0]["message"]["content"]
    pieces = [text[start : start + 100] for start in range(0, len(text), 100)]
    head = {"id": completion["id"], "object": "chat.completion.chunk", "model": completion["model"]}
    deltas: list[dict[str, Any]] = [
        {"delta": {"content": piece}, "finish_reason": None} for piece in pieces
    ]
    deltas.append({"delta": {}, "finish_reason": "stop"})
    events: list[Any] = [{**head, "choices": [{"index": 0, **delta}]} for delta in deltas]
    events.append({**head, "choices": [], "usage": completion["usage"]})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return Raw("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")


def _with_blanks(text: str) -> str:
    """Put a long run of blanks behind the first brace, where JSON allows it."""
    return text.replace("{", "{" + " \n" * 150_000, 1)


def _later_http_date() -> Step:
    moment = datetime.now(UTC) + timedelta(seconds=2)
    date = email.utils.format_datetime(moment, usegmt=True)
    return error(429, "Rate limit reached", headers={"retry-after": date})


def _format_of(body: Body) -> str:
    return str(body.get("response_format", {}).get("type", "none"))


def _refuses_formats(*refused: str) -> Refuses:
    def refusal(body: Body) -> Step | None:
        asked = _format_of(body)
        words = f"'response_format' of type {asked} is not supported by this model"
        return error(400, words) if asked in refused else None

    return Refuses(refusal)


def _refuses_field(name: str, words: str) -> Refuses:
    return Refuses(lambda body: error(400, words) if name in body else None)


_LOOP = "The person moves the cup. " * 2000

# Trouble on the way: nothing that could be read has come, or a promise to do better later.
SLOW = Fault("answers after 1 s", Spoilt(_raw(delay_sec=1.0), is_usable=True))
S408 = Fault("408", error(408, "Request timeout"))
S409 = Fault("409", error(409, "Conflict"))
S429 = Fault("429 without `Retry-After`", error(429, "Rate limit reached"))
S429_SECONDS = Fault(
    "429, `Retry-After: 1`", error(429, "Rate limit reached", headers={"retry-after": "1"})
)
S429_DATE = Fault("429, `Retry-After` a date in 2 s", _later_http_date)
S429_LONG = Fault(
    "429, `Retry-After: 86400`", error(429, "Daily limit", headers={"retry-after": "86400"})
)
S500 = Fault("500", error(500, "Internal server error"))
S502_PAGE = Fault("502, a gateway's HTML page", _page(502, "502 Bad Gateway"))
S503 = Fault("503", error(503, "Service unavailable: the model is loading"))
S503_AFTER = Fault("503, `Retry-After: 1`", error(503, "Restarting", headers={"retry-after": "1"}))
S504 = Fault("504 without a word", Status(504, ""))
S529 = Fault("529", error(529, "Overloaded", type="overloaded_error"))
RESET_BEFORE = Fault("connection reset before the body", Reset("after"))
RESET_MIDDLE = Fault("connection reset in the middle of the body", Reset("middle"))
RESET_AFTER = Fault("connection reset after the body", Spoilt(_raw(end="reset"), is_usable=True))
CLOSED_EARLY = Fault("connection closed before the announced end", CutBody())
NO_LAST_CHUNK = Fault(
    "whole body, but closed without the mark of its end",
    Spoilt(_raw(end="unended"), is_usable=True),
)
ONE_BYTE_SHORT = Fault(
    "whole body, but one byte more was announced", Spoilt(_raw(end="missing"), is_usable=True)
)
HANGS = Fault("no answer, for ever", Hang())
DRIPS = Fault("white space, drop by drop, for ever", Hang(drip_sec=0.05))
NO_JSON = Fault("body: JSON cut in half", Spoilt(_halved))
OTHER_JSON = Fault('body: `{"object": "list", "data": []}`', Raw(b'{"object": "list", "data": []}'))
NOT_EVEN_OBJECT = Fault("body: `null`", Raw(b"null"))
EMPTY_BODY = Fault("200 with an empty body", Raw(b""))
NOT_UTF8 = Fault("body: bytes that are not UTF-8", Raw(b"\xff\xfe{\x00c\x00"))
NOT_GZIP = Fault(
    "`Content-Encoding: gzip`, and it is not",
    Raw(b"no gzip at all", headers={"content-encoding": "gzip"}),
)
ERROR_IN_200 = Fault(
    '200 with `{"error": {"code": 502}}`',
    Raw(b'{"error": {"code": 502, "message": "Provider returned error"}}'),
)
PAGE_200 = Fault("200, an HTML page", Raw(PAGE.format("Sign in").encode(), HTML))
ERROR_TEXT_IN_200 = Fault(
    '200 with `{"error": "..."}`',
    Raw(b'{"error": "Unexpected endpoint or method. (POST /chat/completions)"}'),
)

# Answers that can be used as they are.
WRONG_TYPE = Fault(
    "content type `text/plain`", Spoilt(_raw(content_type="text/plain"), is_usable=True)
)
HTML_TYPE = Fault("content type `text/html`", Spoilt(_raw(content_type=HTML), is_usable=True))
STREAM = Fault("an event stream, though none was asked for", Spoilt(_as_stream, is_usable=True))
NO_USAGE = Fault("`usage` is missing", Spoilt(_without("usage"), is_usable=True))
REASONING_ONLY = Fault(
    "`content` null, the answer in `reasoning_content`",
    Spoilt(_with_message(content=None, reasoning_content=TEXT), is_usable=True),
)
THINKS = Fault(
    "`<think>` before the answer",
    Spoilt(_with_text(lambda text: f'<think>A {{"guess": 1}}?</think>\n{text}'), is_usable=True),
)
FENCED = Fault(
    "code fences and prose around the answer",
    Spoilt(_with_text(lambda text: f"Sure!\n```json\n{text}\n```\nAnything else?"), is_usable=True),
)
TWO_OBJECTS = Fault(
    "two objects, the first an example",
    Spoilt(_with_text(lambda text: f'{{"high_level_goal": "example"}}\n{text}'), is_usable=True),
)
BLANKS_INSIDE = Fault(
    "300 000 blanks inside the answer", Spoilt(_with_text(_with_blanks), is_usable=True)
)

# Answers that are no valid ones.
PROSE = Fault("prose", Spoilt(_with_text(lambda _text: "I see a table and two hands.")))
WRONG_JSON = Fault("JSON of another shape", Spoilt(_with_text(lambda _text: '{"answer": [1, 2]}')))
CUT_JSON = Fault(
    "the answer's JSON stops in the middle, `finish_reason` stop",
    Spoilt(_with_text(lambda text: text[: len(text) // 2])),
)
CUT_LENGTH = Fault(
    "`finish_reason` length",
    Spoilt(_with_text(lambda text: text[: len(text) // 2], finish_reason="length")),
)
LOOPS = Fault(
    "the same sentence again and again, until length",
    Spoilt(_with_text(lambda text: text[:200] + _LOOP, finish_reason="length")),
)
BLANKS = Fault(
    "white space until length",
    Spoilt(_with_text(lambda _text: "{" + "\n\t " * 10_000, finish_reason="length")),
)
ONLY_BLANKS = Fault("nothing but white space", Spoilt(_with_text(lambda _text: " \n" * 1000)))
NO_CHOICES = Fault("empty `choices`", Spoilt(lambda c: _sent({**c, "choices": []})))
NULL_CONTENT = Fault("`content` null", Spoilt(_with_text(lambda _text: None)))
NULL_REASONED = Fault(
    "`content` null, thoughts in `reasoning_content`",
    Spoilt(_with_message(content=None, reasoning_content="First I look at the table.")),
)
LONG_THOUGHT = Fault(
    "`<think>` until length",
    Spoilt(_with_text(lambda text: f"<think>Is it {text[:900]}", finish_reason="length")),
)
ENDLESS_THOUGHT = Fault(
    "`<think>` with the same words again and again, until length",
    Spoilt(_with_text(lambda _text: "<think>" + _LOOP, finish_reason="length")),
)

# What ends a video.
REFUSAL = Fault(
    "a refusal in `refusal`",
    Spoilt(_with_message(content=None, refusal="I cannot help with this video.")),
)
FILTERED = Fault(
    "`finish_reason` content_filter",
    Spoilt(_with_text(lambda _text: "", finish_reason="content_filter")),
)
INSPECTED = Fault(
    "400 DataInspectionFailed",
    Status(400, {"code": "DataInspectionFailed", "message": "Input data may be inappropriate"}),
)
ONE_IMAGE = Fault(
    '400 "At most 1 image(s)"',
    Status(400, {"message": "At most 1 image(s) may be provided in one request.", "code": 400}),
)
TOO_LONG = Fault(
    "400, context too long",
    error(400, "This model's maximum context length is 8192 tokens; the prompt has 20000."),
)
S413 = Fault("413, a gateway's page", _page(413, "413 Request Entity Too Large"))
S422 = Fault(
    "422", Status(422, {"detail": [{"loc": ["body", "messages", 0], "msg": "Field required"}]})
)

# What is learnt.
NO_FORMAT = Fault(
    '400 "response_format not supported"', _refuses_formats("json_schema", "json_object")
)
NO_SCHEMA = Fault("json_schema refused, json_object accepted", _refuses_formats("json_schema"))
NO_JSON_OBJECT = Fault("json_object refused, json_schema accepted", _refuses_formats("json_object"))
DEAF = Fault("json_schema accepted and ignored", IgnoresSchema())
OTHER_TOKENS_NAME = Fault(
    "400, wants `max_completion_tokens`",
    _refuses_field(
        "max_tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
    ),
)
NO_TEMPERATURE = Fault(
    "400, takes no `temperature`",
    _refuses_field("temperature", "Unsupported value: 'temperature' does not support 0.2"),
)

# What ends the run.
S401 = Fault("401", error(401, f"Incorrect API key provided: {KEY}"))
S402 = Fault("402", error(402, "Insufficient credits"))
S403 = Fault("403", error(403, "Forbidden"))
S404_MODEL = Fault("404, unknown model", error(404, "The model `m` does not exist."))
S404_PATH = Fault("404, unknown path", Status(404, {"detail": "Not Found"}))
S405 = Fault("405", Status(405, "Method Not Allowed"))
S307 = Fault(
    "307 to another address", Status(307, headers={"location": "https://other.example/v1"})
)
NO_QUOTA = Fault(
    "429 insufficient_quota",
    error(
        429, "You exceeded your current quota, please check your plan and billing details.",
        code="insufficient_quota",
    ),
)  # fmt: skip
HEALTHY = Fault("all is well", Refuses(lambda _body: None))
