"""The whole application: rooms put together, routes, errors, and what every answer carries."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from prompts import Prompt
from three_stage import __version__
from three_stage.chat.answering import Answers
from three_stage.chat.completions import failure_body, failure_status
from three_stage.chat.docs_page import WEB, docs_page
from three_stage.chat.errors import ChatError
from three_stage.chat.fetching import Fetcher
from three_stage.chat.folders import Folders
from three_stage.chat.gate import MOST_JSON_BYTES, Gate, Rules, error_response
from three_stage.chat.pools import Pools
from three_stage.chat.programs import MOST_BODY_BYTES, MOST_VIDEO_URL_BYTES, Programs
from three_stage.chat.routes_api import (
    ModelNames,
    conversation_router,
    reading_router,
    session_router,
    status_router,
    video_router,
)
from three_stage.chat.routes_programs import REQUEST_PARTS, health_router, program_router
from three_stage.chat.service import ChatService, Defaults
from three_stage.chat.signals import Signals
from three_stage.chat.store import Store
from three_stage.chat.uploads import BYTES_A_MB, Uploads
from three_stage.chat.views import MOST_FRAMES, ServerStatus, clean
from three_stage.media import MediaWorkers
from three_stage.settings import ChatSettings, ThreeStageError
from three_stage.vlm import Endpoint, Fault, Talker

_MODELS_TIMEOUT_SEC = 10.0
_LONGEST_FIELD = 200
_ABOUT = (
    "Upload a video, talk about it with a vision-language model. Times are seconds, zero at the "
    "first displayed frame; frames are numbered from 1."
)


@dataclasses.dataclass(frozen=True)
class Chat:
    """A running chat: the application to serve, and what ends its open connections."""

    application: ASGIApp
    signals: Signals


@contextlib.asynccontextmanager
async def open_chat(
    settings: ChatSettings, endpoint: Endpoint, prompts: dict[str, Prompt]
) -> AsyncIterator[Chat]:
    """Open the data folder and the endpoint's client, and close them when the context ends.

    Raises UsageError when the data folder cannot be used.
    """
    folders = Folders(settings.server.data_dir)
    async with contextlib.AsyncExitStack() as stack:
        lock = folders.lock()
        stack.callback(lock.release)
        store = Store(folders.database)
        await store.open()
        stack.push_async_callback(store.close)
        await asyncio.to_thread(folders.sweep, {video.id for video in await store.videos()})
        talker = await stack.enter_async_context(
            Talker(
                endpoint,
                settings.endpoint,
                max_body_bytes=int(settings.sampling.max_body_mb * BYTES_A_MB),
            )
        )
        workers = await stack.enter_async_context(MediaWorkers(settings.workers.num_workers))
        if endpoint.is_offline:
            # It loads what it measures with when it is first spoken to; not at the first question.
            await _listed(talker)
        # A label stands before each picture; none is drawn on it a second time.
        sampling = dataclasses.replace(settings.sampling, no_embed_index=True)
        pools = Pools(folders, workers, sampling)
        stack.push_async_callback(pools.close)
        signals = Signals()
        answers = Answers(
            folders=folders, store=store, pools=pools, talker=talker, prompts=prompts,
            signals=signals, most_at_once=settings.endpoint.concurrency,
        )  # fmt: skip
        stack.push_async_callback(answers.close)
        most_bytes = int(settings.server.max_upload_mb * BYTES_A_MB)
        service = ChatService(
            folders=folders,
            store=store,
            uploads=Uploads(folders, workers, most_bytes=most_bytes),
            pools=pools,
            answers=answers,
            signals=signals,
            defaults=Defaults(
                model=endpoint.model,
                temperature=settings.endpoint.temperature,
                max_frames=settings.sampling.max_frames,
            ),
        )
        stack.push_async_callback(service.close)
        await service.tidy()
        programs = Programs(
            service=service,
            folders=folders,
            workers=workers,
            sampling=sampling,
            prompts=prompts,
            fetcher=Fetcher(most_bytes=MOST_VIDEO_URL_BYTES)
            if settings.server.allow_url_fetch
            else None,
        )
        yield Chat(
            _application(settings, endpoint, service, programs, talker, folders, signals), signals
        )


def _application(
    settings: ChatSettings,
    endpoint: Endpoint,
    service: ChatService,
    programs: Programs,
    talker: Talker,
    folders: Folders,
    signals: Signals,
) -> ASGIApp:
    """Put the routes, the gate and the errors together."""
    rules = Rules(
        host=settings.server.host,
        public_host=settings.server.public_host,
        token=settings.server.auth_token,
        body_limit=_body_limit,
    )
    names = ModelNames(lambda: _listed(talker))
    app = FastAPI(
        title="three-stage chat", version=__version__, description=_ABOUT, docs_url=None,
        redoc_url=None,
    )  # fmt: skip
    app.include_router(status_router(_status(settings, endpoint), names))
    app.include_router(session_router(rules))
    app.include_router(video_router(service, folders))
    app.include_router(conversation_router(service))
    app.include_router(reading_router(service, signals))
    app.include_router(program_router(programs, talker, endpoint.model, names))
    app.include_router(health_router())
    _add_pages(app)
    _add_errors(app, endpoint)
    return Gate(app, rules)


def _status(settings: ChatSettings, endpoint: Endpoint) -> ServerStatus:
    return ServerStatus(
        version=__version__,
        offline=endpoint.is_offline,
        provider=endpoint.provider,
        model=endpoint.model,
        max_upload_mb=settings.server.max_upload_mb,
        default_frames=settings.sampling.max_frames,
        most_frames=MOST_FRAMES,
        default_temperature=settings.endpoint.temperature,
        concurrency=settings.endpoint.concurrency,
    )


def _body_limit(method: str, path: str) -> int | None:
    """Uploads bound themselves; programs send videos inside their requests."""
    if method == "POST" and path == "/api/videos":
        return None
    return MOST_BODY_BYTES if path == "/v1/chat/completions" else MOST_JSON_BYTES


async def _listed(talker: Talker) -> tuple[str, ...]:
    """Return the models that the endpoint names; none when it does not say."""
    names = await talker.model_names(timeout_sec=_MODELS_TIMEOUT_SEC)
    return () if isinstance(names, Fault) else names


def _add_pages(app: FastAPI) -> None:
    """Serve the page, its files, and the interface's own page."""

    @app.get("/", include_in_schema=False)
    async def show_page() -> FileResponse:
        return FileResponse(WEB / "index.html")

    @app.get("/login", include_in_schema=False)
    async def show_login() -> FileResponse:
        return FileResponse(WEB / "login.html")

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title, version=app.version, description=_ABOUT, routes=app.routes
            )
            made["components"]["schemas"] |= REQUEST_PARTS
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
    app.mount("/static", StaticFiles(directory=WEB), name="static")


