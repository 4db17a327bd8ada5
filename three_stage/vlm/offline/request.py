"""From the bytes of an HTTP body to the typed values of one chat completion request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from three_stage.vlm.offline.errors import RequestError
from three_stage.vlm.offline.labels import read_label
from three_stage.vlm.offline.question import schema_in

MOST_PICTURES = 512
"""In one request, counted before anything is decoded."""

_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Medium:
    """One encoded picture or video of a request, and where in the body it stood.

    ``label``: the text directly before it in its message, or "".
    """

    kind: Literal["picture", "video"]
    data: bytes
    param: str
    label: str = ""


@dataclass(frozen=True)
class ChatRequest:
    """What one request asks for.

    With a ``schema`` (of the response format, or in the text), ``media`` and ``text`` are those of
    the first message that has pictures: a re-ask goes on, and its first question is still the
    question. Without one the request is a conversation: ``media`` are those of all messages, and
    ``text`` is the last text of the user's last message that is no label. ``told`` holds all texts
    but those of the assistant, ``told_last`` those of the user's last message; ``text_tokens``
    counts all texts.
    """

    model: str
    media: tuple[Medium, ...]
    text: str
    told: tuple[str, ...]
    told_last: tuple[str, ...]
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

    Raises RequestError for what is no such request, has too many pictures, has a schema and no
    picture, or wants JSON without a schema.
    """
    asked = _parsed(body)
    first = next((each for each in asked.messages if _shows(each)), None)
    last = next((_texts(each) for each in reversed(asked.messages) if each.role == "user"), [])
    schema = _schema(asked.response_format) or schema_in(
        "\n".join(
            text
            for each in ([first] if first is not None else asked.messages)
            for text in _texts(each)
        )
    )
    if schema is None and _wants_json(asked.response_format):
        raise RequestError(
            "response_format is json_object, and there is no schema in the messages. This model "
            "fills the schemas of the three stages, or answers in words: leave response_format "
            "out.",
            param="response_format.type",
            code="missing_schema",
        )
    if schema is not None and first is None:
        raise _no_pictures(
            "There is no picture in the messages. This model measures pictures: send some as "
            "image_url, video_url or video parts."
        )
    return ChatRequest(
        model=asked.model,
        media=tuple(_media(asked.messages, None if schema is None else first)),
        text=_last_text(last) if schema is None or first is None else "\n".join(_texts(first)),
        told=tuple(
            text for each in asked.messages if each.role != "assistant" for text in _texts(each)
        ),
        told_last=tuple(last),
        schema=schema,
        is_stream=bool(asked.stream),
        wants_usage=asked.stream_options is not None and asked.stream_options.include_usage,
        most_tokens=asked.max_completion_tokens or asked.max_tokens,
        text_tokens=sum(text_tokens(text) for each in asked.messages for text in _texts(each)),
    )  # fmt: skip


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text: one for every four characters begun."""
    return -(-len(text) // _CHARACTERS_A_TOKEN)


def _parsed(body: bytes) -> _Body:
    # In two steps: validating the bytes at once copies every picture and takes ten times as long.
    try:
        return _Body.model_validate(from_json(body))
    except ValidationError as error:
        raise _refusal(error) from None
    except ValueError as error:
        raise RequestError(f"The body is no JSON: {error}.", code="invalid_json") from None


def _refusal(error: ValidationError) -> RequestError:
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or None
    where = f"{path}: " if path else "The body: "
    return RequestError(f"{where}{first['msg']}.", param=path, code=str(first["type"]))


def _no_pictures(message: str) -> RequestError:
    return RequestError(message, param="messages", code="no_pictures")


def _shows(message: _Message) -> bool:
    return any(not isinstance(part, _TextPart) for part in message.content)


def _texts(message: _Message) -> list[str]:
    return [part.text for part in message.content if isinstance(part, _TextPart)]


def _last_text(texts: list[str]) -> str:
    """Return the last of some texts that is no label, or ""."""
    return next((text for text in reversed(texts) if read_label(text) is None), "")


def _media(messages: list[_Message], only: _Message | None) -> list[Medium]:
    """Return the pictures and videos of all messages, or of the one that is named."""
    found: list[tuple[Literal["picture", "video"], str, str, str]] = []
    for position, message in enumerate(messages):
        if only is not None and message is not only:
            continue
        label = ""
        for place, part in enumerate(message.content):
            if isinstance(part, _TextPart):
                label = part.text
                continue
            urls = list(_urls(part))
            if not urls:
                raise _no_pictures("The list of video frames is empty.")
            param = f"messages.{position}.content.{place}"
            found += [(kind, url, param, label) for kind, url in urls]
            label = ""
    if len(found) > MOST_PICTURES:
        raise RequestError(
            f"{len(found)} pictures; at most {MOST_PICTURES} in one request. Send fewer.",
            status=413,
            param="messages",
            code="too_many_pictures",
        )
    return [Medium(kind, _decoded(url, param), param, label) for kind, url, param, label in found]


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


def _wants_json(response_format: _Format | None) -> bool:
    return response_format is not None and response_format.type == "json_object"


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
