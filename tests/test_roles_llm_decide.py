"""One decision: every way in which a reply is known to go wrong, over real HTTP, and the bounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from memory.budget.spending import PriceTable, Spending
from roles.llm.agent import DecisionPrompt
from roles.llm.decide import Decided, decide
from roles.llm.limits import Limits, Pace
from tasks.errors import CapReached, ExperimentFailed, HarnessFault, InvalidDecision
from tests.support.loopback_chat import (
    ChatServer,
    Reply,
    Request,
    body,
    call,
    calls,
    cut,
    finish,
    hang,
    http_error,
    in_order,
    raw_arguments,
    reset,
    text,
)
from tools.chat.models import ModelSpec
from tools.chat.redact import Redactor
from tools.toolkit.answers import as_tools

KEY = "sk-not-to-be-seen-98765"
LIMITS = Limits(first_delay_seconds=0.0, most_delay_seconds=0.0)
MODEL = "openai:scripted"


class Choice(BaseModel):
    """Hand in a number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    number: float = Field(ge=0, le=10)


GOOD = call("Choice", {"number": 3})


def accept(choice: Choice) -> float:
    """Any number but 7."""
    if choice.number == 7:
        raise InvalidDecision("7 is taken; 0 to 6 are free")
    return choice.number


def looking(answer: Callable[[str], str] = lambda what: f"saw {what}") -> list[BaseTool]:
    """One tool, ``look``."""

    def look(what: str) -> str:
        """Look at something.

        Args:
            what: its name.
        """
        return answer(what)

    return [StructuredTool.from_function(look, parse_docstring=True)]


def free() -> Spending:
    """No caps, no prices."""
    return Spending(PriceTable({}))


def ask(
    server: ChatServer,
    *,
    spending: Spending | None = None,
    tools: list[BaseTool] | None = None,
    limits: Limits = LIMITS,
    fallbacks: tuple[ModelSpec, ...] = (),
    pace: Pace | None = None,
    **spec: Any,
) -> Decided[float]:
    """One decision by the server's model."""
    settings: dict[str, Any] = {"max_retries": 0, "timeout_seconds": 5.0, "api_key": SecretStr(KEY)} | spec
    first = ModelSpec(MODEL, base_url=server.base_url, **settings)
    prompt = DecisionPrompt("You decide.", "Choose.", looking() if tools is None else tools, Choice)
    return decide(
        "planner",
        "plan",
        prompt,
        (first, *fallbacks),
        spending or free(),
        accept,
        Redactor([KEY]),
        limits,
        pace,
    )


def of(*replies: Reply, **how: Any) -> tuple[Decided[float], list[Request]]:
    """A decision over these replies, and the requests that it made."""
    with ChatServer(in_order(*replies)) as server:
        return ask(server, **how), server.requests


