"""What a node did, in words; the input's fields; the graph's picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph.message import add_messages

import ftdojo
from graph.build import build_graph
from graph.happened import LONGEST, Told, in_words, shown
from graph.settings import RunSettings
from graph.step import asked
from memory.journal.log import Journal
from roles.composed import METHODS
from tasks.errors import InputError
from tests.support.run_folder import make_run
from tools.toolkit.by_role import TOOLS


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return make_run(tmp_path_factory.mktemp("run"))


def told(journal: Journal, *kinds: str) -> list[Told]:
    """The first event of each kind, as a node would have told it."""
    first = {event.kind: event for event in reversed(journal.events)}
    return [Told(kind, first[kind].experiment or "", first[kind].data) for kind in kinds]


def test_each_stage_of_an_experiment_is_told_in_a_line(journal: Journal) -> None:
    kinds = ("plan", "recipe", "card", "training_plan", "training", "evaluation")
    lines = [in_words(each) for each in told(journal, *kinds)]
    plan = journal.plan("e01")
    assert plan is not None and plan.hypothesis in lines[0] and plan.sources[0] in lines[0]
    assert lines[1].startswith("e01: recipe: select ") and " > " in lines[1]
    assert "rows" in lines[2] and "rate" in lines[3] and "trained" in lines[4] and "validation" in lines[5]
    assert all("\n" not in line and len(line) <= LONGEST for line in lines)


def test_outcome_cause_and_failure_keep_their_words(journal: Journal) -> None:
    done = journal.experiments()[0]
    line = in_words(Told("finished", done.id, done.model_dump(mode="json")))
    assert done.outcome in line and "over base" in line and "Cause: " in line and "Next: " in line
    failure = {"stage": "train", "code": "diverged", "message": "the loss is not a number"}
    assert (
        in_words(Told("failure", "e02", failure))
        == "e02: failed at train (diverged): the loss is not a number"
    )
    assert in_words(Told("training", "e01", {"losses": [[1, "inf"], [9, 0.5]], "steps": 9})).endswith(
        "loss inf to 0.500"
    )
    assert in_words(Told("stage", "e01", {"text": "training"})) == ""
    assert in_words(Told("test_opened", "", {"champion": "base"})).endswith("once, for the base")
    assert in_words(Told("test_opened", "", {"champion": "e01"})).endswith("for the base and e01")


def test_who_decided_is_told_with_what_was_looked_at_or_why_the_playbook_did() -> None:
    asked = {"role": "planner", "model": "openai:m", "decided_by": "llm", "calls": 3}
    looked = asked | {"tools_called": ["list_sources", "show_failures", "list_sources"]}
    said = "e01: planner: openai:m decided in 3 calls, looked with list_sources, show_failures"
    assert in_words(Told("decision", "e01", looked)) == said
    assert in_words(Told("decision", "e01", asked | {"calls": 1})).endswith("in 1 call, looked with nothing")
    gone = asked | {"decided_by": "playbook", "problems": ["a first one", "the server is gone"]}
    assert in_words(Told("decision", "e01", gone)) == (
        "e01: planner: the playbook decided in place of openai:m: the server is gone"
    )


def test_the_picture_has_the_agents_within_the_roles_only_where_it_is_looked_at() -> None:
    plain, drawn = build_graph().get_graph(xray=True), build_graph(drawn=True).get_graph(xray=True)
    assert "planner" in plain.nodes and "planner:model" not in plain.nodes
    assert {f"{role}:{part}" for role in METHODS for part in ("model", "tools")} <= set(drawn.nodes)
    assert {"prepare", "curate", "train", "finish"} <= set(drawn.nodes)
    assert drawn.nodes["planner:tools"].metadata == {"__tools": list(TOOLS["planner"])}
    assert set(build_graph(drawn=True).get_graph().nodes) == set(build_graph().get_graph().nodes)


def test_the_page_shows_the_graph_as_it_is() -> None:
    page = (Path(__file__).parent.parent / "docs" / "studio.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{build_graph().get_graph().draw_mermaid().strip()}\n```" in page


def test_a_node_leaves_its_lines_and_the_same_message_when_it_runs_again(journal: Journal) -> None:
    events = (
        told(journal, "run_started", "note")
        if any(e.kind == "note" for e in journal.events)
        else told(journal, "run_started")
    )
    events.append(Told("note", "", {"text": "a <b>remark</b>"}))
    first, again = (shown("prepare", "r1", events, 3) for _ in range(2))
    assert first["happened"].endswith("a <b>remark</b>")
    question, answer = first["messages"]
    assert isinstance(question, HumanMessage) and question.content.startswith("Fine-tune ")
    assert isinstance(answer, AIMessage) and answer.name == "prepare"
    assert [message.id for message in again["messages"]] == [question.id, answer.id]
    merged = add_messages(add_messages([], first["messages"]), again["messages"])
    assert len(merged) == 2
    assert shown("planner", "r1", [], 3) == {"happened": "", "messages": []}


def test_the_form_has_what_matters_first_and_takes_what_its_text_offers() -> None:
    given = build_graph().get_input_jsonschema()["properties"]
    assert list(given) == ["task", "budget", "base_model", "run_dir"]
    assert given["task"]["enum"] == list(ftdojo.tasks()) and "30m" in given["budget"]["examples"]
    assert all(field["description"] for field in given.values())
    context = RunSettings.model_json_schema()["properties"]
    assert list(context)[:3] == ["task", "budget_seconds", "base_model"]
    assert {"type": "string"} in context["budget_seconds"]["anyOf"]
    assert RunSettings(budget_seconds="30m").budget_seconds == 1800.0  # type: ignore[arg-type]


def test_the_input_wins_over_the_context_and_a_foreign_context_says_nothing() -> None:
    context = RunSettings(task="FinanceIQ_gen", budget_seconds=60.0, seed=3)
    settings = asked({"task": "aime25", "budget": "30m"}, context)
    assert (settings.task, settings.budget_seconds, settings.seed) == ("aime25", 1800.0, 3)
    assert asked({}, context) is context
    assert asked({"task": "aime25"}, {"user": "someone"}).budget_seconds == 300.0
    with pytest.raises(InputError, match="not a duration"):
        asked({"budget": "soon"}, None)
