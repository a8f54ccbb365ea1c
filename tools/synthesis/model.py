"""Model of the teacher's chain of fallbacks: a call, its account, its failures."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from memory.budget.spending import Spending
from memory.records import Role
from tasks.errors import ExperimentFailed, boundary
from tools.chat.models import ModelSpec, chat_model
from tools.chat.redact import Redactor
from tools.chat.replies import CUT, MESSAGE_TOKENS, WITHHELD, finish_reason, readable, tokens_of, usage_of
from tools.chat.untrusted_text import one_line
from tools.synthesis.cache import Reply

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

REPLY_CHARACTERS = 60_000
"""Longer replies are of no use to anyone."""
GIVE_UP = 8
"""Failures in a row after which a model is not asked any more in this batch."""
UNREADABLE_TRIES = 2
"""For answers that are no JSON or another JSON; all else the provider's client has tried again already."""
PROBLEM_CHARACTERS = 300


class TeacherModel:
    """A model within one batch; several threads may ask it.

    Args:
        spec: the model and how it is called.
        spending: the caps and the account.
        redactor: takes keys out of errors.
        temperature: 0.0 to 2.0.
        role: whose calls they are, in the account.

    Raises:
        InputError: the model cannot be used here.
    """

    def __init__(
        self,
        spec: ModelSpec,
        spending: Spending,
        redactor: Redactor,
        temperature: float,
        role: Role = "teacher",
    ) -> None:
        self._spec, self._spending, self._redactor, self._role = spec, spending, redactor, role
        self._chat: BaseChatModel = chat_model(replace(spec, temperature=temperature))
        self._takes_temperature = True
        self._turn = threading.Lock()
        self._failures = 0

    @property
    def given_up(self) -> bool:
        """Whether it failed too often in a row."""
        return self._failures >= GIVE_UP

    def reply(self, system: str, prompt: str) -> Reply | str:
        """The model's reply, of use or not; a text says why there is none.

        Raises:
            CapReached: a cap is used up.
            InputError: there is a cap on money and the model has no price.
            HarnessFault: the usage cannot be written.
        """
        told = ""
        for _ in range(UNREADABLE_TRIES):
            try:
                reply = self._asked(system, prompt)
            except ExperimentFailed as failed:
                cause = failed.__cause__ or failed
                told = one_line(f"{self._spec.name}: {self._redactor.error(cause)}", PROBLEM_CHARACTERS)
                if not (self._without_temperature(cause) or _unreadable(cause)):
                    break
            else:
                self._count(bool(reply.problem))
                return reply
        self._count(True)
        return told

    def _asked(self, system: str, prompt: str) -> Reply:
        """One call. Foreign exceptions come out as ``ExperimentFailed``."""
        spec = self._spec
        messages = [("system", readable(system)), ("user", readable(prompt))]
        estimate = sum(tokens_of(text) + MESSAGE_TOKENS for _, text in messages)
        with self._spending.call(
            self._role, spec.name, input_tokens=estimate, max_output_tokens=spec.max_output_tokens
        ) as call:
            with boundary("data", spec.name):
                try:
                    message = self._chat.invoke(messages)
                    usage = usage_of(message, estimate)
                except OSError as error:  # a lost connection is the provider's fault, not the harness's
                    raise ExperimentFailed("data", "teacher_failed", spec.name) from error
            counted = call.done(*usage, estimated=not message.usage_metadata)
        return _read(message, spec)._replace(
            input_tokens=counted.input_tokens, output_tokens=counted.output_tokens
        )

    def _without_temperature(self, cause: BaseException) -> bool:
        """Whether the model refused the temperature; from now on it is asked without.

        Reasoning models take none but their own.
        """
        from langchain_core.exceptions import ModelInvalidRequestError

        refused = isinstance(cause, ModelInvalidRequestError) and "temperature" in str(cause).lower()
        if refused and self._takes_temperature:
            with self._turn:
                self._takes_temperature = False
                self._chat = chat_model(replace(self._spec, temperature=None))
        return refused

    def _count(self, failed: bool) -> None:
        with self._turn:
            self._failures = self._failures + 1 if failed else 0


def _unreadable(cause: BaseException) -> bool:
    """Whether the answer could not be read, which the provider's client does not notice."""
    from langchain_core.exceptions import ModelError

    return not isinstance(cause, ModelError | OSError)


def _read(message: AIMessage, spec: ModelSpec) -> Reply:
    """A reply as it is kept: what cannot be used is told, and its text is dropped."""
    text, reason = readable(message.text), finish_reason(message)
    if reason in CUT:
        problem = f"the reply was cut at {spec.max_output_tokens:,} output tokens"
        return Reply("", spec.name, problem, spec.max_output_tokens)
    if reason in WITHHELD:
        return Reply("", spec.name, f"the provider withheld the reply ({reason})")
    if not text.strip():
        return Reply("", spec.name, "the reply is empty")
    if len(text) > REPLY_CHARACTERS:
        return Reply("", spec.name, f"the reply has {len(text):,} characters, over {REPLY_CHARACTERS:,}")
    return Reply(text, spec.name)
