"""/api: what the page uses, and programs may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from three_stage.chat.errors import GoneError, NoSuchPartError, NotFoundError, UnauthorizedError
from three_stage.chat.export import as_json, as_markdown, attachment_name
from three_stage.chat.feed import Feed
from three_stage.chat.folders import ID_PATTERN, Folders
from three_stage.chat.gate import COOKIE, Rules, error_body
from three_stage.chat.places import Place
from three_stage.chat.pools import picture_path
from three_stage.chat.ranges import is_there
from three_stage.chat.service import ChatService
from three_stage.chat.signals import Signals
from three_stage.chat.views import (
    ConversationChange,
    ConversationList,
    ConversationView,
    ErrorBody,
    Exchange,
    Login,
    MessageView,
    ModelList,
    NewConversation,
    NewMessage,
    ServerStatus,
    VideoList,
    VideoView,
    video_view,
)

WRONG_TOKEN_COSTS_SEC = 0.5
_COOKIE_LASTS_SEC = 30 * 24 * 3600
_A_YEAR_SEC = 365 * 24 * 3600
_MOST_ID = 2**53

VideoId = Annotated[str, Path(pattern=ID_PATTERN)]
ConversationId = Annotated[str, Path(pattern=ID_PATTERN)]
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        400: "What was asked makes no sense.",
        401: "The token is missing or wrong.",
        403: "Another site's page, or a foreign host name.",
        413: "More than is taken.",
        422: "A field is missing or wrong.",
    }.items()
}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "There is no such thing."}
}
_BUSY: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorBody, "description": "An answer is being written."},
    410: {"model": ErrorBody, "description": "The video's file is lost."},
}
_UPLOAD: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        408: "The upload stood still.",
        415: "What was sent cannot be read as a video.",
        503: "Too many uploads at once.",
        507: "The disk is full.",
    }.items()
}


def session_router(rules: Rules) -> APIRouter:
    """Return the routes that let a browser in."""
    router = APIRouter(prefix="/api/session", tags=["session"], responses=ERRORS)

    @router.post("", status_code=204)
    async def log_in(login: Login, request: Request) -> Response:
        """Let this browser in, when it has the token."""
        if rules.token is not None and not rules.knows_token(
            login.token.encode("utf-8", "surrogatepass")
        ):
            await asyncio.sleep(WRONG_TOKEN_COSTS_SEC)
            raise UnauthorizedError("That is not the token.", hint="Ask who runs the server.")
        response = Response(status_code=204)
        response.set_cookie(
            COOKIE, rules.cookie_value(), max_age=_COOKIE_LASTS_SEC, httponly=True,
            samesite="strict", secure=request.url.scheme == "https",
        )  # fmt: skip
        return response

    @router.delete("", status_code=204)
    async def log_out() -> Response:
        """Forget this browser."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    return router


def status_router(
    status: ServerStatus, model_names: Callable[[], Awaitable[tuple[str, ...]]]
) -> APIRouter:
    """Return the routes that say what this server is."""
    router = APIRouter(prefix="/api", tags=["server"], responses=ERRORS)

    @router.get("/status")
    async def show_status() -> ServerStatus:
        """Say what answers here, and within which limits."""
        return status

    @router.get("/models")
    async def list_models() -> ModelList:
        """Name the models that the endpoint lists; the default one is always among them."""
        names = await model_names()
        return ModelList(default=status.model, models=list(dict.fromkeys([status.model, *names])))

    return router


