"""Every call of a role's model: admitted by the caps before it, accounted for after it, bounded in time.

A call may take what is left of its decision, and a little more: a reply that comes in that grace is used. A
call that the model's own speed leaves no room for is not made. The last one for which there is room offers
the decision alone, so that the model does not spend it on a look.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from memory.budget.spending import Spending
from memory.records import Role
from roles.llm.limits import Pace
from tasks.errors import FtDojoError, HarnessFault
from tools.chat.bounded_http import answered_within
from tools.chat.replies import MESSAGE_TOKENS, tokens_of, usage_of

if TYPE_CHECKING:
    from langchain.agents.middleware import ModelRequest, ModelResponse
    from langchain_core.messages import BaseMessage

    from tools.chat.models import ModelSpec


LAST = "There is time for one reply more: hand in your decision in it."


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
    grace_seconds: float = 0.0
    """How much longer a call under way may take."""
    pace: Pace = field(default_factory=Pace)
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
        spec = self.specs[id(request.model)]
        left = self._left(spec)
        estimate = self._input_tokens(request)
        try:
            with self.spending.call(
                self.role, spec.name, input_tokens=estimate, max_output_tokens=spec.max_output_tokens
            ) as call:
                request = self._last_if_it_is(request, spec, left)
                response = self._made(request, make, spec, self._patience(spec, left))
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

    def _left(self, spec: ModelSpec) -> float:
        """Seconds that are left for this call and others, the grace included."""
        now = time.monotonic()
        if now > self.until:
            raise TooLong("the time for this decision is over")
        left, least = self.until + self.grace_seconds - now, self.pace.reply_seconds(spec.name)
        if left < least:
            raise TooLong(f"a reply of {spec.name} takes about {least:.0f} s, and {left:.0f} s are left")
        return left

    def _patience(self, spec: ModelSpec, left: float) -> float:
        """Seconds that this call may take: half of what is left where fallbacks wait for the other."""
        *_, last = self.specs.values()
        left = left if spec is last else left / 2
        return left if spec.timeout_seconds is None else min(left, spec.timeout_seconds)

    def _made(
        self,
        request: ModelRequest[Any],
        make: Callable[[ModelRequest[Any]], ModelResponse[Any]],
        spec: ModelSpec,
        seconds: float,
    ) -> ModelResponse[Any]:
        """The response, if it comes in time; how long it took is noted either way."""
        from langchain_core.exceptions import ModelTimeoutError

        from tools.chat.models import chat_model

        if spec.provider != "openai":  # its client is its own: told the time, and not to ask again
            request = request.override(
                model=chat_model(replace(spec, timeout_seconds=seconds, max_retries=0))
            )
        started = time.monotonic()
        try:
            with answered_within(seconds):
                response = make(request)
        except (ModelTimeoutError, TimeoutError):
            self.pace.waited(spec.name, time.monotonic() - started)
            raise
        self.pace.replied(spec.name, time.monotonic() - started)
        return response

    def _last_if_it_is(self, request: ModelRequest[Any], spec: ModelSpec, left: float) -> ModelRequest[Any]:
        """Without tools, where there is time for this reply and no other."""
        from langchain_core.messages import SystemMessage

        if not request.tools or left >= 2 * self.pace.reply_seconds(spec.name):
            return request
        orders = request.system_message.text if request.system_message else ""
        return request.override(tools=[], system_message=SystemMessage(f"{orders}\n\n{LAST}".strip()))

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
