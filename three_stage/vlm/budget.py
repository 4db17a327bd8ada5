"""What a run may cost: stops before the request that would pass the cap.

A request reserves what it can cost at most: its estimated prompt tokens, and every token that it
may answer with. When it comes back, what it really used takes the reservation's place. A request
that fits only when others have come back waits for them. A request that the server may have worked
on, and that got no answer, is counted with all that it reserved.

A server whose prompts take more than we estimate, or that writes more than it is allowed to,
teaches how much more; from then on that counts for every request, those in flight included. What
cannot be known before: such a server passes the cap by what its requests in flight take over their
reservations, until the first of them came back. A run's first request goes alone, so a server that
always does so is known before many are in flight. Nor can it be known what a server bills and does
not tell: tokens of thoughts that stand in no usage, or an answer whose usage was not told.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from schemas.files import Usage
from three_stage.settings import BudgetSettings, UsageError
from three_stage.vlm.errors import BudgetReachedError

_MOST_TOKENS = 10**15
"""More than any account holds: a larger count is a mistake of the server's, and breaks floats."""

_RATES = ("input_per_million", "output_per_million")
_PRICES_LOOK = '{"MODEL": {"input_per_million": 0.3, "output_per_million": 1.5, "currency": "USD"}}'


@dataclass(frozen=True, kw_only=True)
class Price:
    """Of one million tokens, in and out, in ``currency``."""

    input_per_million: float
    output_per_million: float
    currency: str = ""

    def cost_of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price of this many tokens."""
        prompt = min(prompt_tokens, _MOST_TOKENS) * self.input_per_million
        completion = min(completion_tokens, _MOST_TOKENS) * self.output_per_million
        return (prompt + completion) / 1_000_000


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What one request in flight should use at most, by our own estimate."""

    estimated_prompt_tokens: int
    max_tokens: int


