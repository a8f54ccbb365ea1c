"""Batches as prefix trees: the same loss and gradient as by padded rows, and only where that is so."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_model import shared_worker

TEMPLATE, HEADER = [50, 51, 52, 53, 54, 55], [7, 8]


def rows_and_labels(count: int = 12) -> tuple[list[list[int]], list[list[int]]]:
    """Rows under one template, in two groups with an instruction each; one prompt comes twice."""
    draw = random.Random(3)
    rows, labels = [], []
    for number in range(count):
        instruction = [20, 21, 22] if number % 2 else [30, 31]
        question = [draw.randrange(1, 60) for _ in range(draw.randrange(1, 6))]
        prompt = TEMPLATE + instruction + (question if number > 1 else [9]) + HEADER
        answer = [draw.randrange(1, 60) for _ in range(draw.randrange(1, 5))]
        rows.append(prompt + answer)
        labels.append([-100] * len(prompt) + answer)
    # A conversation: loss on a first answer, too, that another row shares.
    rows.append(rows[2] + [11, 12, 13])
    labels.append(labels[2] + [-100, -100, 13])
    return rows, labels


def found_for(architecture: str, folder: Path, **more: bool) -> dict[str, Any]:
    rows, labels = rows_and_labels()
    payload = {"architecture": architecture, "rows": rows, "labels": labels, **more}
    return shared_worker().run("tests.support.tree_jobs:both_ways", payload, 60.0, folder / "log")


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gemma2", "gpt2", "gpt_neox", "opt"])
def test_a_tree_gives_the_loss_and_the_gradient_of_its_rows(architecture: str, tmp_path: Path) -> None:
    found = found_for(architecture, tmp_path)
    assert found["taken"], found["remarks"]
    assert found["tree"]["labels"] == found["padded"]["labels"]
    assert found["tree"]["of_rows"] == found["padded"]["of_rows"]
    assert found["tree"]["loss"] == pytest.approx(found["padded"]["loss"], rel=1e-4)
    assert found["tree"]["gradient"] == pytest.approx(found["padded"]["gradient"], rel=1e-3)
    assert "of the padded positions computed" in found["remarks"][-1]


@pytest.mark.parametrize("architecture", ["falcon", "bloom", "mamba"])
def test_a_model_that_takes_no_such_mask_goes_on_with_padded_rows(architecture: str, tmp_path: Path) -> None:
    """Distances are read from a mask of rows, or there is no attention at all."""
    found = found_for(architecture, tmp_path)
    assert found["tree"] == found["padded"]
    assert "prefix trees: none" in found["remarks"][0]


def test_a_model_that_says_something_else_with_a_tree_goes_on_with_padded_rows(tmp_path: Path) -> None:
    found = found_for("llama", tmp_path, own_positions=True)
    assert found["tree"] == found["padded"]
    assert "nats a token apart" in found["remarks"][0]


def test_rows_longer_than_a_layer_looks_back_are_padded(tmp_path: Path) -> None:
    found = found_for("mistral", tmp_path)
    assert not found["taken"]
    assert found["tree"] == found["padded"]
