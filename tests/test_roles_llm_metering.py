"""Calls within a decision's time: one that is late is not asked again, one in its grace counts."""

from __future__ import annotations

from dataclasses import replace

from roles.llm.limits import Pace
from roles.llm.metering import LAST
from tests.support.loopback_chat import ChatServer, Reply, call, hang, http_error, in_order
from tests.test_roles_llm_decide import GOOD, LIMITS, MODEL, of
from tools.chat.models import ModelSpec

LOOK = call("look", {"what": "a"})


def within(seconds: float, grace: float = 0.0):
    return replace(LIMITS, wall_seconds=seconds, grace=grace)


def test_a_call_ends_with_its_decision_and_is_not_made_again():
    decided, requests = of(hang(9.0), timeout_seconds=None, max_retries=2, limits=within(1.0))
    assert (decided.value, len(requests)) == (None, 1)
    assert "OpenAITimeoutError" in decided.decision.problems[-1]


def test_a_reply_that_comes_in_the_grace_counts():
    decided, requests = of(GOOD.after(1.2), timeout_seconds=None, limits=within(1.0, grace=50.0))
    assert (decided.value, len(requests)) == (3.0, 1)


def test_no_call_begins_in_the_grace():
    decided, requests = of(LOOK.after(1.2), GOOD, timeout_seconds=None, limits=within(1.0, grace=50.0))
    assert (decided.value, len(requests)) == (None, 1)
    assert "the time for this decision is over" in decided.decision.problems[-1]


def test_a_reply_that_comes_byte_by_byte_ends_with_the_decision():
    slow = replace(GOOD, drop_seconds=0.05)
    decided, requests = of(slow, timeout_seconds=None, max_retries=2, limits=within(1.0))
    assert (decided.value, len(requests)) == (None, 1)


def test_a_pause_that_the_server_asks_for_is_kept_only_where_there_is_time_for_it():
    decided, requests = of(http_error(503, retry_after=30.0), max_retries=2, limits=within(2.0))
    assert decided.value is None
    assert len(requests) <= 1 + LIMITS.retries
    decided, requests = of(http_error(503, retry_after=0.01), GOOD, max_retries=2, limits=within(20.0))
    assert (decided.value, len(requests)) == (3.0, 2)


def test_a_call_for_which_the_models_pace_leaves_no_room_is_not_made():
    pace = Pace()
    pace.replied(MODEL, 60.0)
    decided, requests = of(GOOD, limits=within(20.0), pace=pace)
    assert (decided.value, len(requests)) == (None, 0)
    assert "takes about 60 s, and 20 s are left" in decided.decision.problems[-1]


def test_the_last_call_that_fits_offers_the_decision_alone():
    pace = Pace()
    pace.replied(MODEL, 12.0)
    decided, requests = of(GOOD, limits=within(20.0), pace=pace)
    assert decided.value == 3.0
    assert requests[0].tool_names == ["Choice"]
    assert LAST in str(requests[0].messages[0]["content"])
    decided, requests = of(GOOD, limits=within(30.0), pace=pace)
    assert requests[0].tool_names == ["look", "Choice"]


def test_what_was_waited_in_vain_is_remembered():
    pace = Pace()
    of(hang(9.0), timeout_seconds=None, limits=within(1.0), pace=pace)
    assert 0.5 < pace.reply_seconds(MODEL) < 9.0


def test_a_model_with_fallbacks_leaves_them_half_of_the_time():
    with ChatServer(in_order(GOOD)) as second:
        other = ModelSpec("openai:other", base_url=second.base_url, max_retries=0)
        decided, requests = of(hang(9.0), timeout_seconds=None, limits=within(3.0), fallbacks=(other,))
    assert (decided.value, decided.decision.model, len(requests)) == (3.0, "openai:other", 1)


def test_a_refusal_goes_back_with_the_decisions_name():
    decided, requests = of(Reply(refusal="I'm sorry"), GOOD)
    assert decided.value == 3.0
    assert 'the model refused: "I\'m sorry"' in decided.decision.problems[0]
    assert "Choice" in str(requests[1].messages[-1]["content"])
