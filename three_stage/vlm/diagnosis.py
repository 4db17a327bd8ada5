"""What an endpoint's refusal means and what the person can do: words and status → Fault."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from three_stage.vlm.capabilities import Feature, WireOptions
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.faults import Fault, FaultKind, Topic, retry_after_sec

_WORDS_SHOWN = 400
_BODY_SHOWN = 120
_PAGE_WORDS = "a web page: "
_ALWAYS_TRANSIENT = frozenset({408, 409, 425})
# A firewall answers so to one body or one path; with words about the caller it is no firewall.
_MAY_BE_OF_ONE_REQUEST = frozenset({403, 404})
_OF_EVERY_REQUEST = re.compile(
    r"\bkey|account|model|permission|authori[sz]|credential|token|credit|quota|billing|balance"
    r"|subscri|project|organi[sz]ation|country|region|territory",
    re.IGNORECASE,
)
_CAPABILITY_STATUS = frozenset({400, 422})
_DATA_URL = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]+")


_NO_CREDIT = "The account has no credit left: pay and run again."
_DAY_IS_OVER = "The requests of a day are used up: run the same command again tomorrow."
_FEWER_TOKENS = (
    "Lower --max-frames, --frame-max-side or --max-tokens: one request takes more tokens than the "
    "account may use in a minute."
)
_WRONG_KEY = "Check API_KEY (or --api-key) and that it belongs to this endpoint."
_WRONG_MODEL = (
    "Check --model: names are case-sensitive on some servers, and GET {base}/models lists them."
)
_OFFLINE_BUG = "This is a mistake in the embedded model: please report it, with the video."
_NOT_ALLOWED = "The key may not use this model, or not from here: check the account's rights."
_UNKNOWN = (
    "The server's log may say more, and pipeline.py doctor tries the ways to ask it one by one."
)
_FILTERED = "The provider's content filter refuses this video or its texts."
_AT_MOST = (
    "The server allows fewer pictures than were sent: start it with "
    "--limit-mm-per-prompt '{{\"image\": {pictures}}}' (old vLLM builds allow one), or use "
    "--media-dialect video_url, or a lower --max-frames."
)
_TOO_MANY = (
    "The server takes fewer pictures than were sent: lower --max-frames (a vLLM of your own takes "
    "more with --limit-mm-per-prompt '{{\"image\": {pictures}}}')."
)
_TOO_LONG = (
    "Lower --max-frames, --frame-max-side or --max-tokens, or start the server with a larger "
    "--max-model-len."
)
_NO_EYES = "This model takes no pictures: give --model a vision-language model."
_TOO_LARGE = (
    "Lower --max-body-mb (pictures are then made smaller), or raise the gateway's limit "
    "(nginx: client_max_body_size)."
)

_TOPIC_OF_HINT: Mapping[str, Topic] = MappingProxyType(
    {
        _FILTERED: "blocked",
        _NO_CREDIT: "quota",
        _DAY_IS_OVER: "quota",
        _WRONG_KEY: "key",
        _NOT_ALLOWED: "key",
        _WRONG_MODEL: "model",
        _NO_EYES: "model",
        _AT_MOST: "size",
        _TOO_MANY: "size",
        _TOO_LONG: "size",
        _TOO_LARGE: "size",
        _FEWER_TOKENS: "size",
    }
)


@dataclass(frozen=True, kw_only=True)
class RequestFacts:
    """What was sent, as far as a diagnosis needs it."""

    endpoint: Endpoint
    options: WireOptions
    pictures: int
    body_bytes: int

    def __str__(self) -> str:
        tail = self.endpoint.key_tail
        key = f", key ...{tail}" if tail else ""
        return (
            f"model {self.endpoint.model}, {self.pictures} pictures, "
            f"{self.body_bytes / 1e6:.2f} MB{key}"
        )


@dataclass(frozen=True)
class _Rule:
    """When the server's words match, the trouble is of this kind, and this is what to do."""

    words: re.Pattern[str]
    kind: FaultKind
    hint: str


