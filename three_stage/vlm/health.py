"""Whether the endpoint is there: who may send now, and when the whole run has to end.

unproven   nothing has been answered yet: one request at a time, so that a wrong key costs one
up         everybody may send
down       several failures in a row without an answer: one request at a time tries the endpoint,
           after pauses that grow; the waiting ones take turns, so that a request that the endpoint
           cannot digest does not keep the run down; an answer ends it, the patience ends the run
ended      nobody may send any more; every ask gets the same error
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from loguru import logger

from three_stage.vlm.errors import EndpointDownError, RunEndingError
from three_stage.vlm.observer import AskObserver, RunPaused, RunResumed

FAILURES_IN_A_ROW = 5
_LONGEST_PAUSE_SEC = 30.0


@dataclass(frozen=True)
class Pass:
    """Leave to send one request; a scout goes alone."""

    is_scout: bool


class EndpointHealth:
    """The state of one endpoint for one run. Every Pass must be given back with ``leave``."""

    def __init__(
        self,
        *,
        patience_sec: float,
        first_pause_sec: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        observer: AskObserver,
    ) -> None:
        self._patience_sec = patience_sec
        self._first_pause_sec = first_pause_sec
        self._clock = clock
        self._sleep = sleep
        self._observer = observer
        self._pause_sec = first_pause_sec
        self._is_proven = False
        self._down_since: float | None = None
        self._failures = 0
        self._scout_is_out = False
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._error: RunEndingError | None = None
        self._has_ended = asyncio.Event()
        self.answers = 0
        """Answers so far, refusals of single requests included."""
        self.pauses = 0
        """How often the run was paused so far."""

    @property
    def is_proven(self) -> bool:
        """Whether the endpoint has answered at all."""
        return self._is_proven

    @property
    def is_down(self) -> bool:
        """Whether the run is paused."""
        return self._down_since is not None

    def patience_left_sec(self) -> float:
        """How long a paused run still waits."""
        since = self._clock() if self._down_since is None else self._down_since
        return self._patience_sec - (self._clock() - since)

    async def admit(self) -> Pass:
        """Wait until a request may be sent. Raises the run's error once it has ended."""
        self.raise_if_ended()
        if self._is_open:
            return Pass(is_scout=False)
        ticket: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(ticket)
        self._advance()
        try:
            given = Pass(is_scout=await ticket)
        except asyncio.CancelledError:
            self._forget(ticket)
            raise
        self.raise_if_ended()
        if given.is_scout and self.is_down:
            await self._pause_as_scout(given)
        return given

    def admits(self, given: Pass) -> bool:
        """Tell whether a pass still holds, after waiting for something else."""
        self.raise_if_ended()
        return given.is_scout or self._is_open

    def leave(self, given: Pass) -> None:
        """Give a pass back."""
        if given.is_scout:
            self._scout_is_out = False
            self._advance()

    def answered(self) -> None:
        """Note an answer: the endpoint is there and takes our key."""
        self._is_proven = True
        self.answers += 1
        self.showed_life()

    def showed_life(self) -> None:
        """Note that the endpoint reacts, though what it says proves nothing about the key."""
        self._failures = 0
        if self._down_since is not None:
            paused_sec = self._clock() - self._down_since
            logger.info("The endpoint answers again after {:.0f} s; going on.", paused_sec)
            self._down_since = None
            self._pause_sec = self._first_pause_sec
            self._observer.observe(RunResumed(paused_sec=paused_sec))
        self._advance()

    def failed(self, given: Pass, reason: str) -> None:
        """Note a time-out, a broken connection or a 5xx."""
        self._failures += 1
        if self.is_down and given.is_scout:
            self._pause_sec = min(self._pause_sec * 2, _LONGEST_PAUSE_SEC)
            self._check_patience(reason)
        elif self._failures >= FAILURES_IN_A_ROW:
            self.pause(reason)

    def pause(self, reason: str) -> None:
        """Take the endpoint for down until it answers."""
        if self.is_down or self._error is not None:
            return
        self._down_since = self._clock()
        self.pauses += 1
        self._pause_sec = self._first_pause_sec
        logger.warning(
            "The endpoint looks down. Waiting for up to {:g} s (--endpoint-patience-sec). {}",
            self._patience_sec, reason,
        )  # fmt: skip
        self._observer.observe(RunPaused(reason=reason, next_try_in_sec=self._pause_sec))
        self._check_patience(reason)

    def end(self, error: RunEndingError) -> None:
        """End the run: whoever waits or comes later gets this error."""
        if self._error is None:
            self._error = error
            logger.debug("The run ends: {}", error)
            self._has_ended.set()
            self._advance()

    def raise_if_ended(self) -> None:
        """Raise the run's error once it has ended."""
        if self._error is not None:
            # An own exception for each task: a shared one would gather everybody's traceback.
            raise type(self._error)(self._error.args[0], hint=self._error.hint)

    async def rest(self, duration_sec: float) -> None:
        """Sleep, but wake and raise when the run ends meanwhile."""
        if duration_sec > 0:
            sleeping = asyncio.ensure_future(self._sleep(duration_sec))
            ending = asyncio.ensure_future(self._has_ended.wait())
            try:
                await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                ending.cancel()
        self.raise_if_ended()

    @property
    def _is_open(self) -> bool:
        return self._is_proven and self._down_since is None

    async def _pause_as_scout(self, given: Pass) -> None:
        try:
            await self.rest(min(self._pause_sec, max(0.0, self.patience_left_sec())))
        except BaseException:
            self.leave(given)
            raise

    def _check_patience(self, reason: str) -> None:
        if self.patience_left_sec() <= 0:
            self.end(
                EndpointDownError(
                    f"The endpoint gave no answer for {self._patience_sec:g} s "
                    f"(--endpoint-patience-sec). The last trouble: {reason}",
                    hint="Everything done so far is kept: run the same command again later.",
                )
            )

    def _advance(self) -> None:
        """Let in whoever may go now."""
        while self._waiting:
            is_free = self._error is not None or self._is_open
            if not is_free and self._scout_is_out:
                return
            ticket = self._waiting.popleft()
            if ticket.done():
                continue
            self._scout_is_out = self._scout_is_out or not is_free
            ticket.set_result(not is_free)

    def _forget(self, ticket: asyncio.Future[bool]) -> None:
        """Take a cancelled waiter out of the queue, or give back what it was just handed."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        elif not ticket.cancelled():
            self.leave(Pass(is_scout=ticket.result()))
