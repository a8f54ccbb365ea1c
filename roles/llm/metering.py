"""Every call of a role's model: admitted by the caps before it, accounted for after it, bounded in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from memory.budget.spending import Spending
from memory.records import Role
from tasks.errors import FtDojoError, HarnessFault
from tools.chat.replies import MESSAGE_TOKENS, tokens_of, usage_of

if TYPE_CHECKING:
    from langchain.agents.middleware import ModelRequest, ModelResponse
    from langchain_core.messages import BaseMessage

    from tools.chat.models import ModelSpec


class TooLong(FtDojoError):
    """A decision has taken more time than it may."""


@dataclass
class Meter:
    """The calls of one decision."""

    role: Role
    spending: Spending
    specs: Mapping[int, ModelSpec]
    """The models' specs by ``id`` of the chat model."""
    until: float
    """``time.monotonic`` after which no further call begins."""
    calls: int = 0
    model: str = ""
    """The model that replied last."""
    fault: HarnessFault | None = None
    """Kept, because a fallback would hide it."""
    _tool_tokens: dict[str, int] = field(default_factory=dict)

    def call(
        self, request: ModelRequest[Any], make: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Make one call.

        Raises:
            TooLong: the decision's time is over.
            CapReached: no more money or tokens may be spent.
        """
        if time.monotonic() > self.until:
            raise TooLong("the time for this decision is over")
        spec = self.specs[id(request.model)]
        estimate = self._input_tokens(request)
        try:
            with self.spending.call(
                self.role, spec.name, input_tokens=estimate, max_output_tokens=spec.max_output_tokens
            ) as call:
                response = make(request)
                reply: Any = response.result[0]
                call.done(*usage_of(reply, estimate), estimated=not reply.usage_metadata)
        except HarnessFault as fault:
            self.fault = fault
            raise
        self.calls += 1
        self.model = spec.name
        # Ids come from servers and may repeat; a repeated one would overwrite an earlier message.
        reply.id = f"reply-{self.calls}"
        return response

    def _input_tokens(self, request: ModelRequest[Any]) -> int:
        system = [request.system_message] if request.system_message else []
        text = sum(message_tokens(message) for message in (*system, *request.messages))
        decision = getattr(request.response_format, "schema_specs", ())
        return (
            text
            + sum(self._tokens_of_tool(tool) for tool in request.tools)
            + sum(tokens_of(json.dumps(spec.json_schema)) for spec in decision)
        )

    def _tokens_of_tool(self, tool: Any) -> int:
        from langchain_core.utils.function_calling import convert_to_openai_tool

        name = str(getattr(tool, "name", tool))
        if name not in self._tool_tokens:
            self._tool_tokens[name] = tokens_of(json.dumps(convert_to_openai_tool(tool)))
        return self._tool_tokens[name]


def message_tokens(message: BaseMessage) -> int:
    """A message's tokens, estimated; its calls included."""
    calls = getattr(message, "tool_calls", None)
    content = message.content if isinstance(message.content, str) else json.dumps(message.content)
    return tokens_of(content) + (tokens_of(str(calls)) if calls else 0) + MESSAGE_TOKENS