class Budget:
    """The tokens and the money of one run; None for a cap that is not set, or an unknown price."""

    def __init__(
        self,
        *,
        max_cost: float | None = None,
        max_total_tokens: int | None = None,
        price: Price | None = None,
    ) -> None:
        if max_cost is not None and price is None:
            raise ValueError("a cost cap needs a price")
        self._max_cost = max_cost
        self._max_total_tokens = max_total_tokens
        self._price = price
        self._spent = Usage()
        self._reserved: list[Reservation] = []
        self._prompt_factor = Fraction(1)
        self._completion_factor = Fraction(1)
        self._came_back = asyncio.Event()

    @classmethod
    def from_settings(cls, settings: BudgetSettings, *, model: str) -> Budget:
        """Read the caps and the model's price.

        Raises UsageError when --max-cost is given and the model's price is not, or when the prices
        file cannot be read.
        """
        price = None if settings.prices is None else _read_price(settings.prices, model)
        if settings.max_cost is not None and price is None:
            where = "no --prices" if settings.prices is None else f"{settings.prices} does not"
            raise UsageError(
                f"--max-cost needs the price of the model {model}, and {where}"
                f"{'' if settings.prices is None else ' name it'}.",
                hint=f"Give --prices FILE with {_PRICES_LOOK}.",
            )
        return cls(
            max_cost=settings.max_cost, max_total_tokens=settings.max_total_tokens, price=price
        )

    @property
    def spent(self) -> Usage:
        """What this run has used so far."""
        return self._spent

    @property
    def spent_cost(self) -> float | None:
        """What this run has cost so far; None without a price."""
        return self.cost_of(self._spent)

    @property
    def currency(self) -> str:
        """Of every cost; empty when not told."""
        return self._price.currency if self._price is not None else ""

    def cost_of(self, usage: Usage) -> float | None:
        """Return what this usage costs; None without a price."""
        if self._price is None:
            return None
        return self._price.cost_of(usage.prompt_tokens, usage.completion_tokens)

    def reserve(self, estimated_prompt_tokens: int, max_tokens: int) -> Reservation | None:
        """Reserve what a request may use; None when it fits only after others came back.

        Raises BudgetReachedError when it would pass a cap even then.
        """
        wanted = Reservation(estimated_prompt_tokens=estimated_prompt_tokens, max_tokens=max_tokens)
        if self._passed_cap([*self._reserved, wanted]) is None:
            self._reserved.append(wanted)
            return wanted
        passed = self._passed_cap([wanted])
        if passed is not None:
            raise BudgetReachedError(
                f"The next request could pass {passed}.",
                hint="Everything done so far is kept: raise the cap and run again.",
            )
        self._came_back.clear()
        return None

    def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Put what a request used in its reservation's place, and learn from it."""
        self.release(reservation)
        self.charge(usage)
        self._prompt_factor = max(
            self._prompt_factor, _ratio(usage.prompt_tokens, reservation.estimated_prompt_tokens)
        )
        self._completion_factor = max(
            self._completion_factor, _ratio(usage.completion_tokens, reservation.max_tokens)
        )

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back; what its request used is told with ``charge``."""
        self._reserved.remove(reservation)
        self._came_back.set()

    def charge(self, usage: Usage) -> None:
        """Count what was used."""
        self._spent = self._spent.plus(
            Usage(
                requests=usage.requests,
                prompt_tokens=min(usage.prompt_tokens, _MOST_TOKENS),
                completion_tokens=min(usage.completion_tokens, _MOST_TOKENS),
                cached_tokens=min(usage.cached_tokens, _MOST_TOKENS),
            )
        )

    def most_of(self, reservation: Reservation) -> Usage:
        """Return what a reserved request takes at most, by all that was learnt so far."""
        return Usage(
            requests=1,
            prompt_tokens=math.ceil(reservation.estimated_prompt_tokens * self._prompt_factor),
            completion_tokens=math.ceil(reservation.max_tokens * self._completion_factor),
        )

    async def wait_for_room(self) -> None:
        """Wait until a request came back."""
        await self._came_back.wait()

    def _passed_cap(self, reserved: list[Reservation]) -> str | None:
        """Name the cap that this would pass, with its figures; None when it passes none."""
        total = self._spent
        for one in reserved:
            total = total.plus(self.most_of(one))
        prompt, completion = total.prompt_tokens, total.completion_tokens
        cap = self._max_total_tokens
        if cap is not None and prompt + completion > cap:
            return (
                f"--max-total-tokens {cap}: {self._spent.total_tokens} are used, and it may take "
                f"{prompt + completion - self._spent.total_tokens} more"
            )
        if self._max_cost is None or self._price is None:
            return None
        cost = self._price.cost_of(prompt, completion)
        if cost <= self._max_cost:
            return None
        spent = self._price.cost_of(self._spent.prompt_tokens, self._spent.completion_tokens)
        return (
            f"--max-cost {self._max_cost:g} {self.currency}: {spent:.4f} is spent, and it may cost "
            f"{cost - spent:.4f} more"
        )


def _ratio(used: int, expected: int) -> Fraction:
    return Fraction(min(used, _MOST_TOKENS), max(1, expected))


def _read_price(path: Path, model: str) -> Price | None:
    """Return a model's price from a file; None when the file does not name the model."""
    try:
        prices = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--prices {path} cannot be read: {error}.", hint=f"It looks like {_PRICES_LOOK}."
        ) from None
    entry = prices.get(model) if isinstance(prices, dict) else None
    if isinstance(prices, dict) and entry is None:
        return None
    price = _as_price(entry)
    if price is None:
        raise UsageError(
            f"--prices {path} has no usable price for the model {model}.",
            hint=f"It looks like {_PRICES_LOOK}.",
        )
    return price


def _as_price(entry: Any) -> Price | None:
    if not isinstance(entry, dict):
        return None
    rate_in, rate_out = (_rate(entry.get(name)) for name in _RATES)
    currency = entry.get("currency", "")
    if rate_in is None or rate_out is None or not isinstance(currency, str):
        return None
    return Price(input_per_million=rate_in, output_per_million=rate_out, currency=currency)


def _rate(value: object) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < math.inf else None
