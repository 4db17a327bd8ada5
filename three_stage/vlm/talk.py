"""Asks a model to go on with a conversation and tells its answer while it is written.

Nothing is kept here: who asks stores what comes. One request that fails says nothing about the
next one, so a server goes on after a wrong key. Before its first piece an answer may be asked for
again; what was said once is never said twice.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from loguru import logger

from three_stage.settings import EndpointSettings
from three_stage.vlm.capabilities import Capabilities, Feature, WireOptions
from three_stage.vlm.conversation import Delay, End, Talk, TalkEvent
from three_stage.vlm.diagnosis import RequestFacts
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.errors import (
    AnswerBlockedError,
    BrokenOffError,
    EmptyAnswerError,
    EndpointDownError,
    EndpointRefusedError,
    RequestFailedError,
    RequestRejectedError,
    RequestTooLargeError,
)
from three_stage.vlm.faults import Fault, FaultKind
from three_stage.vlm.hearing import Hearing
from three_stage.vlm.limiter import AdaptiveLimiter, Slot
from three_stage.vlm.live_stream import Delta, LiveStream
from three_stage.vlm.models import nothing_sent
from three_stage.vlm.replies import CONTENT_FILTER, LENGTH, STOP
from three_stage.vlm.talk_body import OneWayBody, encode_talk
from three_stage.vlm.thinking import Said
from three_stage.vlm.words import Words

if TYPE_CHECKING:
    from three_stage.vlm.wire import Arriving, Wire

_LONGEST_BACKOFF_SEC = 60.0
# For the usage and the end mark, once a model said why it ended.
_TAIL_SEC = 5.0
# For the connection's own end, so that it can be used again.
_LAST_BYTES_SEC = 0.2
# A body has many megabytes, and is let go of as it is sent.
_BODIES_AT_ONCE = 8
_CONNECTIONS_BESIDE = 2
_CONVERSATION = "conversation"
_REFUSAL_SHOWN = 300
_OTHER_WORDS_HINT = "Ask in other words, or another model: it may take this video."
_AGAIN_HINT = "Ask again."
_OVERLOADED = frozenset({503, 529})
_WITHOUT: dict[Feature, str] = {
    "temperature": "the model takes no temperature but its own",
    "frame_rate": "the server takes no frame rate beside a video",
}


@dataclass
class _Asking:
    """One answer while it is under way; ``talk`` is let go of once the answer has begun."""

    subject: str
    talk: Talk | None
    endpoint: Endpoint
    capabilities: Capabilities
    refused: frozenset[Feature] = frozenset()
    failures: int = 0
    wished_sec: float = 0.0


class Talker:
    """Talks to one endpoint for a whole server: use it as an async context manager, and share it.

    It owns the client, the number of requests in flight, and what each model was seen to accept.
    ``max_body_bytes`` bounds a request's body (None: no bound). ``clock`` (seconds, monotonic) and
    ``sleep`` are for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: EndpointSettings,
        *,
        max_body_bytes: int | None = None,
        words: Words | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._max_body_bytes = max_body_bytes
        self._words = words or Words.ours()
        self._sleep = sleep
        self._capabilities: dict[str, Capabilities] = {}
        self._begins_inside: set[str] = set()
        first_sec = settings.api_call_retry_backoff_sec
        self._limiter = AdaptiveLimiter(
            settings.concurrency,
            first_hold_sec=first_sec,
            is_paced=lambda: False,
            clock=clock,
            on_change=lambda _old, _new, _reason: None,
        )
        self._bodies = asyncio.Semaphore(_BODIES_AT_ONCE)
        self._wire: Wire | None = None

    async def __aenter__(self) -> Self:
        connections = self._settings.concurrency + _CONNECTIONS_BESIDE
        self._wire = await asyncio.to_thread(_connect, self._endpoint, connections)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    @property
    def silence_sec(self) -> float:
        """The longest silence in which an answer may still go on, in seconds."""
        return self._settings.api_timeout_sec

    async def model_names(self, *, timeout_sec: float) -> tuple[str, ...] | Fault:
        """Return the names that the endpoint lists, as ``list_models`` does."""
        wire = self._connected()
        return await wire.model_names(nothing_sent(self._endpoint), timeout_sec=timeout_sec)

    async def talk(self, talk: Talk) -> AsyncGenerator[TalkEvent, None]:
        """Tell the answer while it is written; exactly one End, last.

        Closing the generator, or cancelling who reads it, ends the request at once. Raises
        EndpointRefusedError, EndpointDownError, RequestRejectedError, RequestTooLargeError,
        RequestFailedError, AnswerBlockedError, EmptyAnswerError; BrokenOffError when the answer
        had begun.
        """
        if not any(not remark.is_empty for remark in talk.remarks):
            raise ValueError("a conversation begins with a remark")
        if self._endpoint.is_offline and talk.model != self._endpoint.model:
            # The one model that is named is the one that answers; another's name would be a lie.
            raise RequestRejectedError(
                f"{talk.subject}: there is no model {talk.model} here, only the embedded "
                f"{self._endpoint.model}: the server was started without an endpoint.",
                hint=f"Choose {self._endpoint.model}, or start the server with --provider or "
                "--api-base.",
                status=404,
                topic="model",
            )
        asking = self._asking(talk)
        del talk
        while True:
            fault: Fault | None = None
            async with aclosing(self._told_once(asking)) as told:
                async for event in told:
                    if isinstance(event, Fault):
                        fault = event
                    else:
                        yield event
            if fault is None:
                return
            delay = self._after(asking, fault)
            if delay is not None:
                yield delay
                await self._sleep(delay.wait_sec)

    def _connected(self) -> Wire:
        if self._wire is None:
            raise RuntimeError("a Talker is used inside 'async with'")
        return self._wire

    def _asking(self, talk: Talk) -> _Asking:
        known = self._capabilities.get(talk.model)
        if known is None:
            # Structured answers are no matter of a conversation.
            known = Capabilities("prompt", self._endpoint.tokens_field)
            self._capabilities[talk.model] = known
        endpoint = replace(self._endpoint, model=talk.model)
        return _Asking(talk.subject, talk, endpoint, known)

    async def _told_once(self, asking: _Asking) -> AsyncGenerator[Said | End | Fault, None]:
        """Ask once, holding a slot; a Fault, which may be asked again after, comes last."""
        slot = await self._limiter.acquire()
        last: Said | End | Fault | None = None
        try:
            async with aclosing(self._exchanged(asking)) as told:
                async for event in told:
                    last = event
                    yield event
        finally:
            self._give_back(slot, last)

    def _give_back(self, slot: Slot, last: Said | End | Fault | None) -> None:
        if isinstance(last, Fault) and last.kind is FaultKind.RATE_LIMITED:
            self._limiter.give_back_limited(slot, retry_after_sec=last.retry_after_sec)
        else:
            self._limiter.give_back(slot, was_answered=isinstance(last, End))

    async def _exchanged(self, asking: _Asking) -> AsyncGenerator[Said | End | Fault, None]:
        """Send, and tell what comes. Raises what needs no second try."""
        wire = self._connected()
        options = asking.capabilities.options(_CONVERSATION, asking.refused)
        assert options is not None  # noqa: S101 - a conversation has a way on every rung
        assert asking.talk is not None  # noqa: S101 - nothing was told yet
        talk = asking.talk
        body = await self._body(talk, asking.endpoint, options)
        facts = RequestFacts(
            endpoint=asking.endpoint,
            options=options,
            pictures=sum(len(remark.pictures) for remark in talk.remarks),
            body_bytes=body.size_bytes,
        )
        del talk
        logger.debug("{}: asking ({}).", asking.subject, facts)
        silence_sec = self._settings.api_timeout_sec
        arriving = await wire.open(body, facts, silence_sec=silence_sec)
        if isinstance(arriving, Fault):
            yield arriving
            return
        hearing = Hearing(
            asking.endpoint, begins_inside=asking.endpoint.model in self._begins_inside
        )
        try:
            async with aclosing(_heard(arriving, hearing, silence_sec)) as heard:
                async for event in heard:
                    if isinstance(event, Fault):
                        _raise_if_begun(asking.subject, hearing, event)
                        yield event
                        return
                    asking.talk = None
                    yield event
        finally:
            await arriving.close()
        yield self._ended(asking, hearing, options)

    async def _body(self, talk: Talk, endpoint: Endpoint, options: WireOptions) -> OneWayBody:
        """Make a body when few others are there that are not sent yet."""
        await self._bodies.acquire()
        try:
            body = await asyncio.to_thread(self._encode, talk, endpoint, options)
        except BaseException:
            self._bodies.release()
            raise
        body.when_gone(self._bodies.release)
        return body

    def _encode(self, talk: Talk, endpoint: Endpoint, options: WireOptions) -> OneWayBody:
        max_tokens = talk.max_tokens or self._settings.max_tokens
        body = encode_talk(talk, endpoint, options, self._words, max_tokens=max_tokens)
        limit = self._max_body_bytes
        if limit is not None and body.size_bytes > limit:
            raise RequestTooLargeError(
                f"{talk.subject}: the request has {body.size_bytes / 1e6:.2f} MB, and "
                f"{limit / 1e6:.2f} MB are allowed.",
                hint="Begin a new conversation, or ask with fewer pictures; raise --max-body-mb "
                "if the endpoint takes it.",
            )
        return body

    def _ended(self, asking: _Asking, hearing: Hearing, options: WireOptions) -> End:
        """Learn from a whole answer. Raises when there is none in it."""
        model = asking.endpoint.model
        if hearing.closed_unopened:
            self._begins_inside.add(model)
        else:
            self._begins_inside.discard(model)
        _raise_if_kept_back(asking.subject, hearing)
        asking.capabilities.worked(_CONVERSATION, options.mode, asking.refused)
        if not hearing.has_text:
            _raise_empty(asking.subject, hearing)
        return hearing.end(_notes(asking))

    def _after(self, asking: _Asking, fault: Fault) -> Delay | None:
        """Say how long to wait before the next try; None: at once, in another way.

        Raises when there is no next try.
        """
        if fault.refused is not None and fault.refused not in asking.refused:
            asking.refused |= {fault.refused}
            return None
        if not fault.is_worth_a_retry:
            _raise_refused(asking.subject, fault)
        asking.failures += 1
        wished_sec = fault.retry_after_sec or 0.0
        patience_sec = self._settings.endpoint_patience_sec
        asking.wished_sec += wished_sec
        if asking.wished_sec > patience_sec:
            raise EndpointDownError(
                f"{asking.subject}: the endpoint wants us to wait {wished_sec:.0f} s, longer than "
                f"--endpoint-patience-sec {patience_sec:g}. {fault.message}",
                hint="Ask again later.",
            )
        if asking.failures > self._settings.api_call_retries:
            _raise_failed(asking, fault)
        wait_sec = max(wished_sec, self._backoff_sec(asking.failures))
        logger.info("{}: {} Asking again in {:.1f} s.", asking.subject, fault, wait_sec)
        return Delay(_reason(fault), wait_sec)

    def _backoff_sec(self, failures: int) -> float:
        """Return the wait after so many failures: it doubles, with jitter."""
        first_sec = self._settings.api_call_retry_backoff_sec
        grown_sec = min(_LONGEST_BACKOFF_SEC, first_sec * 2.0 ** min(failures - 1, 20))
        return grown_sec + random.uniform(0, first_sec)  # noqa: S311 - no secret


