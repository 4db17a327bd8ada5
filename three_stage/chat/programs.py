"""The OpenAI protocol as programs speak it to us: a request's body → what the model is asked.

Videos come inside the request (a data: URL) or by the id of an uploaded one (``video://ID``), and
become pictures by the stage-1 sampler, as on the page. Everything else goes to the model as it is.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from prompts import Prompt
from three_stage.chat.errors import (
    BadRequestError,
    DiskError,
    ForbiddenError,
    NotAVideoError,
    TooLargeError,
)
from three_stage.chat.fetching import Fetcher
from three_stage.chat.folders import Folders, new_id
from three_stage.chat.pools import frame_label
from three_stage.chat.service import ChatService
from three_stage.chat.uploads import BYTES_A_MB, refused
from three_stage.chat.views import clean
from three_stage.media import FramePool, MediaError, MediaWorkers
from three_stage.runs import OutputError, write_bytes
from three_stage.settings import SamplingSettings
from three_stage.vlm import Picture, Remark, Talk

MOST_VIDEO_URL_BYTES = 64 * 1024 * 1024
"""Of a data: URL, as it is written."""

MOST_BODY_BYTES = 96 * 1024 * 1024
MOST_MEDIA = 64
"""Pictures and videos in one request."""

_VIDEO_ID = "video://"
_NAMED = "the video of the request"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class MediaUrl(_Part):
    """Where a picture or a video is."""

    url: str


def _as_url(value: object) -> object:
    """Take an address that stands by itself, as some clients write it."""
    return {"url": value} if isinstance(value, str) else value


_AnyUrl = Annotated[MediaUrl, BeforeValidator(_as_url, json_schema_input_type=MediaUrl | str)]


class TextPart(_Part):
    """A text."""

    type: Literal["text"]
    text: str


class ImagePart(_Part):
    """A picture: a data: URL, or an http(s) address where the server allows it."""

    type: Literal["image_url"]
    image_url: _AnyUrl


class VideoPart(_Part):
    """A video: ``video://ID`` of an uploaded one, a data: URL, or an address where allowed."""

    type: Literal["video_url"]
    video_url: _AnyUrl


AnyPart = Annotated[TextPart | ImagePart | VideoPart, Field(discriminator="type")]


def _as_parts(content: object) -> object:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [] if content is None else content


class ChatMessage(_Part):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        list[AnyPart],
        BeforeValidator(_as_parts, json_schema_input_type=list[AnyPart] | str | None),
    ] = []


class StreamOptions(_Part):
    """What a stream tells besides its text."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A chat completion request; fields that are not listed here go to the model as they are."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1, max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    n: Literal[1] | None = None

    not_answered: ClassVar[frozenset[str]] = frozenset(
        {"audio", "functions", "logprobs", "modalities", "tools", "top_logprobs"}
    )
    """What a model would be asked for in vain: the answer goes on as text."""

    @property
    def extra(self) -> dict[str, Any]:
        """What goes to the model beside what we know."""
        return {
            name: value for name, value in (self.model_extra or {}).items() if value is not None
        }

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with what was used."""
        return self.stream_options is not None and self.stream_options.include_usage


def read_request(body: bytes | bytearray) -> ChatRequest:
    """Read a body. Raises BadRequestError with what is wrong where. May take long: use a thread."""
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRequestError(
            f"{where}: {first['msg']}." if where else f"{first['msg']}."
        ) from None
    wanted = {name for name, value in request.extra.items() if value not in (False, [], ["text"])}
    if in_vain := sorted(wanted & request.not_answered):
        raise BadRequestError(f"{in_vain[0]}: this server answers with text only.")
    try:
        json.dumps(request.extra, allow_nan=False)
    except ValueError:
        raise BadRequestError("There is a number in it that JSON does not have.") from None
    return request


