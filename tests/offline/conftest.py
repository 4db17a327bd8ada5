"""One application for the tests of this folder, asked as a client asks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import pytest

from three_stage.vlm.offline import create_app

Post = Callable[..., httpx2.Response]


@pytest.fixture(scope="session")
def post() -> Post:
    """Return a function that posts a body to the application and returns the whole response."""
    app = create_app()

    async def send(
        body: Any, path: str = "/v1/chat/completions", headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://offline.invalid"
        ) as client:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await client.post(path, content=content, headers=headers)

    return lambda *args, **kwargs: asyncio.run(send(*args, **kwargs))


@pytest.fixture(scope="session")
def ask(post: Post) -> Callable[[Any], str]:
    """Return a function that posts a body and returns the text of the answer."""

    def text_of(body: Any) -> str:
        response = post(body)
        assert response.status_code == 200, response.text
        text = response.json()["choices"][0]["message"]["content"]
        assert isinstance(text, str)
        return text

    return text_of
