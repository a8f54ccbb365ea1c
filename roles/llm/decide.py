"""One decision of a language model: a LangChain agent that looks with tools, then hands in a schema.

LangChain's own middleware retries, falls back, limits calls and clears old tool answers; ours
(``roles.llm.metering``, ``roles.llm.reply_validator``) keeps the caps and reads every reply. Whatever a model
or its provider does, ``decide`` returns: with the record, or with None and the reason, and then
the playbook decides.
"""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from memory.budget.spending import Spending
from memory.records import Decision, Role
from roles.llm.limits import USUAL, Limits, Pace
from roles.llm.metering import Meter, TooLong
from roles.llm.reply_validator import ReplyValidator
from tasks.errors import CapReached, FtDojoError, HarnessFault
from tools.chat.replies import readable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

    from tools.chat.models import ModelSpec
    from tools.chat.redact import Redactor

T = TypeVar("T")
D = TypeVar("D", bound=BaseModel)
Subject = Literal["plan", "recipe", "training_plan", "verdict", "diagnosis"]

PROBLEM = 300
"""Characters of one problem in the journal."""
UNREADABLE = (json.JSONDecodeError, ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What LangChain's clients raise for an answer that is HTML, no JSON, or JSON of another shape."""


@dataclass(frozen=True)
class DecisionPrompt:
    """What a role is given to decide with."""

    system: str
    user: str
    tools: Sequence[BaseTool]
    schema: type[BaseModel]
    """Its name is the tool's name, its docstring and fields are what the model sees."""


@dataclass(frozen=True)
class Decided(Generic[T]):
    """A decision's result and what it took."""

    value: T | None
    """None: the playbook has to decide; ``decision.problems[-1]`` says why."""
    decision: Decision
    seen: Mapping[str, Any] = field(default_factory=dict)
    """Where there is no value: the arguments of the latest try, of which a part may be of use."""


def decide(
    role: Role,
    subject: Subject,
    prompt: DecisionPrompt,
    models: Sequence[ModelSpec],
    spending: Spending,
    accept: Callable[[Any], T],
    redactor: Redactor,
    limits: Limits = USUAL,
    pace: Pace | None = None,
) -> Decided[T]:
    """Let a language model decide.

    Args:
        role: who decides; calls are accounted to it.
        subject: what is decided.
        prompt: prompts, tools and the decision's schema.
        models: the model, then its fallbacks.
        spending: the caps and the account.
        accept: from the schema to the record; raises InvalidDecision with what does not fit the facts.
        redactor: takes secrets out of error messages.
        limits: bounds on calls, repairs, time and text.
        pace: how fast the models reply; what they take here is noted in it.

    Raises:
        HarnessFault: the harness cannot go on. Nothing that a model or a provider does is raised.
    """
    names = frozenset(tool.name for tool in prompt.tools)
    guard = ReplyValidator(
        prompt.schema, accept, limits.repairs, limits.reply_chars, limits.answer_chars, names
    )
    grace = limits.grace * max(0.0, limits.wall_seconds)
    meter = Meter(role, spending, {}, 0.0, grace, pace or Pace())
    try:
        # A context of its own: neither the outer graph's checkpoints nor its streams reach the agent.
        contextvars.Context().run(_converse, prompt, models, meter, guard, limits)
    except HarnessFault:
        raise
    except CapReached as reached:
        guard.problems.append(f"cap reached: {reached}")
    except TooLong as late:
        guard.problems.append(f"no decision within {limits.wall_seconds:.0f} s: {late}")
    except Exception as error:
        guard.problems.append(f"{type(error).__name__}: {error}")
    if meter.fault is not None:
        raise meter.fault
    if guard.value is None and not guard.problems:
        guard.problems.append("the agent ended without a decision")
    decision = Decision(
        role=role,
        subject=subject,
        decided_by="llm" if guard.value is not None else "playbook",
        model=meter.model or (models[0].name if models else ""),
        calls=meter.calls,
        repairs=guard.repairs,
        tools_called=tuple(guard.tools_called),
        problems=tuple(readable(redactor.text(problem))[:PROBLEM] for problem in guard.problems),
    )
    return Decided(guard.value, decision, guard.seen)


def _converse(
    prompt: DecisionPrompt,
    models: Sequence[ModelSpec],
    meter: Meter,
    guard: ReplyValidator[Any],
    limits: Limits,
) -> None:
    """Run the agent; the decision is left in the guard."""
    from langchain.agents import create_agent
    from langchain.agents.structured_output import ToolStrategy

    from tools.chat.models import chat_model

    chats = [chat_model(spec) for spec in models]
    meter.specs = {id(chat): spec for chat, spec in zip(chats, models, strict=True)}
    agent = create_agent(
        chats[0],
        list(prompt.tools),
        system_prompt=readable(prompt.system),
        response_format=ToolStrategy(
            prompt.schema, tool_message_content="received", handle_errors=guard.explain
        ),
        middleware=_middleware(chats[1:], meter, guard, limits),
        checkpointer=False,
    )
    meter.until = time.monotonic() + limits.wall_seconds
    agent.invoke(
        {"messages": [{"role": "user", "content": readable(prompt.user)}]},
        # One tool at a time: they share the run's clocks and files.
        {"max_concurrency": 1, "recursion_limit": 8 * limits.calls + 8},
    )


def _middleware(
    fallbacks: Sequence[BaseChatModel], meter: Meter, guard: ReplyValidator[Any], limits: Limits
) -> list[Any]:
    """Around a call, the first is outermost; behind a reply, the first reads it last."""
    from langchain.agents.middleware import (
        ClearToolUsesEdit,
        ContextEditingMiddleware,
        ModelCallLimitMiddleware,
        ModelFallbackMiddleware,
        ModelRetryMiddleware,
        ToolCallLimitMiddleware,
        ToolErrorMiddleware,
        after_model,
        wrap_model_call,
        wrap_tool_call,
    )

    def review_reply(state: Any, runtime: Any) -> dict[str, Any] | None:
        return guard.review(state["messages"])

    return [
        after_model(can_jump_to=["model", "end"])(review_reply),
        ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=limits.context_tokens, keep=3)]),
        *([ModelFallbackMiddleware(*fallbacks)] if fallbacks else []),
        ModelRetryMiddleware(
            max_retries=limits.retries,
            retry_on=transient,
            on_failure="error",
            initial_delay=limits.first_delay_seconds,
            max_delay=limits.most_delay_seconds,
        ),
        wrap_model_call(meter.call),
        ModelCallLimitMiddleware(run_limit=limits.calls, exit_behavior="error"),
        ToolCallLimitMiddleware(run_limit=limits.tool_calls, exit_behavior="continue"),
        wrap_tool_call(guard.answer),
        ToolErrorMiddleware(guard.failed),
    ]


def transient(error: Exception) -> bool:
    """Whether asking the same again may help.

    Connections that fail and servers that do not answer in time were tried again by the HTTP client
    already; what it does not notice are answers that cannot be read.
    """
    from langchain_core.exceptions import ModelConnectionError, ModelError, ModelTimeoutError

    if isinstance(error, FtDojoError | ModelConnectionError | ModelTimeoutError):
        return False
    if isinstance(error, ModelError):
        return error.is_retryable
    return isinstance(error, (*UNREADABLE, ConnectionError, TimeoutError))
