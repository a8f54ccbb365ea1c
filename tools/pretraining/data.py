"""From curriculum documents to micro-batches of like length, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.pretraining.skills.core import Document
from tools.pretraining.skills.mixture import documents

Encoded = tuple[NDArray[np.int16], NDArray[np.bool_]]

# Prompts are mostly random content: one prompt token in four is learned, at a fifth of the weight.
PROMPT_WEIGHT = 0.2
PROMPT_SHARE = 0.25
MICRO_TOKENS = 1024
CHUNK_DOCUMENTS = 4000


def encode(tokenizer: Any, batch: list[Document]) -> list[Encoded]:
    """Token ids of each document, and which of them belong to answers."""
    texts = [part for d in batch for t in d.turns for part in (t.prompt, t.answer)]
    ids = iter([e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)])
    bos, user, assistant, end = (
        tokenizer.token_to_id(f"<|{t}|>") for t in ("bos", "user", "assistant", "end")
    )
    encoded: list[Encoded] = []
    for document in batch:
        tokens, answer = [bos], [False]
        for _ in document.turns:
            prompt, reply = next(ids), next(ids)
            tokens += [user, *prompt, assistant, *reply, end]
            answer += [False] * (len(prompt) + 2) + [True] * (len(reply) + 1)
        encoded.append((np.array(tokens, np.int16), np.array(answer)))
    return encoded


def batches(encoded: list[Encoded], rng: Random) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Micro-batches of documents of like length: ids `(rows, width)` and the loss weight of each token."""
    order = sorted(range(len(encoded)), key=lambda k: (len(encoded[k][0]) + 3) // 4 * 4 + rng.random())
    groups: list[list[int]] = [[]]
    for k in order:
        width = (len(encoded[k][0]) + 3) // 4 * 4
        if groups[-1] and (len(groups[-1]) + 1) * width > MICRO_TOKENS:
            groups.append([])
        groups[-1].append(k)
    rng.shuffle(groups)
    noise = np.random.default_rng(rng.getrandbits(32))
    for group in groups:
        width = max(len(encoded[k][0]) for k in group)
        ids = np.zeros((len(group), width), np.int64)
        weight = np.zeros((len(group), width), np.float32)
        for row, k in enumerate(group):
            tokens, answer = encoded[k]
            ids[row, : len(tokens)] = tokens
            drawn = PROMPT_WEIGHT * (noise.random(len(tokens)) < PROMPT_SHARE)
            weight[row, : len(tokens)] = np.where(answer, 1.0, drawn)
        yield ids, weight


def produce(tokenizer_file: str, seed: int, first: int, level: Any, queue: Any) -> None:
    """The data process: make, tokenise and batch one chunk of documents after another."""
    from tokenizers import Tokenizer

    os.nice(3)
    tokenizer = Tokenizer.from_file(tokenizer_file)
    chunk = first
    while True:
        made = list(documents(seed * 1_000_003 + chunk, level.value, CHUNK_DOCUMENTS))
        queue.put(list(batches(encode(tokenizer, made), Random(chunk))))
        chunk += 1
