"""Many pieces of work at once, their results in the order in which they were given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_order(
    work: Iterable[Coroutine[Any, Any, T]], on_result: Callable[[T], None]
) -> list[T]:
    """Start all of it and return the results in order.

    ``on_result`` gets each as soon as all before it are there. The first error stops the rest and
    is passed on.
    """
    results = []
    tasks = [asyncio.create_task(one) for one in work]
    try:
        for task in tasks:
            results.append(await task)
            on_result(results[-1])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return results