def video_router(service: ChatService, folders: Folders) -> APIRouter:
    """Return the routes about videos and their pictures."""
    router = APIRouter(prefix="/api/videos", tags=["videos"], responses=ERRORS)
    body = {"content": {"application/octet-stream": {"schema": {"type": "string",
            "format": "binary"}}}, "required": True}  # fmt: skip

    @router.post("", status_code=201, responses=_UPLOAD, openapi_extra={"requestBody": body})
    async def upload(
        request: Request, name: Annotated[str, Query(max_length=1000)] = "video"
    ) -> VideoView:
        """Take a video: the body is the file itself, of any content type."""
        announced = request.headers.get("content-length")
        video = await service.upload(
            request.stream(), name=name,
            announced_bytes=int(announced) if announced is not None else None,
        )  # fmt: skip
        if await request.is_disconnected():
            # Nobody has its id, so nobody could ever ask about it or delete it.
            await service.delete_video(video.id)
        return video_view(video)

    @router.get("")
    async def list_videos() -> VideoList:
        """List all videos, the newest first."""
        return VideoList(videos=[video_view(video) for video in await service.videos()])

    @router.get("/{video_id}", responses=_NOT_FOUND)
    async def show_video(video_id: VideoId) -> VideoView:
        """Describe a video."""
        return video_view(await service.video(video_id))

    @router.delete("/{video_id}", status_code=204, responses=_NOT_FOUND)
    async def delete_video(video_id: VideoId) -> Response:
        """Delete a video and every conversation about it."""
        await service.delete_video(video_id)
        return Response(status_code=204)

    @router.get(
        "/{video_id}/file",
        response_class=FileResponse,
        responses={
            **_NOT_FOUND,
            200: {"content": {"video/*": {}, "application/octet-stream": {}}},
            206: {"description": "A part of the file."},
            410: {"model": ErrorBody, "description": "The file is lost."},
            416: {"model": ErrorBody, "description": "There is no such part of the file."},
        },
    )
    async def play(video_id: VideoId, request: Request) -> Response:
        """Return the file; a player asks for ranges of it."""
        video = await service.video(video_id)
        source = folders.source(video_id)
        if not source.is_file():
            raise GoneError("The file is not in the data folder any more.")
        return _no_part(request, video.size_bytes) or FileResponse(
            source, media_type=video.media_type
        )

    @router.get(
        "/{video_id}/pools/{key}/{index}",
        response_class=FileResponse,
        responses={**_NOT_FOUND, 200: {"content": {"image/jpeg": {}}}},
    )
    async def show_picture(
        video_id: VideoId,
        key: Annotated[str, Path(pattern=ID_PATTERN)],
        index: Annotated[int, Path(ge=1, le=9999)],
    ) -> FileResponse:
        """Return one picture that a model sees; ``index`` counts from 1."""
        path = picture_path(folders, video_id, key, index)
        if not path.is_file():
            raise NotFoundError("There is no such picture.")
        headers = {"Cache-Control": f"private, max-age={_A_YEAR_SEC}, immutable"}
        return FileResponse(path, media_type="image/jpeg", headers=headers)

    return router


def _no_part(request: Request, size_bytes: int) -> Response | None:
    """Return the refusal of a range that is none; None when there is nothing to refuse."""
    asked = request.headers.get("range")
    if asked is None or is_there(asked, size_bytes):
        return None
    error = NoSuchPartError("The Range header names no part of the file.")
    return JSONResponse(
        error_body(error, request.url.path),
        status_code=error.status,
        headers={"Content-Range": f"bytes */{size_bytes}"},
    )


