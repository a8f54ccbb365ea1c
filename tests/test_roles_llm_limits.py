"""Limits of a decision: its share of the time, the floor of a slow model, and what the owner says instead."""

from __future__ import annotations

import pytest

from memory.records import Usage
from roles.llm.limits import LEAST_SECONDS, SCRIPT_REPAIRS, SECONDS, Limits, OwnLimits, Pace


@pytest.mark.parametrize(
    ("left", "reply", "seconds"),
    [
        (1000.0, 0.0, 100.0),  # a tenth
        (36_000.0, 0.0, SECONDS),
        (10.0, 0.0, LEAST_SECONDS),
        (1200.0, 130.0, 240.0),  # a fifth, nearly two replies
        (2400.0, 130.0, 260.0),  # two replies
        (450.0, 130.0, 130.0),  # one reply, under a third
        (380.0, 130.0, 76.0),  # not even one: the fifth
        (36_000.0, 400.0, 800.0),  # a slow model may take more than the usual most
    ],
)
def test_a_decision_gets_a_share_and_a_slow_model_its_floor(left, reply, seconds):
    assert OwnLimits().granted_seconds(left, reply) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("own", "left", "seconds"),
    [
        (OwnLimits(seconds=200.0), 1000.0, 200.0),
        (OwnLimits(seconds=900.0), 1000.0, 500.0),  # half of what is left, where no share is said
        (OwnLimits(seconds=900.0, share=0.9), 1000.0, 900.0),
        (OwnLimits(share=0.2), 1000.0, 200.0),
        (OwnLimits(seconds=0.5), 1000.0, 0.5),
    ],
)
def test_what_the_owner_says_counts_as_it_is_said(own, left, seconds):
    assert own.granted_seconds(left, 130.0) == pytest.approx(seconds)


def test_counts_are_the_owners_where_it_names_them():
    usual = Limits()
    assert OwnLimits().over(usual, 100.0, 0.0, script=False).repairs == usual.repairs
    assert OwnLimits().over(usual, 100.0, 0.0, script=True).repairs == SCRIPT_REPAIRS
    said = OwnLimits(calls=3, tools=0, repairs=1).over(usual, 100.0, 0.0, script=True)
    assert (said.calls, said.tool_calls, said.repairs) == (3, 0, 1)


def usage(seconds: float, model: str = "openai:a") -> Usage:
    return Usage(role="planner", model=model, input_tokens=1, output_tokens=1, usd=0.0, wall_seconds=seconds)


def test_a_models_pace_is_its_usual_reply_or_what_was_waited_in_vain():
    pace = Pace([usage(10.0), usage(12.0), usage(90.0), usage(1.0, "openai:b")])
    assert pace.reply_seconds("openai:a") == 12.0
    assert pace.reply_seconds("openai:new") == 0.0
    pace.waited("openai:a", 50.0)
    assert pace.reply_seconds("openai:a") == 50.0
    pace.replied("openai:a", 11.0)
    assert pace.reply_seconds("openai:a") == 11.5
