"""Faults of every kind, drawn by seed, against the five decisions: nothing crashes, every record is sound."""

from __future__ import annotations

import math
from collections import Counter
from itertools import cycle

import openai._base_client
import pytest

from memory.records import Plan
from roles.llm.limits import Limits
from tests.support.faulty_llm import CLIENT_SECONDS, FAULTS, INJECTION, FaultyLLM
from tests.support.loopback_chat import ChatServer
from tests.support.role_decisions import STAGES, decided, decisions, desks, make_policy

FEWEST_KINDS = 30
DONE = 3
"""Experiments before the one that is decided on."""


@pytest.fixture
def no_pauses(monkeypatch):
    """The HTTP client retries at once."""
    for name in ("INITIAL_RETRY_DELAY", "MAX_RETRY_DELAY"):
        monkeypatch.setattr(openai._base_client, name, 0.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The five roles' runs, with an injection in every foreign text; decisions change nothing in them."""
    with desks(tmp_path_factory.mktemp("faulty"), DONE, INJECTION) as runs:
        yield runs


def test_there_are_many_kinds_of_fault():
    assert len(FAULTS) >= FEWEST_KINDS
    assert all(draw is not None for draw in FAULTS.values())


KINDS = [kind for kind in FAULTS if kind != "timeout"]


@pytest.mark.parametrize(("kind", "role"), list(zip(KINDS, cycle(STAGES), strict=False)))
def test_a_model_that_does_nothing_else_never_crashes_a_decision(kind, role, made, no_pauses):
    llm = FaultyLLM(seed=0, share=1.0, kinds=(kind,))
    with ChatServer(llm) as server:
        policy = make_policy(server.base_url, max_retries=0, timeout_seconds=CLIENT_SECONDS)
        assert decided(policy, role, made[role], DONE) is not None
    last = decisions(made[role])[-1]
    assert last.repairs <= 5
    assert last.calls <= Limits().calls
    assert last.decided_by == "llm" or last.problems
    assert llm.drawn.total() == llm.drawn[kind] + llm.drawn["tool loop"] * (kind != "tool loop") > 0


def test_drawn_at_random_nothing_crashes_and_every_record_is_sound(made, no_pauses):
    llm = FaultyLLM(seed=11)
    by = Counter[str]()
    with ChatServer(llm) as server:
        policy = make_policy(server.base_url, max_retries=1, timeout_seconds=CLIENT_SECONDS)
        while llm.drawn.total() < 150:
            for role in STAGES:
                record = decided(policy, role, made[role], DONE)
                assert record is not None
                assert all(map(math.isfinite, numbers(record.model_dump())))
                if isinstance(record, Plan):
                    assert set(record.sources) <= set(made[role].pool)
                    assert record.init_from in ("base", "e01", "e02", "e03")
                by[decisions(made[role])[-1].decided_by] += 1
    assert by["llm"] > 0
    assert by["playbook"] > 0


def numbers(value):
    """Every number within."""
    if isinstance(value, dict):
        return [found for item in value.values() for found in numbers(item)]
    if isinstance(value, list | tuple):
        return [found for item in value for found in numbers(item)]
    return [value] if isinstance(value, int | float) else []
