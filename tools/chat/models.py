"""Language models by name: what a call may take, and the LangChain chat model that makes it.

    spec = ModelSpec("openai:qwen3-32b", base_url="http://127.0.0.1:8000/v1")
    chat_model(spec).invoke("...")

``openai:`` means the protocol, not the company: with a ``base_url`` it reaches every
OpenAI-compatible server (vLLM, llama.cpp, Ollama, LM Studio, gateways). Other providers
work when their LangChain package is installed. Where keys come from is not known here:
they arrive in the spec, and leave it in the request's header alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from memory.budget.spending import PriceTable
from memory.records import Role
from tasks.errors import InputError, did_you_mean
from tools.chat.bounded_http import http_client
from tools.chat.redact import Redactor

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TIMEOUT_SECONDS = 120.0
"""The longest wait for one reply of a model whose spec names none."""
OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLES = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "cohere": "COHERE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks": "FIREWORKS_API_KEY",
    "google_genai": "GOOGLE_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistralai": "MISTRAL_API_KEY",
    "nvidia": "NVIDIA_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "perplexity": "PPLX_API_KEY",
    "together": "TOGETHER_API_KEY",
    "xai": "XAI_API_KEY",
}
"""Where each hosted provider's key is customarily kept. Others have credentials of another kind, or none."""
DOMAINS = {
    "openai": ("openai.com",),
    "anthropic": ("anthropic.com",),
    "cohere": ("cohere.com", "cohere.ai"),
    "deepseek": ("deepseek.com",),
    "fireworks": ("fireworks.ai",),
    "google_genai": ("generativelanguage.googleapis.com",),
    "groq": ("groq.com",),
    "mistralai": ("mistral.ai",),
    "nvidia": ("nvidia.com",),
    "openrouter": ("openrouter.ai",),
    "perplexity": ("perplexity.ai",),
    "together": ("together.ai", "together.xyz"),
    "xai": ("x.ai",),
}
"""Where each provider answers: its customary key goes nowhere else."""
PLACEHOLDER_KEY = "no-key-needed"
"""Sent to a server of one's own that asks for none: the client insists on sending something."""
EXAMPLE = "write provider:model, as openai:gpt-5-mini"
_NAME = re.compile(r"(?P<provider>[A-Za-z][\w-]*):(?P<model>[!-~]+)")
_WANTS_NEW_LIMIT = re.compile(r"(?:.*/)?(?:gpt-(?:[5-9]|\d\d)|o\d)")
"""OpenAI's reasoning models, through whatever gateway, refuse ``max_tokens``."""


@dataclass(frozen=True)
class ModelSpec:
    """One language model and how it is called.

    Args:
        name: ``provider:model``.
        base_url: the server's address with its path, mostly ``/v1``; the provider's own when empty.
        api_key: sent as the provider wants it; None for a server that asks for none.
        temperature: the provider's default when None; reasoning models refuse any other.
        max_output_tokens: of one reply, reasoning included.
        timeout_seconds: the longest wait for one reply; a retry starts anew. None: ``TIMEOUT_SECONDS``, and
            in a decision of a role what is left of it (``roles.llm.metering``).
        max_retries: after a timeout, a lost connection, a 429 or a 5xx, with growing pauses.

    Raises:
        InputError: the name or the address cannot be.
    """

    name: str
    base_url: str = ""
    api_key: SecretStr | None = field(default=None, repr=False)
    temperature: float | None = None
    max_output_tokens: int = 4096
    timeout_seconds: float | None = None
    max_retries: int = 2

    def __post_init__(self) -> None:
        """Check the name and the address, which are what people mistype."""
        split_name(self.name)
        _check_url(self.base_url)

    @property
    def patience_seconds(self) -> float:
        """The longest wait for one reply, where nothing else bounds it."""
        return TIMEOUT_SECONDS if self.timeout_seconds is None else self.timeout_seconds

    @property
    def provider(self) -> str:
        """The part before the colon, as LangChain writes it."""
        return split_name(self.name)[0]


@dataclass(frozen=True)
class Models:
    """The language models of a run; in each chain the first is asked, the rest are its fallbacks."""

    roles: Mapping[Role, tuple[ModelSpec, ...]]
    small: tuple[ModelSpec, ...]
    """For short jobs: the Evaluator's, where its section names no other."""
    teacher: tuple[ModelSpec, ...]
    """Whom recipes ask for data; empty when there is none."""
    prices: PriceTable
    judge: tuple[ModelSpec, ...] = ()
    """Who judges answers; empty when no language model does. No fallbacks: another judge, another score."""
    baseline: tuple[ModelSpec, ...] = ()
    """Whose score on the sealed test is told beside; empty when nobody's."""

    @property
    def all(self) -> tuple[ModelSpec, ...]:
        """Every model once."""
        chains = (*self.roles.values(), self.small, self.teacher, self.judge, self.baseline)
        return tuple(dict.fromkeys(spec for chain in chains for spec in chain))

    @property
    def redactor(self) -> Redactor:
        """Takes every key out of a text."""
        return Redactor(spec.api_key.get_secret_value() for spec in self.all if spec.api_key)


