"""The one way to ask a model for a checked object."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from loguru import logger

from three_stage.settings import EndpointSettings
from three_stage.vlm.bodies import Turn, corrected, digest_of_pictures, first_turn, shorter
from three_stage.vlm.budget import Budget
from three_stage.vlm.calls import CallLog
from three_stage.vlm.capabilities import Feature
from three_stage.vlm.dispatch import Delivered, Dispatcher, Job, MediaOnce
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.errors import (
    AnswerBlockedError,
    AnswerRejected,
    NoValidAnswerError,
    RequestRejectedError,
    UnreadableAnswer,
)
from three_stage.vlm.journal import Journal
from three_stage.vlm.observer import AskObserver, SilentObserver
from three_stage.vlm.question import Answer, Question
from three_stage.vlm.reading import Checked, endless_part, read_checked, stops_while_thinking
from three_stage.vlm.replies import CONTENT_FILTER, FROM_REASONING, LENGTH, Reply
from three_stage.vlm.words import Words

if TYPE_CHECKING:
    from three_stage.vlm.wire import Wire

T = TypeVar("T")

_NO_TEXT = "The answer holds no text"
_CUT = "The answer was cut before its end (finish_reason length, {tokens} tokens allowed)"
_CUT_HINT = "Raise --max-tokens, or ask for less."
_NO_LONGER_HINT = (
    "The endpoint allows no longer answers: use a model that writes or thinks less, or ask for "
    "less (--max-frames)."
)
_ABOUT_LENGTH = re.compile(r"tokens?\b|context|\blength", re.IGNORECASE)
_LOOP_HINT = (
    "The model does not find an end: use --structured-mode json_object or prompt, another "
    "--temperature, or another model."
)
_THINKING_HINT = "Raise --max-tokens, or use a model that does not think aloud."
_ONLY_REASONING = "The answer's content is empty; there is reasoning beside it, without an object"
_INVALID_HINT = (
    "The attempts are in calls.jsonl. Run again, raise the stage's --stageN-retries, or use a "
    "stronger model."
)
_REFUSAL_SHOWN = 300
_LONG_TEXT_CHARACTERS = 5_000


@dataclass(frozen=True)
class _Rejected:
    """Why an answer is no valid one, and what the person can do when no better one comes.

    ``is_cut`` asks for a shorter one instead of a better one; ``is_endless`` for one that is put
    in another way, since more room would be filled with the same.
    """

    errors: tuple[str, ...]
    notes: tuple[str, ...] = ()
    hint: str = _INVALID_HINT
    is_cut: bool = False
    is_endless: bool = False


@dataclass(frozen=True)
class _Attempt(Generic[T]):
    """An answer on disk, and what reading and checking made of it."""

    delivered: Delivered
    verdict: Checked[T] | _Rejected


class Asker:
    """Asks one endpoint for one run: use it as an async context manager, and share it.

    It owns the client, the number of requests in flight, what the endpoint was seen to accept, and
    whether it is alive. ``max_body_bytes`` bounds a request's body (None: no bound). ``clock``
    (seconds, monotonic) and ``sleep`` are for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: EndpointSettings,
        budget: Budget,
        *,
        max_body_bytes: int | None = None,
        observer: AskObserver | None = None,
        words: Words | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._words = words or Words.ours()
        self._dispatcher = Dispatcher(
            endpoint=endpoint,
            settings=settings,
            budget=budget,
            words=self._words,
            max_body_bytes=max_body_bytes,
            observer=observer or SilentObserver(),
            clock=clock,
            sleep=sleep,
        )
        self._wire: Wire | None = None

    async def __aenter__(self) -> Self:
        self._wire = await asyncio.to_thread(_connect, self._endpoint, self._settings.concurrency)
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

    async def ask(self, question: Question[T], journal: Journal) -> Answer[T]:
        """Return the checked answer to a question: the journal's if it has one, else a new one.

        Every answer is in the journal, on disk, before it is read. Raises NoValidAnswerError,
        AnswerBlockedError, RequestRejectedError or RequestFailedError, which concern this question
        only, or a RunEndingError, after which no ask can succeed. What ``check`` raises apart from
        AnswerRejected passes through.
        """
        if self._wire is None:
            raise RuntimeError("an Asker is used inside 'async with'")
        log = CallLog(question, journal, model=self._endpoint.model)
        replayed = await self._replay(question, log)
        if replayed is not None:
            return replayed
        pictures_digest = await asyncio.to_thread(digest_of_pictures, question.pictures)
        media = MediaOnce(question, self._endpoint, self._words)
        turn = first_turn(question, max_tokens=self._settings.max_tokens)
        avoided: frozenset[Feature] = frozenset()
        rejected = _Rejected(())
        for number in range(1, question.max_attempts + 1):
            job = Job(
                question=question, turn=turn, attempt=number, log=log,
                pictures_digest=pictures_digest, media=media, avoided=avoided,
            )  # fmt: skip
            try:
                attempt = await self._attempt(job, self._wire)
            except RequestRejectedError as error:
                if not self._had_no_more_room(turn, error):
                    raise
                rejected = _without_more_room(rejected, error)
                break
            if isinstance(attempt.verdict, Checked):
                return _answer(question, attempt.delivered, attempt.verdict, number, log)
            rejected = attempt.verdict
            logger.debug(
                "{}: attempt {} of {} gave no valid answer: {}",
                question.key, number, question.max_attempts, "; ".join(rejected.errors),
            )  # fmt: skip
            turn = self._next_turn(turn, attempt.delivered, rejected)
            mode = attempt.delivered.mode
            if rejected.is_endless and mode != "prompt":
                avoided |= {mode}
        raise NoValidAnswerError(
            str(question.key), attempts=number, errors=rejected.errors,
            hint=rejected.hint,
        )  # fmt: skip

    async def _replay(self, question: Question[T], log: CallLog) -> Answer[T] | None:
        """Return the first stored answer that still reads and checks."""
        for record in await log.stored_answers():
            if record.raw_answer is None or record.finish_reason in (LENGTH, CONTENT_FILTER):
                continue
            try:
                checked = await _read(record.raw_answer, question)
            except AnswerRejected:
                continue
            return Answer(
                key=question.key,
                value=checked.value,
                raw=record.raw_answer,
                attempts=record.attempt,
                replayed=True,
                usage=record.usage,
                cost=record.cost,
                model_answered=record.model_answered,
                notes=record.notes + checked.notes,
                records=(record,),
            )
        return None

    async def _attempt(self, job: Job, wire: Wire) -> _Attempt[Any]:
        """Get one answer, read it, check it, and write down what was found."""
        delivered = await self._dispatcher.deliver(job, wire)
        reply, record = delivered.reply, delivered.record
        logger.bind(raw_answer=True).debug("{}: raw answer: {}", job.question.key, reply.text)
        blocked_because = _block_in(reply)
        if blocked_because is not None:
            verdict: Checked[Any] | _Rejected = _Rejected((blocked_because,))
        else:
            verdict = await self._judge(job, delivered)
        errors = verdict.errors if isinstance(verdict, _Rejected) else ()
        if record.event == "answer":
            await job.log.verdict(record, errors=errors, notes=reply.notes + verdict.notes)
        if blocked_because is not None:
            raise AnswerBlockedError(
                f"{job.question.key}: no answer: {blocked_because}.",
                hint="Look at the video: another model or provider may take it.",
            )
        return _Attempt(delivered, verdict)

    async def _judge(self, job: Job, delivered: Delivered) -> Checked[Any] | _Rejected:
        """Look at why the answer ended first: a mended cut answer would look whole."""
        reply = delivered.reply
        if reply.finish_reason == LENGTH:
            return _cut(reply, job.turn.max_tokens)
        if reply.text is None:
            return _Rejected((_NO_TEXT,))
        try:
            return await _read(reply.text, job.question)
        except AnswerRejected as rejected:
            is_unreadable = isinstance(rejected, UnreadableAnswer)
            if is_unreadable and delivered.mode == "json_schema":
                self._dispatcher.capabilities.schema_was_ignored()
            if is_unreadable and FROM_REASONING in reply.notes:
                return _Rejected((_ONLY_REASONING,))
            return _Rejected(rejected.errors)

    def _had_no_more_room(self, turn: Turn, error: RequestRejectedError) -> bool:
        """Tell whether an attempt was refused only because it allowed more tokens than before."""
        has_grown = turn.max_tokens > self._settings.max_tokens
        return has_grown and error.status is not None and bool(_ABOUT_LENGTH.search(str(error)))

    def _next_turn(self, turn: Turn, delivered: Delivered, verdict: _Rejected) -> Turn:
        """Say what was wrong; after a second cut answer, allow twice the tokens, once.

        Not after one without an end: it would fill them too.
        """
        text = delivered.reply.text or ""
        if not verdict.is_cut:
            return corrected(turn, text, verdict.errors, self._words)
        was_cut_before = turn.correction == self._words.reask_shorter.fill()
        may_grow = was_cut_before and turn.max_tokens == self._settings.max_tokens
        more = 2 if may_grow and not verdict.is_endless else 1
        return shorter(turn, text, self._words, max_tokens=turn.max_tokens * more)