async def _heard(
    arriving: Arriving, hearing: Hearing, silence_sec: float
) -> AsyncGenerator[Said | Fault, None]:
    """Tell what arrives until its end; a Fault, last, when that is none."""
    stream = LiveStream()
    fault: Fault | None = None
    async with aclosing(_chunks(arriving, stream, hearing, silence_sec)) as chunks:
        async for chunk in chunks:
            fault = _fault_in(chunk, arriving, hearing)
            if fault is not None:
                break
            if isinstance(chunk, Delta):
                for said in hearing.take(chunk):
                    yield said
    for rest in _rest(arriving, stream, hearing, fault):
        yield rest


def _rest(
    arriving: Arriving, stream: LiveStream, hearing: Hearing, fault: Fault | None
) -> Sequence[Said | Fault]:
    """Return what is left to tell when nothing more comes, or why there is nothing.

    A connection that breaks, or just stays open, behind a whole answer took nothing away.
    """
    whole = stream.whole
    if whole is not None and (fault is None or fault.kind is FaultKind.TRANSIENT):
        reply = arriving.understood(whole)
        if isinstance(reply, Fault):
            return [*hearing.break_off(), fault or reply]
        return hearing.take_whole(reply)
    if fault is not None:
        return [*hearing.break_off(), fault]
    if hearing.is_over or hearing.finish_reason is not None:
        return hearing.close()
    return [*hearing.break_off(), arriving.unended()]


