"""A tiny request that tells one question which nobody can digest from an endpoint that is down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from schemas.files import Usage
from three_stage.vlm.budget import Budget
from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.diagnosis import RequestFacts
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.errors import BudgetReachedError
from three_stage.vlm.faults import FaultKind
from three_stage.vlm.replies import Reply

if TYPE_CHECKING:
    from three_stage.vlm.wire import Wire

_ASKED = "Say yes."
_MAX_TOKENS = 16
# A model that thinks may write more than it is allowed; the marks around a text count too.
_MOST = (200, 500)
_LONGEST_WAIT_SEC = 20.0


async def shows_life(
    wire: Wire, endpoint: Endpoint, options: WireOptions, budget: Budget, *, timeout_sec: float
) -> bool:
    """Ask for one word; tell whether the endpoint answers, be it that it wants other words.

    It belongs to no video, so it stands in no journal; the budget counts it, and nothing is learnt
    from it. Without room in the budget nothing is sent, and the answer is no.
    """
    try:
        reservation = budget.reserve(*_MOST)
    except BudgetReachedError:
        return False
    if reservation is None:
        return False
    body = json.dumps(
        {
            "model": endpoint.model,
            "messages": [{"role": "user", "content": _ASKED}],
            options.tokens_field: _MAX_TOKENS,
        }
    ).encode()
    facts = RequestFacts(endpoint=endpoint, options=options, pictures=0, body_bytes=len(body))
    used = Usage(requests=1)
    try:
        outcome = await wire.post(body, facts, timeout_sec=min(timeout_sec, _LONGEST_WAIT_SEC))
        if isinstance(outcome, Reply):
            used = outcome.usage or budget.most_of(reservation)
    finally:
        budget.release(reservation)
        budget.charge(used)
    answers = (FaultKind.REQUEST, FaultKind.CAPABILITY)
    return isinstance(outcome, Reply) or outcome.kind in answers