def _connect(endpoint: Endpoint, concurrency: int) -> Wire:
    """Make the connection; the openai client takes a second to import."""
    from three_stage.vlm.wire import Wire  # noqa: PLC0415

    return Wire(endpoint, concurrency=concurrency)


def _block_in(reply: Reply) -> str | None:
    """Tell who kept the answer back, if somebody did."""
    if reply.refusal is not None:
        return f"the model refused: {reply.refusal[:_REFUSAL_SHOWN].rstrip('. ')}"
    if reply.finish_reason == CONTENT_FILTER:
        return "the endpoint's content filter stopped it"
    return None


def _cut(reply: Reply, max_tokens: int) -> _Rejected:
    """Say what a cut answer was cut in."""
    text = reply.text or ""
    error, hint = _CUT.format(tokens=max_tokens), _CUT_HINT
    endless = endless_part(text)
    if endless is not None:
        error, hint = f"{error}; it goes on with {endless} until there", _LOOP_HINT
    elif FROM_REASONING in reply.notes or stops_while_thinking(text):
        error, hint = f"{error}, while the model was still thinking", _THINKING_HINT
    return _Rejected((error,), hint=hint, is_cut=True, is_endless=endless is not None)


def _without_more_room(cut: _Rejected, error: RequestRejectedError) -> _Rejected:
    """Say of a cut answer that the endpoint allows no longer one: the cut is what was wrong."""
    refused = f"twice as many were refused: {error.args[0]}"
    return replace(cut, errors=(*cut.errors, refused), hint=_NO_LONGER_HINT)


async def _read(text: str, question: Question[T]) -> Checked[T]:
    """Read and check; a long text, which may take seconds to repair, is read in a thread."""
    if len(text) > _LONG_TEXT_CHARACTERS:
        return await asyncio.to_thread(read_checked, text, question.check)
    return read_checked(text, question.check)


def _answer(
    question: Question[T], delivered: Delivered, checked: Checked[T], number: int, log: CallLog
) -> Answer[T]:
    costs = [record.cost for record in log.records if record.cost is not None]
    return Answer(
        key=question.key,
        value=checked.value,
        raw=delivered.reply.text or "",
        attempts=number,
        replayed=False,
        usage=log.usage,
        cost=sum(costs) if costs else None,
        model_answered=delivered.reply.model,
        notes=delivered.reply.notes + checked.notes,
        records=log.records,
    )