async def _chunks(
    arriving: Arriving, stream: LiveStream, hearing: Hearing, silence_sec: float
) -> AsyncGenerator[Delta | Fault, None]:
    """Yield the chunks as they arrive, until the stream says that it is over or ends.

    Only chunks count against the silence: a server may send comments without an end.
    """
    now_sec = asyncio.get_running_loop().time
    deadline_sec = now_sec() + silence_sec
    while not hearing.is_over:
        piece = await arriving.piece(deadline_sec)
        if isinstance(piece, Fault):
            yield piece
            return
        deltas = stream.close() if piece is None else stream.feed(piece)
        for delta in deltas:
            yield delta
        if piece is None:
            return
        if deltas:
            is_ending = hearing.finish_reason is not None
            deadline_sec = now_sec() + (_TAIL_SEC if is_ending else silence_sec)
    await arriving.piece(now_sec() + _LAST_BYTES_SEC)


def _connect(endpoint: Endpoint, connections: int) -> Wire:
    """Make the connection; the openai client takes a second to import."""
    from three_stage.vlm.wire import Wire  # noqa: PLC0415

    return Wire(endpoint, concurrency=connections)


def _fault_in(chunk: Delta | Fault, arriving: Arriving, hearing: Hearing) -> Fault | None:
    """Return what is wrong with a chunk; nothing is, once the model said why it ended."""
    if hearing.finish_reason is not None:
        return None
    if isinstance(chunk, Fault):
        return chunk
    if chunk.finish_reason == STOP:
        return None
    if chunk.error is not None:
        return arriving.refused(chunk.error)
    return arriving.garbled() if chunk.is_garbled else None