def _rule(words: str, kind: FaultKind, hint: str) -> _Rule:
    return _Rule(re.compile(words, re.IGNORECASE | re.DOTALL), kind, hint)


# Of a 429: OpenAI's way to say that the account is empty, which no waiting changes.
_NO_CREDIT_WORDS = re.compile(r"insufficient_quota|current quota, please check", re.IGNORECASE)
# DashScope and Gemini say the same words of a limit a minute; theirs name a page or a time.
_A_MINUTES_LIMIT = re.compile(
    r"aliyun|alibabacloud|ai\.google\.dev|(retry|again) in", re.IGNORECASE
)
_HOSTS_OF_A_MINUTES_LIMIT = ("aliyuncs.com", "googleapis.com")
# Of a 429: what no waiting of minutes changes, and what no waiting changes at all.
_DAY_IS_OVER_WORDS = re.compile(r"today.{0,3}s quota|tomorrow|models?-per-day", re.IGNORECASE)
_NEVER_FITS_WORDS = re.compile(r"request too large|must be reduced", re.IGNORECASE)

# Of a 400 everything may be the reason: the words must be about the model that was asked for, and
# not about a model, or a key, that the server needs for a picture.
_NOT_THERE = r"(does not exist|doesn't exist|not exist|not found|not available|unsupported)"
_MODEL_WORDS = (
    r"model_not_found|pinned to|no access to (the |this )?model"
    r"|not have access to (the |this )?model"
    rf"|\bmodel (id |name )?[`'\"][^`'\"]{{1,200}}[`'\"].{{0,40}}{_NOT_THERE}"
    rf"|\bmodel,? (is |was )?{_NOT_THERE}\s*([.,;!\[]|$)"
    r"|(invalid|unknown|unsupported|not a valid|no such) model\s*(id\b|name\b|[:.,;\[`'\"]|$)"
)
_KEY_WORDS = (
    r"invalid_?api_?key|^(?!.*\b(image|picture|video|media)s?\b)(\S+\s+){0,4}("
    r"(invalid|incorrect|not valid|expired|missing).{0,20}api.?key"
    r"|api.?key.{0,20}(invalid|incorrect|not valid|expired|missing|not provided))"
)

# The first that matches decides. Only for refusals (4xx but 408, 409, 425, 429).
_RULES = (
    _rule(
        r"data_?inspection|inappropriate content|content.?(policy|management|filter)|moderation"
        r"|\bflagged\b",
        FaultKind.REQUEST,
        _FILTERED,
    ),
    _rule(
        r"insufficient.?(quota|balance|credit|funds)|arrearage|exceeded your current quota"
        r"|payment required|overdue|free.?tier.{0,40}exhausted|FreeTierOnly",
        FaultKind.ENDPOINT,
        _NO_CREDIT,
    ),
    _rule(
        _KEY_WORDS,
        FaultKind.ENDPOINT,
        _WRONG_KEY,
    ),
    _rule(
        r"at most \d+ (image|video|picture|item)",
        FaultKind.REQUEST,
        _AT_MOST,
    ),
    _rule(
        r"too many (image|picture|video|frame)|(number|count) of (image|picture|video|frame)s?\b"
        r".{0,40}(exceed|limit|greater|more than|at most|maximum)"
        r"|(up to|more than|max(imum)?( of)?) \d+ (image|picture|video|frame)",
        FaultKind.REQUEST,
        _TOO_MANY,
    ),
    _rule(
        r"context (length|window|size)|max_model_len|maximum (model|input|context|sequence) length"
        r"|too many (input |prompt )?tokens|prompt.{0,20}too long|longer than the maximum"
        r"|range of input length",
        FaultKind.REQUEST,
        _TOO_LONG,
    ),
    _rule(
        r"max_(completion_)?tokens.{0,40}(too large|should be|must be)"
        r"|at most \d+ completion tokens",
        FaultKind.REQUEST,
        "Lower --max-tokens: the model writes shorter answers at most.",
    ),
    _rule(
        r"not a multimodal|does(n't| not) support (image|vision|multi)|support image input"
        r"|image input is not|vision is not",
        FaultKind.REQUEST,
        _NO_EYES,
    ),
    _rule(
        r"failed to load image or audio",
        FaultKind.REQUEST,
        "llama.cpp reads a video with ffmpeg and ffprobe, which must be on its PATH: install them "
        "there, or use --media-dialect images.",
    ),
    _rule(
        r"video_url|mm_processor_kwargs|media-io|type.{0,10}video|unsupported content",
        FaultKind.REQUEST,
        "The server does not take this form of video: use --media-dialect images.",
    ),
    _rule(
        _MODEL_WORDS,
        FaultKind.ENDPOINT,
        _WRONG_MODEL,
    ),
    _rule(
        r"too large|body size|exceed(s|ed).{0,20}(limit|size)",
        FaultKind.REQUEST,
        _TOO_LARGE,
    ),
)