def _add_errors(app: FastAPI, endpoint: Endpoint) -> None:
    """Answer every error in the form of the interface that was asked; no secret in any."""

    @app.exception_handler(ChatError)
    async def chat_error(request: Request, error: ChatError) -> JSONResponse:
        return error_response(error, request.url.path)

    @app.exception_handler(ThreeStageError)
    async def our_error(_request: Request, error: ThreeStageError) -> JSONResponse:
        logger.warning("a program's request failed: {}", endpoint.redact(str(error)))
        return JSONResponse(failure_body(error), status_code=failure_status(error))

    @app.exception_handler(RequestValidationError)
    async def wrong_field(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:_LONGEST_FIELD]
        return _plain(request, 422, "bad_request", clean(f"{where}: {first['msg']}."))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = "not_found" if error.status_code == 404 else "bad_request"
        said = f"{request.method} {request.url.path}: {error.detail}."
        return _plain(request, error.status_code, code, said, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def who_left(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody reads it

    @app.exception_handler(Exception)
    async def our_mistake(request: Request, _error: Exception) -> JSONResponse:
        return _plain(request, 500, "internal", "The server made a mistake: its log says more.")


def _plain(
    request: Request, status: int, code: str, message: str, headers: Any = None
) -> JSONResponse:
    if request.url.path.startswith("/v1/"):
        kind = "invalid_request_error" if status < 500 else "server_error"
        body: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    else:
        body = {"code": code, "message": message, "hint": ""}
    return JSONResponse({"error": body}, status_code=status, headers=headers)
