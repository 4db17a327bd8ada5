"""A cap holds against servers that bill more than they should, and nothing is lost in counting."""

from __future__ import annotations

import pytest

from schemas.files import Usage
from tests.support.scripted_server import Received, Say, ScriptedServer, Status, Step
from tests.vlm.helpers import MemoryJournal, ask_all, ask_one, question, run, settings_for
from three_stage.vlm import Budget, BudgetReachedError, Price

pytestmark = pytest.mark.slow  # waits, or many answers; CI runs it

CAP = 12_000
MAX_TOKENS = 500
CONCURRENCY = 8


def spends(cap: int, script: object) -> tuple[int, int]:
    """Ask forty questions under a cap; return how many were sent and answered."""
    asked = [question(f"video {number}") for number in range(40)]
    with ScriptedServer(script) as server:  # type: ignore[arg-type]
        settings = settings_for(
            server.base_url, max_tokens=MAX_TOKENS, concurrency=CONCURRENCY,
            api_call_retry_backoff_sec=0.001,
        )  # fmt: skip
        budget = Budget(max_total_tokens=cap)
        answers = run(ask_all(settings, asked, MemoryJournal(), budget=budget))
    assert any(isinstance(answer, BudgetReachedError) for answer in answers)
    answered = sum(not isinstance(answer, BaseException) for answer in answers)
    return len(server.requests), answered


def test_a_server_that_bills_its_5xx_does_not_pass_the_cap() -> None:
    def script(received: Received) -> Step:
        return Status(500, "died") if received.number % 2 == 0 else Say('{"a": 1}', delay_sec=0.01)

    sent, answered = spends(CAP, script)
    assert answered
    billed_of_a_failure = 100 + MAX_TOKENS
    assert 120 * answered + billed_of_a_failure * (sent - answered) <= CAP


def test_a_server_that_always_writes_more_than_it_may_is_known_after_its_first_answer() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 3 * MAX_TOKENS}
    sent, answered = spends(CAP, lambda _received: Say('{"a": 1}', usage=usage, delay_sec=0.02))
    assert sent == answered >= 3
    assert 1600 * sent <= CAP


def test_a_server_that_begins_to_write_more_passes_the_cap_by_what_was_in_flight() -> None:
    def script(received: Received) -> Step:
        written = 100 if received.number <= 8 else 3 * MAX_TOKENS
        usage = {"prompt_tokens": 100, "completion_tokens": written}
        return Say('{"a": 1}', usage=usage, delay_sec=0.02)

    sent, _answered = spends(CAP, script)
    used = 200 * 8 + 1600 * (sent - 8)
    assert used <= CAP + CONCURRENCY * 2 * MAX_TOKENS


def test_what_is_learnt_counts_for_requests_in_flight_too() -> None:
    budget = Budget(max_total_tokens=2000)
    first, second = budget.reserve(100, 100), budget.reserve(100, 100)
    assert first is not None
    assert second is not None
    budget.settle(first, Usage(prompt_tokens=200, completion_tokens=500))
    assert budget.most_of(second) == Usage(requests=1, prompt_tokens=200, completion_tokens=500)
    assert budget.reserve(50, 90) is not None
    assert budget.reserve(50, 90) is None


def test_a_count_that_nobody_can_have_breaks_neither_the_sums_nor_the_prices() -> None:
    price = Price(input_per_million=1.0, output_per_million=1.0)
    budget = Budget(max_cost=5.0, price=price)
    reservation = budget.reserve(100, 100)
    assert reservation is not None
    absurd = Usage(prompt_tokens=10**400, completion_tokens=10**5000)
    budget.settle(reservation, absurd)
    assert budget.cost_of(absurd) == pytest.approx(2e9)
    with pytest.raises(BudgetReachedError, match="--max-cost"):
        budget.reserve(1, 1)


class _Broken(Budget):
    """A budget whose sums fail once."""

    def charge(self, usage: Usage) -> None:
        if not self.spent.requests:
            super().charge(Usage(requests=1))
            raise OverflowError("too large")
        super().charge(usage)


def test_an_error_in_counting_costs_its_question_and_holds_up_nobody() -> None:
    asked = [question(f"video {number}") for number in range(3)]
    with ScriptedServer(lambda _received: Say('{"a": 1}')) as server:
        settings = settings_for(server.base_url, concurrency=1)
        answers = run(ask_all(settings, asked, MemoryJournal(), budget=_Broken()))
    assert [isinstance(answer, OverflowError) for answer in answers] == [True, False, False]
    assert not any(isinstance(answer, BaseException) for answer in answers[1:])


@pytest.mark.waits
@pytest.mark.parametrize("wish", ["0", "-5", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_a_server_that_asks_for_no_wait_is_not_asked_without_end(wish: str) -> None:
    def script(received: Received) -> Step:
        if received.texts[-1] == "sick":
            return Status(503, "slow down", headers={"retry-after": wish})
        return Say('{"a": 1}', delay_sec=0.02)

    names = ["first", "sick"]
    asked = [question(name, user=name) for name in names]
    with ScriptedServer(script) as server:
        settings = settings_for(
            server.base_url, api_call_retry_backoff_sec=0.2, endpoint_patience_sec=1.5
        )
        run(ask_all(settings, asked, MemoryJournal()))
    times = [one.arrived_sec for one in server.requests if one.texts[-1] == "sick"]
    assert times[1] - times[0] >= 0.2


def test_a_model_that_changes_in_a_run_is_noted_on_its_answers() -> None:
    script = [Say('{"a": 1}', model="m-1"), Say('{"a": "x"}', model="m-2"), Say('{"a": 1}')]
    asked = [question(f"video {number}") for number in range(2)]
    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, concurrency=1, model="m-1")
        journal = MemoryJournal()
        answers = run(ask_all(settings, asked, journal))
    assert not any(isinstance(answer, BaseException) for answer in answers)
    noted = [one.notes for one in journal.records if one.event == "answer"]
    assert noted == [(), ("the endpoint answered as the model m-2, and before as m-1",), ()]


def test_a_cut_answer_whose_longer_one_is_refused_is_said_to_be_cut() -> None:
    def script(received: Received) -> Step:
        if received.body["max_tokens"] > 600:
            words = "max_tokens is too large: 1000. This model supports at most 600."
            return Status(400, {"error": {"message": words}})
        return Say('{"a": ', finish_reason="length")

    with ScriptedServer(script) as server, pytest.raises(Exception, match="was cut") as caught:
        ask_one(settings_for(server.base_url, max_tokens=500))
    assert "twice as many were refused" in str(caught.value)
    assert "Lower --max-tokens" not in str(caught.value)
    assert len(server.requests) == 3
