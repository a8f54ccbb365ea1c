"""One decision of a language model: a LangChain agent that looks with tools, then hands in a schema.

Whatever a model or its provider does, ``decide`` returns: with the record, or with None and the reason, and
then the playbook decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from memory.budget.spending import Spending
from memory.records import Decision, Role
from roles.llm.agent import DecisionPrompt, Unanswered, agent_of
from roles.llm.limits import USUAL, Limits, Pace
from roles.llm.metering import Meter, TooLong
from roles.llm.reply_validator import ReplyValidator
from tasks.errors import CapReached, HarnessFault
from tools.chat.replies import readable

if TYPE_CHECKING:
    from tools.chat.models import ModelSpec
    from tools.chat.redact import Redactor

T = TypeVar("T")
Subject = Literal["plan", "recipe", "training_plan", "verdict", "diagnosis"]

PROBLEM = 300
"""Characters of one problem in the journal."""
DURABILITY = "__pregel_durability"
"""LangGraph's key for how a graph's checkpoints are waited for, which a graph within it takes over. An agent
makes none, and must not wait for them; its public argument warns where there is no checkpointer."""


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
    meter = Meter(role, spending, {}, 0.0, grace, pace or Pace(), limits.calls)
    try:
        _converse(prompt, models, meter, guard, limits, redactor)
    except HarnessFault:
        raise
    except CapReached as reached:
        guard.problems.append(f"cap reached: {reached}")
    except TooLong as late:
        guard.problems.append(f"no decision within {limits.wall_seconds:.0f} s: {late}")
    except Unanswered as unanswered:
        guard.problems.append(str(unanswered))
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
    redactor: Redactor,
) -> None:
    """Run the agent; the decision is left in the guard."""
    from tools.chat.models import chat_model

    chats = [chat_model(spec) for spec in models]
    meter.specs = {id(chat): spec for chat, spec in zip(chats, models, strict=True)}
    agent = agent_of(chats, prompt, meter, guard, limits, redactor)
    meter.until = time.monotonic() + limits.wall_seconds
    agent.invoke(
        {"messages": [{"role": "user", "content": readable(prompt.user)}]},
        # One tool at a time: they share the run's clocks and files.
        {
            "max_concurrency": 1,
            "recursion_limit": 8 * limits.calls + 8,
            "configurable": {DURABILITY: "async"},
        },
    )
