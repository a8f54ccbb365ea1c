"""Replies of chat models: what one cost, and whether it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

BYTES_PER_TOKEN = 4
"""Of UTF-8 text, about; Chinese comes to three quarters of a token per character."""
MESSAGE_TOKENS = 4
"""What a message costs besides its text."""
CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
"""Finish reasons of a reply that stopped at its token limit, as providers name them."""
WITHHELD = frozenset({"content_filter", "refusal", "safety", "recitation", "blocked", "prohibited_content"})


def tokens_of(text: str) -> int:
    """A text's tokens, estimated from its length."""
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1


def usage_of(reply: AIMessage, input_estimate: int) -> tuple[int, int, int]:
    """(input, cached, output) tokens as the provider tells them, estimated where it does not."""
    told: Any = reply.usage_metadata or {}
    details = told.get("input_token_details") or {}
    return (
        _count(told.get("input_tokens"), input_estimate),
        _count(details.get("cache_read"), 0),
        _count(told.get("output_tokens"), tokens_of(reply.text) + MESSAGE_TOKENS),
    )


def finish_reason(reply: AIMessage) -> str:
    """Why the reply ended, in lower case; empty where the provider does not say."""
    told = reply.response_metadata
    return str(told.get("finish_reason") or told.get("stop_reason") or "").lower()


def refusal(reply: AIMessage) -> str:
    """The words in which a model refused, where its provider sends them apart from the text; else empty."""
    told = reply.additional_kwargs.get("refusal")
    parts = reply.content if isinstance(reply.content, list) else []
    said = [part.get("refusal") for part in parts if isinstance(part, dict) and part.get("refusal")]
    return " ".join(str(words) for words in (told, *said) if words).strip()


def readable(text: str) -> str:
    """The text with half surrogate pairs, which no file and no request can hold, as ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _count(told: Any, otherwise: int) -> int:
    return told if isinstance(told, int) and not isinstance(told, bool) else otherwise