def split_name(name: str) -> tuple[str, str]:
    """Provider and model of ``provider:model``; the model's own name may hold colons.

    Raises:
        InputError: there is no provider, no model, or a blank within.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        wrong = "has a blank or an odd character" if ":" in name.strip(":") else "is not provider:model"
        raise InputError(f"model {name!r}", wrong, EXAMPLE)
    return found["provider"].replace("-", "_").lower(), found["model"]


def _check_url(url: str) -> None:
    if not url:
        return
    from httpx2 import URL, InvalidURL

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        URL(url)  # as the client that will be given it reads it
    except (ValueError, InvalidURL):
        host, parts = None, urlsplit("")
    # The address is not echoed before it is known to hold no credential.
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            "base_url",
            "holds more than an address: a user, a password or a query",
            "keep keys in the environment and name the variable as api_key_env in the models file",
        )
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"base_url {url!r}", "is no address", "write it as http://127.0.0.1:8000/v1")


def chat_model(spec: ModelSpec) -> BaseChatModel:
    """The chat model of a spec. Cheap after the first: clients share one pool of connections.

    It never streams, whatever LangGraph's stream mode: a stream that breaks off looks like a
    short answer, a body that breaks off is an error.

    Raises:
        InputError: the provider is unknown, its package is not installed, or it refuses the spec.
    """
    from langchain.chat_models import init_chat_model

    provider, model = split_name(spec.name)
    arguments = _openai_arguments(spec, model) if provider == "openai" else _arguments(spec)
    try:
        made: BaseChatModel = init_chat_model(model, model_provider=provider, **arguments)
    except ImportError as error:
        package = re.search(r"pip install [\"']?([\w\[\]-]+)", str(error))
        named = package[1] if package else f"langchain-{provider.replace('_', '-')}"
        wrong = f"the provider {provider} needs a package that is not installed"
        raise InputError(f"model {spec.name}", wrong, f"pip install {named}") from None
    except ValidationError as error:  # its own text would repeat the input
        wrong = f"{provider} refuses it: {error.errors(include_input=False)[0]['msg']}"
        raise InputError(f"model {spec.name}", wrong, "see the provider's LangChain page") from None
    except ValueError as error:
        known = re.search(r"providers are: (.+)", str(error))
        if known is None:
            raise
        near = did_you_mean(provider, known[1].split(", "))
        fix = f"{near} For a server of your own, write openai: before the model and give its base_url"
        raise InputError(f"model {spec.name}", f"there is no provider {provider}", fix) from None
    return made


def _arguments(spec: ModelSpec) -> dict[str, Any]:
    """What every provider's class understands."""
    arguments: dict[str, Any] = {
        "timeout": spec.patience_seconds,
        "max_retries": spec.max_retries,
        "max_tokens": spec.max_output_tokens,
        "disable_streaming": True,
    }
    optional = {"temperature": spec.temperature, "api_key": spec.api_key, "base_url": spec.base_url or None}
    return arguments | {name: value for name, value in optional.items() if value is not None}


def _openai_arguments(spec: ModelSpec, model: str) -> dict[str, Any]:
    """Address and key are always said: LangChain would look for them in the environment.

    Raises:
        InputError: OpenAI's own address without a key.
    """
    if spec.api_key is None and not spec.base_url:
        fix = "set OPENAI_API_KEY, or give the base_url of a server of your own"
        raise InputError(f"model {spec.name}", "has no key", fix)
    arguments = _arguments(spec) | {
        "base_url": spec.base_url or OPENAI_URL,
        "api_key": spec.api_key or SecretStr(PLACEHOLDER_KEY),
        "use_responses_api": False,  # servers of one's own have chat completions alone
        "http_client": http_client(spec.patience_seconds),
    }
    elsewhere = urlsplit(arguments["base_url"]).hostname != urlsplit(OPENAI_URL).hostname
    if elsewhere and not _WANTS_NEW_LIMIT.match(model):
        # ``max_completion_tokens``, which LangChain sends, is ignored without a word by Ollama and others
        # (ollama/ollama#7125): the old name holds everywhere but at OpenAI's reasoning models.
        arguments["extra_body"] = {"max_tokens": arguments.pop("max_tokens")}
    return arguments
