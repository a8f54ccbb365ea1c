"""One short question to a language model: whether it answers, how long that takes, what it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from memory.budget.spending import Spending
from memory.records import Role, Usage
from tasks.errors import CapReached
from tools.chat.bounded_http import answered_within
from tools.chat.models import ModelSpec, chat_model
from tools.chat.redact import Redactor
from tools.chat.replies import MESSAGE_TOKENS, tokens_of, usage_of

QUESTION = "Answer with the single word: ready"


@dataclass(frozen=True)
class Probed:
    """What came of it."""

    model: str
    seconds: float
    """Until the reply, or until none was waited for any longer."""
    late: bool = False
    """No reply came in the time given."""
    problem: str = ""
    """Why there was none, in one line without secrets."""
    usage: Usage | None = None


def probe(spec: ModelSpec, role: Role, seconds: float, spending: Spending) -> Probed:
    """Ask once, without a second try.

    Args:
        spec: the model.
        role: to whom the call is accounted.
        seconds: the longest wait.
        spending: prices and caps.
    """
    from langchain_core.exceptions import ModelTimeoutError

    once = replace(spec, max_retries=0, timeout_seconds=min(seconds, spec.timeout_seconds or seconds))
    estimate = tokens_of(QUESTION) + MESSAGE_TOKENS
    started = time.monotonic()
    try:
        chat = chat_model(once)
        started = time.monotonic()
        with spending.call(
            role, spec.name, input_tokens=estimate, max_output_tokens=spec.max_output_tokens
        ) as call:
            with answered_within(once.patience_seconds):
                reply = chat.invoke(QUESTION)
            call.done(*usage_of(reply, estimate), estimated=not reply.usage_metadata)
    except (ModelTimeoutError, TimeoutError):
        return Probed(spec.name, time.monotonic() - started, late=True, problem="no reply in time")
    except CapReached as reached:
        return Probed(spec.name, 0.0, problem=str(reached))
    except Exception as error:
        # Whatever a provider's package raises: the run goes on by the playbook, and the user is told why.
        secrets = [spec.api_key.get_secret_value()] if spec.api_key else []
        problem = Redactor(secrets).error(error) + _unsent(spec, error)
        return Probed(spec.name, time.monotonic() - started, problem=problem)
    return Probed(spec.name, time.monotonic() - started, usage=call.usage)


def _unsent(spec: ModelSpec, error: Exception) -> str:
    """What to do where a server asks for a key and got none."""
    if spec.api_key is not None or getattr(error, "status_code", None) not in (401, 403):
        return ""
    return "; no key was sent there: name its variable as api_key_env beside base_url in a --models file"