class Programs:
    """Turns requests of programs into talks."""

    def __init__(
        self,
        *,
        service: ChatService,
        folders: Folders,
        workers: MediaWorkers,
        sampling: SamplingSettings,
        prompts: dict[str, Prompt],
        fetcher: Fetcher | None,
    ) -> None:
        self._service = service
        self._folders = folders
        self._workers = workers
        self._sampling = sampling
        self._prompts = prompts
        self._fetcher = fetcher

    async def talk_of(self, request: ChatRequest, subject: str) -> Talk:
        """Return what the model is asked. Raises ChatError for what cannot be shown to it."""
        media = [part for m in request.messages for part in m.content if part.type != "text"]
        if len(media) > MOST_MEDIA:
            raise BadRequestError(
                f"{len(media)} pictures and videos; at most {MOST_MEDIA} in one request."
            )
        remarks = [await self._remark(message) for message in request.messages]
        if all(remark.is_empty for remark in remarks):
            raise BadRequestError("messages: there is nothing in them.")
        return Talk(
            subject=subject,
            remarks=tuple(remarks),
            model=clean(request.model),
            temperature=request.temperature,
            max_tokens=request.max_completion_tokens or request.max_tokens,
            extra=request.extra,
        )

    async def _remark(self, message: ChatMessage) -> Remark:
        parts: list[str | tuple[Picture, ...]] = []
        for part in message.content:
            match part:
                case TextPart():
                    parts.append(clean(part.text))
                case ImagePart():
                    parts.append((await self._picture(part.image_url.url),))
                case VideoPart():
                    parts += await self._video(part.video_url.url)
        role = "system" if message.role == "developer" else message.role
        return Remark(role, tuple(parts))

    async def _picture(self, url: str) -> Picture:
        data = await self._data(url, "image_url")
        side_px = self._sampling.frame_max_side or 2048
        try:
            still = await self._workers.read_still(
                data, max_side_px=side_px, quality=self._sampling.jpeg_quality
            )
        except MediaError as error:
            raise NotAVideoError(str(error.args[0]), hint=error.hint) from error
        return Picture(still.jpeg, still.width_px, still.height_px)

    async def _video(self, url: str) -> list[str | tuple[Picture, ...]]:
        if url.startswith(_VIDEO_ID):
            return await self._stored(url.removeprefix(_VIDEO_ID))
        made = await self._sampled(await self._data(url, "video_url"))
        pictures = tuple(
            Picture(
                frame.clean_jpeg, made.width_px, made.height_px,
                frame_label(frame.index_1based, frame.timestamp_sec),
            )
            for frame in made.frames
        )  # fmt: skip
        return [pictures, self._about(len(pictures), made.end_sec)]

    async def _stored(self, video_id: str) -> list[str | tuple[Picture, ...]]:
        video = await self._service.video(video_id)
        try:
            pool = await self._service.pool(video_id)
            pictures = await self._service.pictures(pool)
        except MediaError as error:
            raise refused(error, self._folders.source(video_id), video.name) from error
        except (OutputError, OSError) as error:
            raise DiskError("The server could not read or write its data folder.") from error
        return [pictures, self._about(len(pictures), pool.end_sec)]

    def _about(self, pictures: int, end_sec: float) -> str:
        return self._prompts["chat_video"].fill(num_frames=pictures, duration_sec=f"{end_sec:.2f}")

    async def _sampled(self, data: bytes) -> FramePool:
        """Sample a video that came inside the request; nothing of it stays on disk."""
        part = self._folders.part(new_id())
        try:
            await asyncio.to_thread(write_bytes, part, data)
            return await self._workers.sample_pool(part, self._sampling, fewest_frames=1)
        except MediaError as error:
            raise refused(error, part, _NAMED) from error
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def _data(self, url: str, field: str) -> bytes:
        """Return the bytes that an address stands for."""
        if url[:5].lower() == "data:":
            if len(url) > MOST_VIDEO_URL_BYTES:
                raise TooLargeError(
                    f"{field}: a data: URL may have {MOST_VIDEO_URL_BYTES / BYTES_A_MB:.0f} MB.",
                    hint="Upload the video with POST /api/videos, and name it as video://ID.",
                )
            return await asyncio.to_thread(_decoded, url, field)
        if not url[:8].lower().startswith(("http://", "https://")):
            raise BadRequestError(
                f"{field}: neither a data: URL nor, for videos, video://ID of an uploaded one."
            )
        if self._fetcher is None:
            raise ForbiddenError(
                f"{field}: this server fetches nothing.",
                hint="Send a data: URL, upload the video first, or start it with "
                "--allow-url-fetch.",
            )
        return await self._fetcher.fetch(url)


def _decoded(url: str, field: str) -> bytes:
    head, comma, payload = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadRequestError(f"{field}: a data: URL must be base64.")
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequestError(f"{field}: the data: URL holds no valid base64.") from None
