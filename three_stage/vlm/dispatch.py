"""One attempt of an ask on its way: pass, slot, budget, request, and again if that may help.

The order is always the same: leave from the endpoint's health, then a slot, then the budget; what
cannot be had is waited for without holding the others. The body is made only when all three are
there, so that thousands of waiting questions hold no bodies, and so that each request is put as the
endpoint was last known to want it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import tenacity
from loguru import logger

from schemas.files import Usage
from three_stage.settings import EndpointSettings
from three_stage.vlm.bodies import Turn, encode_body, said_text, turn_digest
from three_stage.vlm.budget import Budget, Reservation
from three_stage.vlm.calls import CallLog, Sent, new_call_id
from three_stage.vlm.capabilities import Capabilities, Feature, Mode, WireOptions
from three_stage.vlm.diagnosis import RequestFacts
from three_stage.vlm.dialects import Media, build_media
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.errors import (
    BudgetReachedError,
    EndpointDownError,
    EndpointRefusedError,
    RequestFailedError,
    RequestRejectedError,
    RequestTooLargeError,
    RunEndingError,
)
from three_stage.vlm.faults import Fault, FaultKind
from three_stage.vlm.health import EndpointHealth, Pass
from three_stage.vlm.life_sign import shows_life
from three_stage.vlm.limiter import AdaptiveLimiter, Slot
from three_stage.vlm.observer import (
    AskObserver,
    LimitChanged,
    RequestFailed,
    RequestFinished,
    RequestStarted,
)
from three_stage.vlm.question import Question
from three_stage.vlm.replies import Reply
from three_stage.vlm.tokens import (
    estimate_text_tokens,
    estimate_tokens,
    pictures_seem_unseen,
)
from three_stage.vlm.words import Words

if TYPE_CHECKING:
    from schemas.files import CallRecord
    from three_stage.vlm.wire import Wire

_LONGEST_BACKOFF_SEC = 60.0
_LONGEST_WAIT_AT_THE_END_SEC = 120.0
_ESTIMATED = "usage not told by the endpoint: estimated"
_OTHER_MODEL = "the endpoint answered as the model {now}, and before as {before}"
_OTHER_MODEL_HINT = "The results of this run are not all of one model."
_UNSEEN = "the endpoint counted {tokens} prompt tokens with {pictures} pictures: it may drop them"
_UNSEEN_HINT = "Does this model see pictures, in this --media-dialect? pipeline.py doctor asks it."


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """An answer, its line in the journal, and the mode in which it was asked for."""

    reply: Reply
    record: CallRecord
    mode: Mode


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and what came of it; ``charged`` is what counts for the caps."""

    sent: Sent
    outcome: Reply | Fault
    used: Usage
    charged: Usage
    latency_sec: float


@dataclass(kw_only=True)
class Job:
    """One attempt while it is under way: what it asks and what happened to it so far.

    ``refused`` is what the endpoint does not take; ``avoided`` what it takes and this question is
    better asked without.
    """

    question: Question[Any]
    turn: Turn
    attempt: int
    log: CallLog
    pictures_digest: str
    media: MediaOnce
    refused: frozenset[Feature] = frozenset()
    avoided: frozenset[Feature] = frozenset()
    failures: int = 0
    first_failure_sec: float = 0.0
    answers_at_first_failure: int = 0
    pauses_seen: int = 0
    is_given_up: bool = False
    delivered: Delivered | None = None


@dataclass
class MediaOnce:
    """The encoded pictures of one question, made when first needed, for all its requests."""

    question: Question[Any]
    endpoint: Endpoint
    words: Words
    _media: Media | None = field(default=None, repr=False)

    async def get(self) -> Media:
        """Return the parts; the first call encodes, in a thread."""
        if self._media is None:
            self._media = await asyncio.to_thread(
                build_media, self.question.pictures, self.endpoint, self.words
            )
        return self._media


@dataclass(frozen=True, kw_only=True)
class _Permit:
    """Everything that a request needs to go out."""

    given: Pass
    slot: Slot
    reservation: Reservation


