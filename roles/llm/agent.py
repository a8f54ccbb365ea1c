"""Agent of one decision: a chat model, the tools with which it looks, and what stands around its calls.

LangChain's own middleware retries, falls back, limits calls and clears old tool answers; ours
(``roles.llm.metering``, ``roles.llm.reply_validator``) keeps the caps and reads every reply. LangChain's
``create_agent`` makes a graph of it, with a node ``model`` and a node ``tools``. Within a node of
another graph its steps stream as those of a subgraph, so that whoever looks on sees each call and its answer.
None of it is checkpointed: after a kill the decision is made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from memory.budget.spending import PriceTable, Spending
from memory.records import Role
from roles.llm.limits import USUAL, Limits
from roles.llm.metering import Meter
from roles.llm.reply_validator import ReplyValidator
from tasks.errors import FtDojoError
from tools.chat.redact import Redactor
from tools.chat.replies import readable
from tools.toolkit.by_role import TOOLS

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

UNREADABLE = (json.JSONDecodeError, ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What LangChain's clients raise for an answer that is HTML, no JSON, or JSON of another shape."""


class Unanswered(FtDojoError):
    """No model answered; the text names the last error, without any key."""


@dataclass(frozen=True)
class DecisionPrompt:
    """What a role is given to decide with."""

    system: str
    user: str
    tools: Sequence[BaseTool]
    schema: type[BaseModel]
    """Its name is the tool's name, its docstring and fields are what the model sees."""


def agent_of(
    chats: Sequence[BaseChatModel],
    prompt: DecisionPrompt,
    meter: Meter,
    guard: ReplyValidator[Any],
    limits: Limits,
    redactor: Redactor,
    *,
    checkpointer: bool | None = False,
) -> Any:
    """The compiled agent: ``invoke({"messages": [...]})`` leaves the decision in the guard.

    Args:
        chats: the model, then its fallbacks.
        prompt: prompts, tools and the decision's schema.
        meter: keeps the caps and counts the calls.
        guard: reads the replies.
        limits: bounds on calls, repairs and text.
        redactor: takes keys out of what a model's client raises, before anyone who looks on is told.
        checkpointer: as LangGraph has it; None takes the outer graph's.
    """
    from langchain.agents import create_agent
    from langchain.agents.structured_output import ToolStrategy

    return create_agent(
        chats[0],
        list(prompt.tools),
        system_prompt=readable(prompt.system),
        response_format=ToolStrategy(
            prompt.schema, tool_message_content="received", handle_errors=guard.explain
        ),
        middleware=_middleware(chats[1:], meter, guard, limits, redactor),
        checkpointer=checkpointer,
    )


def outline(role: Role) -> Any:
    """A role's agent without a run, for drawings: the same nodes, and the tools by name. Nobody asks it."""
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.tools import StructuredTool

    def nothing() -> str:
        """Look at nothing."""
        return ""

    tools = [StructuredTool.from_function(nothing, name=name) for name in TOOLS[role]]
    return agent_of(
        [FakeListChatModel(responses=[])],
        DecisionPrompt("", "", tools, _Nothing),
        Meter(role, Spending(PriceTable({})), {}, 0.0),
        ReplyValidator(_Nothing, str, 0, 0, 0),
        USUAL,
        Redactor(()),
        checkpointer=None,
    )


class _Nothing(BaseModel):
    """Decide nothing."""


def _middleware(
    fallbacks: Sequence[BaseChatModel],
    meter: Meter,
    guard: ReplyValidator[Any],
    limits: Limits,
    redactor: Redactor,
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

    def without_keys(request: Any, make: Callable[[Any], Any]) -> Any:
        try:
            return make(request)
        except FtDojoError:
            raise
        except Exception as error:
            raise Unanswered(redactor.text(f"{type(error).__name__}: {error}")) from None

    return [
        after_model(can_jump_to=["model", "end"])(review_reply),
        wrap_model_call(without_keys),
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
