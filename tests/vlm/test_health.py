"""Who may send now: the state of the endpoint, with a clock and a sleep of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.vlm.helpers import Watcher
from three_stage.vlm import EndpointDownError, EndpointRefusedError, RunPaused
from three_stage.vlm.health import FAILURES_IN_A_ROW, EndpointHealth, Pass


class Bench:
    """A health whose sleeps pass at once, on a clock that they move."""

    def __init__(self, *, patience_sec: float = 100.0) -> None:
        self.now_sec = 0.0
        self.slept: list[float] = []
        self.watcher = Watcher()
        self.is_asleep = asyncio.Event()
        self.may_wake = asyncio.Event()
        self.may_wake.set()
        self.health = EndpointHealth(
            patience_sec=patience_sec,
            first_pause_sec=1.0,
            clock=lambda: self.now_sec,
            sleep=self._sleep,
            observer=self.watcher,
        )

    async def _sleep(self, duration_sec: float) -> None:
        self.slept.append(duration_sec)
        self.is_asleep.set()
        await self.may_wake.wait()
        self.now_sec += duration_sec

    async def fail(self, times: int = 1) -> None:
        for _ in range(times):
            given = await self.health.admit()
            self.health.failed(given, "no answer")
            self.health.leave(given)

    async def prove(self) -> None:
        given = await self.health.admit()
        self.health.answered()
        self.health.leave(given)


def scenario(play: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        await play()

    asyncio.run(played())


def test_one_goes_alone_until_the_endpoint_has_answered_then_all_go() -> None:
    async def play() -> None:
        bench = Bench()
        scout = await bench.health.admit()
        assert scout.is_scout
        others = [asyncio.ensure_future(bench.health.admit()) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in others)
        bench.health.answered()
        bench.health.leave(scout)
        assert await asyncio.gather(*others) == [Pass(is_scout=False)] * 5

    scenario(play)


def test_a_scout_that_gives_up_hands_its_turn_to_the_next() -> None:
    async def play() -> None:
        bench = Bench()
        scout = await bench.health.admit()
        waiting = [asyncio.ensure_future(bench.health.admit()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        bench.health.leave(scout)
        assert (await waiting[1]).is_scout
        assert not waiting[2].done()

    scenario(play)


def test_one_cancelled_just_as_it_becomes_scout_hands_on_its_turn() -> None:
    async def play() -> None:
        bench = Bench()
        scout = await bench.health.admit()
        first = asyncio.ensure_future(bench.health.admit())
        second = asyncio.ensure_future(bench.health.admit())
        await asyncio.sleep(0)
        bench.health.leave(scout)
        first.cancel()
        assert (await second).is_scout

    scenario(play)


def test_failures_in_a_row_pause_the_run_and_an_answer_between_starts_the_count_anew() -> None:
    async def play() -> None:
        bench = Bench()
        await bench.prove()
        await bench.fail(FAILURES_IN_A_ROW - 1)
        await bench.prove()
        await bench.fail(FAILURES_IN_A_ROW - 1)
        assert not bench.health.is_down
        await bench.fail()
        assert bench.health.is_down
        assert bench.watcher.of(RunPaused) == [RunPaused(reason="no answer", next_try_in_sec=1.0)]

    scenario(play)


def test_pauses_double_up_to_half_a_minute_and_begin_anew_after_an_answer() -> None:
    async def play() -> None:
        bench = Bench(patience_sec=1000.0)
        await bench.prove()
        await bench.fail(FAILURES_IN_A_ROW + 7)
        assert bench.slept == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        await bench.prove()
        assert not bench.health.is_down
        await bench.fail(FAILURES_IN_A_ROW + 1)
        assert bench.slept[-1] == 1.0

    scenario(play)


def test_the_patience_ends_the_run_for_everybody_who_waits_and_who_comes() -> None:
    async def play() -> None:
        bench = Bench(patience_sec=10.0)
        await bench.prove()
        await bench.fail(FAILURES_IN_A_ROW)
        waiting = [asyncio.ensure_future(bench.fail(20)) for _ in range(3)]
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [EndpointDownError] * 3
        assert len({id(end) for end in ends}) == 3
        # The last pause is shortened, so that the run ends when the patience does.
        assert bench.now_sec == pytest.approx(10.0)
        with pytest.raises(EndpointDownError, match="no answer for 10 s"):
            await bench.health.admit()

    scenario(play)


def test_a_scout_cancelled_in_its_pause_hands_on_its_turn() -> None:
    async def play() -> None:
        bench = Bench()
        await bench.prove()
        await bench.fail(FAILURES_IN_A_ROW)
        bench.may_wake.clear()
        first = asyncio.ensure_future(bench.health.admit())
        await bench.is_asleep.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        bench.may_wake.set()
        assert (await bench.health.admit()).is_scout

    scenario(play)


def test_the_end_of_the_run_wakes_who_rests() -> None:
    async def play() -> None:
        bench = Bench()
        bench.may_wake.clear()
        resting = asyncio.ensure_future(bench.health.rest(3600.0))
        await bench.is_asleep.wait()
        bench.health.end(EndpointRefusedError("the key is wrong", hint="Check it."))
        with pytest.raises(EndpointRefusedError, match=r"the key is wrong Check it\."):
            await resting

    scenario(play)


def test_only_the_first_reason_ends_the_run() -> None:
    async def play() -> None:
        bench = Bench()
        bench.health.end(EndpointRefusedError("first"))
        bench.health.end(EndpointDownError("second"))
        bench.health.pause("third")
        assert not bench.health.is_down
        with pytest.raises(EndpointRefusedError, match="first"):
            await bench.health.admit()

    scenario(play)


def test_an_answer_to_a_straggler_ends_the_pause() -> None:
    async def play() -> None:
        bench = Bench()
        await bench.prove()
        straggler = await bench.health.admit()
        await bench.fail(FAILURES_IN_A_ROW)
        assert not bench.health.admits(straggler)
        bench.health.answered()
        assert bench.health.admits(straggler)

    scenario(play)
