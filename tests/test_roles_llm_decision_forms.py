"""A decision in every form that models and servers are known to give it: none is lost, none is guessed."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import pytest
from pydantic import BaseModel

from memory.budget.spending import PriceTable, Spending
from roles.llm.agent import DecisionPrompt
from roles.llm.decide import Decided, decide
from roles.llm.limits import Limits
from roles.llm.schemas import (
    DiagnosisDecision,
    PlanDecision,
    RecipeDecision,
    TrainingDecision,
    VerdictDecision,
)
from tests.support.decision_forms import BROKEN, FORMS
from tests.support.loopback_chat import ChatServer, Reply, call, in_order, text
from tests.test_roles_llm_decide import looking
from tools.chat.models import ModelSpec
from tools.chat.redact import Redactor

FEWEST = 40
SCRIPT = 'def transform(row):\n    row["prompt"] = row["prompt"].strip()  # {not JSON}\n    return row\n'
DECISIONS: dict[type[BaseModel], dict[str, Any]] = {
    PlanDecision: {
        "hypothesis": "Steps teach more. It's e02's lesson",
        "reason": "e02: 64.0 [60, 68], e01: 9.4",
        "change": "data",
        "sources": ["plain_rows", "worked"],
        "weights": {"plain_rows": 2.0, "worked": 1.0},
        "expected_gain": 4.5,
        "share_of_remaining_budget": 0.25,
        "stop": False,
    },
    RecipeDecision: {
        "operations": [
            {"op": "filter", "rule": "on_domain", "minimum": 0.25},
            {"op": "script", "purpose": "trim. And so on", "code": SCRIPT},
            {"op": "cap", "rows": 200},
        ]
    },
    TrainingDecision: {
        "method": "full",
        "reason": "Small model. Much data",
        "lr_scheduler_type": "constant_with_warmup",
        "max_epochs": 2.5,
        "learning_rate": None,
    },
    VerdictDecision: {
        "verdict": "keep",
        "note": 'The "format" is right. 12 of 20 are fixed',
        "cluster_notes": {"wrong_name": "the neighbour's name"},
    },
    DiagnosisDecision: {
        "cause": "capability",
        "level": "capability",
        "origin": "data",
        "evidence": [{"experiment": "e01", "fact": "34 of 60. All readable"}],
        "next_move": "change_sources",
        "note": "the steps lose the name",
        "prediction": {"change": "data", "claim": "steps help", "expected_gain": 3.0},
    },
}
NESTED = ("bare names", "line ends in strings", "Qwen's parameters", "comments", "in a list")


def of(schema: type[BaseModel], *replies: Reply) -> Decided[BaseModel]:
    """A decision over these replies; whatever fits the schema is accepted."""
    spending, limits = Spending(PriceTable({})), Limits(first_delay_seconds=0.0, most_delay_seconds=0.0)
    with ChatServer(in_order(*replies)) as server:
        spec = ModelSpec("openai:scripted", base_url=server.base_url, max_retries=0, timeout_seconds=5.0)
        prompt = DecisionPrompt("You decide.", "Choose.", looking(), schema)
        return decide("planner", "plan", prompt, (spec,), spending, lambda made: made, Redactor(), limits)


def test_there_are_many_forms() -> None:
    assert len(FORMS) >= FEWEST


@pytest.mark.parametrize(("form", "schema"), list(zip(FORMS, cycle(DECISIONS), strict=False)))
def test_a_decision_counts_in_whatever_form_it_comes(form: str, schema: type[BaseModel]) -> None:
    given = DECISIONS[schema]
    decided = of(schema, FORMS[form](schema.__name__, given), text("no"))
    assert decided.decision.problems == ()
    assert decided.value == schema.model_validate(given)
    assert (decided.decision.decided_by, decided.decision.repairs) == ("llm", 0)


@pytest.mark.parametrize("schema", DECISIONS, ids=lambda schema: schema.__name__)
@pytest.mark.parametrize(
    "form", ["bare names", "line ends in strings", "Qwen's parameters", "comments", "in a list"]
)
def test_nested_values_and_code_come_through_as_they_were(form: str, schema: type[BaseModel]) -> None:
    given = DECISIONS[schema]
    assert of(schema, FORMS[form](schema.__name__, given)).value == schema.model_validate(given)


@pytest.mark.parametrize("form", BROKEN)
def test_what_is_no_decision_goes_back(form: str) -> None:
    given = DECISIONS[VerdictDecision] | {"note": "what was said first. And then more of it"}
    decided = of(VerdictDecision, BROKEN[form]("VerdictDecision", given), call("VerdictDecision", given))
    assert decided.decision.repairs == 1
    assert len(decided.decision.problems) == 1
    assert decided.value == VerdictDecision.model_validate(given)


def test_an_operation_may_be_named_by_its_key_and_in_capitals() -> None:
    operations = [{"Filter": {"rule": "Nonempty"}}, {"type": "cap", "rows": "20"}, {"operation": "VERIFY"}]
    decided = of(RecipeDecision, call("RecipeDecision", {"recipe": {"operations": operations}}))
    assert isinstance(decided.value, RecipeDecision)
    assert [op.op for op in decided.value.operations] == ["filter", "cap", "verify"]


def test_looks_that_are_written_out_are_made() -> None:
    written = text('<tool_call>\n{"name": "look", "arguments": {"what": "a"}}\n</tool_call>')
    given = DECISIONS[VerdictDecision]
    decided = of(VerdictDecision, written, call("VerdictDecision", given))
    assert decided.decision.tools_called == ("look",)
    assert (decided.decision.decided_by, decided.decision.problems) == ("llm", ())


def test_the_words_of_a_refusal_are_kept() -> None:
    refused = Reply(refusal="I can't help with training on these rows.")
    decided = of(VerdictDecision, refused, call("VerdictDecision", DECISIONS[VerdictDecision]))
    assert decided.value is not None
    assert "I can't help with training on these rows." in decided.decision.problems[0]


def test_of_a_decision_that_never_fits_the_arguments_are_told() -> None:
    decided = of(VerdictDecision, call("VerdictDecision", {"verdict": "maybe", "note": "12 of 20 are fixed"}))
    assert decided.value is None
    assert decided.seen == {"verdict": "maybe", "note": "12 of 20 are fixed"}
