"""Splitting of rows that come without a split: by content, whole groups on one side, the same every time.

Rows belong together where they ask the same but for an editor's changes (``tasks.repeats``), or share a value
in a column that names a group (a document, a conversation).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from tasks.repeats.groups import near_groups
from tasks.splits import fingerprint, item_id

GROUP_COLUMNS = (
    *("group", "group_id", "doc_id", "document_id", "document", "passage_id", "article_id", "title"),
    *("conversation_id", "dialog_id", "dialogue_id", "thread_id", "session_id"),
    *("user_id", "patient_id", "customer_id", "author_id", "template_id"),
)
"""Columns that name a group, most telling first."""
TEST_SHARE, VALIDATION_SHARE = 0.15, 0.1
MOST_TEST, MOST_VALIDATION = 500, 300
NEAR_ROWS = 10_000
"""Rows up to which near-duplicates are looked for; beyond it, equal fingerprints must do."""
SIMILAR = 0.8
"""Share of words in common from which two rows stay on one side."""


def group_column(columns: Sequence[str]) -> str:
    """The column that names a group, if one does."""
    plain = {name.casefold(): name for name in reversed(columns)}
    return next((plain[name] for name in GROUP_COLUMNS if name in plain), "")


def split_rows(prompts: Sequence[str], groups: Sequence[str] = ()) -> tuple[list[int], list[int], list[int]]:
    """Places of the training, validation and test rows, each in the order of the file.

    Args:
        prompts: what each row asks.
        groups: a group's name for each row, empty where it has none; no names at all are allowed.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for place, root in enumerate(_joined(prompts, groups)):
        members[root].append(place)
    order = sorted(members.values(), key=lambda places: _mark(prompts, places))
    wanted_test = min(MOST_TEST, round(TEST_SHARE * len(prompts)))
    wanted_validation = min(MOST_VALIDATION, round(VALIDATION_SHARE * len(prompts)))
    test: list[int] = []
    validation: list[int] = []
    for places in order:
        # A group larger than a split is for training: it would be the whole measure.
        if len(test) < wanted_test and len(places) <= max(1, wanted_test // 4):
            test += places
        elif len(validation) < wanted_validation and len(places) <= max(1, wanted_validation // 4):
            validation += places
    held = {*test, *validation}
    return [place for place in range(len(prompts)) if place not in held], sorted(validation), sorted(test)


def _mark(prompts: Sequence[str], places: Sequence[int]) -> str:
    """A hash that depends on the group's content alone."""
    first = min(item_id(prompts[place]) for place in places)
    return hashlib.sha256(f"user split\x1f{first}".encode()).hexdigest()


def _joined(prompts: Sequence[str], groups: Sequence[str]) -> list[int]:
    """For each row the place that stands for its group (union-find)."""
    parent = list(range(len(prompts)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[tuple[str, str], int] = {}
    for place, prompt in enumerate(prompts):
        keys = [("text", fingerprint(prompt))]
        keys += [("group", groups[place])] if groups and groups[place] else []
        for key in keys:
            parent[root(place)] = root(first.setdefault(key, place))
    if len(prompts) <= NEAR_ROWS:
        # As if all answers agreed: what may be a copy stays on the side of its like.
        for place, other in enumerate(near_groups(prompts, SIMILAR, [""] * len(prompts))):
            parent[root(place)] = root(other)
    return [root(place) for place in range(len(prompts))]