_WRONG_PATH = "Check --api-base ({base}): it usually ends in /v1."
_NOT_FOUND = _WRONG_PATH + " Check --model too: GET {base}/models lists the names."
_STATUS_RULES: Mapping[int, tuple[FaultKind, str]] = MappingProxyType(
    {
        401: (FaultKind.ENDPOINT, _WRONG_KEY),
        402: (FaultKind.ENDPOINT, _NO_CREDIT),
        403: (FaultKind.ENDPOINT, _NOT_ALLOWED),
        404: (FaultKind.ENDPOINT, _NOT_FOUND),
        405: (FaultKind.ENDPOINT, _WRONG_PATH),
        407: (FaultKind.ENDPOINT, "The proxy wants a name and a password: check HTTPS_PROXY."),
        413: (FaultKind.REQUEST, _TOO_LARGE),
    }
)

_USE_AUTO = "The server does not take this structured mode: use --structured-mode auto."
_HINT_OF_REFUSED: Mapping[Feature, str] = MappingProxyType(
    {
        "temperature": "The model takes no --temperature but its own.",
        "tokens_field": "The server takes no bound on an answer's tokens: tell us which it is.",
        "frame_rate": "Start the server with --trust-request-mm-kwargs (vLLM).",
        "stream_options": "The server does not tell in a stream what was used.",
    }
)
_REFUSES_FORMAT = re.compile(
    r"response_?\s?format|json[_ ]?schema|json[_ ]?object|json[_ ]?mode|\bguided"
    r"|structured[_ ]?(output|generation|decoding)|grammar|constrained decoding",
    re.IGNORECASE,
)
# vLLM without --trust-request-mm-kwargs, and servers that do not know the field.
_REFUSES_FRAME_RATE = re.compile(r"mm_processor_kwargs", re.IGNORECASE)
_REFUSES_STREAM_OPTIONS = re.compile(r"stream_?options|include_usage", re.IGNORECASE)
_REFUSES_TEMPERATURE = re.compile(
    r"temperature.{0,80}(support|default|allowed)", re.IGNORECASE | re.DOTALL
)
_REFUSES_TEMPERATURE_FIRST = re.compile(r"unsupported.{0,40}temperature", re.IGNORECASE | re.DOTALL)
_REFUSES_MAX_TOKENS = re.compile(
    r"unsupported.{0,40}max_(completion_)?tokens|max_(completion_)?tokens\W.{0,40}not supported"
    r"|use .?max_completion_tokens",
    re.IGNORECASE | re.DOTALL,
)


