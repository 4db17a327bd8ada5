"""Requests that a server should refuse: its own words, and what our client makes of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from foreign_server.pictures import pictures
from foreign_server.servers import KEY, SHOWN_BASE, Running
from three_stage.settings import EndpointSettings
from three_stage.vlm import Dialect, Endpoint, FaultKind, Words, resolve_endpoint
from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.diagnosis import RequestFacts, diagnose_status
from three_stage.vlm.dialects import build_media

_TIMEOUT_SEC = 300.0
_PICTURES_SENT = 12
_Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What was asked, and what came back; ``kind`` is None for an answer of status 200."""

    asked: str
    status: int
    body: str
    kind: FaultKind | None
    hint: str


def refusals(server: Running, *, longest_context: int) -> list[Refusal]:
    """Ask everything that may be refused; bodies differ from ours only in what they try."""
    long = "word " * (2 * longest_context)
    cases: list[tuple[str, _Body]] = [
        (f"{_PICTURES_SENT} pictures", _body(server, _media(server, "images"))),
        ("a model that is not there", {**_body(server), "model": "no-such-model"}),
        ("a text longer than the context", _body(server, [_text(long)])),
        ("more max_tokens than the context", {**_body(server), "max_tokens": 10_000_000}),
        ("max_tokens of the whole context", {**_body(server), "max_tokens": longest_context}),
        ("response_format of an unknown type", _format(server, {"type": "json_scheme"})),
        ("a schema of an unknown type", _format(server, _schema({"type": "strnig"}))),
        ("a schema with uniqueItems and contains", _format(server, _schema(_FRAGILE))),
        ("video_url, no frame rate", _body(server, _media(server, "video_url"))),
        (
            "video_url with mm_processor_kwargs.fps",
            _body(server, _media(server, "video_url"), _RATE),
        ),
        ("the frame list of DashScope", _body(server, _media(server, "dashscope_video"))),
        ("a picture that is no picture", _body(server, [_broken_picture()])),
        ("guided_json, which old servers took", _body(server, [], {"guided_json": _INTEGER})),
    ]
    found = [_ask(server, asked, body) for asked, body in cases]
    found.append(_ask(server, "a wrong key", _body(server), key="sk-wrong-0123456789abcdef"))
    found.append(_ask(server, "/v1 twice in the address", _body(server), path="/v1"))
    return found


_INTEGER = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
_FRAGILE = {
    "type": "array",
    "items": {"type": "string"},
    "uniqueItems": True,
    "contains": {"const": "a"},
}
_RATE = {"mm_processor_kwargs": {"fps": 1}}


def record(words: Path, server: Running, version: str, found: Sequence[Refusal]) -> None:
    """Keep the refusals as they came, for a test of our rules; those of other servers stay."""
    before = json.loads(words.read_text(encoding="utf-8")) if words.exists() else []
    now = [
        {
            "server": server.server.name,
            "version": version,
            "asked": one.asked,
            "status": one.status,
            "body": one.body,
        }
        for one in found
        if one.kind is not None
    ]
    kept = [one for one in before if one["server"] != server.server.name] + now
    text = json.dumps(sorted(kept, key=lambda one: one["server"]), indent=2, ensure_ascii=False)
    words.write_text(text + "\n", encoding="utf-8", newline="\n")


def _ask(server: Running, asked: str, body: _Body, *, key: str = KEY, path: str = "") -> Refusal:
    """Post a body and let our client's own rules judge what comes back."""
    data = json.dumps(body).encode()
    response = httpx2.post(
        f"{server.base}{path}/chat/completions",
        content=data,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
        timeout=_TIMEOUT_SEC,
        trust_env=False,
    )
    text = response.text
    if response.status_code == 200:
        return Refusal(asked=asked, status=200, body=text, kind=None, hint="")
    facts = RequestFacts(
        endpoint=endpoint_of(server), options=_options(), pictures=_PICTURES_SENT,
        body_bytes=len(data),
    )  # fmt: skip
    fault = diagnose_status(response.status_code, response.headers, text, facts)
    hint = fault.hint.replace(server.base, SHOWN_BASE)
    return Refusal(asked=asked, status=response.status_code, body=text, kind=fault.kind, hint=hint)


def endpoint_of(server: Running) -> Endpoint:
    """Return the endpoint as our client knows it."""
    return resolve_endpoint(settings_of(server))


def settings_of(server: Running, **changes: Any) -> EndpointSettings:
    """Return our client's settings for a server; nothing is tried twice."""
    fixed: dict[str, Any] = {
        "provider": "vllm", "api_base": server.base, "api_key": KEY, "model": server.server.model,
        "temperature": 1.0, "api_call_retries": 0, "endpoint_patience_sec": 0.0,
    }  # fmt: skip
    return EndpointSettings(**{**fixed, **changes})


def _options() -> WireOptions:
    return WireOptions(
        mode="json_schema", shows_schema=False, tokens_field="max_tokens", sends_temperature=True
    )


def _body(
    server: Running, parts: list[Mapping[str, Any]] | None = None, more: _Body | None = None
) -> _Body:
    content = [*(parts or []), _text("What is done here?")]
    return {
        "model": server.server.model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 24,
        "temperature": 1.0,
        **(more or {}),
    }


def _format(server: Running, response_format: _Body) -> _Body:
    return _body(server, [], {"response_format": response_format})


def _schema(schema: _Body) -> _Body:
    return {"type": "json_schema", "json_schema": {"name": "tried", "schema": schema}}


def _text(text: str) -> _Body:
    return {"type": "text", "text": text}


def _media(server: Running, dialect: Dialect) -> list[Mapping[str, Any]]:
    """Return the parts with which our client would send the pictures."""
    endpoint = replace(endpoint_of(server), dialect=dialect)
    media = build_media(pictures(_PICTURES_SENT), endpoint, Words.ours())
    parts: list[Mapping[str, Any]] = json.loads(media.fill_in(json.dumps(media.parts).encode()))
    return parts


def _broken_picture() -> _Body:
    url = "data:image/jpeg;base64," + base64.b64encode(b"no picture").decode("ascii")
    return {"type": "image_url", "image_url": {"url": url}}
