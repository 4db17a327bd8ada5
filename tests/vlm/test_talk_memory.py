"""Many talks at once with large bodies: the bodies are gone while the answers are written."""

from __future__ import annotations

import asyncio
import os
import tracemalloc

import pytest

from tests.vlm.helpers import run, settings_for
from tests.vlm.live_server import WHOLE, Exchange, live_server, says
from three_stage.vlm import End, Picture, Piece, Remark, Talk, Talker, resolve_endpoint

TALKS = 30
PICTURE_BYTES = 100_000
BODY_BYTES = 20 * PICTURE_BYTES * 4 // 3


@pytest.mark.slow
def test_bodies_do_not_pile_up_while_answers_are_written() -> None:
    shown = tuple(Picture(os.urandom(PICTURE_BYTES), 64, 48, f"Frame {i}") for i in range(20))

    async def work() -> None:
        may_go_on = asyncio.Event()
        begun = 0
        all_begun = asyncio.Event()

        async def script(exchange: Exchange) -> None:
            await exchange.write(says("!"))
            await may_go_on.wait()
            await exchange.write(says("!") + WHOLE)

        async def one(talker: Talker, number: int) -> bool:
            nonlocal begun
            asked = Remark("user", (shown, "What happens?"))
            talk = Talk(subject=f"talk {number}", remarks=(asked,), model="m")
            events = []
            async for event in talker.talk(talk):
                events.append(event)
                if len(events) == 1 and isinstance(event, Piece):
                    begun += 1
                    if begun == TALKS:
                        all_begun.set()
            return isinstance(events[-1], End)

        async with live_server(script, keeps_bodies=False) as server:
            settings = settings_for(server.url, concurrency=TALKS, api_timeout_sec=60.0)
            async with Talker(resolve_endpoint(settings), settings) as talker:
                tracemalloc.start()
                try:
                    tasks = [asyncio.ensure_future(one(talker, i)) for i in range(TALKS)]
                    await asyncio.wait_for(all_begun.wait(), 60)
                    kept, most = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
                may_go_on.set()
                assert all(await asyncio.gather(*tasks))
        assert kept < 2 * BODY_BYTES
        assert most < 0.6 * TALKS * BODY_BYTES

    run(work())