def diagnose_status(
    status: int, headers: Mapping[str, str], body: str, facts: RequestFacts
) -> Fault:
    """Say what a status other than 2xx means."""
    words = facts.endpoint.redact(server_words(body))
    kind, hint, refused = _judge(status, words, facts)
    if kind is FaultKind.REQUEST and _misses_the_model(words, facts.endpoint.model):
        kind, hint = FaultKind.ENDPOINT, _WRONG_MODEL
    if 300 <= status < 400:
        where = headers.get("location", "another address")
        words = f"go to {facts.endpoint.redact(where)}"
    topic = _TOPIC_OF_HINT.get(hint)
    hint = hint.format(base=facts.endpoint.api_base, pictures=facts.pictures) if hint else ""
    is_page = is_web_page(body, headers.get("content-type", ""))
    is_of_one = kind is FaultKind.ENDPOINT and status in _MAY_BE_OF_ONE_REQUEST
    return Fault(
        kind=kind,
        message=f"The endpoint answered {status}: {words or 'without a word'} ({facts}).",
        hint=hint,
        status=status,
        retry_after_sec=retry_after_sec(headers),
        refused=refused,
        may_be_of_one_request=is_of_one and (is_page or not _OF_EVERY_REQUEST.search(words)),
        request_id=_redacted(headers.get("x-request-id"), facts),
        topic=topic,
    )


def _redacted(text: str | None, facts: RequestFacts) -> str | None:
    return None if text is None else facts.endpoint.redact(text)


def _judge(status: int, words: str, facts: RequestFacts) -> tuple[FaultKind, str, Feature | None]:
    if status == 429:
        return (*_judge_too_many(words, facts.endpoint), None)
    if status >= 500 and facts.endpoint.is_offline:
        return FaultKind.REQUEST, _OFFLINE_BUG, None
    if status in _ALWAYS_TRANSIENT or status >= 500:
        return FaultKind.TRANSIENT, "", None
    if 300 <= status < 400:
        return FaultKind.ENDPOINT, "Give that address as --api-base, if you trust it.", None
    refused = _refused_feature(words, facts.options) if status in _CAPABILITY_STATUS else None
    if refused is not None:
        return FaultKind.CAPABILITY, _HINT_OF_REFUSED.get(refused, _USE_AUTO), refused
    return (*_ruled(status, words), None)


def _misses_the_model(words: str, model: str) -> bool:
    """Tell whether the words say, without quotes, that the model asked for is not there."""
    name = rf"{re.escape(model)}(?![\w.-])"
    said = rf"\bmodel\W{{1,3}}{name}.{{0,10}}{_NOT_THERE}|(invalid|unknown|no such) model {name}"
    return re.search(said, words, re.IGNORECASE) is not None


def _judge_too_many(words: str, endpoint: Endpoint) -> tuple[FaultKind, str]:
    """Tell a limit that passes from an empty account, a used-up day and a request too large."""
    host = urlsplit(endpoint.api_base).hostname or ""
    if _NO_CREDIT_WORDS.search(words):
        passes = host.endswith(_HOSTS_OF_A_MINUTES_LIMIT) or _A_MINUTES_LIMIT.search(words)
        return (FaultKind.RATE_LIMITED, "") if passes else (FaultKind.ENDPOINT, _NO_CREDIT)
    if _DAY_IS_OVER_WORDS.search(words):
        return FaultKind.ENDPOINT, _DAY_IS_OVER
    if _NEVER_FITS_WORDS.search(words):
        return FaultKind.REQUEST, _FEWER_TOKENS
    return FaultKind.RATE_LIMITED, ""


def _ruled(status: int, words: str) -> tuple[FaultKind, str]:
    """Apply the table: the words first, except where the status says it all."""
    if status not in (401, 407):
        for rule in _RULES:
            if rule.words.search(words):
                return rule.kind, rule.hint
    return _STATUS_RULES.get(status, (FaultKind.REQUEST, _UNKNOWN))


