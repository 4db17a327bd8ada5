"""The official client talks to the embedded model unchanged, over real HTTP and in process."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
import uvicorn

from schemas.plan import DraftPlan
from tests.offline import scenes
from three_stage.vlm.offline import create_app
from three_stage.vlm.offline.request import text_tokens

BODY = scenes.body(
    scenes.picture_parts(scenes.activities([4, 4, 4])), scenes.draft_text(12), "draft_plan"
)


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    """Serve the application on a free port of loopback and yield the official client for it."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(), host="127.0.0.1", port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    with openai.OpenAI(base_url=url, api_key="EMPTY", max_retries=0) as client:
        yield client
    server.should_exit = True
    thread.join(10)


def test_the_official_client_gets_a_valid_plan(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(**BODY)
    choice = completion.choices[0]
    DraftPlan.model_validate_json(choice.message.content or "")
    assert choice.finish_reason == "stop"
    assert completion.model == "offline"
    assert completion.system_fingerprint == "offline"
    assert completion.usage is not None
    # 480 x 270 pixels are 15 x 9 patches of 32 x 32.
    texts = [BODY["messages"][0]["content"], BODY["messages"][1]["content"][-1]["text"]]
    assert completion.usage.prompt_tokens == 12 * 15 * 9 + sum(map(text_tokens, texts))
    assert completion.usage.total_tokens == (
        completion.usage.prompt_tokens + completion.usage.completion_tokens
    )


def test_a_stream_holds_the_same_text_and_ends_with_the_usage(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**BODY)
    chunks = list(
        client.chat.completions.create(**BODY, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 10
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_without_include_usage_has_no_usage(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(**BODY, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_the_model_lists_itself(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["offline"]
    assert client.models.retrieve("some/other-name").id == "some/other-name"


def test_any_model_name_is_taken_and_echoed(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(**{**BODY, "model": "Qwen/Qwen3-VL"})
    assert completion.model == "Qwen/Qwen3-VL"


def test_the_client_sees_an_error_as_its_own_class(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="offline",
            messages=[{"role": "user", "content": "Hello?"}],
            response_format=BODY["response_format"],
        )
    assert caught.value.code == "no_pictures"
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param == "messages"


def test_the_asynchronous_client_reaches_it_in_process() -> None:
    async def ask() -> tuple[str, str | None]:
        transport = httpx2.ASGITransport(app=create_app())
        async with openai.AsyncOpenAI(
            base_url="http://offline.invalid/v1",
            api_key="EMPTY",
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=transport),
        ) as client:
            completion = await client.chat.completions.create(**BODY)
            text = ""
            async for chunk in await client.chat.completions.create(**BODY, stream=True):
                text += chunk.choices[0].delta.content or ""
        return text, completion.choices[0].message.content

    streamed, whole = asyncio.run(ask())
    assert streamed == whole
    DraftPlan.model_validate_json(streamed)


def test_one_application_serves_many_at_once_and_every_answer_is_its_own() -> None:
    bodies = [
        scenes.body(scenes.picture_parts(scenes.activities([5] * steps)), "", "draft_plan")
        for steps in (3, 4, 5, 6)
    ]

    async def ask_all() -> list[int]:
        transport = httpx2.ASGITransport(app=create_app())
        async with httpx2.AsyncClient(transport=transport, base_url="http://x.invalid") as client:
            answers = await asyncio.gather(
                *(client.post("/v1/chat/completions", json=body) for body in bodies)
            )
        plans = [answer.json()["choices"][0]["message"]["content"] for answer in answers]
        return [len(json.loads(plan)["steps"]) for plan in plans]

    assert asyncio.run(ask_all()) == [3, 4, 5, 6]


def test_headers_change_nothing(post: Callable[..., httpx2.Response]) -> None:
    plain = post(BODY)
    private = post(
        BODY,
        headers={
            "X-Model-Provider-Id": "offline", "X-Video-Id": "kitchen", "X-Stage": "stage3",
            "X-Step-Count": "5", "X-True-Boundaries": "3,9,12", "Authorization": "Bearer other",
        },
    )  # fmt: skip
    assert {**private.json(), "created": 0} == {**plain.json(), "created": 0}
    assert dict(private.headers) == dict(plain.headers)


def test_the_same_body_gets_the_same_answer_and_request_id(
    post: Callable[..., httpx2.Response],
) -> None:
    one, two = post(BODY), post(BODY)
    assert one.json()["choices"] == two.json()["choices"]
    assert one.headers["x-request-id"] == two.headers["x-request-id"]
    other = post({**BODY, "temperature": 0.5})
    assert other.headers["x-request-id"] != one.headers["x-request-id"]


def test_a_small_token_budget_cuts_the_answer_and_says_so(
    post: Callable[..., httpx2.Response],
) -> None:
    whole = post(BODY).json()["choices"][0]["message"]["content"]
    for name in ("max_tokens", "max_completion_tokens"):
        cut: dict[str, Any] = post({**BODY, name: 50}).json()
        assert cut["choices"][0]["finish_reason"] == "length"
        assert cut["usage"]["completion_tokens"] == 50
        assert whole.startswith(cut["choices"][0]["message"]["content"])
    enough = text_tokens(whole)
    assert post({**BODY, "max_tokens": enough}).json()["choices"][0]["finish_reason"] == "stop"


def test_it_says_that_it_is_healthy() -> None:
    async def get() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=create_app())
        async with httpx2.AsyncClient(transport=transport, base_url="http://x.invalid") as client:
            return await client.get("/healthz")

    response = asyncio.run(get())
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
