"""How many requests are in flight, alone and against a server that allows so many."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scripted_server import Received, Say, ScriptedServer, Status, Step
from tests.vlm.helpers import MemoryJournal, Watcher, ask_all, question, run, settings_for
from three_stage.vlm import LimitChanged
from three_stage.vlm.limiter import (
    LONGEST_HOLD_SEC,
    TRIAL_AFTER_ANSWERS,
    AdaptiveLimiter,
    Slot,
)


class Bench:
    """A limiter with a clock of its own, and every change it made."""

    def __init__(self, most: int) -> None:
        self.now_sec = 0.0
        self.changes: list[tuple[int, int]] = []
        self.limiter = AdaptiveLimiter(
            most,
            first_hold_sec=1.0,
            is_paced=lambda: False,
            clock=lambda: self.now_sec,
            on_change=lambda old, new, _reason: self.changes.append((old, new)),
        )

    async def fill(self) -> list[Slot]:
        free = self.limiter.limit - self.limiter.in_flight
        return [await self.limiter.acquire() for _ in range(free)]

    async def clean_round(self) -> None:
        """Every slot in use, and every answer fine."""
        slots = await self.fill()
        for slot in slots:
            self.limiter.give_back(slot, was_answered=True)
            await self.fill_up(slot)
        while self.limiter.in_flight:
            self.limiter.give_back(slots[0], was_answered=False)

    async def refuse_one(self, retry_after_sec: float | None = None) -> None:
        """Every slot in use; one request is refused, and nobody learns of the others."""
        (refused, *others) = await self.fill()
        self.limiter.give_back_limited(refused, retry_after_sec=retry_after_sec)
        for other in others:
            self.limiter.give_back(other, was_answered=False)

    async def fill_up(self, _slot: Slot) -> None:
        while self.limiter.in_flight < self.limiter.limit:
            await self.limiter.acquire()


@given(st.integers(1, 12), st.lists(st.sampled_from("alx"), max_size=80))
def test_there_are_never_more_slots_than_allowed_and_never_fewer_than_one(
    most: int, happenings: list[str]
) -> None:
    async def scenario() -> None:
        bench = Bench(most)
        held: list[Slot] = []
        for happening in happenings:
            if happening == "a" and bench.limiter.in_flight < bench.limiter.limit:
                held.append(await bench.limiter.acquire())
            elif happening == "l" and held:
                bench.limiter.give_back_limited(held.pop(0), retry_after_sec=None)
                bench.now_sec += LONGEST_HOLD_SEC
            elif happening == "x" and held:
                bench.limiter.give_back(held.pop(0), was_answered=True)
            assert 1 <= bench.limiter.limit <= most
            assert bench.limiter.in_flight == len(held)

    asyncio.run(scenario())


def test_only_a_429_lowers_it_and_a_wave_of_them_lowers_to_what_the_server_holds() -> None:
    async def scenario() -> None:
        bench = Bench(8)
        slots = await bench.fill()
        for slot in slots[:5]:
            bench.limiter.give_back_limited(slot, retry_after_sec=None)
        assert bench.limiter.limit == 3
        assert bench.changes[0] == (8, 6)
        bench.limiter.give_back(slots[5], was_answered=False)
        assert bench.limiter.limit == 3

    asyncio.run(scenario())


def test_a_refused_level_is_tried_again_only_after_many_clean_answers() -> None:
    async def scenario() -> None:
        bench = Bench(4)
        for _ in range(3):
            await bench.refuse_one()
            assert bench.limiter.limit == 3
            rounds = 0
            while bench.limiter.limit < 4:
                await bench.clean_round()
                rounds += 1
            assert 0 <= 3 * rounds - TRIAL_AFTER_ANSWERS < 3

    asyncio.run(scenario())


def test_a_new_level_that_is_refused_at_once_is_left_for_the_one_that_held() -> None:
    async def scenario() -> None:
        bench = Bench(16)
        await bench.refuse_one()
        assert bench.limiter.limit == 12
        await bench.clean_round()
        assert bench.limiter.limit == 13
        await bench.refuse_one()
        assert bench.limiter.limit == 12

    asyncio.run(scenario())


def test_a_level_that_holds_after_all_opens_the_way_up() -> None:
    async def scenario() -> None:
        bench = Bench(16)
        for _ in range(2):
            await bench.refuse_one()
        assert bench.limiter.limit == 9
        rounds_to: dict[int, int] = {}
        while bench.limiter.limit < 16:
            await bench.clean_round()
            rounds_to[bench.limiter.limit] = rounds_to.get(bench.limiter.limit, 0) + 1
        # Twelve was refused: it is tried late, and what lies above it soon.
        assert rounds_to[11] > rounds_to[10]
        assert rounds_to[13] <= 2

    asyncio.run(scenario())


def test_answers_with_slots_to_spare_prove_nothing() -> None:
    async def scenario() -> None:
        bench = Bench(4)
        await bench.refuse_one()
        assert bench.limiter.limit == 3
        for _ in range(200):
            bench.limiter.give_back(await bench.limiter.acquire(), was_answered=True)
        assert bench.limiter.limit == 3

    asyncio.run(scenario())


def test_nothing_rises_before_the_retry_after_has_passed() -> None:
    async def scenario() -> None:
        bench = Bench(16)
        await bench.refuse_one(retry_after_sec=30.0)
        lowered = bench.limiter.limit
        for _ in range(5):
            await bench.clean_round()
        assert bench.limiter.limit == lowered
        bench.now_sec = 30.0
        await bench.clean_round()
        assert bench.limiter.limit > lowered

    asyncio.run(scenario())


def test_slots_go_to_whoever_waits_longest_and_a_cancelled_waiter_loses_none() -> None:
    async def scenario() -> None:
        bench = Bench(1)
        held = await bench.limiter.acquire()
        order: list[str] = []

        async def wait(name: str) -> None:
            slot = await bench.limiter.acquire()
            order.append(name)
            bench.limiter.give_back(slot, was_answered=False)

        tasks = [asyncio.ensure_future(wait(name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        bench.limiter.give_back(held, was_answered=False)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["a", "c"]
        assert bench.limiter.in_flight == 0

    asyncio.run(scenario())


def test_a_waiter_cancelled_just_as_it_gets_a_slot_gives_it_back() -> None:
    async def scenario() -> None:
        bench = Bench(1)
        held = await bench.limiter.acquire()
        waiting = asyncio.ensure_future(bench.limiter.acquire())
        await asyncio.sleep(0)
        bench.limiter.give_back(held, was_answered=False)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert bench.limiter.in_flight == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_requests_are_in_flight_than_set(concurrency: int) -> None:
    with ScriptedServer(lambda _received: Say('{"a": 1}', delay_sec=0.02)) as server:
        asked = [question(f"video {number}") for number in range(12)]
        run(ask_all(settings_for(server.base_url, concurrency=concurrency), asked, MemoryJournal()))
    assert server.most_in_flight == concurrency


def test_a_429_lowers_for_everybody_and_the_run_recovers() -> None:
    watcher = Watcher()

    def script(received: Received) -> Step:
        return (
            Status(429, "later") if 4 <= received.number <= 7 else Say('{"a": 1}', delay_sec=0.01)
        )

    with ScriptedServer(script) as server:
        asked = [question(f"video {number}") for number in range(60)]
        settings = settings_for(server.base_url, concurrency=6, endpoint_patience_sec=10.0)
        answers = run(ask_all(settings, asked, MemoryJournal(), observer=watcher))
    assert all(getattr(answer, "value", None) == 1 for answer in answers)
    changes = [(event.old, event.new) for event in watcher.of(LimitChanged)]
    assert changes[0] == (6, 4)
    assert any(new > old for old, new in changes)
    assert len(server.requests) == 64


def test_one_absurd_retry_after_holds_nobody_for_long() -> None:
    async def scenario() -> None:
        bench = Bench(16)
        await bench.refuse_one(retry_after_sec=5000.0)
        bench.now_sec = LONGEST_HOLD_SEC
        await bench.clean_round()
        assert bench.limiter.limit > 12

    asyncio.run(scenario())


@pytest.mark.waits
@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, {"retry-after": "1"}])
def test_a_limit_by_time_is_waited_for_by_everybody(headers: dict[str, str]) -> None:
    """Five requests a second are taken, and forty questions wait."""
    window = {"began_sec": 0.0, "taken": 0}
    refused = []

    def script(received: Received) -> Step:
        if received.arrived_sec >= window["began_sec"] + 1.0:
            window.update(began_sec=received.arrived_sec, taken=0)
        window["taken"] += 1
        if window["taken"] <= 5:
            return Say('{"a": 1}', delay_sec=0.01)
        refused.append(received.number)
        return Status(429, "five a second", headers=headers)

    with ScriptedServer(script) as server:
        asked = [question(f"video {number}") for number in range(40)]
        settings = settings_for(
            server.base_url, concurrency=8, api_call_retry_backoff_sec=0.2,
            endpoint_patience_sec=60.0,
        )  # fmt: skip
        answers = run(ask_all(settings, asked, MemoryJournal()))
    assert all(getattr(answer, "value", None) == 1 for answer in answers)
    assert len(refused) <= len(asked)


def ideal_sec(schedule: list[tuple[float, int]], answers: int, latency_sec: float) -> float:
    """How long a run takes that always knows how many requests are allowed."""
    now_sec, done = 0.0, 0.0
    while done < answers:
        allowed = [most for start_sec, most in schedule if start_sec <= now_sec][-1]
        done += allowed * 0.01 / latency_sec
        now_sec += 0.01
    return now_sec


@pytest.mark.waits
@pytest.mark.slow
def test_a_server_that_allows_so_many_in_flight_is_followed_as_it_changes() -> None:
    latency_sec, schedule = 0.25, [(0.0, 6), (15.0, 3), (30.0, 10)]
    chosen = random.Random(1)
    arrived: list[tuple[float, bool]] = []
    told: dict[str, float] = {}
    too_early: list[str] = []
    began = time.monotonic()

    def script(received: Received) -> Step:
        now_sec = received.arrived_sec - began
        allowed = [most for start_sec, most in schedule if start_sec <= now_sec][-1]
        name = received.texts[-1]
        if now_sec < told.get(name, 0.0):
            too_early.append(name)
        is_fine = received.in_flight <= allowed
        arrived.append((now_sec, is_fine))
        if is_fine:
            # Answers of one length would come, and let the next ones go, all at the same moment.
            return Say('{"a": 1}', delay_sec=latency_sec * chosen.uniform(0.5, 1.5))
        headers = {"retry-after": "1"} if len(arrived) % 2 else {}
        told[name] = now_sec + float(headers.get("retry-after", 0))
        return Status(429, "too many", headers=headers)

    asked: list[Any] = [question(f"v{number}", user=f"v{number}") for number in range(700)]
    with ScriptedServer(script) as server:
        settings = settings_for(
            server.base_url, concurrency=16, api_call_retry_backoff_sec=1.0,
            endpoint_patience_sec=600.0,
        )  # fmt: skip
        began = time.monotonic()
        answers = run(ask_all(settings, asked, MemoryJournal()))
        took_sec = time.monotonic() - began
    assert all(getattr(answer, "value", None) == 1 for answer in answers)
    assert not too_early
    late = [is_fine for now_sec, is_fine in arrived if now_sec >= 20.0]
    assert late.count(False) <= 0.05 * len(late)
    assert took_sec <= 1.35 * ideal_sec(schedule, len(asked), latency_sec)
