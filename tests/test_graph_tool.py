"""The graph within other graphs: as a node, with a person asked, and as the tool of an agent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command

import ftdojo
from graph import tool as tools
from graph.settings import RunSettings
from tasks.errors import HarnessFault, InputError
from tests.support.small_run import make_task_and_model, run_arguments


class Mine(TypedDict, total=False):
    """The state of a user's own graph: what it shares with ours, and more."""

    task: str
    budget: str
    base_model: str
    run_dir: str
    summary: dict[str, Any]
    messages: Annotated[list[Any], add_messages]
    verdict: str


class Caller(GenericFakeChatModel):
    """A chat model that calls the tool as it is told, and ends with a word."""

    def bind_tools(self, tools: Any, **how: Any) -> Any:
        return self


def calling(*arguments: dict[str, Any]) -> Caller:
    calls: Iterator[AIMessage] = (
        AIMessage("", tool_calls=[{"name": tools.NAME, "args": each, "id": f"call-{number}"}])
        for number, each in enumerate(arguments)
    )
    return Caller(messages=iter([*calls, AIMessage("done")]))


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_task_and_model(tmp_path_factory.mktemp("small"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FTDOJO_HOME", str(tmp_path / "home"))
    return tmp_path


def own_graph() -> StateGraph[Mine]:
    """A user's graph with ours as its first node."""
    builder = StateGraph(Mine)
    builder.add_node("fine_tune", ftdojo.build_graph())
    builder.add_node(
        "judge", lambda state: {"verdict": f"{state['summary']['outcome']}: {state['summary']['claim']}"}
    )
    builder.add_edge(START, "fine_tune")
    builder.add_edge("fine_tune", "judge")
    builder.add_edge("judge", END)
    return builder


@pytest.mark.timeout(400)
def test_the_graph_is_a_node_of_a_users_own_graph(task_and_model: tuple[Path, Path], home: Path) -> None:
    context = ftdojo.settings(**run_arguments(task_and_model, home / "runs", policy="base"))
    done = own_graph().compile().invoke({"messages": [HumanMessage("go on")]}, context=context)
    assert done["verdict"].startswith("stuck: ") and done["summary"]["test_reads"] == 1
    names = [message.name for message in done["messages"]]
    assert names[0] is None and names[-1] == "finish" and "prepare" in names
    assert "the sealed test was read" in done["messages"][-1].content


@pytest.mark.timeout(400)
def test_a_question_of_the_node_is_the_users_graphs_own_and_its_answer_goes_on(
    task_and_model: tuple[Path, Path], home: Path
) -> None:
    context = ftdojo.settings(**run_arguments(task_and_model, home / "runs", approve=["plan"]))
    graph, thread = own_graph().compile(InMemorySaver()), {"configurable": {"thread_id": "mine"}}
    asked = graph.invoke({}, thread, context=context)
    assert asked["__interrupt__"][0].value["stage"] == "plan"
    reject = Command(resume={"verdict": "reject", "note": "not these rows"})
    assert graph.invoke(reject, thread, context=context)["__interrupt__"][0].value["experiment"] == "e01"
    done = graph.invoke(reject, thread, context=context)
    assert done["verdict"].startswith("stuck: ") and "not these rows" in done["summary"]["reason"]
    assert any("the search ends: stuck, a person rejected" in str(each.content) for each in done["messages"])
    assert len(list((home / "runs").iterdir())) == 1  # neither answer began another run


def test_what_is_wrong_with_the_input_is_raised_as_its_sentence(home: Path) -> None:
    graph = own_graph().compile()
    for given, sentence in (({"budget": "soon"}, "not a duration"), ({"task": "aime26"}, "aime25")):
        with pytest.raises(InputError, match=sentence):
            graph.invoke(given)
    assert not (home / "home" / "runs").exists()


@pytest.mark.timeout(400)
def test_an_agent_with_the_tool_mends_its_calls_and_is_told_what_came_of_the_run(
    task_and_model: tuple[Path, Path], home: Path
) -> None:
    task = str(task_and_model[0])
    given = run_arguments(task_and_model, home / "runs", policy="base")
    options = {name: value for name, value in given.items() if name not in ("task", "budget")}
    tool = ftdojo.tool("10m", tasks=[task], **options)
    wrong: list[dict[str, Any]] = [
        {"task": task, "budget": "2h"},
        {"task": "/etc", "budget": "5m"},
        {"task": task, "budget": 5, "policy": "llm"},
        {"budget": "5m"},
    ]
    saver = InMemorySaver()
    agent = create_agent(calling(*wrong, {"task": task, "budget": "10m"}), [tool], checkpointer=saver)
    thread: Any = {"configurable": {"thread_id": "agent"}}
    done = agent.invoke({"messages": [("user", "make it better")]}, thread)
    *refused, told = [message for message in done["messages"] if isinstance(message, ToolMessage)]
    said = [str(message.content) for message in refused]
    assert "is more than 10m" in said[0] and "may not be asked for" in said[1]
    assert "there is no such argument" in said[2] and "task: is missing" in said[3]
    assert not any("\n" in each for each in said) and {each.status for each in refused} == {"error"}
    summary = json.loads(str(told.content))
    assert (summary["outcome"], summary["gain"]) == ("stuck", 0.0) and told.status == "success"
    assert [path.name for path in (home / "runs").iterdir()] == [summary["run"]]
    # The run kept its own checkpoints in its own folder, and left none among the agent's.
    assert (home / "runs" / summary["run"] / "checkpoints.sqlite").stat().st_size > 0
    assert list(saver.storage) == ["agent"] and list(saver.storage["agent"]) == [""]
    assert done["messages"][-1].content == "done"


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
    assert "budget: Input should be a valid string" in tool.invoke({"task": "aime25", "budget": 5})
    assert ftdojo.tool("30m", tasks=["aime25"], seed=1).invoke({"task": "aime25"}) == "no space left"
    assert len(asked_for) == 2
    with pytest.raises(InputError, match="--policy"):
        ftdojo.tool("30m", policy="tpee")
    with pytest.raises(InputError, match="nobody is asked"):
        ftdojo.tool("30m", approve=["plan"])
