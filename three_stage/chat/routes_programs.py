"""/v1: the OpenAI protocol, for programs; and what monitors ask."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from three_stage.chat.completions import begun, chunks, whole_answer
from three_stage.chat.errors import TooManyUploadsError
from three_stage.chat.folders import new_id
from three_stage.chat.programs import ChatRequest, Programs, read_request
from three_stage.vlm import Talk, Talker, TalkEvent

Result = TypeVar("Result")

_SCHEMA = ChatRequest.model_json_schema(ref_template="#/components/schemas/{model}")
REQUEST_PARTS: dict[str, Any] = _SCHEMA.pop("$defs")
"""Schemas that a request's own refers to."""

REQUEST_SCHEMA: dict[str, Any] = _SCHEMA
LARGE_BODY_BYTES = 4_000_000
MOST_LARGE_BODIES = 4
"""Requests with a video inside that are taken in at once."""

MOST_UNPACKED = 2
"""Of those, how many are unpacked at once: each takes several times its size."""


class ProgramTrouble(BaseModel):
    """OpenAI's form of what was wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ProgramError(BaseModel):
    """OpenAI's form of an error."""

    error: ProgramTrouble


class Health(BaseModel):
    """What a monitor wants to know."""

    status: str


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProgramError, "description": text}
    for status, text in {
        400: "The request makes no sense, or the model refuses it.",
        401: "The token is missing or wrong.",
        403: "Another site's page, or an address that is not fetched.",
        404: "There is no such video, or no such model.",
        408: "What was sent stood still.",
        410: "The video's file is lost.",
        413: "More than is taken.",
        415: "What was sent cannot be read as a video or picture.",
        422: "A field is missing or wrong.",
        429: "The account at the endpoint is used up, or it wants fewer requests.",
        502: "The endpoint behind this server refused.",
        503: "The endpoint behind this server gave no answer, or too much is under way.",
        504: "The answer, waited for as a whole, did not end in time.",
        507: "The disk is full.",
    }.items()
}


def program_router(
    programs: Programs,
    talker: Talker,
    default_model: str,
    model_names: Callable[[], Awaitable[tuple[str, ...]]],
) -> APIRouter:
    """Return the routes of the OpenAI protocol."""
    router = APIRouter(prefix="/v1", tags=["OpenAI protocol"], responses=_ERRORS)
    large_bodies = _LargeBodies()

    @router.post(
        "/chat/completions",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": REQUEST_SCHEMA}},
            }
        },
        responses={200: {"content": {"application/json": {}, "text/event-stream": {}}}},
    )
    async def complete(request: Request) -> Response:
        """Answer a conversation; its videos are sampled as on the page."""
        with large_bodies.counted(request):
            asked, talk = await _read(request)
        if not asked.stream:
            whole = await _unless_left(request, whole_answer(talker, talk))
            return Response(json.dumps(whole), media_type="application/json")
        events = talker.talk(talk)
        first = await _unless_left(request, begun(events))
        lines = _closing(chunks(talk, first, events, with_usage=asked.wants_usage), events)
        return StreamingResponse(
            lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    async def _read(request: Request) -> tuple[ChatRequest, Talk]:
        """Return what is asked; of the request itself only what is small is kept."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
        async with large_bodies.unpacking:
            asked = await asyncio.to_thread(read_request, body)
            del body
            talk = await programs.talk_of(asked, f"request {new_id()}")
        return asked.model_copy(update={"messages": []}), talk

    @router.get("/models")
    async def list_models() -> dict[str, Any]:
        """List the models that the endpoint names."""
        names = dict.fromkeys([default_model, *await model_names()])
        return {"object": "list", "data": [_card(name) for name in names]}

    @router.get("/models/{name:path}")
    async def show_model(name: str) -> dict[str, Any]:
        """Describe a model; the endpoint may have others than it names."""
        return _card(name)

    return router


def health_router() -> APIRouter:
    """Return the route that monitors ask."""
    router = APIRouter(tags=["server"])

    @router.get("/healthz")
    async def say_healthy() -> Health:
        """Say that the server answers."""
        return Health(status="ok")

    return router


class _LargeBodies:
    """Bounds what requests with videos inside take of the memory."""

    def __init__(self) -> None:
        self.unpacking = asyncio.Semaphore(MOST_UNPACKED)
        self._under_way = 0

    @contextlib.contextmanager
    def counted(self, request: Request) -> Iterator[None]:
        """Count a request that may be large. Raises TooManyUploadsError."""
        announced = request.headers.get("content-length")
        if announced is not None and int(announced) <= LARGE_BODY_BYTES:
            yield
            return
        if self._under_way >= MOST_LARGE_BODIES:
            raise TooManyUploadsError(
                f"{self._under_way} requests with videos inside are under way.",
                hint="Try again, or upload videos with POST /api/videos and name video://ID.",
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


async def _unless_left(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Wait for work, which ends when the program leaves first. Raises ClientDisconnect then."""
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect
        return doing.result()
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    """Return when who asked closes the connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _closing(
    lines: AsyncIterator[str], events: AsyncGenerator[TalkEvent, None]
) -> AsyncIterator[str]:
    """Pass lines on; when the program leaves, end the request upstream."""
    async with contextlib.aclosing(events):
        async for line in lines:
            yield line


def _card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "three-stage"}
