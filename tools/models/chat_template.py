"""Chat template: questions and answers in a model's own format, the same for training and for evaluation.

A model is asked in the words it was trained with: any difference between the two
(a missing space, a doubled start token) costs points that no training buys back.
So both sides come through this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def render_prompt(tokenizer: Any, prompt: str) -> str:
    """One user turn, up to where the answer starts, special tokens included.

    A tokenizer without a chat template gets the prompt and a newline.
    """
    if not tokenizer.chat_template:
        return f"{tokenizer.bos_token or ''}{prompt}\n"
    message = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))


def render_pair(tokenizer: Any, prompt: str, answer: str) -> tuple[str, str]:
    """(prompt, completion) as text; the completion ends with the token that stops generation."""
    start = render_prompt(tokenizer, prompt)
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        whole = str(tokenizer.apply_chat_template(turns, tokenize=False))
        if whole.startswith(start):
            completion = whole[len(start) :].rstrip("\n")  # some templates end a turn with a newline
            if completion.endswith(tokenizer.eos_token):
                return start, completion
    # No template, or one that renders a past turn otherwise (reasoning models drop their thoughts).
    return start, answer + tokenizer.eos_token


def encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of rendered texts, in one call: the fast tokenizers are ten times slower row by row."""
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return ids
