"""What a node did, in words; the input's fields; the graph as a node and as a tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

import ftdojo
from graph import tool as tools
from graph.build import build_graph
from graph.happened import LONGEST, Told, in_words, shown
from graph.settings import RunSettings
from graph.step import asked
from memory.journal.log import Journal
from tasks.errors import HarnessFault, InputError
from tests.support.run_folder import make_run
from tests.support.small_run import make_task_and_model, run_arguments


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


class Mine(TypedDict, total=False):
    """The state of a user's own graph: what it shares with ours, and more."""

    task: str
    budget: str
    base_model: str
    run_dir: str
    summary: dict[str, Any]
    messages: Annotated[list[Any], add_messages]
    verdict: str


@pytest.mark.timeout(400)
def test_the_graph_is_a_node_of_a_users_own_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTDOJO_HOME", str(tmp_path / "home"))
    folder, model = make_task_and_model(tmp_path)
    builder = StateGraph(Mine)
    builder.add_node("fine_tune", ftdojo.build_graph())
    builder.add_node(
        "judge", lambda state: {"verdict": f"{state['summary']['outcome']}: {state['summary']['claim']}"}
    )
    builder.add_edge(START, "fine_tune")
    builder.add_edge("fine_tune", "judge")
    builder.add_edge("judge", END)
    context = ftdojo.settings(**run_arguments((folder, model), tmp_path / "runs", policy="base"))
    done = builder.compile().invoke({"messages": [HumanMessage("go on")]}, context=context)
    assert done["verdict"].startswith("stuck: ") and done["summary"]["test_reads"] == 1
    names = [message.name for message in done["messages"]]
    assert names[0] is None and names[-1] == "finish" and "prepare" in names
    assert "the sealed test was read" in done["messages"][-1].content


def test_a_tool_answers_with_the_summary_and_says_what_is_wrong_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked_for: list[RunSettings] = []

    def run(settings: RunSettings) -> dict[str, Any]:
        asked_for.append(settings)
        if settings.seed:
            raise HarnessFault("no space\nleft")
        return {"run": "aime25-s0", "gain": 12.5, "clocks": {}, "outcome": "solved"}

    monkeypatch.setattr(tools, "run", run)
    tool = ftdojo.tool("30m", memory="off")
    assert json.loads(tool.invoke({"task": "aime25", "budget": "10m"})) == {
        "run": "aime25-s0",
        "gain": 12.5,
        "outcome": "solved",
    }
    assert (asked_for[0].budget_seconds, asked_for[0].memory) == (600.0, "off")
    assert "is more than 30m" in tool.invoke({"task": "aime25", "budget": "2h"})
    assert "may not be asked for" in tool.invoke({"task": "/etc", "budget": "5m"})
    assert "not a duration" in tool.invoke({"task": "aime25", "budget": "soon"})
    assert ftdojo.tool("30m", tasks=["aime25"], seed=1).invoke({"task": "aime25"}) == "no space left"
    assert len(asked_for) == 2
    with pytest.raises(InputError, match="--policy"):
        ftdojo.tool("30m", policy="tpee")
