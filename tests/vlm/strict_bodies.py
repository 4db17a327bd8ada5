"""Every field that a request of ours may have, written out, by dialect; anything else is an error.

The models say what stands where (docs: wire formats); ``accounted_for`` reads a body with them.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Image = NDArray[np.uint8]
JpegUrl = Annotated[str, StringConstraints(pattern=r"^data:image/jpeg;base64,[A-Za-z0-9+/]+=*$")]
Mp4Url = Annotated[str, StringConstraints(pattern=r"^data:video/mp4;base64,[A-Za-z0-9+/]+=*$")]
Fps = Annotated[float, Field(ge=0.1, le=10)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(Strict):
    type: Literal["text"]
    text: Annotated[str, Field(min_length=1)]


class ImageUrl(Strict):
    url: JpegUrl


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


class VideoUrl(Strict):
    url: Mp4Url


class VideoPart(Strict):
    type: Literal["video_url"]
    video_url: VideoUrl


class VideoPartWithRate(VideoPart):
    fps: Fps


class FrameListPart(Strict):
    type: Literal["video"]
    video: Annotated[list[JpegUrl], Field(min_length=4)]
    fps: Fps


class SystemMessage(Strict):
    role: Literal["system"]
    content: Annotated[str, Field(min_length=1)]


class UserMessage(Strict):
    role: Literal["user"]
    content: list[Any]


class AnswerMessage(Strict):
    role: Literal["assistant"]
    content: Annotated[str, Field(min_length=1)]


class CorrectionMessage(Strict):
    role: Literal["user"]
    content: Annotated[str, Field(min_length=1)]


class JsonSchema(Strict):
    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: Literal[True]


class SchemaFormat(Strict):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class ObjectFormat(Strict):
    type: Literal["json_object"]


class Rate(Strict):
    fps: Fps


class Base(Strict):
    """The fields of every body; ``messages`` are read one by one. Numbers are a run's options."""

    model: Literal["the-model"]
    messages: list[dict[str, Any]]
    temperature: Annotated[float, Field(ge=0.3, le=0.3)]


class MaxTokens(Base):
    max_tokens: Literal[4321]


class MaxCompletionTokens(Base):
    max_completion_tokens: Literal[4321]


class WithSchema(MaxTokens):
    response_format: SchemaFormat


class WithSchemaForOpenAi(MaxCompletionTokens):
    response_format: SchemaFormat


class WithSchemaAndRate(WithSchema):
    mm_processor_kwargs: Rate


class WithObject(MaxTokens):
    response_format: ObjectFormat


@dataclass(frozen=True, kw_only=True)
class Put:
    """How an endpoint wants to be asked: the model of its bodies, and of the part of a video."""

    body: type[Base]
    video: type[Strict] | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a body says: texts, labels, pictures as pixels, and the last exchange of a re-ask."""

    system: str
    labels: tuple[str, ...]
    jpegs: tuple[bytes, ...]
    mp4: bytes | None
    said: str | None
    instructions: str
    previous: str | None
    correction: str | None
    schema_name: str | None
    schema: dict[str, Any] | None


def accounted_for(body: dict[str, Any], put: Put) -> Asked:
    """Read a body of which every field must be known, and in its place. Fails otherwise."""
    read = put.body.model_validate(body)
    system = SystemMessage.model_validate(read.messages[0])
    user = UserMessage.model_validate(read.messages[1])
    previous = correction = None
    if len(read.messages) > 2:
        assert len(read.messages) == 4
        previous = AnswerMessage.model_validate(read.messages[2]).content
        correction = CorrectionMessage.model_validate(read.messages[3]).content
    *media, last = user.content
    labels, jpegs, mp4, said = _media(media, put)
    sent = read.response_format if isinstance(read, WithSchema | WithSchemaForOpenAi) else None
    return Asked(
        system=system.content, labels=labels, jpegs=jpegs, mp4=mp4, said=said,
        instructions=TextPart.model_validate(last).text, previous=previous, correction=correction,
        schema_name=sent.json_schema.name if sent else None,
        schema=sent.json_schema.schema_ if sent else None,
    )  # fmt: skip


def _media(
    parts: list[Any], put: Put
) -> tuple[tuple[str, ...], tuple[bytes, ...], bytes | None, str | None]:
    """Read the parts before the instructions: (labels, JPEGs, mp4, words about the pictures)."""
    if put.video is not None:
        video, words = parts
        part = put.video.model_validate(video)
        said = TextPart.model_validate(words).text
        if isinstance(part, FrameListPart):
            return (), tuple(map(data_in, part.video)), None, said
        assert isinstance(part, VideoPart)
        return (), (), data_in(part.video_url.url), said
    labels, jpegs = [], []
    for place, part in enumerate(parts):
        if part["type"] == "text":
            assert parts[place + 1]["type"] == "image_url", "a label stands before its picture"
            labels.append(TextPart.model_validate(part).text)
        else:
            jpegs.append(data_in(ImagePart.model_validate(part).image_url.url))
    return tuple(labels), tuple(jpegs), None, None


def data_in(url: str) -> bytes:
    """Return what a data URL holds."""
    return base64.b64decode(url.partition(",")[2], validate=True)


def pictures_in(asked: Asked) -> list[Image]:
    """Decode what a body shows, blue green red; of an mp4 each picture must be one second long."""
    if asked.mp4 is None:
        buffers = [np.frombuffer(jpeg, np.uint8) for jpeg in asked.jpegs]
        found = [cv2.imdecode(buffer, cv2.IMREAD_COLOR) for buffer in buffers]
        return [np.asarray(image, np.uint8) for image in found if image is not None]
    with av.open(io.BytesIO(asked.mp4), "r") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        frames = list(container.decode(stream))
        assert [frame.time for frame in frames] == [float(second) for second in range(len(frames))]
        assert stream.average_rate == 1
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in frames]
