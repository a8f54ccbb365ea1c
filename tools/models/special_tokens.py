"""Special tokens in text of foreign origin: written as text, never as control tokens.

A log that holds ``<|im_end|>`` or a prompt collection full of ``<|user|>`` must not end
an answer or open a turn. transformers has the means (``mark_control_tokens`` and
``encode_marked_chat``, behind ``sanitize_control_tokens``): such pieces of a message are
wrapped in two private-use characters, the template is rendered, and the tokenizer then
spells them out. Rendered text with such pieces holds the markers until ``encode``;
``readable`` takes them off for a person.

Reasoning tags stay tokens wherever they stand: a target that holds ``<think>`` means it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

REASONING = {"<think>": "</think>", "[THINK]": "[/THINK]", "<seed:think>": "</seed:think>"}
"""What opens and what closes the reasoning of an answer, by model family."""
KEPT = frozenset((*REASONING, *REASONING.values()))
MARKS = re.compile("[\U000f0000\U000f0001]")
"""The private-use characters of ``transformers.utils.chat_template_utils``."""
STRUCTURE = ("role", "type", "name", "id", "tool_call_id")


def special_tokens(tokenizer: Any) -> tuple[str, ...]:
    """The tokens that steer a model, longest first; reasoning tags are left out."""
    added = {str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special}
    found = (added | set(tokenizer.all_special_tokens)) - KEPT
    return tuple(sorted(found, key=lambda token: (-len(token), token)))


def protect(tokenizer: Any, value: Any) -> Any:
    """Messages or tools with the special tokens in their texts marked; text without any stays as it is."""
    from transformers.utils.chat_template_utils import mark_control_tokens

    tokens = special_tokens(tokenizer)
    pattern = re.compile("|".join(map(re.escape, tokens)) or "(?!)")

    def walk(part: Any) -> Any:
        if isinstance(part, str):
            return mark_control_tokens(part, pattern) if pattern.search(part) or MARKS.search(part) else part
        if isinstance(part, Mapping):
            return {key: inner if key in STRUCTURE else walk(inner) for key, inner in part.items()}
        if isinstance(part, Sequence) and not isinstance(part, bytes):
            return [walk(inner) for inner in part]
        return part

    return walk(value)


def end_of_token(text: str, token: str, start: int = 0) -> int:
    """Where the template's own next ``token`` in a rendered text ends; 0 where there is none.

    One that is spelled in somebody's words is marked, and no token.
    """
    found = re.compile("(?<!\U000f0000)" + re.escape(token)).search(text, start)
    return found.end() if found else 0


def readable(text: str) -> str:
    """Rendered text without the markers."""
    return MARKS.sub("", text)


def encode(tokenizer: Any, texts: Sequence[str], after: bool = False) -> list[list[int]]:
    """Token ids of rendered texts, in one call: the fast tokenizers are ten times slower row by row.

    Args:
        tokenizer: the model's.
        texts: as rendered, markers included.
        after: the texts go on after others, so a tokenizer that puts a space before a
            text's first word (SentencePiece) must not do it.
    """
    if not texts:
        return []
    marked = [n for n, text in enumerate(texts) if MARKS.search(text)]
    if after and (lead := _lead(tokenizer)) is not None:
        ids = _encode_after(tokenizer, texts, lead)
    else:
        ids = _ids(tokenizer, texts)
    for n in marked:
        ids[n] = tokenizer(texts[n], add_special_tokens=False, sanitize_control_tokens=True)["input_ids"]
    return ids


def _ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return ids


def _lead(tokenizer: Any) -> list[int] | None:
    """The ids of a newline, where the tokenizer treats the start of a text otherwise than its middle."""
    newline, word, both = _ids(tokenizer, ["\n", "x", "\nx"])
    return newline if newline + word != both and both[: len(newline)] == newline else None


def _encode_after(tokenizer: Any, texts: Sequence[str], lead: list[int]) -> list[list[int]]:
    """Encoded behind a newline that is taken off again, as transformers does it for marked pieces."""
    plain = _ids(tokenizer, texts)
    behind = _ids(tokenizer, ["\n" + text for text in texts])
    size = len(lead)
    return [b[size:] if b[:size] == lead else p for b, p in zip(behind, plain, strict=True)]
