"""An answer to a person is seen being written, in words, and a reader who leaves ends it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import cv2
import numpy as np
import openai
import pytest

from tests.offline import conversations as known
from tests.support.loopback import on_loopback
from three_stage.vlm.offline import create_app
from three_stage.vlm.offline.app import MOST_WRITING_SEC

PARTS = known.known_parts()
SUMMARY = known.talk(PARTS, "What happens?")


class Counted:
    """The application, and how many events of answers it has sent."""

    def __init__(self) -> None:
        self.events = 0
        self._app = create_app()

    async def __call__(
        self, scope: Any, receive: Any, send: Callable[..., Awaitable[None]]
    ) -> None:
        async def counting(message: Any) -> None:
            self.events += bool(message.get("body"))
            await send(message)

        await self._app(scope, receive, counting)


@pytest.fixture(scope="module")
def counted() -> Counted:
    return Counted()


@pytest.fixture(scope="module")
def client(counted: Counted) -> Iterator[openai.OpenAI]:
    with (
        on_loopback(counted) as url,
        openai.OpenAI(base_url=url, api_key="EMPTY", max_retries=0) as client,
    ):
        yield client


def streamed(client: openai.OpenAI, body: dict[str, Any]) -> list[str]:
    chunks = client.chat.completions.create(**body, stream=True)
    return [text for chunk in chunks if chunk.choices and (text := chunk.choices[0].delta.content)]


@pytest.mark.parametrize("question", ["What happens?", "画面里发生了什么?"])
def test_the_words_of_a_stream_are_the_text_of_the_whole(
    client: openai.OpenAI, question: str
) -> None:
    body = known.talk(PARTS, question)
    whole = client.chat.completions.create(**body).choices[0].message.content
    pieces = streamed(client, body)
    assert "".join(pieces) == whole
    assert len(pieces) > 30
    assert max(map(len, pieces)) < 25


def test_words_come_one_after_the_other_and_a_long_answer_takes_no_longer(
    client: openai.OpenAI,
) -> None:
    started_sec = time.monotonic()
    moments_sec = [
        time.monotonic() - started_sec
        for _ in client.chat.completions.create(**SUMMARY, stream=True)
    ]
    writing_sec = moments_sec[-1] - moments_sec[1]
    assert writing_sec > 0.2
    # Pauses are taken by the clock; the rest is a busy machine.
    assert writing_sec < MOST_WRITING_SEC + 1.5


def test_an_answer_that_nobody_reads_on_is_not_written_on(
    client: openai.OpenAI, counted: Counted
) -> None:
    before = counted.events
    whole = len(streamed(client, SUMMARY))
    assert counted.events - before >= whole
    before = counted.events
    with client.chat.completions.create(**SUMMARY, stream=True) as stream:
        for number, _ in enumerate(stream):
            if number == 3:
                break
    time.sleep(0.3)
    left_at = counted.events
    time.sleep(0.3)
    assert counted.events == left_at
    assert left_at - before < whole


@pytest.mark.slow
def test_the_first_word_comes_soon(client: openai.OpenAI) -> None:
    rough = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 40, (576, 1024)), (0, 0), 1.5)
    pictures = [
        np.clip(60 + 2 * index + rough[..., None].repeat(3, 2), 0, 255).astype(np.uint8)
        for index in range(50)
    ]
    parts = known.labelled(pictures, [1.2 * index for index in range(50)])
    client.models.list()
    took_sec = []
    for _ in range(3):
        # Of client and model together; time on the clock would tell how busy the machine is.
        started_sec = time.process_time()
        for chunk in client.chat.completions.create(**known.talk(parts, "?"), stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                break
        took_sec.append(time.process_time() - started_sec)
    assert min(took_sec) < 0.8
