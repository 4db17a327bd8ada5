"""An application in this process is reached as a server is: piece by piece, and left at will."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from tests.vlm.helpers import run
from three_stage.vlm.in_process import InProcess


def client(application: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=InProcess(application), base_url="http://here")


async def _say(send: Any, *pieces: bytes, more: bool = False) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if not more:
        await send({"type": "http.response.body"})


def test_question_and_answer_pass_piece_by_piece() -> None:
    async def work() -> None:
        asked: list[Any] = []
        may_go_on = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            while (message := await receive())["more_body"]:
                asked.append(message["body"])
            asked.append((scope["method"], scope["path"], scope["query_string"]))
            await _say(send, b"one", more=True)
            await may_go_on.wait()
            await send({"type": "http.response.body", "body": b"two"})
            asked.append((await receive())["type"])

        async def question() -> Any:
            yield b"a"
            yield b"b"

        async with (
            client(application) as asking,
            asking.stream("POST", "/p?q=1", content=question()) as response,
        ):
            assert (response.status_code, response.headers["x-a"]) == (200, "b")
            pieces = response.aiter_bytes()
            assert await anext(pieces) == b"one"
            may_go_on.set()
            assert [piece async for piece in pieces] == [b"two"]
        assert asked == [b"a", b"b", ("POST", "/p", b"q=1"), "http.disconnect"]

    run(work())


def test_who_closes_early_has_left_and_nobody_works_on() -> None:
    async def work() -> None:
        seen: list[str] = []

        async def listens(_scope: Any, receive: Any, send: Any) -> None:
            while (await receive())["more_body"]:
                pass
            await _say(send, *[b"x"] * 100, more=True)
            seen.append((await receive())["type"])

        async def is_deaf(_scope: Any, _receive: Any, send: Any) -> None:
            try:
                await _say(send, b"x", more=True)
                await asyncio.sleep(60)
            finally:
                seen.append("ended")

        for application in (listens, is_deaf):
            async with (
                client(application) as asking,
                asking.stream("GET", "/") as response,
            ):
                assert await anext(response.aiter_bytes()) == b"x"
        assert seen == ["http.disconnect", "ended"]

    run(work())


def test_leaving_before_the_head_ends_the_work_too() -> None:
    async def work() -> None:
        ended = asyncio.Event()

        async def application(_scope: Any, _receive: Any, _send: Any) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        async with client(application) as asking:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asking.get("/")
        assert ended.is_set()

    run(work())


def test_a_failing_application_fails_the_request() -> None:
    async def work() -> None:
        async def before(_scope: Any, _receive: Any, _send: Any) -> None:
            raise ValueError("before")

        async def within(_scope: Any, _receive: Any, send: Any) -> None:
            await _say(send, b"x", more=True)
            raise ValueError("within")

        async def silent(_scope: Any, _receive: Any, _send: Any) -> None:
            return

        async with client(before) as asking:
            with pytest.raises(ValueError, match="before"):
                await asking.get("/")
        async with client(within) as asking:
            with pytest.raises(httpx2.ReadError):
                await asking.get("/")
        async with client(silent) as asking:
            with pytest.raises(httpx2.RemoteProtocolError):
                await asking.get("/")

    run(work())
