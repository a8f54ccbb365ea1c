"""The offline embedding is the same everywhere."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

from memory.experience.embedding import HashedEmbedding, chroma_function

ROOT = Path(__file__).parent.parent
TEXT = "Drop wrong labels; 答案：B, CCO and 14+23=37"


def cosine(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def test_vectors_are_the_same_in_every_process() -> None:
    made = f"HashedEmbedding().embed([{TEXT!r}])"
    code = f"import json; from memory.experience.embedding import *; print(json.dumps({made}))"
    vectors = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        for seed in ("1", "2")
    ]
    assert vectors[0] == vectors[1] == HashedEmbedding().embed([TEXT])


def test_vectors_have_length_one_whatever_the_text() -> None:
    for vector in HashedEmbedding(64).embed([TEXT, "", "?!", "a", "x " * 5000, "\ud83d"]):
        assert len(vector) == 64
        assert math.isclose(cosine(vector, vector), 1.0, abs_tol=1e-9)


def test_a_related_text_is_nearer_than_an_unrelated_one() -> None:
    query, related, unrelated = HashedEmbedding().embed(
        [
            "removing duplicate rows of a table task",
            "Remove duplicated rows: the tables repeat.",
            "A higher learning rate diverges on molecules.",
        ]
    )
    assert cosine(query, related) > cosine(query, unrelated) + 0.1


def test_chroma_can_restore_the_embedding_from_its_own_configuration() -> None:
    function = chroma_function(HashedEmbedding(32))
    again = type(function).build_from_config(function.get_config())
    assert again([TEXT])[0].tolist() == function([TEXT])[0].tolist()
    assert len(again([TEXT])[0]) == 32