class Dispatcher:
    """Sends the requests of one run to one endpoint."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        settings: EndpointSettings,
        budget: Budget,
        words: Words,
        max_body_bytes: int | None,
        observer: AskObserver,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._budget = budget
        self._words = words
        self._max_body_bytes = max_body_bytes
        self._observer = observer
        self._clock = clock
        self.capabilities = Capabilities(settings.structured_mode, endpoint.tokens_field)
        self.health = EndpointHealth(
            patience_sec=settings.endpoint_patience_sec,
            first_pause_sec=max(settings.api_call_retry_backoff_sec, 0.05),
            clock=clock,
            sleep=sleep,
            observer=observer,
        )
        self.limiter = AdaptiveLimiter(
            settings.concurrency,
            first_hold_sec=settings.api_call_retry_backoff_sec,
            is_paced=lambda: self.health.is_down or not self.health.is_proven,
            clock=clock,
            on_change=lambda old, new, reason: observer.observe(
                LimitChanged(old=old, new=new, reason=reason)
            ),
        )
        first_sec = settings.api_call_retry_backoff_sec
        self._has_told_of_unseen = False
        self._troubles_told: set[tuple[int | None, str]] = set()
        self._is_ending = False
        self._strange_first_answers = 0
        self._has_just_refused_one = False
        self._first_model: str | None = None
        self._has_told_of_other_model = False
        self._pause_of_scouts = 0
        self._videos_of_scouts: set[str] = set()
        self._under_way = 0
        self._nothing_is_under_way = asyncio.Event()
        self._nothing_is_under_way.set()
        self._backoff = tenacity.wait_exponential(
            multiplier=first_sec, max=_LONGEST_BACKOFF_SEC
        ) + tenacity.wait_random(0, first_sec)

    async def deliver(self, job: Job, wire: Wire) -> Delivered:
        """Send an attempt until it is answered, written down, or has no chance.

        Raises RequestRejectedError, RequestFailedError or a RunEndingError.
        """
        job.pauses_seen = self.health.pauses
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(lambda fault: fault is not None),
            wait=self._wait_sec,
            stop=lambda _state: job.is_given_up,
            sleep=self.health.rest,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        try:
            fault: Fault | None = await retrying(self._try_once, job, wire)
        except RunEndingError:
            await self._last_answers_are_written()
            raise
        if job.delivered is None:
            said = fault.message if fault is not None else ""
            raise RequestFailedError(
                f"{job.question.key}: the request failed {job.failures} times, while others "
                f"passed. The last time: {said}",
                hint=fault.hint if fault is not None else "",
            )
        return job.delivered

    async def _last_answers_are_written(self) -> None:
        """Wait for the answers that are under way when a run ends: they are paid for.

        Those of an endpoint that is down are not.
        """
        if self.health.is_down or self._nothing_is_under_way.is_set():
            return
        if not self._is_ending:
            self._is_ending = True
            logger.info(
                "The run ends early; waiting up to {:g} s for answers under way: {}.",
                _LONGEST_WAIT_AT_THE_END_SEC, self._under_way,
            )  # fmt: skip
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_WAIT_AT_THE_END_SEC):
                await self._nothing_is_under_way.wait()

    async def _try_once(self, job: Job, wire: Wire) -> Fault | None:
        """Send once, and bring what came of it to disk; None when it was answered."""
        permit = await self._permit(job)
        self._under_way += 1
        self._nothing_is_under_way.clear()
        try:
            return await self._write_down(job, await self._sent_once(job, wire, permit))
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._nothing_is_under_way.set()

    async def _sent_once(self, job: Job, wire: Wire, permit: _Permit) -> Exchange:
        """Send once, in whichever way the endpoint wants it, and give the permit back.

        A request that is refused for a feature goes out again without it on the same permit, so
        that nobody else meanwhile sends what is about to be learnt.
        """
        charged = Usage()
        last: Exchange | None = None
        try:
            last = await self._exchange(job, wire, permit)
            charged = charged.plus(last.charged)
            while self._takes_other_way(job, last.outcome):
                await self._write_failure(job, last, will_retry=True)
                last = await self._exchange(job, wire, permit)
                charged = charged.plus(last.charged)
        finally:
            self._give_back(permit, charged, None if last is None else last.outcome)
        return last

    def _give_back(self, permit: _Permit, charged: Usage, outcome: Reply | Fault | None) -> None:
        """Give everything back, whatever becomes of one of them: a lost one would stop the run."""
        with contextlib.ExitStack() as whatever_happens:
            whatever_happens.callback(self.health.leave, permit.given)
            whatever_happens.callback(self._give_slot_back, permit.slot, outcome)
            whatever_happens.callback(self._budget.settle, permit.reservation, charged)

    async def _exchange(self, job: Job, wire: Wire, permit: _Permit) -> Exchange:
        """Send the request and tell the rest of the run what it met."""
        options = self._options(job)
        media = await job.media.get()
        body = await asyncio.to_thread(self._encode, job, media, options)
        self._check_size(job, body)
        facts = RequestFacts(
            endpoint=self._endpoint,
            options=options,
            pictures=len(job.question.pictures),
            body_bytes=len(body),
        )
        sent = self._sent(job, options, body)
        started_sec = self._clock()
        timeout_sec = self._timeout_sec(permit.given)
        try:
            outcome = await wire.post(body, facts, timeout_sec=timeout_sec)
        except BaseException:
            # Nobody waits for it any more, and it may be billed all the same.
            self._budget.charge(self._budget.most_of(permit.reservation))
            raise
        latency_sec = self._clock() - started_sec
        outcome, used = self._account(outcome, permit.reservation)
        charged = self._charged(outcome, used, permit.reservation)
        if isinstance(outcome, Reply):
            outcome = self._with_other_model(job, self._with_doubts(job, outcome))
        else:
            is_cut = latency_sec >= timeout_sec < self._settings.api_timeout_sec
            outcome = self._seen_in_the_run(outcome, is_cut=is_cut)
        if await self._is_alone_sick(job, outcome, permit.given, wire, options):
            job.failures += 1
            job.is_given_up = True
            self.health.showed_life()
        else:
            self._tell_the_run(outcome, permit.given, job, options)
        return Exchange(
            sent=sent, outcome=outcome, used=used, charged=charged, latency_sec=latency_sec
        )

    def _seen_in_the_run(self, fault: Fault, *, is_cut: bool) -> Fault:
        """Return a fault as what the run knows makes it.

        ``is_cut``: the request had less time than --api-timeout-sec.
        """
        if is_cut and fault.status is None:
            return replace(fault, hint="")
        if not self.health.is_proven:
            return replace(fault, kind=FaultKind.ENDPOINT) if _is_elsewhere(fault) else fault
        if fault.kind is not FaultKind.ENDPOINT or not fault.may_be_of_one_request:
            return fault
        # What lies before the endpoint may refuse one question's words or pictures; two in a row
        # are no chance.
        if self._has_just_refused_one:
            return fault
        self._has_just_refused_one = True
        return replace(fault, kind=FaultKind.REQUEST)

    async def _is_alone_sick(
        self, job: Job, outcome: Reply | Fault, given: Pass, wire: Wire, options: WireOptions
    ) -> bool:
        """Tell, when the patience is over, that the endpoint is fine and this question is not.

        That is asked when others passed in this run, and only this question's video was tried since
        the run was paused: else the last sick question would end every run anew.
        """
        is_passing = isinstance(outcome, Fault) and outcome.is_worth_a_retry
        if not (is_passing and given.is_scout and self.health.is_down and self.health.answers):
            return False
        if self._pause_of_scouts != self.health.pauses:
            self._pause_of_scouts = self.health.pauses
            self._videos_of_scouts.clear()
        self._videos_of_scouts.add(job.question.key.video_id)
        if len(self._videos_of_scouts) > 1 or self.health.patience_left_sec() > 0:
            return False
        timeout_sec = self._settings.api_timeout_sec
        return await shows_life(
            wire, self._endpoint, options, self._budget, timeout_sec=timeout_sec
        )

    def _takes_other_way(self, job: Job, outcome: Reply | Fault) -> bool:
        """Note the feature that was refused; tell whether there is a way without it."""
        refused = outcome.refused if isinstance(outcome, Fault) else None
        if refused is None or refused in job.refused:
            return False
        job.refused |= {refused}
        return self.capabilities.options(job.question.schema_name, job.refused) is not None

    async def _permit(self, job: Job) -> _Permit:
        """Wait until this request may go out."""
        estimate = self._estimate(job)
        while True:
            given = await self.health.admit()
            try:
                slot = await self.limiter.acquire()
            except BaseException:
                self.health.leave(given)
                raise
            reservation: Reservation | None = None
            may_send = False
            try:
                may_send = self.health.admits(given)
                if may_send:
                    reservation = self._budget.reserve(estimate, job.turn.max_tokens)
            except BudgetReachedError as error:
                self.health.end(error)
                raise
            finally:
                if reservation is None:
                    self.limiter.give_back(slot, was_answered=False)
                    self.health.leave(given)
            if reservation is not None:
                return _Permit(given=given, slot=slot, reservation=reservation)
            if may_send:
                await self._budget.wait_for_room()

    def _options(self, job: Job) -> WireOptions:
        name = job.question.schema_name
        options = self.capabilities.options(name, job.refused | job.avoided)
        options = options or self.capabilities.options(name, job.refused)
        if options is None:
            raise RequestRejectedError(
                f"{job.question.key}: the endpoint takes structured output in no way that is "
                f"allowed ({self._settings.structured_mode}).",
                hint="Use --structured-mode auto.",
            )
        return options

    def _encode(self, job: Job, media: Media, options: WireOptions) -> bytes:
        return encode_body(
            job.turn,
            media,
            options,
            model=self._endpoint.model,
            temperature=self._settings.temperature,
            words=self._words,
        )

    def _check_size(self, job: Job, body: bytes) -> None:
        limit = self._max_body_bytes
        if limit is not None and len(body) > limit:
            raise RequestTooLargeError(
                f"{job.question.key}: the request has {len(body) / 1e6:.2f} MB, and "
                f"{limit / 1e6:.2f} MB are allowed ({len(job.question.pictures)} pictures).",
                hint="Raise --max-body-mb if the endpoint takes it, or lower --frame-max-side, "
                "--jpeg-quality or --max-frames.",
            )

    def _sent(self, job: Job, options: WireOptions, body: bytes) -> Sent:
        sent = Sent(
            call_id=new_call_id(),
            attempt=job.attempt,
            prompt_digest=turn_digest(job.turn, job.pictures_digest),
            mode=options.mode,
            request_bytes=len(body),
            started_at=datetime.now(UTC),
        )
        self._observer.observe(
            RequestStarted(
                key=job.question.key, call_id=sent.call_id, attempt=job.attempt,
                pictures=len(job.question.pictures), request_bytes=len(body),
            )
        )  # fmt: skip
        return sent

    def _timeout_sec(self, given: Pass) -> float:
        """A scout of a paused run waits no longer than the run does, in whole seconds."""
        limit_sec = self._settings.api_timeout_sec
        if given.is_scout and self.health.is_down:
            return min(limit_sec, max(1.0, math.ceil(self.health.patience_left_sec())))
        return limit_sec

    def _estimate(self, job: Job) -> int:
        sizes = [(picture.width_px, picture.height_px) for picture in job.question.pictures]
        said = said_text(job.turn, self._words)
        return estimate_tokens(said, sizes, model=self._endpoint.model)

    def _account(
        self, outcome: Reply | Fault, reservation: Reservation
    ) -> tuple[Reply | Fault, Usage]:
        """Return what a request used: as told, or estimated when the server did not tell.

        Of a request that the server read and never answered, the prompt is counted.
        """
        estimated = self._budget.most_of(reservation)
        if isinstance(outcome, Fault):
            read_tokens = estimated.prompt_tokens if outcome.was_read else 0
            return outcome, Usage(requests=1, prompt_tokens=read_tokens)
        if outcome.usage is not None:
            return outcome, outcome.usage
        written_tokens = estimate_text_tokens(outcome.text or "")
        usage = estimated.model_copy(update={"completion_tokens": written_tokens})
        return replace(outcome, notes=(*outcome.notes, _ESTIMATED)), usage

    def _charged(self, outcome: Reply | Fault, used: Usage, reservation: Reservation) -> Usage:
        """Return what counts for the caps: of a request that may be billed unanswered, the most."""
        if isinstance(outcome, Reply):
            return used
        may_be_billed = outcome.was_read or (outcome.status or 0) >= 500
        return self._budget.most_of(reservation) if may_be_billed else used

    def _with_doubts(self, job: Job, reply: Reply) -> Reply:
        """Note it when the server's own figures say that no picture was seen; warn once a run."""
        pictures = job.question.pictures
        sizes = [(picture.width_px, picture.height_px) for picture in pictures]
        told = 0 if reply.usage is None else reply.usage.prompt_tokens
        if not pictures_seem_unseen(told, said_text(job.turn, self._words), sizes):
            return reply
        note = _UNSEEN.format(tokens=told, pictures=len(pictures))
        if not self._has_told_of_unseen:
            self._has_told_of_unseen = True
            logger.warning("{}: {} {}", job.question.key, note, _UNSEEN_HINT)
        return replace(reply, notes=(*reply.notes, note))

    def _with_other_model(self, job: Job, reply: Reply) -> Reply:
        """Note it when another model answers than at first in this run; warn once a run."""
        self._first_model = self._first_model or reply.model
        if reply.model is None or reply.model == self._first_model:
            return reply
        note = _OTHER_MODEL.format(now=reply.model, before=self._first_model)
        if not self._has_told_of_other_model:
            self._has_told_of_other_model = True
            logger.warning("{}: {}. {}", job.question.key, note, _OTHER_MODEL_HINT)
        return replace(reply, notes=(*reply.notes, note))

    def _tell_the_run(
        self, outcome: Reply | Fault, given: Pass, job: Job, options: WireOptions
    ) -> None:
        """Tell the rest of the run what this request met, before anybody else may send."""
        if isinstance(outcome, Reply):
            self._has_just_refused_one = False
            self.health.answered()
            self.capabilities.worked(job.question.schema_name, options.mode, job.refused)
        elif outcome.kind is FaultKind.ENDPOINT:
            self.health.end(EndpointRefusedError(outcome.message, hint=outcome.hint))
        elif outcome.kind is FaultKind.REQUEST:
            # Who refuses one request and may refuse all of them has not answered.
            if not outcome.may_be_of_one_request:
                self.health.answered()
        elif outcome.kind is FaultKind.CAPABILITY:
            self.health.showed_life()
        elif self._is_no_endpoint(outcome):
            self.health.end(EndpointRefusedError(outcome.message, hint=outcome.hint))
        else:
            if outcome.kind is FaultKind.TRANSIENT or self.health.is_down:
                self.health.failed(given, str(outcome))
            self._count_failure(job, outcome)

    def _is_no_endpoint(self, fault: Fault) -> bool:
        """Count first answers that are no completions: waiting makes none of them, after retries.

        They are counted over all questions, which take turns until one is answered.
        """
        if not fault.is_strange or self.health.is_proven:
            return False
        self._strange_first_answers += 1
        return self._strange_first_answers > self._settings.api_call_retries

    def _count_failure(self, job: Job, fault: Fault) -> None:
        """Decide whether this request goes on, fails alone, or shows that the endpoint is down."""
        now_sec = self._clock()
        if job.pauses_seen != self.health.pauses:
            # What happened before a pause of the whole run says nothing about this request.
            job.pauses_seen = self.health.pauses
            job.failures = 0
        if job.failures == 0:
            job.first_failure_sec = now_sec
            job.answers_at_first_failure = self.health.answers
        job.failures += 1
        patience_sec = self._settings.endpoint_patience_sec
        if (fault.retry_after_sec or 0.0) > patience_sec:
            self.health.end(
                EndpointDownError(
                    f"The endpoint wants us to wait {fault.retry_after_sec:.0f} s, longer than "
                    f"--endpoint-patience-sec {patience_sec:g}. {fault.message}",
                    hint="Everything done so far is kept: run the same command again later.",
                )
            )
        if job.failures <= self._settings.api_call_retries:
            return
        others_pass = self.health.answers > job.answers_at_first_failure
        if not others_pass:
            self.health.pause(str(fault))
        elif fault.kind is FaultKind.TRANSIENT or now_sec - job.first_failure_sec > patience_sec:
            job.is_given_up = True

    def _give_slot_back(self, slot: Slot, outcome: Reply | Fault | None) -> None:
        if isinstance(outcome, Fault) and outcome.kind is FaultKind.RATE_LIMITED:
            self.limiter.give_back_limited(slot, retry_after_sec=outcome.retry_after_sec)
        else:
            self.limiter.give_back(slot, was_answered=isinstance(outcome, Reply))

    async def _write_down(self, job: Job, exchange: Exchange) -> Fault | None:
        """Bring the outcome to disk, before anybody reads it. Raises what a refusal means."""
        outcome = exchange.outcome
        if isinstance(outcome, Reply):
            job.delivered = await self._write_answer(job, exchange, outcome)
            return None
        will_retry = outcome.is_worth_a_retry and not job.is_given_up
        await self._write_failure(job, exchange, will_retry=will_retry)
        if outcome.kind is FaultKind.ENDPOINT:
            raise EndpointRefusedError(outcome.message, hint=outcome.hint)
        if not outcome.is_worth_a_retry:
            raise RequestRejectedError(
                f"{job.question.key}: {outcome.message}", status=outcome.status, hint=outcome.hint
            )
        return outcome

    async def _write_answer(self, job: Job, exchange: Exchange, reply: Reply) -> Delivered:
        cost = self._budget.cost_of(exchange.used)
        record = await job.log.answer(
            exchange.sent, reply, usage=exchange.used, cost=cost, latency_sec=exchange.latency_sec
        )
        self._observer.observe(
            RequestFinished(
                key=job.question.key, call_id=exchange.sent.call_id, usage=exchange.used,
                cost=cost, latency_sec=exchange.latency_sec,
            )
        )  # fmt: skip
        return Delivered(reply=reply, record=record, mode=exchange.sent.mode)

    async def _write_failure(self, job: Job, exchange: Exchange, *, will_retry: bool) -> None:
        fault = exchange.outcome
        assert isinstance(fault, Fault)  # noqa: S101 - for the type checker
        self._say(job, fault, will_retry=will_retry)
        await job.log.failure(
            exchange.sent, fault, usage=exchange.used,
            cost=self._budget.cost_of(exchange.used), latency_sec=exchange.latency_sec,
        )  # fmt: skip
        self._observer.observe(
            RequestFailed(
                key=job.question.key, call_id=exchange.sent.call_id, reason=fault.message,
                will_retry=will_retry,
            )
        )  # fmt: skip

    def _say(self, job: Job, fault: Fault, *, will_retry: bool) -> None:
        """Tell the person of each sort of passing trouble once, and the log of every one."""
        trouble = (fault.status, fault.hint)
        is_passing = will_retry and fault.is_worth_a_retry
        if is_passing and trouble not in self._troubles_told:
            self._troubles_told.add(trouble)
            logger.info(
                "{}: {} The request is sent again; more of this sort: log file.",
                job.question.key, fault,
            )  # fmt: skip
        else:
            logger.debug("{}: {}", job.question.key, fault.message)

    def _wait_sec(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next try: exponential with jitter, or more if the server asks for it.

        A server that asks for no wait at all would else be asked without end.
        """
        fault = state.outcome.result() if state.outcome is not None else None
        wished_sec = fault.retry_after_sec if isinstance(fault, Fault) else None
        # In a paused run the pause takes the back-off's place.
        return max(wished_sec or 0.0, 0.0 if self.health.is_down else self._backoff(state))


def _is_elsewhere(fault: Fault) -> bool:
    """Tell whether a first request met somebody else than an endpoint, or nobody at all."""
    return fault.is_web_page or fault.is_unknown_host
