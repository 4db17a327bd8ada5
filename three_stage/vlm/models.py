"""Which models an endpoint says it has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.diagnosis import RequestFacts
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.faults import Fault

if TYPE_CHECKING:
    from three_stage.vlm.wire import Wire


async def list_models(endpoint: Endpoint, *, timeout_sec: float) -> tuple[str, ...] | Fault:
    """Return the names that ``GET {base}/models`` lists, or why there was no answer.

    Empty when the endpoint answers and lists nothing: not every server knows this request. A web
    page (a login, a wrong address) is a Fault.
    """
    wire = await asyncio.to_thread(_connect, endpoint)
    try:
        return await wire.model_names(nothing_sent(endpoint), timeout_sec=timeout_sec)
    finally:
        await wire.close()


def _connect(endpoint: Endpoint) -> Wire:
    from three_stage.vlm.wire import Wire  # noqa: PLC0415 - the openai client is slow to import

    return Wire(endpoint, concurrency=1)


def nothing_sent(endpoint: Endpoint) -> RequestFacts:
    """Return the facts of a request without a question."""
    options = WireOptions(
        mode="prompt", shows_schema=False, tokens_field=endpoint.tokens_field,
        sends_temperature=False,
    )  # fmt: skip
    return RequestFacts(endpoint=endpoint, options=options, pictures=0, body_bytes=0)