def _raise_if_begun(subject: str, hearing: Hearing, fault: Fault) -> None:
    """Raise what a fault means to an answer of which something was told already."""
    if not hearing.has_begun:
        return
    if fault.kind is FaultKind.REQUEST and fault.topic == "blocked":
        raise AnswerBlockedError(f"{subject}: {fault.message}", hint=fault.hint)
    came = f"after {hearing.characters} characters" if hearing.has_text else "in the thinking"
    raise BrokenOffError(
        f"{subject}: the answer broke off {came}. {fault.message}",
        characters=hearing.characters,
        status=fault.status,
        hint=f"{_AGAIN_HINT} {fault.hint}".strip(),
    )


def _raise_if_kept_back(subject: str, hearing: Hearing) -> None:
    """Raise when somebody keeps the answer back, or the rest of it."""
    if hearing.refusal:
        said = hearing.refusal[:_REFUSAL_SHOWN].rstrip(". ")
        raise AnswerBlockedError(
            f"{subject}: no answer: the model refused: {said}.", hint=_OTHER_WORDS_HINT
        )
    if hearing.finish_reason == CONTENT_FILTER:
        raise AnswerBlockedError(
            f"{subject}: the endpoint's content filter stopped the answer.", hint=_OTHER_WORDS_HINT
        )


def _raise_empty(subject: str, hearing: Hearing) -> NoReturn:
    """Raise for an answer without text, with what may help."""
    if hearing.finish_reason == LENGTH:
        thinking = " while the model was still thinking" if hearing.has_begun else ""
        raise EmptyAnswerError(
            f"{subject}: the answer was cut{thinking}, before its first word (finish_reason "
            "length).",
            hint="Raise --max-tokens, or use a model that does not think aloud.",
        )
    why = hearing.finish_reason or "not told"
    thought = "The model thought and then said nothing" if hearing.has_begun else "No text came"
    raise EmptyAnswerError(
        f"{subject}: the answer is empty. {thought} (finish_reason {why}).",
        hint="Ask again, in other words, or ask another model.",
    )


def _raise_refused(subject: str, fault: Fault) -> NoReturn:
    if fault.kind is FaultKind.ENDPOINT:
        raise EndpointRefusedError(
            f"{subject}: {fault.message}", hint=fault.hint, topic=fault.topic
        )
    raise RequestRejectedError(
        f"{subject}: {fault.message}", status=fault.status, hint=fault.hint, topic=fault.topic
    )


def _raise_failed(asking: _Asking, fault: Fault) -> NoReturn:
    times = "once" if asking.failures == 1 else f"{asking.failures} times"
    message = f"{asking.subject}: asked {times}, without an answer. The last time: {fault.message}"
    if fault.status is None and not fault.was_read:
        raise EndpointDownError(message, hint=fault.hint)
    raise RequestFailedError(message, status=fault.status, hint=fault.hint)


def _reason(fault: Fault) -> str:
    """Say in a few words why nothing came, for a person who waits."""
    if fault.kind is FaultKind.RATE_LIMITED or fault.status in _OVERLOADED:
        return "the endpoint is busy"
    if fault.is_strange:
        return "the endpoint sent no answer that can be read"
    if fault.status is not None:
        return f"the endpoint failed ({fault.status})"
    return "the connection broke" if fault.was_read else "the endpoint cannot be reached"


def _notes(asking: _Asking) -> tuple[str, ...]:
    """Return what was not as it should be."""
    return tuple(
        said for feature, said in _WITHOUT.items() if feature in asking.capabilities.refused
    )
