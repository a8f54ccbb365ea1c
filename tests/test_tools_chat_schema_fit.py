"""Fit of loosely written arguments to a schema: form is mended, and nothing is made of nothing."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from roles.llm.reply_reading import read_reply
from roles.llm.schemas import RecipeDecision


@pytest.mark.parametrize(
    "said",
    [
        "The list of rows is empty: [] so I would look first.",
        "rows[] holds nothing",
        "Les réponses sont vides : `[ ]`.",
        "答案是空的：[]",
        "{}",
    ],
)
def test_empty_brackets_in_a_sentence_are_no_recipe(said: str) -> None:
    assert read_reply(AIMessage(said), RecipeDecision, frozenset()).decision is None


@pytest.mark.parametrize(
    ("said", "operations"),
    [('{"operations": []}', 0), ('[{"op": "verify"}]', 1), ('{"recipe": {"operations": []}}', 0)],
)
def test_a_recipe_may_be_empty_or_come_without_its_one_field(said: Any, operations: int) -> None:
    read = read_reply(AIMessage(said), RecipeDecision, frozenset()).decision
    assert isinstance(read, RecipeDecision)
    assert len(read.operations) == operations
