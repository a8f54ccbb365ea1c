"""What stands between a language model's reply and a decision: every reply is read before it counts.

LangChain lets several kinds of broken reply end an agent without an error: malformed calls, empty
messages, cut answers, plain text, an invalid decision beside another call. Here each of them goes
back to the model with one short sentence, a bounded number of times. What goes back is cleaned:
a broken or huge reply is replaced by its beginning, so that it neither fills the context nor
makes the provider refuse the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.errors import ExperimentFailed, InputError, InvalidDecision
from tools.chat.replies import CUT, WITHHELD, readable

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

T = TypeVar("T")

MOST_COMPLAINTS = 6
"""Validation errors of one reply that are told at once."""
EXCERPT = 300
"""Characters of a broken reply that stay in the conversation."""


@dataclass
class ReplyValidator(Generic[T]):
    """Reads the replies of one decision. Not shared between decisions."""

    tool: str
    """The name of the tool by which the model hands in its decision."""
    accept: Callable[[Any], T]
    """From the schema to the record; raises InvalidDecision."""
    most_repairs: int
    most_reply_chars: int
    most_answer_chars: int
    value: T | None = None
    problems: list[str] = field(default_factory=list)
    repairs: int = 0
    tools_called: list[str] = field(default_factory=list)
    _complaint: str = ""

    # -- replies ---------------------------------------------------------------------------

    def review(self, messages: list[AnyMessage], decision: BaseModel | None) -> dict[str, Any] | None:
        """What to change in the agent's state after a reply; None lets its calls be made.

        Args:
            messages: the conversation, the reply last but for answers that LangChain put behind it.
            decision: the decision in the reply, where it holds a valid one.
        """
        reply, answers = _last_reply(messages)
        if reply is None:
            return None
        if problem := self._unreadable(reply):
            return self._without_it(reply, answers, problem)
        if not any(call["name"] == self.tool for call in reply.tool_calls):
            return None
        if decision is None:
            return self._with_it(reply, answers, self._complaint or f"{self.tool} was called more than once")
        try:
            self.value = self.accept(decision)
        except InvalidDecision as refused:
            return self._with_it(reply, answers, str(refused))
        except ValidationError as error:
            return self._with_it(reply, answers, complaint(error))
        return {"jump_to": "end"}

    def explain(self, error: Exception) -> str:
        """The text for an invalid decision: which fields, and what is wrong with each."""
        cause: BaseException | None = getattr(error, "source", error)
        while cause is not None and not isinstance(cause, ValidationError):
            cause = cause.__cause__
        several = f"call {self.tool} once, with nothing beside it"
        self._complaint = complaint(cause) if isinstance(cause, ValidationError) else several
        return self._complaint

    def _unreadable(self, reply: AIMessage) -> str:
        """Why a reply cannot be used at all; empty when it can."""
        reason = str(_metadata(reply, "finish_reason") or _metadata(reply, "stop_reason") or "").lower()
        text = reply.text
        size = len(text) + sum(len(str(call["args"])) for call in reply.tool_calls)
        ids = [call["id"] for call in reply.tool_calls]
        if reason in CUT:
            return "the reply was cut at the limit of output tokens; be much shorter"
        if reason in WITHHELD:
            return f"the provider withheld the reply ({reason}); put it in other words"
        if reply.invalid_tool_calls:
            names = ", ".join(sorted({str(call.get("name")) for call in reply.invalid_tool_calls}))
            return f"the arguments of the call of {names} are not valid JSON; send them again, complete"
        if size > self.most_reply_chars:
            return (
                f"the reply has {size} characters, at most {self.most_reply_chars} are read; be much shorter"
            )
        if not all(ids) or len(set(ids)) < len(ids):
            return "the calls have no ids of their own; make one call at a time"
        if _has_halves([text, [call["args"] for call in reply.tool_calls]]):
            return "the reply holds half characters (unpaired surrogates); write plain UTF-8"
        if not reply.tool_calls:
            said = "is empty" if not text.strip() else "is plain text"
            return f"the reply {said}; decide by calling {self.tool}, or call another tool first"
        return ""

    def _count(self, problem: str) -> str:
        """Where the conversation goes after a problem."""
        self.problems.append(problem)
        if self.repairs >= self.most_repairs:
            return "end"
        self.repairs += 1
        return "model"

    def _without_it(self, reply: AIMessage, answers: list[ToolMessage], problem: str) -> dict[str, Any]:
        """Ask again, with the broken reply replaced by its beginning."""
        from langchain_core.messages import AIMessage, HumanMessage

        said = readable(reply.text.strip()[:EXCERPT]) or "(nothing that could be read)"
        messages = [*_removed(answers), AIMessage(content=said, id=reply.id), HumanMessage(content=problem)]
        return {"messages": messages, "jump_to": self._count(problem), "structured_response": None}

    def _with_it(self, reply: AIMessage, answers: list[ToolMessage], problem: str) -> dict[str, Any]:
        """Ask again, with the reply kept and each of its calls answered once."""
        from langchain_core.messages import ToolMessage

        own, other = f"not accepted: {problem}", f"not called, because {self.tool} stood beside it"
        messages = [
            ToolMessage(
                content=own if call["name"] == self.tool else other,
                tool_call_id=call["id"],
                name=call["name"],
                status="error",
            )
            for call in reply.tool_calls
        ]
        jump = self._count(problem)
        return {"messages": [*_removed(answers), *messages], "jump_to": jump, "structured_response": None}

    # -- tools -----------------------------------------------------------------------------

    def answer(self, request: Any, make: Callable[[Any], Any]) -> Any:
        """Make a call and bound its answer."""
        name = str(request.tool_call["name"])
        if request.tool is None:
            self.problems.append(f"there is no tool {name[:80]}")
        else:
            self.tools_called.append(name)
        message = make(request)
        content = getattr(message, "content", None)
        if isinstance(content, str):
            message.content = shortened(readable(content), self.most_answer_chars)
        return message

    def failed(self, error: Exception, request: Any) -> str | None:
        """The answer to a call that failed for a reason that a model can mend; None lets others rise."""
        return f"failed: {error}" if isinstance(error, ExperimentFailed | InputError) else None


def complaint(error: ValidationError) -> str:
    """A validation error as one line: field, what is wrong, and what was given."""
    errors = error.errors(include_url=False, include_context=False)
    lines = []
    for each in errors[:MOST_COMPLAINTS]:
        where = ".".join(str(part) for part in each["loc"]) or "the decision"
        given = "" if each["type"] == "missing" else f" (given: {readable(repr(each['input'])[:60])})"
        lines.append(f"{where}: {each['msg']}{given}")
    left = len(errors) - MOST_COMPLAINTS
    return "; ".join(lines) + (f"; and {left} more" if left > 0 else "")


def shortened(text: str, most: int) -> str:
    """At most ``most`` characters and a notice: the beginning, and a quarter for the end."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail]}\n[... {len(text) - most} characters left out ...]\n{text[-tail:]}"


def _has_halves(value: Any) -> bool:
    """Whether any text within holds half a surrogate pair."""
    if isinstance(value, str):
        return readable(value) != value
    if isinstance(value, Mapping):
        return any(_has_halves(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_has_halves(part) for part in value)


def _metadata(reply: AIMessage, name: str) -> Any:
    metadata: Mapping[str, Any] = reply.response_metadata
    return metadata.get(name)


def _last_reply(messages: list[AnyMessage]) -> tuple[AIMessage | None, list[ToolMessage]]:
    """The latest reply, and the answers behind it."""
    from langchain_core.messages import AIMessage, ToolMessage

    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, AIMessage):
            return message, [later for later in messages[place + 1 :] if isinstance(later, ToolMessage)]
    return None, []


def _removed(answers: list[ToolMessage]) -> list[Any]:
    from langchain_core.messages import RemoveMessage

    return [RemoveMessage(id=answer.id) for answer in answers if answer.id]
