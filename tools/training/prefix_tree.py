"""Prefix tree (trie) of a batch of rows: what several of them begin with stands in it once. No torch here.

Rows under one chat template begin alike: with its system turn, the words before the question, an instruction
that a task repeats. In a causal model a token depends on those before it alone, so a tree in which each token
attends to its ancestors gives every row what the row by itself would get, the loss and its gradient too.
Tree attention is known from drafted answers (SpecInfer, Miao et al. 2023, arXiv:2305.09781), shared prefixes
in training from preference pairs (Wang and Hegde 2024, arXiv:2410.20305). There is no padding in it either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tools.training.flops import flops_per_token

IGNORED = -100
"""A label that carries no loss."""
LEAST_SAVING = 0.1
"""Of the padded batch's FLOPs: below it a mask of its own costs as much as it saves."""
ATTENTION_COST = 3.0
"""Seconds a FLOP of attention takes, of a product's, on a CPU: 2.9 in a profile of SmolLM2-135M, trees of
340 tokens."""
MOST_TOKENS = 4096
"""Of a tree: its mask has the square of them."""


class Chain(NamedTuple):
    """Nodes of a tree that one row added, each the child of the one before."""

    start: int
    end: int
    """After the last."""
    parent: int
    """Of the first; -1 for none."""


@dataclass
class PrefixTree:
    """Tokens of several rows, those of a common beginning once."""

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    """Of each token: its position in every row that it stands in."""
    chains: list[Chain] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    """For each label, row by row, the node that predicts it."""
    labels: list[int] = field(default_factory=list)
    """Tokens that carry loss."""

    def __len__(self) -> int:
        return len(self.tokens)


def prefix_tree(rows: Sequence[Sequence[int]], labels: Sequence[Sequence[int]]) -> PrefixTree:
    """The tree of a batch.

    Args:
        rows: token ids of each row, without padding.
        labels: of each of its tokens, ``IGNORED`` where there is none.
    """
    tree = PrefixTree()
    child_of: dict[tuple[int, int], int] = {}
    for row, wanted in zip(rows, labels, strict=True):
        node, start, parent = -1, len(tree), -1
        for depth, (token, label) in enumerate(zip(row, wanted, strict=True)):
            if depth and label != IGNORED:
                tree.asked.append(node)
                tree.labels.append(label)
            child = child_of.get((node, token))
            if child is None:
                child = child_of[node, token] = len(tree)
                if child == start:
                    parent = node
                tree.tokens.append(token)
                tree.depths.append(depth)
            node = child
        if len(tree) > start:
            tree.chains.append(Chain(start, len(tree), parent))
    return tree


def pays(tree: PrefixTree, rows: int, longest: int, size: tuple[int, int, int, int]) -> bool:
    """Whether a tree takes clearly fewer FLOPs than its rows, padded to the longest.

    Args:
        tree: of the rows.
        rows: how many.
        longest: tokens of the longest.
        size: of the model, see ``flops.body_size``.

    In both each token is held against every token of its sequence, those that a mask hides included.
    """
    if len(tree) > MOST_TOKENS:
        return False
    padded = rows * longest * flops_per_token(*size, length=ATTENTION_COST * longest)
    treed = len(tree) * flops_per_token(*size, length=ATTENTION_COST * len(tree))
    return treed <= (1.0 - LEAST_SAVING) * padded
