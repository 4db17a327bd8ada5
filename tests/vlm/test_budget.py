"""The cap: prices, reservations, and the request that would pass it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files import Usage
from tests.support.scripted_server import Say, ScriptedServer
from tests.vlm.helpers import MemoryJournal, ask_all, ask_one, pictures, question, run, settings_for
from three_stage.settings import BudgetSettings, UsageError
from three_stage.vlm import Budget, BudgetReachedError, Price, estimate_tokens
from three_stage.vlm.budget import Reservation

PRICE = Price(input_per_million=1.0, output_per_million=10.0, currency="CNY")


def prices_file(folder: Path, content: Any) -> Path:
    path = folder / "prices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_price_is_read_by_the_models_name(tmp_path: Path) -> None:
    entry = {"input_per_million": 2, "output_per_million": 6.5, "currency": "USD"}
    path = prices_file(tmp_path, {"m": entry, "other": "nonsense"})
    budget = Budget.from_settings(BudgetSettings(max_cost=1.0, prices=path), model="m")
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=2_000_000)
    assert budget.cost_of(usage) == pytest.approx(15.0)
    assert budget.currency == "USD"


def test_without_a_price_there_is_no_cost_and_no_cap() -> None:
    budget = Budget.from_settings(BudgetSettings(), model="m")
    assert budget.cost_of(Usage(prompt_tokens=5)) is None
    assert budget.spent_cost is None
    assert budget.reserve(10**12, 10**12) is not None


def test_a_price_list_without_the_model_is_fine_as_long_as_there_is_no_cap(tmp_path: Path) -> None:
    path = prices_file(tmp_path, {})
    assert Budget.from_settings(BudgetSettings(prices=path), model="m").spent_cost is None


def test_a_cost_cap_without_prices_cannot_work() -> None:
    with pytest.raises(UsageError, match="--prices"):
        Budget.from_settings(BudgetSettings(max_cost=1.0), model="m")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "does not name it"),
        ("{", "cannot be read"),
        ([], "no usable price"),
        ({"m": 3}, "no usable price"),
        ({"m": {"input_per_million": "1", "output_per_million": 1}}, "no usable price"),
        ({"m": {"input_per_million": -1, "output_per_million": 1}}, "no usable price"),
        ({"m": {"input_per_million": True, "output_per_million": 1}}, "no usable price"),
        ({"m": {"input_per_million": 1}}, "no usable price"),
        (
            {"m": {"input_per_million": 1, "output_per_million": 1, "currency": 7}},
            "no usable price",
        ),
    ],
)
def test_a_price_list_that_cannot_be_used_is_said(tmp_path: Path, content: Any, said: str) -> None:
    path = prices_file(tmp_path, content)
    with pytest.raises(UsageError, match=said) as caught:
        Budget.from_settings(BudgetSettings(max_cost=1.0, prices=path), model="m")
    assert "prices.json" in str(caught.value)


uses = st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(
    st.integers(0, 5000),
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 400), uses), max_size=25),
)
def test_what_is_used_and_reserved_never_passes_the_cap(
    cap: int, requests: list[tuple[int, int, tuple[float, float] | None]]
) -> None:
    budget = Budget(max_total_tokens=cap)
    outstanding: list[tuple[Reservation, int, int]] = []
    for prompt_tokens, max_tokens, use in requests:
        try:
            reservation = budget.reserve(prompt_tokens, max_tokens)
        except BudgetReachedError:
            assert budget.spent.total_tokens + prompt_tokens + max_tokens > cap
            continue
        if reservation is None:
            assert outstanding
        else:
            outstanding.append((reservation, prompt_tokens, max_tokens))
        if outstanding and use is not None:
            settled, most_prompt, most_completion = outstanding.pop(0)
            used = Usage(
                prompt_tokens=int(use[0] * most_prompt),
                completion_tokens=int(use[1] * most_completion),
            )
            budget.settle(settled, used)
        reserved = sum(prompt + completion for _, prompt, completion in outstanding)
        assert budget.spent.total_tokens + reserved <= cap


def test_a_model_whose_pictures_take_more_than_estimated_raises_the_next_estimate() -> None:
    budget = Budget(max_total_tokens=1000)
    first = budget.reserve(100, 10)
    assert first is not None
    budget.settle(first, Usage(prompt_tokens=300, completion_tokens=10))
    second = budget.reserve(100, 10)
    assert second is not None
    assert budget.most_of(second).prompt_tokens == 300
    budget.settle(second, Usage(prompt_tokens=300, completion_tokens=10))
    with pytest.raises(BudgetReachedError):
        budget.reserve(150, 10)


def test_a_token_cap_stops_before_the_request_that_would_pass_it() -> None:
    asked = [question(f"video {number}") for number in range(30)]
    estimate = estimate_tokens(asked[0].system + asked[0].user, [], model="test-model")
    usage = {"prompt_tokens": estimate, "completion_tokens": 50}
    budget = Budget(max_total_tokens=1000)
    with ScriptedServer(lambda _received: Say('{"a": 1}', usage=usage)) as server:
        settings = settings_for(server.base_url, max_tokens=200, concurrency=4)
        answers = run(ask_all(settings, asked, MemoryJournal(), budget=budget))
    stopped = [answer for answer in answers if isinstance(answer, BudgetReachedError)]
    done = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(done) + len(stopped) == 30
    assert stopped
    assert stopped[0].exit_code == 1
    assert "--max-total-tokens 1000" in str(stopped[0])
    assert len(server.requests) == len(done)
    assert budget.spent.total_tokens <= 1000
    # Nothing that fitted was refused: the next one really had no room.
    schema_tokens = 120
    assert budget.spent.total_tokens + estimate + schema_tokens + 200 > 1000


def test_a_money_cap_counts_pictures_before_they_are_sent() -> None:
    shown = pictures(4, width_px=320, height_px=320)
    budget = Budget(max_cost=0.0004, price=PRICE)
    with ScriptedServer([Say('{"a": 1}')]) as server:
        with pytest.raises(BudgetReachedError, match=r"--max-cost 0\.0004 CNY: 0\.0000 is spent"):
            ask_one(
                settings_for(server.base_url, max_tokens=5),
                question(pictures=shown),
                budget=budget,
            )
        assert not server.requests
        ask_one(settings_for(server.base_url, max_tokens=5), question(), budget=budget)
    assert budget.spent_cost == pytest.approx(0.0003)


def test_the_cap_stops_a_reask_too() -> None:
    budget = Budget(max_total_tokens=500)
    asked = question(max_attempts=50)
    with (
        ScriptedServer(lambda _received: Say("prose")) as server,
        pytest.raises(BudgetReachedError),
    ):
        ask_one(settings_for(server.base_url, max_tokens=50), asked, budget=budget)
    assert len(server.requests) >= 2
    assert budget.spent.total_tokens == 120 * len(server.requests) <= 500


def test_answers_under_way_when_the_cap_is_reached_are_kept() -> None:
    budget, journal = Budget(max_total_tokens=420), MemoryJournal()
    asked = [question(f"video {number}") for number in range(8)]
    slow = Say('{"a": 1}', delay_sec=0.2)
    with ScriptedServer(lambda _received: slow) as server:
        settings = settings_for(server.base_url, max_tokens=50, concurrency=3)
        answers = run(ask_all(settings, asked, journal, budget=budget))
    assert any(isinstance(answer, BudgetReachedError) for answer in answers)
    assert journal.events.count("answer") == len(server.requests) >= 2
    assert budget.spent.total_tokens == 120 * len(server.requests) <= 420


def test_a_replayed_answer_costs_nothing() -> None:
    journal = MemoryJournal()
    with ScriptedServer([Say('{"a": 1}')]) as server:
        settings = settings_for(server.base_url)
        ask_one(settings, question(), journal)
        poor = Budget(max_total_tokens=1)
        assert ask_one(settings, question(), journal, budget=poor).replayed
    assert poor.spent == Usage()