def test_a_good_reply_is_a_decision():
    decided, requests = of(call("look", {"what": "a"}), GOOD)
    assert decided.value == 3.0
    assert decided.decision.model_dump() == {
        "role": "planner",
        "subject": "plan",
        "decided_by": "llm",
        "model": MODEL,
        "calls": 2,
        "repairs": 0,
        "tools_called": ("look",),
        "problems": (),
    }
    assert requests[0].tool_names == ["look", "Choice"]
    assert requests[1].answers == ["saw a"]
    assert [message["role"] for message in requests[0].messages] == ["system", "user"]


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (raw_arguments("Choice", '{"number": '), "not valid JSON"),
        (text(""), "is empty"),
        (text("   \n"), "is empty"),
        (text("I would take 3."), "is plain text"),
        (finish("length", "I would"), "cut at the limit"),
        (finish("content_filter"), "withheld"),
        (Reply(calls=GOOD.calls, finish_reason="length"), "cut at the limit"),
        (text("x" * 50_000), "at most 40000"),
        (call("look", {"what": "x" * 50_000}), "at most 40000"),
        (text("half \ud800"), "half characters"),
        (call("Choice", {"number": "three"}), "number: Input should be a valid number"),
        (call("Choice", {"number": -1}), "number: Input should be greater than or equal to 0"),
        (call("Choice", {}), "number: Field required"),
        (call("Choice", {"number": 3, "also": 1}), "also: Extra inputs are not permitted"),
        (raw_arguments("Choice", '{"number": NaN}'), "finite"),
        (raw_arguments("Choice", '{"number": 1e999}'), "finite"),
        (call("Choice", {"number": 7}), "7 is taken"),
        (calls([("Choice", {"number": 1}), ("Choice", {"number": 2})]), "call Choice once"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_reply_goes_back_and_is_repaired(reply, problem):
    decided, requests = of(reply, GOOD)
    assert decided.value == 3.0
    assert decided.decision.repairs == 1
    assert problem in decided.decision.problems[0]
    assert problem in str(requests[1].messages[-1]["content"])
    assert len(json.dumps(requests[1].body)) < 20_000


def test_every_call_of_a_refused_reply_is_answered_once():
    mixed = calls([("look", {"what": "a"}), ("Choice", {"number": "x"})])
    decided, requests = of(mixed, GOOD)
    assert decided.value == 3.0
    assert decided.decision.tools_called == ()
    made = [made["id"] for made in requests[1].messages[2]["tool_calls"]]
    assert [message["tool_call_id"] for message in requests[1].messages[3:]] == made


def test_a_decision_beside_another_call_counts():
    decided, requests = of(calls([("look", {"what": "a"}), ("Choice", {"number": 4})]))
    assert (decided.value, decided.decision.tools_called, len(requests)) == (4.0, (), 1)


@pytest.mark.parametrize(
    "reply",
    [
        body(b"<html><body>Bad gateway</body></html>", "text/html"),
        body(b'{"choices": [{"message": '),
        body(b"{}"),
        body(b"null"),
        body(b"[]"),
        body(b""),
        body(b'{"choices": []}'),
        body(b'{"error": {"message": "overloaded"}}'),
        http_error(429),
        http_error(500),
        http_error(503),
    ],
    ids=lambda reply: f"{reply.status} {(reply.raw or b'')[:24]!r}",
)
def test_an_answer_that_cannot_be_read_is_asked_for_again(reply):
    decided, requests = of(reply, GOOD)
    assert (decided.value, len(requests)) == (3.0, 2)
    assert decided.decision.calls == 1
    assert decided.decision.problems == ()


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (http_error(500), "OpenAIAPIError"),
        (http_error(429), "OpenAIRateLimitError"),
        (http_error(400), "OpenAIInvalidRequestError"),
        (http_error(401), "OpenAIAuthenticationError"),
        (http_error(404), "OpenAIModelNotFoundError"),
        (http_error(400, "context_length_exceeded"), "ContextOverflow"),
        (reset(), "OpenAIConnectionError"),
        (cut(GOOD), "OpenAIConnectionError"),
        (hang(2.0), "OpenAITimeoutError"),
        (body(b"<html>"), "Error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_provider_that_stays_broken_leaves_the_decision_to_the_playbook(reply, problem):
    decided, requests = of(reply, timeout_seconds=1.0)
    assert decided.value is None
    assert decided.decision.decided_by == "playbook"
    assert problem in decided.decision.problems[-1]
    assert len(requests) <= 1 + LIMITS.retries


def test_a_fallback_model_takes_over():
    with ChatServer(in_order(GOOD)) as second:
        other = ModelSpec("openai:other", base_url=second.base_url, max_retries=0)
        decided, requests = of(http_error(401), fallbacks=(other,))
        assert (decided.value, decided.decision.model, len(requests)) == (3.0, "openai:other", 1)
        assert second.requests[0].model == "other"


def test_repairs_are_bounded():
    decided, requests = of(text("no"))
    assert decided.value is None
    assert (decided.decision.repairs, decided.decision.calls) == (LIMITS.repairs, len(requests)) == (3, 4)
    assert decided.decision.problems == ("the reply is plain text; decide by calling Choice, or call "
                                         "another tool first",) * 4  # fmt: skip


def test_endless_tool_calls_end():
    decided, requests = of(call("look", {"what": "a"}))
    assert decided.value is None
    assert len(decided.decision.tools_called) == LIMITS.tool_calls
    assert len(requests) == LIMITS.calls
    assert "ModelCallLimitExceeded" in decided.decision.problems[-1]


def test_a_refused_decision_after_the_last_tool_call_is_answered_once():
    looks = [call("look", {"what": "a"})] * LIMITS.tool_calls
    decided, requests = of(*looks, call("Choice", {"number": 7}), GOOD)
    assert decided.value == 3.0
    ids = [message["tool_call_id"] for message in requests[-1].messages if message["role"] == "tool"]
    assert len(ids) == len(set(ids)) == LIMITS.tool_calls + 1


def test_an_unknown_tool_and_wrong_arguments_go_back():
    decided, requests = of(call("shell", {"command": "ls"}), call("look", {"where": 1}), GOOD)
    assert decided.value == 3.0
    assert "not a valid tool" in requests[1].answers[0]
    assert "what" in requests[2].answers[1]
    assert decided.decision.problems == ("there is no tool shell",)


def test_arguments_of_a_tool_are_read_in_whatever_form_they_come():
    tools = as_tools([looking()[0].func])
    looks = [
        call("look", {"arguments": {"what": "a"}}),
        call("look", {"What": "b"}),
        call("look", {"who": 1}),
    ]
    decided, requests = of(*looks, GOOD, tools=tools)
    assert requests[-1].answers[:2] == ["saw a", "saw b"]
    assert "who: there is no such argument; did you mean what?" in requests[-1].answers[2]
    assert (decided.value, decided.decision.tools_called) == (3.0, ("look",) * 3)


def test_long_tool_answers_are_cut_and_old_ones_cleared():
    looks = [call("look", {"what": str(n)}) for n in range(5)]
    tools = looking(lambda what: what * 20_000)
    _, requests = of(*looks, GOOD, tools=tools, limits=Limits(context_tokens=2_000, answer_chars=3_000))
    assert len(requests[1].answers[0]) < 3_100
    assert "characters left out" in requests[1].answers[0]
    assert requests[-1].answers[:2] == ["[cleared]", "[cleared]"]


def failing(error: Exception) -> list[BaseTool]:
    """``look``, which raises."""

    def raise_it(what: str) -> str:
        raise error

    return looking(raise_it)


def test_a_failed_tool_answers_and_a_fault_of_the_harness_stops():
    failed = failing(ExperimentFailed("data", "empty_data", "no row is left"))
    decided, requests = of(call("look", {"what": "a"}), GOOD, tools=failed)
    assert (decided.value, requests[1].answers) == (3.0, ["failed: data: empty_data: no row is left"])
    broken = failing(HarnessFault("the disk is full"))
    with pytest.raises(HarnessFault, match="disk is full"):
        of(call("look", {"what": "a"}), GOOD, tools=broken)


def test_a_cap_reached_within_a_tool_ends_the_decision():
    reached = failing(CapReached("the cap of 1 US dollar is reached"))
    decided, _ = of(call("look", {"what": "a"}), GOOD, tools=reached)
    assert decided.value is None
    assert decided.decision.problems == ("cap reached: the cap of 1 US dollar is reached",)


def test_a_bug_in_a_tool_leaves_the_decision_to_the_playbook():
    decided, _ = of(call("look", {"what": "a"}), GOOD, tools=failing(ZeroDivisionError("by zero")))
    assert (decided.value, decided.decision.problems) == (None, ("ZeroDivisionError: by zero",))


def test_calls_are_accounted_for_as_the_provider_tells():
    spending = free()
    of(call("look", {"what": "a"}).with_usage(100, 10, cached=40), GOOD.with_usage(120, 5), spending=spending)
    account = spending.total
    assert (account.input_tokens, account.cached_tokens, account.output_tokens) == (220, 40, 15)
    assert account.calls == 2


def test_usage_that_nobody_tells_is_estimated():
    spending = free()
    _, requests = of(GOOD.without_usage(), spending=spending)
    sent = len(json.dumps(requests[0].body)) / 4
    assert 0.5 * sent < spending.total.input_tokens < 2 * sent


def test_no_call_begins_beyond_a_cap():
    spending = Spending(PriceTable({}), max_tokens=50)
    decided, requests = of(call("look", {"what": "a"}).with_usage(60, 5), GOOD, spending=spending)
    assert decided.value is None
    assert decided.decision.problems[0].startswith("cap reached: the cap of 50 tokens")
    assert len(requests) == 1


def test_a_decision_takes_no_longer_than_it_may():
    decided, requests = of(GOOD, limits=Limits(wall_seconds=-1.0))
    assert (decided.value, len(requests)) == (None, 0)
    assert "no decision within" in decided.decision.problems[-1]


def test_problems_hold_no_key_and_are_short():
    decided, _ = of(http_error(400, f"the key {KEY} is bad " + "x" * 900))
    assert KEY not in decided.decision.problems[-1]
    assert len(decided.decision.problems[-1]) <= 300


def test_what_a_client_raises_reaches_whoever_looks_on_without_the_key():
    from langgraph.graph import START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        total: float

    with ChatServer(in_order(http_error(400, f"the key {KEY} is bad"))) as server:
        builder = StateGraph(State)
        builder.add_node("decide", lambda state: {"total": ask(server).value or 0.0})
        builder.add_edge(START, "decide")
        modes = ["updates", "tasks", "debug", "messages"]
        seen = list(builder.compile().stream({"total": 1.0}, stream_mode=modes, subgraphs=True))
    told = repr(seen)
    assert "Unanswered" in told and "is bad" in told and KEY not in told


def test_inside_a_graph_the_agent_streams_as_a_subgraph_leaves_no_checkpoint_and_starts_anew():
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        total: float

    with ChatServer(in_order(call("look", {"what": "a"}), GOOD, GOOD)) as server:

        def node(state: State) -> State:
            first, second = ask(server), ask(server)
            return {"total": (first.value or 0) + (second.value or 0)}

        builder = StateGraph(State)
        builder.add_node("decide", node)
        builder.add_edge(START, "decide")
        builder.add_edge("decide", END)
        saver = InMemorySaver()
        graph = builder.compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "1"}}
        ways: Any = {"stream_mode": ["updates", "messages"], "durability": "sync"}
        seen = list(graph.stream({"total": 0.0}, config, subgraphs=True, **ways))
        requests = server.requests
    assert graph.get_state(config).values == {"total": 6.0}
    within = [(place, step) for place, kind, step in seen if kind == "updates" and place]
    assert {place[0].partition(":")[0] for place, _ in within} == {"decide"}
    looks = [step["tools"]["messages"][0] for _, step in within if "tools" in step]
    assert [(look.name, look.content) for look in looks] == [("look", "saw a")]
    assert [x for place, kind, x in seen if kind == "updates" and not place] == [{"decide": {"total": 6.0}}]
    assert list(saver.storage["1"]) == [""]
    assert [len(request.messages) for request in requests] == [2, 4, 2]
