"""Validation of a language model's replies: what stands between a reply and a decision.

LangChain lets several kinds of broken reply end an agent without an error: malformed calls, empty
messages, cut answers, plain text, an invalid decision beside another call. Here every reply is read, and
the decision is taken in whatever form it comes (``roles.llm.reply_reading``). What holds none goes back to
the model with one short sentence, a bounded number of times. What goes back is cleaned: a broken or huge
reply is replaced by its beginning, so that it neither fills the context nor makes the provider refuse the
next request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from roles.llm.reply_reading import Read, complaint, read_reply
from tasks.errors import ExperimentFailed, InputError, InvalidDecision
from tools.chat.replies import CUT, WITHHELD, finish_reason, readable, refusal
from tools.chat.schema_fit import loosened

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

T = TypeVar("T")

EXCERPT = 300
"""Characters of a broken reply that stay in the conversation."""
QUOTED = 160
"""Characters of a refusal that stand in the journal."""


@dataclass
class ReplyValidator(Generic[T]):
    """Reads the replies of one decision. Not shared between decisions."""

    schema: type[BaseModel]
    """The decision's; its name is the tool by which the model hands it in."""
    accept: Callable[[Any], T]
    """From the schema to the record; raises InvalidDecision."""
    most_repairs: int
    most_reply_chars: int
    most_answer_chars: int
    tool_names: frozenset[str] = frozenset()
    """The tools with which the model may look."""
    value: T | None = None
    seen: dict[str, Any] = field(default_factory=dict)
    """The latest decision's arguments, valid or not: a part of them may be of use."""
    problems: list[str] = field(default_factory=list)
    repairs: int = 0
    tools_called: list[str] = field(default_factory=list)

    @property
    def tool(self) -> str:
        """The name of the decision's tool."""
        return self.schema.__name__

    # -- replies ---------------------------------------------------------------------------

    def review(self, messages: list[AnyMessage]) -> dict[str, Any] | None:
        """What to change in the agent's state after a reply; None lets its calls be made.

        Args:
            messages: the conversation, the reply last but for answers that LangChain put behind it.
        """
        reply, answers = _last_reply(messages)
        if reply is None:
            return None
        if problem := self._unusable(reply):
            return self._without_it(reply, answers, problem)
        read = read_reply(reply, self.schema, self.tool_names)
        self.seen = read.seen or self.seen
        if read.decision is not None:
            return self._judged(read.decision, reply, answers)
        if problem := self._unreadable(reply, read):
            return self._without_it(reply, answers, problem)
        if read.complaint or read.several:
            return self._with_it(
                reply, answers, read.complaint or f"call {self.tool} once, not several times"
            )
        return self._with_calls(reply, read) if read.looks else None

    def _judged(
        self, decision: BaseModel, reply: AIMessage, answers: list[ToolMessage]
    ) -> dict[str, Any] | None:
        """The end, where the decision fits the facts; else what does not."""
        try:
            self.value = self.accept(decision)
        except InvalidDecision as refused:
            return self._with_it(reply, answers, str(refused))
        except ValidationError as error:
            return self._with_it(reply, answers, complaint(error))
        return {"jump_to": "end"}

    def _with_calls(self, reply: AIMessage, read: Read) -> dict[str, Any]:
        """The reply with the calls that it wrote out as text, so that they are made."""
        from langchain_core.messages import AIMessage

        calls = [
            {"name": name, "args": arguments, "id": f"{reply.id}-{place}", "type": "tool_call"}
            for place, (name, arguments) in enumerate(read.looks)
        ]
        return {"messages": [AIMessage(content=reply.text[:EXCERPT], id=reply.id, tool_calls=calls)]}

    def explain(self, error: Exception) -> str:
        """LangChain's word for a decision that its own reading refuses; ``review`` replaces it."""
        return "not accepted"

    def _unusable(self, reply: AIMessage) -> str:
        """Why a reply cannot be used whatever stands in it; empty when it can."""
        reason, text = finish_reason(reply), reply.text
        written = [*reply.tool_calls, *reply.invalid_tool_calls]
        size = len(text) + sum(len(str(call["args"])) for call in written)
        if reason in CUT:
            return "the reply was cut at the limit of output tokens; be much shorter"
        if reason in WITHHELD:
            said = _quoted(refusal(reply) or text)
            return f"the provider withheld the reply ({reason}{said}); put it in other words"
        if size > self.most_reply_chars:
            return (
                f"the reply has {size} characters, at most {self.most_reply_chars} are read; be much shorter"
            )
        if _has_halves([text, [call["args"] for call in written]]):
            return "the reply holds half characters (unpaired surrogates); write plain UTF-8"
        return ""

    def _unreadable(self, reply: AIMessage, read: Read) -> str:
        """Why nothing can be made of a reply without a decision; empty when it can."""
        ids = [call["id"] for call in reply.tool_calls]
        if reply.invalid_tool_calls:
            names = ", ".join(sorted({str(call.get("name")) for call in reply.invalid_tool_calls}))
            return f"the arguments of the call of {names} are not valid JSON; send them again, complete"
        if not all(ids) or len(set(ids)) < len(ids):
            return "the calls have no ids of their own; make one call at a time"
        if reply.tool_calls or read.looks:
            return ""
        how = f"decide by calling {self.tool}, or call another tool first"
        if words := refusal(reply):
            return f"the model refused{_quoted(words)}; nothing but {self.tool} is asked for: {how}"
        if read.complaint:
            return f"the decision in the text is not accepted: {read.complaint}"
        return f"the reply {'is plain text' if reply.text.strip() else 'is empty'}; {how}"

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

        if not reply.tool_calls:
            return self._without_it(reply, answers, f"not accepted: {problem}")
        own, other = f"not accepted: {problem}", f"not called, because {self.tool} stood beside it"
        alone = len(reply.tool_calls) == 1
        messages = [
            ToolMessage(
                content=own if alone or call["name"] == self.tool else other,
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
            request = _in_form(request)
        message = make(request)
        content = getattr(message, "content", None)
        if isinstance(content, str):
            message.content = shortened(readable(content), self.most_answer_chars)
        return message

    def failed(self, error: Exception, request: Any) -> str | None:
        """The answer to a call that failed for a reason that a model can mend; None lets others rise."""
        return f"failed: {error}" if isinstance(error, ExperimentFailed | InputError) else None


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


def _quoted(words: str) -> str:
    """What was said, as the end of a remark; empty where nothing was."""
    said = " ".join(readable(words).split())
    return f": {said[:QUOTED]!r}" if said else ""


def _in_form(request: Any) -> Any:
    """The request with its arguments in the form that the tool's schema asks for."""
    schema, call = request.tool.args_schema, request.tool_call
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return request
    given = loosened(schema, call["args"])
    fits = isinstance(given, dict) and given != call["args"]
    return request.override(tool_call={**call, "args": given}) if fits else request


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
