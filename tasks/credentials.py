r"""Credentials by how they look: prefixes that providers give their keys, so that a leaked one can be found.

What is sent, journaled, logged or reported passes through here, whatever it is called and wherever it came
from: a row of scraped data, a variable with an odd name, a library's error message. A key without a mark
of its own (forty hexadecimal digits) is known by its name alone (``tools.process.environment``), or because
it is one of the run's own (``tools.chat.redact``).

The prefixes are those that the providers document for secret scanning. Every repetition is bounded, so that a
text made to be slow is not. The module stands in ``tasks`` because every other folder may import from there.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "[redacted]"

_WITH_DIGIT = r"(?=[\w-]{0,80}\d)"
"""Keys hold digits; names of classes and of options (``sk-learn-compatible``) do not."""
SHAPES = {
    "OpenAI, Anthropic, OpenRouter, DeepSeek": rf"\bsk-{_WITH_DIGIT}[\w-]{{16,300}}",
    "Stripe": r"\b[spr]k_(?:live|test)_[A-Za-z0-9]{16,200}",
    "Hugging Face": r"\b(?:hf|api_org)_[A-Za-z0-9]{20,100}",
    "GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{22,255})",
    "GitLab": r"\bglpat-[\w-]{16,100}",
    "AWS": r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    "Google": r"\b(?:AIza[\w-]{30,60}|ya29\.[\w-]{20,500}|GOCSPX-[\w-]{20,60})",
    "Slack": r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,255}",
    "Groq, xAI, Perplexity, NVIDIA, Replicate": (
        rf"\b(?:gsk_|xai-|pplx-|nvapi-|r8_){_WITH_DIGIT}[\w-]{{16,200}}"
    ),
    "LangSmith": r"\blsv2_(?:pt|sk)_[A-Za-z0-9_]{20,100}",
    "npm": r"\bnpm_[A-Za-z0-9]{30,60}",
    "PyPI": r"\bpypi-AgE[\w-]{30,300}",
    "SendGrid": r"\bSG\.[\w-]{16,40}\.[\w-]{16,80}",
    "JSON web token": r"\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000}",
    "private key": (
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:(?!-----)[\s\S]){0,20000}"
        r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
    ),
}
"""Whose key it is -> how it looks."""
_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^/\s:@]{0,100}:)[^/\s@]{1,200}(?=@)", re.IGNORECASE)
_KNOWN = re.compile("|".join(SHAPES.values()))
_MARKS = re.compile(
    r"sk-|[spr]k_|hf_|api_org_|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|ABIA|ACCA|AIza|ya29\.|GOCSPX|xox|xapp-"
    r"|gsk_|xai-|pplx-|nvapi-|r8_|lsv2_|npm_|pypi-|SG\.|eyJ|-----BEGIN"
)
"""What one of the shapes begins with: a text without any is passed on at the speed of a search."""


def holds_credential(text: str) -> bool:
    """Whether something in a text looks like a credential, an address with a password included."""
    return without_credentials(text) != text


def without_credentials(text: str) -> str:
    """The text with ``[redacted]`` in place of what looks like a credential."""
    if "://" in text:
        text = _PASSWORD.sub(rf"\g<1>{REDACTED}", text)
    return _KNOWN.sub(REDACTED, text) if _MARKS.search(text) else text


def cleared(value: Any) -> Any:
    """A JSON-plain value, every text in it without credentials; the names of fields stay as they are."""
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, dict):
        return {name: cleared(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [cleared(part) for part in value]
    return value
