"""How many requests are in flight: less when the endpoint says 429, more when it copes.

* It starts at the most that is allowed. Only a 429 lowers it, for everybody: by a quarter, and
  then, as further requests of the same wave are refused, to what the endpoint still holds.
* A level that was refused is tried again when the level below has given ``TRIAL_AFTER_ANSWERS``
  clean answers with every slot in use, so that trials alone cost about one answer in that many.
  Elsewhere half a clean round adds one: most servers refuse sooner than they answer.
* A level that is refused before it gave a clean round is left for the one below it.
* After a 429 nothing rises before its ``Retry-After`` has passed, or ``LONGEST_HOLD_SEC``.
* A 429 while nothing else is in flight is no matter of how many there are: the server counts by the
  minute. Then nobody sends before its ``Retry-After`` has passed; without one, before a wait is
  over that begins at ``first_hold_sec`` and doubles with every refusal in a row. Not where
  ``is_paced`` says that somebody else lets one request at a time out after waits of his own.
* A slot is held only while a request is in flight, never while it waits to be sent again.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from loguru import logger

TRIAL_AFTER_ANSWERS = 30
LONGEST_HOLD_SEC = 60.0
_KEPT_AT_A_LIMIT = 0.75


@dataclass(frozen=True)
class Slot:
    """The right to have one request in flight; ``wave`` counts how often the limit had fallen."""

    wave: int


class AdaptiveLimiter:
    """Slots for at most ``most`` requests in flight; ``on_change`` gets old, new and why."""

    def __init__(
        self,
        most: int,
        *,
        first_hold_sec: float,
        is_paced: Callable[[], bool],
        clock: Callable[[], float],
        on_change: Callable[[int, int, str], None],
    ) -> None:
        self._most = most
        self._first_hold_sec = first_hold_sec
        self._is_paced = is_paced
        self._limit = most
        self._clock = clock
        self._on_change = on_change
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._wave = 0
        self._clean_answers = 0
        self._refused_level: int | None = None
        self._is_new_level = False
        self._no_rise_before = 0.0
        self._closed_until = 0.0
        self._refused_in_a_row = 0

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """Requests that are in flight now."""
        return self._in_flight

    async def acquire(self) -> Slot:
        """Wait for a slot; first come, first served."""
        if self._in_flight < self._limit and not self._waiting and not self._is_closed:
            self._in_flight += 1
            return Slot(self._wave)
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(ticket)
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():
                self._in_flight -= 1
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
            self._hand_out()
            raise
        return Slot(self._wave)

    def give_back(self, slot: Slot, *, was_answered: bool) -> None:
        """Return a slot; an answer with every slot in use is a reason to allow more."""
        is_saturated = self._in_flight >= self._limit
        self._in_flight -= 1
        self._refused_in_a_row = 0 if was_answered else self._refused_in_a_row
        if was_answered and is_saturated and slot.wave == self._wave:
            self._count_clean_answer()
        self._hand_out()

    def give_back_limited(self, slot: Slot, *, retry_after_sec: float | None) -> None:
        """Return the slot of a request that got a 429."""
        self._in_flight -= 1
        wished_sec = min(retry_after_sec or 0.0, LONGEST_HOLD_SEC)
        self._no_rise_before = max(self._no_rise_before, self._clock() + wished_sec)
        self._clean_answers = 0
        self._refused_in_a_row += 1
        if not self._in_flight and not self._is_paced():
            self._close(wished_sec)
        if slot.wave != self._wave:
            self._change(max(1, min(self._limit, self._in_flight)), "429: another of the same wave")
        else:
            self._wave += 1
            self._refused_level = self._limit
            kept = self._limit - 1 if self._is_new_level else int(self._limit * _KEPT_AT_A_LIMIT)
            self._is_new_level = False
            self._change(max(1, kept), "429: the endpoint has too many requests")
        self._hand_out()

    @property
    def _is_closed(self) -> bool:
        return self._clock() < self._closed_until

    def _close(self, wished_sec: float) -> None:
        """Hand out nothing for as long as the server wishes, or for longer every time."""
        grown_sec = self._first_hold_sec * 2.0 ** min(self._refused_in_a_row - 1, 10)
        hold_sec = wished_sec or min(grown_sec, LONGEST_HOLD_SEC)
        self._closed_until = max(self._closed_until, self._clock() + hold_sec)
        self._open_in_time()

    def _open_in_time(self) -> None:
        """Hand out when the wait is over, by our clock; a timer may be early."""
        left_sec = self._closed_until - self._clock()
        if left_sec > 0:
            asyncio.get_running_loop().call_later(left_sec, self._open_in_time)
        else:
            self._hand_out()

    def _count_clean_answer(self) -> None:
        self._clean_answers += 1
        if self._clean_answers >= self._limit:
            self._is_new_level = False
            if self._limit == self._refused_level:
                # The endpoint holds what it refused before, so the old boundary says nothing now.
                self._refused_level = None
        is_due = self._clean_answers >= self._answers_before_a_rise()
        if is_due and self._clock() >= self._no_rise_before and self._limit < self._most:
            self._is_new_level = True
            self._clean_answers = 0
            self._change(self._limit + 1, "every slot in use, and no 429")

    def _answers_before_a_rise(self) -> int:
        """Return how many clean answers this level must give before the next one is tried."""
        if self._limit + 1 == self._refused_level:
            return max(TRIAL_AFTER_ANSWERS, self._limit)
        if self._limit == self._refused_level:
            return self._limit
        return math.ceil(self._limit / 2)

    def _change(self, new: int, reason: str) -> None:
        if new == self._limit:
            return
        old, self._limit = self._limit, new
        logger.info("Requests at once: {} → {} ({}).", old, new, reason)
        self._on_change(old, new, reason)

    def _hand_out(self) -> None:
        while self._waiting and self._in_flight < self._limit and not self._is_closed:
            ticket = self._waiting.popleft()
            if not ticket.done():
                self._in_flight += 1
                ticket.set_result(None)