def conversation_router(service: ChatService) -> APIRouter:
    """Return the routes about conversations."""
    router = APIRouter(
        prefix="/api/conversations", tags=["conversations"], responses={**ERRORS, **_NOT_FOUND}
    )

    @router.get("")
    async def list_conversations() -> ConversationList:
        """List all conversations, last spoken in first."""
        return ConversationList(conversations=await service.heads())

    @router.post("", status_code=201)
    async def begin(new: NewConversation) -> ConversationView:
        """Begin a conversation about an uploaded video."""
        conversation = await service.begin(
            new.video_id, model=new.model, temperature=new.temperature, max_frames=new.max_frames
        )
        return await service.view(conversation)

    @router.get("/{conversation_id}")
    async def show(conversation_id: ConversationId) -> ConversationView:
        """Return a whole conversation."""
        return await service.view(await service.conversation(conversation_id))

    @router.patch("/{conversation_id}")
    async def change(
        conversation_id: ConversationId, changes: ConversationChange
    ) -> ConversationView:
        """Change the title or how questions are asked."""
        await service.change(conversation_id, changes)
        return await service.view(await service.conversation(conversation_id))

    @router.delete("/{conversation_id}", status_code=204)
    async def delete(conversation_id: ConversationId) -> Response:
        """Delete a conversation, and its video when no other conversation is about it."""
        await service.delete(conversation_id)
        return Response(status_code=204)

    @router.post("/{conversation_id}/messages", status_code=202, responses=_BUSY)
    async def ask(conversation_id: ConversationId, message: NewMessage) -> Exchange:
        """Put a question; the answer is written whoever stays to read it."""
        span = None if message.range is None else message.range.value()
        return await service.ask(conversation_id, message.text, span)

    @router.post("/{conversation_id}/stop")
    async def stop(conversation_id: ConversationId) -> MessageView | None:
        """Stop the answer that is being written; without one, nothing happens."""
        return await service.stop(conversation_id)

    @router.post("/{conversation_id}/messages/{message_id}/retry", status_code=202, responses=_BUSY)
    async def retry(
        conversation_id: ConversationId, message_id: Annotated[int, Path(ge=1, le=_MOST_ID)]
    ) -> Exchange:
        """Ask again for the last answer, when it is not whole."""
        return await service.retry(conversation_id, message_id)

    return router


def reading_router(service: ChatService, signals: Signals) -> APIRouter:
    """Return the routes by which a conversation leaves: as it happens, and as a file."""
    router = APIRouter(
        prefix="/api/conversations", tags=["conversations"], responses={**ERRORS, **_NOT_FOUND}
    )

    @router.get(
        "/{conversation_id}/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def events(
        conversation_id: ConversationId,
        last_event_id: Annotated[str | None, Query(max_length=100)] = None,
        last_event_id_header: Annotated[
            str | None, Header(alias="Last-Event-ID", max_length=100)
        ] = None,
    ) -> StreamingResponse:
        """Tell what happens, as server-sent events; after a reconnect, exactly what is missing."""
        await service.conversation(conversation_id)
        place = Place.parse(last_event_id_header) or Place.parse(last_event_id)
        feed = Feed(service, signals, conversation_id, place)
        return StreamingResponse(
            feed.events(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.get(
        "/{conversation_id}/export",
        response_class=Response,
        responses={200: {"content": {"text/markdown": {}, "application/json": {}}}},
    )
    async def export(
        conversation_id: ConversationId,
        format: Literal["markdown", "json"] = "markdown",  # noqa: A002 - the name in the address
    ) -> Response:
        """Return the conversation as a file, with its frames and times."""
        view = await service.view(await service.conversation(conversation_id))
        seen = await service.seen(conversation_id)
        is_json = format == "json"
        return Response(
            as_json(view, seen) if is_json else as_markdown(view, seen),
            media_type="application/json" if is_json else "text/markdown; charset=utf-8",
            headers={"Content-Disposition": attachment_name(view.title, format)},
        )

    return router


class ModelNames:
    """The models that the endpoint lists, asked for at most once a minute."""

    KEPT_SEC = 60.0

    def __init__(self, ask: Callable[[], Awaitable[tuple[str, ...]]]) -> None:
        self._ask = ask
        self._names: tuple[str, ...] = ()
        self._until_sec = 0.0
        self._lock = asyncio.Lock()

    async def __call__(self) -> tuple[str, ...]:
        """Return the names; none when the endpoint does not say."""
        async with self._lock:
            if time.monotonic() >= self._until_sec:
                self._names = await self._ask()
                self._until_sec = time.monotonic() + self.KEPT_SEC
            return self._names
