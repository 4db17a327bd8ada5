"""From the bytes of an HTTP body to the typed values of one chat completion request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from three_stage.vlm.offline.errors import RequestError

MOST_PICTURES = 512
"""In one request, counted before anything is decoded."""

_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Medium:
    """One encoded picture or video of a request, and where in the body it stood."""

    kind: Literal["picture", "video"]
    data: bytes
    param: str


@dataclass(frozen=True)
class ChatRequest:
    """What one request asks for.

    ``media`` and ``text`` are those of the first message that has pictures: a re-ask continues a
    conversation, and its first question is still the question. ``text_tokens`` counts all texts.
    """

    model: str
    media: tuple[Medium, ...]
    text: str
    schema: Mapping[str, Any] | None
    is_stream: bool
    wants_usage: bool
    most_tokens: int | None
    text_tokens: int


class _Part(BaseModel):
    """A part of a message's content. Keys that only some servers know are let through."""

    model_config = ConfigDict(extra="ignore")


class _Url(_Part):
    url: str


class _TextPart(_Part):
    type: Literal["text"]
    text: str


class _PicturePart(_Part):
    type: Literal["image_url"]
    image_url: _Url


class _VideoUrlPart(_Part):
    type: Literal["video_url"]
    video_url: _Url


class _VideoPart(_Part):
    type: Literal["video"]
    video: list[str] | str


_AnyPart = Annotated[
    _TextPart | _PicturePart | _VideoUrlPart | _VideoPart, Field(discriminator="type")
]


def _as_parts(content: object) -> object:
    """Bring a plain text into the form of a list of parts, so that there is one form."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [] if content is None else content


class _Message(_Part):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[list[_AnyPart], BeforeValidator(_as_parts)] = []


class _NamedSchema(_Part):
    schema_: dict[str, Any] | None = Field(None, alias="schema")


class _Format(_Part):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _NamedSchema | None = None


class _StreamOptions(_Part):
    include_usage: bool = False


class _Body(_Part):
    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[_Message], Field(min_length=1)]
    response_format: _Format | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Literal[1] | None = None


def read_request(body: bytes) -> ChatRequest:
    """Read the JSON body of a chat completion request.

    Raises RequestError for what is no such request, has no picture, or has too many.
    """
    try:
        asked = _Body.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None
    message, position = _question(asked.messages)
    return ChatRequest(
        model=asked.model,
        media=tuple(_media(message, position)),
        text="\n".join(_texts(message)),
        schema=_schema(asked.response_format),
        is_stream=bool(asked.stream),
        wants_usage=asked.stream_options is not None and asked.stream_options.include_usage,
        most_tokens=asked.max_completion_tokens or asked.max_tokens,
        text_tokens=sum(text_tokens(text) for each in asked.messages for text in _texts(each)),
    )


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text: one for every four characters begun."""
    return -(-len(text) // _CHARACTERS_A_TOKEN)


def _refusal(error: ValidationError) -> RequestError:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return RequestError(f"The body is no JSON: {first['msg']}.", code="invalid_json")
    path = ".".join(str(part) for part in first["loc"]) or None
    where = f"{path}: " if path else "The body: "
    return RequestError(f"{where}{first['msg']}.", param=path, code=str(first["type"]))


def _question(messages: list[_Message]) -> tuple[_Message, int]:
    for position, message in enumerate(messages):
        if any(not isinstance(part, _TextPart) for part in message.content):
            return message, position
    raise RequestError(
        "There is no picture in the messages. This model measures pictures: send some as "
        "image_url, video_url or video parts.",
        param="messages",
        code="no_pictures",
    )


def _texts(message: _Message) -> list[str]:
    return [part.text for part in message.content if isinstance(part, _TextPart)]


def _media(message: _Message, position: int) -> list[Medium]:
    urls = [
        (kind, url, f"messages.{position}.content.{place}")
        for place, part in enumerate(message.content)
        for kind, url in _urls(part)
    ]
    if not urls:
        raise RequestError(
            "The list of video frames is empty.", param="messages", code="no_pictures"
        )
    if len(urls) > MOST_PICTURES:
        raise RequestError(
            f"{len(urls)} pictures; at most {MOST_PICTURES} in one request. Send fewer.",
            status=413,
            param="messages",
            code="too_many_pictures",
        )
    return [Medium(kind, _decoded(url, param), param) for kind, url, param in urls]


def _urls(part: _AnyPart) -> Iterable[tuple[Literal["picture", "video"], str]]:
    if isinstance(part, _PicturePart):
        yield "picture", part.image_url.url
    elif isinstance(part, _VideoUrlPart):
        yield "video", part.video_url.url
    elif isinstance(part, _VideoPart):
        if isinstance(part.video, str):
            yield "video", part.video
        else:
            for url in part.video:
                yield "picture", url


def _decoded(url: str, param: str) -> bytes:
    head, comma, payload = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise RequestError(
            "Pictures and videos must come inside the request, as data:...;base64,... URLs; this "
            "model fetches nothing.",
            param=param,
            code="invalid_image_url",
        )
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(
            "The data URL holds no valid base64.", param=param, code="invalid_base64"
        ) from None


def _schema(response_format: _Format | None) -> Mapping[str, Any] | None:
    if response_format is None or response_format.type != "json_schema":
        return None
    named = response_format.json_schema
    if named is None or named.schema_ is None:
        raise RequestError(
            "response_format is json_schema, but there is no json_schema.schema.",
            param="response_format.json_schema.schema",
            code="missing_schema",
        )
    return named.schema_
