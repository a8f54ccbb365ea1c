"""Caps of one role, and what of the caps of all is kept for it."""

from __future__ import annotations

import pytest

from memory.budget.prices import MILLION
from memory.budget.spending import Cap, Spending
from memory.records import Usage
from tasks.errors import CapReached, InputError
from tests.test_memory_budget_spending import MODEL, PRICES, spend


def test_a_role_may_have_a_cap_of_its_own() -> None:
    spending = Spending(PRICES, max_tokens=1000, past=[usage_of("judge", 60)])
    spending.cap_role("judge", Cap(usd=1.0, tokens=100))
    assert spending.left("judge") == Cap(usd=1.0 - 60 / MILLION, tokens=40)
    assert spending.left("planner") == Cap(tokens=940)
    spend(spending, 500)
    with spending.call("judge", MODEL, input_tokens=40, max_output_tokens=0) as call:
        call.done(40, 0, 0)
    with (
        pytest.raises(CapReached, match="the judge's cap of 100 tokens is reached: 100 used"),
        spending.call("judge", MODEL, input_tokens=1, max_output_tokens=0),
    ):
        pass
    spend(spending, 300)
    assert not spending.exhausted
    with (
        pytest.raises(InputError, match="no price"),
        spending.call("judge", "openai:unknown", input_tokens=1, max_output_tokens=0),
    ):
        pass


def test_what_is_kept_for_one_role_is_spent_by_no_other() -> None:
    spending = Spending(PRICES, max_tokens=1000)
    spending.keep("judge", Cap(tokens=400))
    spend(spending, 600)
    assert "600 used, 400 kept for the end" in spending.exhausted
    with pytest.raises(CapReached, match="400 kept"):
        spend(spending, 1)
    with spending.call("judge", MODEL, input_tokens=400, max_output_tokens=0) as call:
        call.done(400, 0, 0)
    assert spending.tokens == 1000


def usage_of(role: str, tokens: int) -> Usage:
    made = {"role": role, "model": MODEL, "input_tokens": tokens, "output_tokens": 0}
    return Usage.model_validate(made | {"usd": tokens / MILLION, "wall_seconds": 0.0})
