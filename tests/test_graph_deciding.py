"""Before a run its language models are asked once: what a decision gets is held against a reply's time."""

from __future__ import annotations

from typing import Any

import pytest

from graph.deciding import DECIDERS, Probes, probed
from graph.models_file import own_limits
from graph.settings import make_settings
from memory.budget.spending import PriceTable
from memory.records import Role
from tasks.errors import InputError
from tests.support.loopback_chat import ChatServer, Reply, http_error, in_order, text
from tools.chat.models import Models, ModelSpec

READY = text("ready")


def asked(reply: Reply, budget: float = 1200.0, models: int = 1, **settings: Any) -> tuple[Probes, int]:
    """What the short questions told, and how many were sent."""
    with ChatServer(in_order(reply)) as server:
        specs = [ModelSpec(f"openai:m{n}", base_url=server.base_url) for n in range(models)]
        roles: dict[Role, tuple[ModelSpec, ...]] = {
            "planner": (specs[0],),
            "data_curator": (specs[0],),
            "evaluator": (specs[-1],),
        }
        chosen = Models(roles, (specs[-1],), (), PriceTable({}))
        made = make_settings(policy="llm", budget_seconds=budget, **settings)
        return probed(made, chosen), len(server.requests)


def test_each_model_of_a_role_is_asked_once_and_the_call_is_counted() -> None:
    found, requests = asked(READY, models=2)
    assert requests == 2
    assert [(usage.model, usage.role) for usage in found.usages] == [
        ("openai:m0", "planner"),
        ("openai:m1", "evaluator"),
    ]
    assert found.told[0].startswith("openai:m0 answered a short question in ")
    assert found.told[-1].startswith("one decision gets 120 s at the start of this budget")


def test_the_playbook_asks_nobody() -> None:
    models = Models({}, (), (), PriceTable({}))
    assert probed(make_settings(), models).told == ()
    assert probed(make_settings(policy="llm"), None).usages == ()


def test_a_budget_that_gives_a_decision_less_than_a_reply_is_refused_with_what_would_do() -> None:
    with pytest.raises(InputError) as refused:
        asked(READY.after(3.0), decision_seconds=0.5)
    told = str(refused.value)
    assert "one decision gets 1 s of it, and openai:m0 took more than" in told
    assert "--decision-seconds" in told and "--budget" in told


def test_replies_that_take_much_of_the_budget_are_told_with_the_budget_that_suits() -> None:
    found, _ = asked(READY.after(1.0), budget=12.0)
    assert "5 decisions make an experiment" in found.told[-1]
    assert "with --budget 1m it would be a quarter" in found.told[-1]


def test_a_model_that_does_not_answer_is_told_and_the_run_goes_on() -> None:
    found, requests = asked(http_error(401, "no such key"))
    assert (requests, found.usages) == (1, ())
    assert "did not answer a short question" in found.told[0]
    assert "the playbook decides" in found.told[0]


def test_what_was_found_is_filed_with_the_run(tmp_path: Any) -> None:
    from tests.support.run_in_progress import make_dojo

    found, _ = asked(READY)
    dojo = make_dojo(tmp_path / "run", 0)
    found.write(dojo.journal)
    about = [event.data.get("about") for event in dojo.journal.events if event.kind == "note"]
    assert about.count(DECIDERS) == len(found.told) == 2
    assert [event.kind for event in dojo.journal.events].count("usage") == 1
    dojo.journal.close()


def test_the_flag_wins_over_the_files_limits(tmp_path: Any) -> None:
    path = tmp_path / "models.toml"
    path.write_text("[limits]\nseconds = 600.0\nshare = 0.5\ncalls = 4\ntools = 0\nrepairs = 1\n")
    own = own_limits(make_settings(models_file=str(path)))
    assert (own.seconds, own.share, own.calls, own.tools, own.repairs) == (600.0, 0.5, 4, 0, 1)
    assert own_limits(make_settings(models_file=str(path), decision_seconds=90.0)).seconds == 90.0
    assert own_limits(make_settings()).seconds is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("second = 60", r"\[limits\] second: is unknown; did you mean seconds"),
        ("share = 2.0", r"\[limits\] share: input should be less than or equal to 1"),
        ("seconds = inf", r"\[limits\] seconds: input should be a finite number"),
        ("calls = 0", r"\[limits\] calls: input should be greater than or equal to 1"),
    ],
)
def test_limits_that_cannot_be_are_refused_by_line(tmp_path: Any, line: str, told: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(f"[limits]\n{line}\n")
    with pytest.raises(InputError, match=told):
        own_limits(make_settings(models_file=str(path)))
