"""Money and tokens: prices by name, an account per call, caps that hold under many threads."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memory.budget.prices import MILLION, Price, PriceTable
from memory.budget.spending import Spending
from memory.budget.usage import accounts, by_experiment, usages
from memory.journal.log import Journal
from memory.records import Usage
from tasks.errors import CapReached, HarnessFault, InputError
from tests.support.run_records import run_info, write_experiment

MODEL = "openai:test-model"
FREE = "openai:own-server"
PRICES = PriceTable(
    {
        MODEL: Price(input_usd=1.0, cached_usd=0.1, output_usd=4.0),
        FREE: Price(input_usd=0.0, cached_usd=0.0, output_usd=0.0),
    }
)
LONG_SECONDS = 30.0
"""A decontaminator against hanging; nothing takes nearly as long."""


def spend(spending: Spending, tokens: int, model: str = MODEL) -> Usage:
    """One call of so many input tokens, told as estimated."""
    with spending.call("planner", model, input_tokens=tokens, max_output_tokens=0) as call:
        return call.done(tokens, 0, 0)


# ---- prices


def test_a_dated_version_costs_what_its_model_costs_and_a_sibling_does_not() -> None:
    prices = PriceTable.shipped()
    plain = prices.of("openai:gpt-5")
    assert plain is not None
    assert prices.of("openai:gpt-5-2025-08-07") == plain
    assert prices.of("anthropic:claude-haiku-4-5-20251001") == prices.of("anthropic:claude-haiku-4-5")
    assert prices.of("openai:gpt-5-mini-2025-08-07") == prices.of("openai:gpt-5-mini") != plain
    for other in (
        "openai:gpt-5-pro",
        "openai:gpt-50",
        "openai:gpt",
        "azure_openai:gpt-5",
        "openai:o3-pro",
        "",
    ):
        assert prices.of(other) is None, other


def test_every_shipped_price_is_positive_and_cached_input_is_never_dearer() -> None:
    prices = PriceTable.shipped().prices
    assert len(prices) >= 10
    for name, price in prices.items():
        assert name.count(":") == 1
        assert 0 < price.cached_usd <= price.input_usd < price.output_usd


def test_own_prices_win_over_the_shipped_ones_and_the_others_stay() -> None:
    prices = PriceTable.of_mapping(
        {"openai:gpt-5": {"input_usd": 9.0, "output_usd": 10}, FREE: PRICES.of(FREE)}
    )
    assert prices.of("openai:gpt-5") == Price(input_usd=9.0, cached_usd=9.0, output_usd=10.0)
    assert prices.of(FREE) == Price(input_usd=0.0, cached_usd=0.0, output_usd=0.0)
    assert prices.of("openai:gpt-4.1") == PriceTable.shipped().of("openai:gpt-4.1")


@pytest.mark.parametrize(
    "entry",
    [
        {"input_usd": -1.0, "output_usd": 1.0},
        {"input_usd": 1.0},
        {"input_usd": "much", "output_usd": 1.0},
        {"input_usd": 1.0, "output_usd": float("nan")},
        {"input_usd": 1.0, "output_usd": 1.0, "ouput_usd": 1.0},
        3.0,
    ],
)
def test_a_price_that_is_none_is_refused_in_one_line_that_names_the_model(entry: object) -> None:
    with pytest.raises(InputError, match=r"^price of openai:x: ") as caught:
        PriceTable.of_mapping({"openai:x": entry})
    assert "\n" not in str(caught.value)


def test_a_cap_on_money_over_a_model_without_a_price_is_refused_with_the_way_out() -> None:
    PRICES.require([MODEL, FREE])
    with pytest.raises(InputError) as caught:
        PRICES.require([MODEL, "openai:unknown"])
    assert str(caught.value).startswith("model openai:unknown: has no price")
    assert '"openai:unknown" = { input_usd' in caught.value.fix
    with (
        pytest.raises(InputError, match="openai:unknown"),
        Spending(PRICES, max_usd=1.0).call("planner", "openai:unknown", input_tokens=1, max_output_tokens=1),
    ):
        pytest.fail("the call was admitted")


def test_cached_input_has_its_own_price_and_an_unknown_model_costs_nothing() -> None:
    spending = Spending(PRICES)
    with spending.call("planner", MODEL, input_tokens=1000, max_output_tokens=200) as call:
        usage = call.done(input_tokens=1000, cached_tokens=400, output_tokens=100)
    assert usage.usd == pytest.approx((600 * 1.0 + 400 * 0.1 + 100 * 4.0) / MILLION)
    assert spend(spending, 500, "openai:unknown").usd == 0.0
    assert (spending.tokens, spending.total.calls) == (1600, 2)


# ---- accounts


def test_accounts_by_role_and_by_model_add_up_to_the_whole(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "journal.jsonl", run_info())
    spending = Spending.attach(journal, PRICES)
    for role, model, tokens in (("planner", MODEL, 10), ("teacher", FREE, 20), ("planner", FREE, 30)):
        with spending.call(role, model, input_tokens=tokens, max_output_tokens=5) as call:  # type: ignore[arg-type]
            call.done(tokens, 5, 2, estimated=role == "teacher")
    journal.close()
    calls = usages(journal)
    roles, models = accounts(calls, lambda usage: usage.role), accounts(calls, lambda usage: usage.model)
    assert list(roles) == ["planner", "teacher"]
    assert (roles["planner"].calls, roles["planner"].input_tokens, roles["planner"].output_tokens) == (
        2,
        40,
        4,
    )
    assert (roles["teacher"].cached_tokens, roles["teacher"].estimated) == (5, 1)
    assert models[FREE].tokens == 54
    for parts in (roles, models):
        assert sum(part.tokens for part in parts.values()) == spending.tokens
        assert sum(part.usd for part in parts.values()) == pytest.approx(spending.usd)


def test_a_resumed_run_goes_on_from_the_journal_and_its_cap_counts_what_was_spent_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.create(path, run_info()) as journal:
        first = Spending.attach(journal, PRICES, max_tokens=1000)
        spend(first, 600)
        with first.call("teacher", MODEL, input_tokens=50, max_output_tokens=30) as call:
            call.done(50, 20, 30, estimated=True)
        before = usages(journal)
    with Journal.open(path) as journal:
        assert usages(journal) == before
        again = Spending.attach(journal, PRICES, max_tokens=1000)
        assert (again.usd, again.total) == (first.usd, first.total)
        spend(again, 400)
        with pytest.raises(CapReached, match=r"1,080 used in 3 calls"):
            spend(again, 1)
        assert len(usages(journal)) == 3


def test_calls_belong_to_the_experiment_that_finishes_next(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        spending = Spending.attach(journal, PRICES)
        assert by_experiment(journal) == {}
        spend(spending, 1)
        write_experiment(journal, "e01", "kept", 40.0)
        write_experiment(journal, "e02", "failed", 0.0)
        spend(spending, 2)
        spend(spending, 3)
        found = {id: [usage.input_tokens for usage in own] for id, own in by_experiment(journal).items()}
    assert found == {"e01": [1], "e02": [], "e03": [2, 3]}


def test_figures_that_cannot_be_are_brought_into_range() -> None:
    spending = Spending(PRICES)
    with spending.call("planner", MODEL, input_tokens=10, max_output_tokens=10) as call:
        usage = call.done(input_tokens=-5, cached_tokens=7, output_tokens=10**400)
    assert (usage.input_tokens, usage.cached_tokens) == (0, 0)
    assert 0 < usage.usd < 10**6


# ---- a call's ways to end


def test_a_call_that_fails_is_not_charged_and_frees_what_it_had_reserved() -> None:
    spending = Spending(PRICES, max_tokens=100)
    with (
        pytest.raises(ConnectionError),
        spending.call("planner", MODEL, input_tokens=0, max_output_tokens=90),
    ):
        raise ConnectionError("reset")
    assert spending.tokens == 0
    with spending.call("planner", MODEL, input_tokens=0, max_output_tokens=90) as call:
        call.done(0, 0, 90)
    assert spending.tokens == 90


def test_a_call_that_is_charged_and_then_fails_stays_charged() -> None:
    spending = Spending(PRICES)

    def ask() -> None:
        with spending.call("planner", MODEL, input_tokens=10, max_output_tokens=10) as call:
            call.done(10, 0, 4)
            raise ValueError("bad reply")

    with pytest.raises(ValueError, match="bad reply"):
        ask()
    assert spending.tokens == 14


def test_a_block_that_just_ends_is_charged_what_it_announced() -> None:
    spending = Spending(PRICES)
    with spending.call("planner", MODEL, input_tokens=10, max_output_tokens=20) as call:
        pass
    assert call.usage is not None and call.usage.estimated
    assert spending.tokens == 30


def test_a_call_is_accounted_for_once_and_within_its_block() -> None:
    spending = Spending(PRICES)
    with spending.call("planner", MODEL, input_tokens=10, max_output_tokens=20) as call:
        call.done(1, 0, 1)
        with pytest.raises(HarnessFault, match="twice"):
            call.done(1, 0, 1)
    with pytest.raises(HarnessFault, match="outside its block"):
        call.done(1, 0, 1)
    assert spending.tokens == 2


# ---- caps


def test_cap_reached_says_which_cap_and_what_was_spent_in_one_line() -> None:
    spending = Spending(PRICES, max_usd=0.001)
    assert spending.exhausted == ""
    spend(spending, 1500)
    line = "the cap of 0.001 US dollars (max_usd) is reached: 0.0015 spent in 1 call of language models"
    assert spending.exhausted == line
    with pytest.raises(CapReached) as caught:
        spend(spending, 1)
    assert str(caught.value) == line


def test_a_cap_of_no_dollars_admits_models_that_cost_nothing_and_no_other() -> None:
    spending = Spending(PRICES, max_usd=0.0)
    spend(spending, 1000, FREE)
    with pytest.raises(CapReached, match="0 US dollars"):
        spend(spending, 1)
    assert spending.exhausted == ""
    assert (spending.usd, spending.tokens) == (0.0, 1000)


def run_until_the_cap(spending: Spending, seed: int, room_for_two: bool) -> tuple[list[Usage], int]:
    """Eight threads call until the cap stops each: what was charged, and the most calls at once.

    With room for two, the first call stays open until a second does: a busy machine may run them in turn.
    """
    lock, at_once, most = threading.Lock(), 0, 0
    two_at_once = threading.Event()
    if not room_for_two:
        two_at_once.set()
    charged: list[Usage] = []

    def caller(number: int) -> None:
        nonlocal at_once, most
        chance = random.Random(1000 * seed + number)
        while True:
            estimate, limit = chance.randint(10, 3000), chance.randint(1, 900)
            try:
                with spending.call("teacher", MODEL, input_tokens=estimate, max_output_tokens=limit) as call:
                    with lock:
                        at_once += 1
                        most = max(most, at_once)
                        if most > 1:
                            two_at_once.set()
                    two_at_once.wait(LONG_SECONDS)
                    time.sleep(chance.random() / 2000)
                    with lock:
                        at_once -= 1
                    if chance.random() < 0.1:
                        raise TimeoutError
                    given = chance.randint(1, 2 * estimate)
                    usage = call.done(given, chance.randint(0, given), chance.randint(0, limit))
                    with lock:
                        charged.append(usage)
            except TimeoutError:
                continue
            except CapReached:
                return

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(caller, number) for number in range(8)]:
            future.result(timeout=LONG_SECONDS)
    return charged, most


@pytest.mark.parametrize("cap", [0.0005 * number**1.7 for number in range(1, 21)])
def test_eight_threads_overshoot_a_cap_on_money_by_one_call_at_most(cap: float) -> None:
    spending = Spending(PRICES, max_usd=cap)
    room_for_two = cap >= 0.03
    charged, most = run_until_the_cap(spending, round(cap * 1e5), room_for_two)
    largest = max(usage.usd for usage in charged)
    assert cap <= spending.usd <= cap + largest
    assert spending.usd == pytest.approx(sum(usage.usd for usage in charged))
    assert most > 1 or not room_for_two, "calls ran one by one: the cap was not put to the test"


@pytest.mark.parametrize("cap", [round(400 * number**1.7) for number in range(1, 21)])
def test_eight_threads_overshoot_a_cap_on_tokens_by_one_call_at_most(cap: int) -> None:
    spending = Spending(PRICES, max_tokens=cap)
    room_for_two = cap >= 20_000
    charged, most = run_until_the_cap(spending, cap, room_for_two)
    largest = max(usage.input_tokens + usage.output_tokens for usage in charged)
    assert cap <= spending.tokens <= cap + largest
    assert most > 1 or not room_for_two, "calls ran one by one: the cap was not put to the test"


def test_a_call_waits_while_others_may_still_use_the_room_and_is_refused_when_they_did() -> None:
    spending = Spending(PRICES, max_tokens=100)
    outcome: list[str] = []

    def second() -> None:
        try:
            with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=50) as call:
                call.done(0, 0, 50)
                outcome.append("admitted")
        except CapReached as reached:
            outcome.append(str(reached))

    thread = threading.Thread(target=second)
    with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=100) as call:
        thread.start()
        thread.join(0.05)
        assert thread.is_alive() and outcome == []
        call.done(0, 0, 100)
    thread.join(LONG_SECONDS)
    assert outcome == ["the cap of 100 tokens (max_tokens) is reached: 100 used in 1 call of language models"]


def test_a_large_call_is_not_passed_by_small_ones_that_came_later() -> None:
    spending = Spending(PRICES, max_tokens=100)
    order: list[str] = []

    def ask(name: str, size: int) -> None:
        with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=size) as call:
            order.append(name)
            call.done(0, 0, 1)

    threads = [
        threading.Thread(target=ask, args=("large", 95)),
        threading.Thread(target=ask, args=("small", 5)),
    ]
    with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=20) as call:
        for place, thread in enumerate(threads, start=1):
            thread.start()
            until = time.monotonic() + LONG_SECONDS
            while len(spending._queue) < place and time.monotonic() < until:
                time.sleep(0.001)
        assert order == [], "small fits beside the call under way, and large came first"
        call.done(0, 0, 1)
    for thread in threads:
        thread.join(LONG_SECONDS)
    assert order == ["large", "small"]


def test_after_a_call_that_went_beyond_its_limit_later_ones_reserve_as_much_more() -> None:
    spending = Spending(PRICES, max_tokens=10_000)
    with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=100) as call:
        call.done(0, 0, 1000)
    seen: list[int] = []

    def second() -> None:
        with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=500) as call:
            seen.append(spending.tokens)
            call.done(0, 0, 1)

    thread = threading.Thread(target=second)
    with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=500) as call:
        thread.start()
        thread.join(0.05)
        assert seen == [], "twice 500 tokens would fit; ten times as many do not"
        call.done(0, 0, 500)
    thread.join(LONG_SECONDS)
    assert seen == [1500]


def test_a_call_that_would_wait_for_its_own_thread_is_a_fault_and_not_a_hang() -> None:
    spending = Spending(PRICES, max_tokens=100)
    with spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=100) as call:
        with (
            pytest.raises(HarnessFault, match="its own thread"),
            spending.call("teacher", MODEL, input_tokens=0, max_output_tokens=1),
        ):
            pytest.fail("the call was admitted")
        call.done(0, 0, 1)
    assert spending.tokens == 1
