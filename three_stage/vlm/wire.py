"""The only place that touches the openai client: bytes out, a Reply or a Fault back.

A stream is handed out as it arrives, as ``Arriving``.

The client's own retries are off. The body is sent as it was encoded, so its size is known before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, cast

import anyio
import httpx2
import openai

from three_stage.vlm.diagnosis import (
    RequestFacts,
    diagnose_status,
    diagnose_strange_body,
    is_web_page,
    server_words,
)
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.faults import Fault, FaultKind
from three_stage.vlm.in_process import InProcess
from three_stage.vlm.replies import Reply, error_in, parse_reply
from three_stage.vlm.streams import joined_stream
from three_stage.vlm.talk_body import OneWayBody

T = TypeVar("T")

_CONNECT_SEC = 15.0
_MAX_REPLY_BYTES = 64_000_000
# Words enough to say what is wrong; what follows is not waited for.
_MAX_REFUSAL_BYTES = 64_000
_LARGE_BODY_BYTES = 900_000
_BROKEN = (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream)
# Nothing that is wrong here gets better by waiting.
_HOPELESS = (
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
    ssl.SSLCertVerificationError,
)
_NEVER_CONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
# The server speaks http and not https.
_NOT_TLS = "WRONG_VERSION_NUMBER"
# No network at all is another error, which passes.
_NAMES_NOBODY = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_PLAIN_WORDS: Mapping[type[BaseException], str] = MappingProxyType(
    {
        ConnectionRefusedError: "connection refused, nothing listens there",
        ConnectionResetError: "it was reset",
        BrokenPipeError: "it was closed",
        socket.gaierror: "its host name cannot be looked up",
        httpx2.ConnectTimeout: f"no connection within {_CONNECT_SEC:g} s",
        httpx2.DecodingError: "its Content-Encoding does not fit its bytes",
    }
)


@dataclass(frozen=True, kw_only=True)
class _Arrived:
    """A response as it came; ``content`` is None when it has no end."""

    status: int
    headers: Mapping[str, str]
    content: bytes | None

    @property
    def text(self) -> str:
        """The body, without the mark that some servers put before UTF-8."""
        return (self.content or b"").decode("utf-8-sig", "replace")


class _RefusedError(openai.OpenAIError):
    """A status that is no success; of the client's kind, so that the client lets it pass."""

    def __init__(self, arrived: _Arrived) -> None:
        super().__init__(arrived.status)
        self.arrived = arrived


class _Client(openai.AsyncOpenAI):
    """Sends to a foreign endpoint none of what the environment says about OpenAI accounts."""

    @property
    def default_headers(self) -> dict[str, Any]:
        return {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "three-stage",
        }


class Arriving:
    """An answer whose head is there: read it piece by piece, and close it when done.

    ``silence_sec`` is how long its reader waits for more; a Fault says so.
    """

    def __init__(
        self, response: httpx2.Response, facts: RequestFacts, *, silence_sec: float
    ) -> None:
        self._response = response
        self._facts = facts
        self._silence_sec = silence_sec
        self._pieces: AsyncIterator[bytes] = response.aiter_bytes()
        self._bytes = 0

    async def piece(self, deadline_sec: float) -> bytes | Fault | None:
        """Return the next bytes; None at the end, a Fault when it breaks or takes too long.

        ``deadline_sec`` is a time of the event loop's clock.
        """
        piece = await _or_fault(self._next(deadline_sec), self._facts, self._silence_sec)
        if isinstance(piece, bytes):
            self._bytes += len(piece)
            return _endless(self._facts) if self._bytes > _MAX_REPLY_BYTES else piece
        return piece

    async def _next(self, deadline_sec: float) -> bytes | None:
        async with asyncio.timeout_at(deadline_sec):
            return await anext(self._pieces, None)

    def understood(self, body: bytes) -> Reply | Fault:
        """Read a whole body that is no stream."""
        response = self._response
        came = _Arrived(status=response.status_code, headers=response.headers, content=body)
        return _understand(came, self._facts)

    def refused(self, error: Mapping[str, Any]) -> Fault:
        """Say what an error means that came in place of an answer, or of the rest of one."""
        return _diagnose_error(error, self._response.headers, self._facts)

    def unended(self) -> Fault:
        """Say that a stream ended without an end mark and without a reason."""
        return _not_whole("ended before its end mark", self._facts)

    def garbled(self) -> Fault:
        """Say that a chunk of a stream could not be read."""
        return _not_whole("holds an event that is no JSON", self._facts)

    async def close(self) -> None:
        """Close it; one that is not at its end closes its connection too."""
        await _closed(self._response)