def _refused_feature(words: str, options: WireOptions) -> Feature | None:
    if options.sends_frame_rate and _REFUSES_FRAME_RATE.search(words):
        return "frame_rate"
    if options.sends_stream_options and _REFUSES_STREAM_OPTIONS.search(words):
        return "stream_options"
    if _REFUSES_MAX_TOKENS.search(words):
        return "tokens_field"
    if options.sends_temperature and _REFUSES_TEMPERATURE.search(words):
        return "temperature"
    if options.mode != "prompt" and _REFUSES_FORMAT.search(words):
        return options.mode
    return None


def diagnose_strange_body(status: int, body: str, content_type: str, facts: RequestFacts) -> Fault:
    """Say what a 2xx means that is no chat completion: a web page, a cut body, another API."""
    came = _what_came(body, content_type, facts)
    return Fault(
        kind=FaultKind.TRANSIENT,
        message=f"The endpoint answered {status} with {came} ({facts}).",
        hint=_WRONG_PATH.format(base=facts.endpoint.api_base),
        status=status,
        was_read=True,
        is_strange=True,
        is_web_page=is_web_page(body, content_type),
    )


def _what_came(body: str, content_type: str, facts: RequestFacts) -> str:
    if not body.strip():
        return "an empty body"
    words = facts.endpoint.redact(server_words(body))
    if is_web_page(body, content_type):
        return words if words.startswith(_PAGE_WORDS) else _PAGE_WORDS + words
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return f"a body that cannot be read as JSON: {_begin_of(words)}"
    return f"JSON that is no chat completion: {_begin_of(words)}"


def _begin_of(words: str) -> str:
    return words if len(words) <= _BODY_SHOWN else words[:_BODY_SHOWN] + "..."


def is_web_page(body: str, content_type: str) -> bool:
    """Tell whether a body is HTML."""
    return "html" in content_type.lower() or body.lstrip()[:15].lower().startswith(
        ("<!doctype html", "<html")
    )


def server_words(body: str) -> str:
    """Return what a server says went wrong, in one line of at most 400 characters."""
    try:
        said = _said_in(json.loads(body.removeprefix("\ufeff")))
    except (ValueError, RecursionError):
        said = _page_text(body) if is_web_page(body, "") else body
    words = " ".join(_DATA_URL.sub("(a picture)", said).split())
    # A server must not steer the terminal.
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in words)
    return line if len(line) <= _WORDS_SHOWN else line[:_WORDS_SHOWN] + "..."


def _said_in(data: Any) -> str:
    """Find the message in the shapes that servers use; the code is added when it says more."""
    if isinstance(data, list):
        return "; ".join(_said_in(item) for item in data[:3])
    if not isinstance(data, dict):
        return str(data)
    inner = data.get("error", data.get("errors"))
    if isinstance(inner, (dict, list)):
        return _said_in(inner)
    message = _upstream_words(data) or data.get("message") or data.get("msg")
    message = message or data.get("detail") or inner
    if isinstance(message, (dict, list)):
        return _said_in(message)
    where = _place_in(data.get("loc"))
    code = data.get("code") if isinstance(data.get("code"), str) else data.get("type")
    said = str(message) if message is not None else json.dumps(data, ensure_ascii=False)
    said = f"{where}: {said}" if where else said
    return f"{said} [{code}]" if isinstance(code, str) and code not in said else said


def _place_in(loc: object) -> str:
    """Return where in the request something is wrong (FastAPI: a list of names and numbers)."""
    parts = loc if isinstance(loc, list) else [loc]
    return ".".join(str(part) for part in parts if isinstance(part, (str, int)))


def _upstream_words(data: dict[str, Any]) -> str | None:
    """Return what a router passes on of the provider behind it (OpenRouter: metadata.raw)."""
    metadata = data.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw.strip():
        return None
    return f"{data.get('message', '')}: {server_words(raw)}"


def _page_text(page: str) -> str:
    """Return a web page's title, or its text."""
    title = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    text = title.group(1) if title else re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page)
    return _PAGE_WORDS + html.unescape(text)
