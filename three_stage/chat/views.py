"""What the HTTP interface takes and gives: its objects as OpenAPI describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from three_stage.chat.folders import ID_PATTERN
from three_stage.chat.uploads import one_line
from three_stage.chat.values import Conversation, Pool, TimeRange, Trouble, Video

MOST_FRAMES = 200
"""In one pool of a conversation; above 50 today's models lose track."""

LONGEST_QUESTION = 20_000
LONGEST_TITLE = 200
LONGEST_MODEL = 200


def clean(text: str) -> str:
    """Replace what UTF-8 cannot hold: half of a pair that JSON can spell."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return clean(text)


def _line(text: str) -> str:
    line = one_line(clean(text))
    if not line:
        raise ValueError("is empty")
    return line


Id = Annotated[str, Field(pattern=ID_PATTERN)]
Question = Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION), AfterValidator(_said)]
Title = Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE), AfterValidator(_line)]
ModelName = Annotated[str, Field(min_length=1, max_length=LONGEST_MODEL), AfterValidator(_line)]
Temperature = Annotated[float, Field(ge=0.0, le=2.0)]
FrameCount = Annotated[int, Field(ge=1, le=MOST_FRAMES)]


class _Taken(BaseModel):
    """What is sent to us: a key that we do not know is a mistake that we tell."""

    model_config = ConfigDict(extra="forbid")


class NewConversation(_Taken):
    """A conversation to begin; what is left out is the server's default."""

    video_id: Id
    model: ModelName | None = None
    temperature: Temperature | None = None
    max_frames: FrameCount | None = None


class ConversationChange(_Taken):
    """What to change of a conversation; a model of no letters is the server's default again."""

    title: Title | None = None
    model: ModelName | Literal[""] | None = None
    temperature: Temperature | None = None
    max_frames: FrameCount | None = None


class RangeView(_Taken):
    """A part of the video, in seconds, half-open."""

    start_sec: Annotated[float, Field(ge=0.0, le=1e9)]
    end_sec: Annotated[float, Field(gt=0.0, le=1e9)]

    @model_validator(mode="after")
    def _runs_forward(self) -> RangeView:
        if self.end_sec <= self.start_sec:
            raise ValueError("end_sec must be later than start_sec")
        return self

    def value(self) -> TimeRange:
        """Return it as this room's value."""
        return TimeRange(self.start_sec, self.end_sec)


class NewMessage(_Taken):
    """A question; ``range`` is looked at more closely."""

    text: Question
    range: RangeView | None = None


class Login(_Taken):
    """The token that the server was started with."""

    token: Annotated[str, Field(min_length=1, max_length=1000)]


class TroubleView(BaseModel):
    """What was wrong, for programs and for people."""

    code: str
    message: str
    hint: str = ""


class ErrorBody(BaseModel):
    """Every error of this interface."""

    error: TroubleView


class ServerStatus(BaseModel):
    """What the page must know before anything is asked."""

    version: str
    offline: bool
    provider: str
    model: str
    max_upload_mb: float
    default_frames: int
    most_frames: int
    default_temperature: float
    concurrency: int


class ModelList(BaseModel):
    """Models that the endpoint names; it may have others."""

    default: str
    models: list[str]


class VideoView(BaseModel):
    """An uploaded video."""

    id: str
    name: str
    size_bytes: int
    duration_sec: float
    width: int
    height: int
    codec: str
    media_type: str
    has_audio: bool
    created_at: str
    file_url: str
    warnings: list[str]


class VideoList(BaseModel):
    """All videos, the newest first."""

    videos: list[VideoView]


class FrameView(BaseModel):
    """A picture that the model sees; ``index`` counts from 1."""

    index: int
    time_sec: float
    url: str


class FrameStrip(BaseModel):
    """The pictures that the model sees."""

    state: Literal["sampling", "ready", "failed"]
    frames: list[FrameView] = []
    width_px: int = 0
    height_px: int = 0
    note: str = ""
    error: TroubleView | None = None


class MomentView(BaseModel):
    """A moment that an answer names, with the nearest picture."""

    time_sec: float
    frame_index: int
    url: str


class TokensView(BaseModel):
    """What an answer used."""

    prompt_tokens: int
    completion_tokens: int


class MessageView(BaseModel):
    """A question or an answer; ``html`` is an answer's text, rendered and sanitised."""

    id: int
    role: Literal["user", "assistant"]
    text: str
    html: str
    state: Literal["waiting", "writing", "done", "stopped", "interrupted", "failed"]
    status_note: str
    error: TroubleView | None
    range: RangeView | None
    moments: list[MomentView]
    model: str | None
    finish_reason: str | None
    usage: TokensView | None
    notes: list[str]
    created_at: str


class Exchange(BaseModel):
    """A question and the answer that is being written to it."""

    question: MessageView
    answer: MessageView


class ConversationHead(BaseModel):
    """A conversation in the list, and how it is asked."""

    id: str
    title: str
    video_id: str
    video_name: str
    created_at: str
    updated_at: str
    is_answering: bool
    thumbnail_url: str | None
    model: str
    model_is_default: bool
    temperature: float
    max_frames: int


class ConversationList(BaseModel):
    """All conversations, last spoken in first."""

    conversations: list[ConversationHead]


class ConversationView(ConversationHead):
    """A whole conversation; ``last_event_id`` is where its events go on."""

    video: VideoView
    frames: FrameStrip
    messages: list[MessageView]
    last_event_id: str


def video_view(video: Video) -> VideoView:
    """Return a video as it is shown."""
    return VideoView(
        id=video.id,
        name=video.name,
        size_bytes=video.size_bytes,
        duration_sec=video.duration_sec,
        width=video.width,
        height=video.height,
        codec=video.codec,
        media_type=video.media_type,
        has_audio=video.has_audio,
        created_at=video.created_at,
        file_url=f"/api/videos/{video.id}/file",
        warnings=list(video.warnings),
    )


def trouble_view(trouble: Trouble | None) -> TroubleView | None:
    """Return a trouble as it is shown."""
    if trouble is None:
        return None
    return TroubleView(code=trouble.code, message=trouble.message, hint=trouble.hint)


def picture_url(pool: Pool, index: int) -> str:
    """Return the address of a pool's picture, 1-based."""
    return f"/api/videos/{pool.video_id}/pools/{pool.key}/{index}"


def strip_view(pool: Pool) -> FrameStrip:
    """Return a pool as the page shows it."""
    return FrameStrip(
        state="ready",
        frames=[
            FrameView(index=f.index, time_sec=f.time_sec, url=picture_url(pool, f.index))
            for f in pool.frames
        ],
        width_px=pool.width_px,
        height_px=pool.height_px,
        note=" ".join([pool.note, *pool.warnings]),
    )


def head_view(
    conversation: Conversation,
    video: Video,
    pool: Pool | None,
    *,
    default_model: str,
    is_answering: bool,
) -> ConversationHead:
    """Return a conversation as it stands in the list."""
    middle = None if pool is None else pool.frames[len(pool.frames) // 2]
    return ConversationHead(
        id=conversation.id,
        title=conversation.title,
        video_id=video.id,
        video_name=video.name,
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        is_answering=is_answering,
        thumbnail_url=None if pool is None or middle is None else picture_url(pool, middle.index),
        model=conversation.model or default_model,
        model_is_default=conversation.model is None,
        temperature=conversation.temperature,
        max_frames=conversation.max_frames,
    )