class Wire:
    """The connection to one endpoint, at most ``concurrency`` at once; close it when done."""

    def __init__(self, endpoint: Endpoint, *, concurrency: int) -> None:
        self._endpoint = endpoint
        client_type = openai.AsyncOpenAI if endpoint.provider == "openai" else _Client
        self._client = client_type(
            api_key=endpoint.api_key.get_secret_value(),
            base_url=endpoint.api_base,
            max_retries=0,
            http_client=_http_client(endpoint, concurrency),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def post(self, body: bytes, facts: RequestFacts, *, timeout_sec: float) -> Reply | Fault:
        """Send one request and wait for its whole answer, ``timeout_sec`` in all."""
        came = await _or_fault(self._exchanged(self._send(body), timeout_sec), facts, timeout_sec)
        if isinstance(came, Fault):
            return came
        return _endless(facts) if came.content is None else _understand(came, facts)

    async def open(
        self, body: OneWayBody, facts: RequestFacts, *, silence_sec: float
    ) -> Arriving | Fault:
        """Send one request and wait for the head of its answer, ``silence_sec`` at most."""
        response = await _or_fault(self._opened(body, silence_sec), facts, silence_sec)
        if isinstance(response, Fault):
            return response
        return Arriving(response, facts, silence_sec=silence_sec)

    async def _opened(self, body: OneWayBody, silence_sec: float) -> httpx2.Response:
        try:
            async with asyncio.timeout(silence_sec):
                return await self._send(body, {"Content-Length": str(body.size_bytes)})
        finally:
            body.let_go()

    async def model_names(
        self, facts: RequestFacts, *, timeout_sec: float
    ) -> tuple[str, ...] | Fault:
        """Ask which models there are; an empty tuple when the endpoint does not say.

        A web page is a Fault: it is no answer of an endpoint.
        """
        came = await _or_fault(
            self._exchanged(self._list_models(), timeout_sec), facts, timeout_sec
        )
        if isinstance(came, Fault):
            return came
        if is_web_page(came.text, came.headers.get("content-type", "")):
            return _page_for_models(came, facts)
        return _names_in(self._endpoint.redact(came.text))

    async def _exchanged(self, opening: Awaitable[httpx2.Response], timeout_sec: float) -> _Arrived:
        """Wait for the head and then for the body, ``timeout_sec`` for both."""
        deadline_sec = asyncio.get_running_loop().time() + timeout_sec
        async with asyncio.timeout_at(deadline_sec):
            response = await opening
        try:
            content = await _read(response, deadline_sec)
        finally:
            await _closed(response)
        return _Arrived(status=response.status_code, headers=response.headers, content=content)

    async def _send(
        self, body: bytes | OneWayBody, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Send, and return when the response's head is there; its body is not read yet."""
        response = await self._client.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            content=body,
            options={"headers": {**self._endpoint.headers, **(headers or {})}, "max_retries": 0},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        return cast("httpx2.Response", response)

    async def _list_models(self) -> httpx2.Response:
        response = await self._client.get(
            "/models",
            cast_to=httpx2.Response,
            options={"headers": dict(self._endpoint.headers), "max_retries": 0},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        return cast("httpx2.Response", response)


async def _or_fault(exchange: Awaitable[T], facts: RequestFacts, timeout_sec: float) -> T | Fault:
    """Wait for what the endpoint sends, or say why nothing came (within ``timeout_sec``)."""
    try:
        return await exchange
    except _RefusedError as refused:
        came = refused.arrived
        return diagnose_status(came.status, came.headers, came.text, facts)
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        cause = error.__cause__ or error
        if isinstance(cause, httpx2.ConnectTimeout):
            return _unreachable(cause, facts)
        return _timed_out(timeout_sec, facts)
    except openai.APIConnectionError as error:
        return _unreachable(error.__cause__ or error, facts)
    except _BROKEN as error:
        return _broken(error, facts)


def _http_client(endpoint: Endpoint, concurrency: int) -> httpx2.AsyncClient:
    transport: httpx2.AsyncBaseTransport | None = None
    is_here = endpoint.is_offline or endpoint.is_loopback
    if endpoint.is_offline:
        # The embedded model is heavy, and not needed to reach any other endpoint.
        from three_stage.vlm.offline import create_app  # noqa: PLC0415

        transport = InProcess(create_app())
    return httpx2.AsyncClient(
        transport=transport,
        # The whole request has its own limit; a slow answer is no broken connection.
        timeout=httpx2.Timeout(None, connect=_CONNECT_SEC),
        limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        follow_redirects=False,
        event_hooks={"response": [_raise_refusal]},
        trust_env=not is_here,
        # Where no TLS is spoken, the trusted certificates, slow to load, are not needed.
        verify=not (is_here and endpoint.api_base.lower().startswith("http://")),
    )


async def _raise_refusal(response: httpx2.Response) -> None:
    """Stop at a status that is no success, before the client reads its body to the end."""
    if response.is_success:
        return
    content = bytearray()
    with contextlib.suppress(*_BROKEN):
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > _MAX_REFUSAL_BYTES:
                break
    raise _RefusedError(
        _Arrived(
            status=response.status_code,
            headers=response.headers,
            content=bytes(content[:_MAX_REFUSAL_BYTES]),
        )
    )


async def _read(response: httpx2.Response, deadline_sec: float) -> bytes | None:
    """Read a body; None when it does not end within reason.

    A connection that breaks, or just stays open, behind a whole answer took nothing away.
    """
    content = bytearray()
    try:
        async with asyncio.timeout_at(deadline_sec):
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MAX_REPLY_BYTES:
                    return None
    except (TimeoutError, *_BROKEN):
        if _answer_in(content.decode("utf-8-sig", "replace")) is None:
            raise
    return bytes(content)


def _answer_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a whole body is, or that its events add up to."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return joined_stream(text)
    return data if isinstance(data, dict) else None


async def _closed(response: httpx2.Response) -> None:
    """Close a response whose connection may be broken already."""
    with contextlib.suppress(*_BROKEN):
        await response.aclose()


def _understand(came: _Arrived, facts: RequestFacts) -> Reply | Fault:
    data = _answer_in(came.text)
    error = None if data is None else error_in(data)
    if error is not None:
        return _diagnose_error(error, came.headers, facts)
    request_id = came.headers.get("x-request-id")
    reply = None if data is None else parse_reply(data, request_id=request_id)
    if reply is not None:
        return reply.cleaned(facts.endpoint.without_secret)
    content_type = came.headers.get("content-type", "").partition(";")[0]
    return diagnose_strange_body(came.status, came.text, content_type, facts)


def _diagnose_error(
    error: Mapping[str, Any], headers: Mapping[str, str], facts: RequestFacts
) -> Fault:
    """Say what an error within a status of 200 means; without a status of its own it may pass."""
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    return diagnose_status(status, headers, json.dumps(dict(error)), facts)


def _names_in(text: str) -> tuple[str, ...]:
    """Read the names of a list of models; anything else is no list."""
    try:
        listed = json.loads(text)["data"]
        return tuple(str(one["id"]) for one in listed)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()


def _page_for_models(came: _Arrived, facts: RequestFacts) -> Fault:
    words = facts.endpoint.redact(server_words(came.text)).removeprefix("a web page: ")
    return Fault(
        kind=FaultKind.ENDPOINT,
        message=f"The endpoint answered {came.status} with a web page instead of its models: "
        f"{words}.",
        hint=f"Check --api-base ({facts.endpoint.api_base}): it usually ends in /v1.",
        status=came.status,
        was_read=True,
        is_web_page=True,
    )


def _timed_out(timeout_sec: float, facts: RequestFacts) -> Fault:
    return Fault(
        kind=FaultKind.TRANSIENT,
        message=f"No answer from {facts.endpoint.api_base} within {timeout_sec:g} s ({facts}).",
        hint="Raise --api-timeout-sec if answers take that long.",
        was_read=True,
    )


def _unreachable(error: BaseException, facts: RequestFacts) -> Fault:
    """Say why no connection came about, or why it broke before an answer."""
    chain = _chain(error)
    is_without_tls = any(_NOT_TLS in str(link) for link in chain)
    is_hopeless = is_without_tls or any(isinstance(link, _HOPELESS) for link in chain)
    is_unknown = any(
        isinstance(link, socket.gaierror) and link.errno in _NAMES_NOBODY for link in chain
    )
    never_connected = isinstance(error, _NEVER_CONNECTED)
    base = facts.endpoint.api_base
    what = f"No connection to {base}" if never_connected else f"The connection to {base} broke"
    reason = "it does not speak TLS" if is_without_tls else _reason(error, facts)
    if is_unknown:
        hint = "Is --api-base right, and this machine online?"
    elif never_connected or is_hopeless:
        hint = "Is the server running, and --api-base right (http or https, host, port)?"
    else:
        hint = _why_broken(facts)
    return Fault(
        kind=FaultKind.ENDPOINT if is_hopeless else FaultKind.TRANSIENT,
        message=f"{what}: {reason} ({facts}).",
        hint=hint,
        was_read=not never_connected,
        is_unknown_host=is_unknown,
    )


def _why_broken(facts: RequestFacts) -> str:
    """Say where to look; who takes no large bodies often just closes the connection."""
    is_large = facts.body_bytes > _LARGE_BODY_BYTES
    size = " If it takes no bodies of this size, lower --max-body-mb." if is_large else ""
    return f"If it goes on, look at the server's log and at what lies before it.{size}"


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what lies below it; of several attempts at once, the first."""
    chain = [error]
    while True:
        last = chain[-1]
        group = last.exceptions[0] if isinstance(last, BaseExceptionGroup) else None
        deeper = group or last.__cause__ or last.__context__
        if deeper is None or deeper in chain:
            return chain
        chain.append(deeper)


def _broken(error: BaseException, facts: RequestFacts) -> Fault:
    return Fault(
        kind=FaultKind.TRANSIENT,
        message=f"The answer of {facts.endpoint.api_base} broke off: {_reason(error, facts)} "
        f"({facts}).",
        hint=_why_broken(facts),
        was_read=True,
    )


def _not_whole(what: str, facts: RequestFacts) -> Fault:
    return Fault(
        kind=FaultKind.TRANSIENT,
        message=f"The answer of {facts.endpoint.api_base} {what} ({facts}).",
        hint=_why_broken(facts),
        was_read=True,
    )


def _endless(facts: RequestFacts) -> Fault:
    return Fault(
        kind=FaultKind.REQUEST,
        message=f"The answer of {facts.endpoint.api_base} passed {_MAX_REPLY_BYTES // 1_000_000} "
        f"MB without an end ({facts}).",
        hint="No model writes that much: look at the server and what lies before it.",
        was_read=True,
    )


def _reason(error: BaseException, facts: RequestFacts) -> str:
    for link in _chain(error):
        for kind, words in _PLAIN_WORDS.items():
            if isinstance(link, kind):
                return words
    text = facts.endpoint.redact(str(error)).strip()
    return f"{text} [{type(error).__name__}]" if text else type(error).__name__
