"""The prefix tree of a batch: every row can be read out of it again, and what rows share stands once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tools.training.prefix_tree import IGNORED, PrefixTree, pays, prefix_tree

SIZE = (1_000_000, 1_000_000, 4, 128)
token_rows = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=8)


def parents(tree: PrefixTree) -> list[int]:
    found = [0] * len(tree)
    for start, end, parent in tree.chains:
        for node in range(start, end):
            found[node] = parent if node == start else node - 1
    return found


def path(tree: PrefixTree, node: int) -> list[int]:
    above = parents(tree)
    tokens: list[int] = []
    while node >= 0:
        tokens.insert(0, tree.tokens[node])
        node = above[node]
    return tokens


@given(token_rows)
def test_each_label_is_asked_at_the_end_of_what_stands_before_it(rows: list[list[int]]) -> None:
    tree = prefix_tree(rows, rows)
    before = [row[:place] for row in rows for place in range(1, len(row))]
    assert [path(tree, node) for node in tree.asked] == before
    assert tree.labels == [token for row in rows for token in row[1:]]


@given(token_rows)
def test_each_beginning_stands_once_and_at_its_depth(rows: list[list[int]]) -> None:
    tree = prefix_tree(rows, rows)
    beginnings = {tuple(row[:place]) for row in rows for place in range(1, len(row) + 1)}
    assert sorted(tuple(path(tree, node)) for node in range(len(tree))) == sorted(beginnings)
    assert tree.depths == [len(path(tree, node)) - 1 for node in range(len(tree))]


def test_positions_without_loss_are_not_asked() -> None:
    tree = prefix_tree([[1, 2, 3], [1, 2, 4]], [[IGNORED, IGNORED, 3], [IGNORED, IGNORED, 4]])
    assert (tree.tokens, tree.depths) == ([1, 2, 3, 4], [0, 1, 2, 2])
    assert (tree.asked, tree.labels) == ([1, 1], [3, 4])


def test_a_tree_pays_where_rows_share_enough_or_would_be_padded() -> None:
    shared = [[*range(40), 100 + number] for number in range(16)]
    assert pays(prefix_tree(shared, shared), 16, 41, SIZE)
    apart = [[1000 * number + place for place in range(41)] for number in range(16)]
    assert not pays(prefix_tree(apart, apart), 16, 41, SIZE)
    uneven = [[1000 * number + place for place in range(3 if number else 41)] for number in range(16)]
    assert pays(prefix_tree(uneven, uneven), 16, 41, SIZE)


def test_long_rows_with_little_in_common_are_not_held_against_each_other() -> None:
    """Of a tree every token meets every other, so attention grows with the square of all rows together."""
    rows = [[*range(60), *(1000 * number + place for place in range(200))] for number in range(16)]
    assert not pays(prefix_tree(rows, rows), 16, 260, SIZE)
