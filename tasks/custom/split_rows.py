"""Splitting of rows that come without a split: by content, whole groups on one side, the same every time.

Rows belong together where they ask the same but for an editor's changes (``tasks.repeats``), or share a value
in a column that names a group (a document, a conversation).

A hash of its content gives each group a place from 0 to 1, and the place its side. So neither the order of a
file nor rows that are added later move a row from training to the parts that measure: a model that was
trained on the shorter file is not measured on its own rows with the longer one.
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
LEAST_ROWS = 40
"""Rows below which no split can measure anything."""
TEST_SHARE, VALIDATION_SHARE = 0.15, 0.1
MOST_TEST, MOST_VALIDATION = 500, 300
LEAST_TEST, LEAST_VALIDATION = 6, 4
"""Rows that a part has at least, if there are any: what 40 rows give on average."""
NEAR_ROWS = 10_000
"""Rows up to which near-duplicates are looked for; beyond it, equal fingerprints must do."""
SIMILAR = 0.8
"""Share of words in common from which two rows stay on one side."""


def group_column(columns: Sequence[str]) -> str:
    """The column that names a group, if one does."""
    plain = {name.casefold(): name for name in reversed(columns)}
    return next((plain[name] for name in GROUP_COLUMNS if name in plain), "")


def split_rows(
    prompts: Sequence[str], groups: Sequence[str] = (), parts: Sequence[str] = ("validation", "test")
) -> tuple[list[int], list[int], list[int]]:
    """Places of the training, validation and test rows, each in the order of the file.

    Args:
        prompts: what each row asks.
        groups: a group's name for each row, empty where it has none; no names at all are allowed.
        parts: what is split off; the other stays empty.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for place, root in enumerate(_joined(prompts, groups)):
        members[root].append(place)
    order = sorted((_where(prompts, places), places) for places in members.values())
    wanted_test = min(MOST_TEST, round(TEST_SHARE * len(prompts)))
    wanted_validation = min(MOST_VALIDATION, round(VALIDATION_SHARE * len(prompts)))
    # A group larger than a quarter of a split is for training: it would be the whole measure.
    for_test = [(at, places) for at, places in order if len(places) <= max(1, wanted_test // 4)]
    for_validation = [(at, places) for at, places in order if len(places) <= max(1, wanted_validation // 4)]
    end = TEST_SHARE + VALIDATION_SHARE
    test, validation = list[int](), list[int]()
    if "test" in parts:
        test = _filled(test, [places for at, places in for_test if at < TEST_SHARE], MOST_TEST)
    if "validation" in parts:
        inside = [places for at, places in for_validation if TEST_SHARE <= at < end]
        validation = _filled(validation, inside, MOST_VALIDATION)
    if len(prompts) >= LEAST_ROWS:
        if "test" in parts:
            test = _filled(test, [places for at, places in for_test if at >= end], LEAST_TEST)
        if "validation" in parts:
            rest = [places for at, places in reversed(for_validation) if at >= end]
            rest = [places for places in rest if not {*places} & {*test}]
            validation = _filled(validation, rest, LEAST_VALIDATION)
    # Few large groups with a name, such as the articles of a reading test: whole ones, or no measure.
    fits = len(prompts) >= LEAST_ROWS and bool(groups)
    whole = [at for _, at in order if fits and _differ(prompts, at) and len(at) <= wanted_test]
    if "test" in parts and not test:
        rest = [places for places in whole if not {*places} & {*validation}]
        test = _filled(test, rest, max(1, wanted_test // 2))
    if "validation" in parts and not validation:
        rest = [places for places in reversed(whole) if not {*places} & {*test}]
        validation = _filled(validation, rest, max(1, wanted_validation // 2))
    held = {*test, *validation}
    return [place for place in range(len(prompts)) if place not in held], sorted(validation), sorted(test)


def _filled(part: list[int], groups: Sequence[list[int]], rows: int) -> list[int]:
    """The part with whole groups added until it has so many rows."""
    part = list(part)
    for places in groups:
        if len(part) >= rows:
            break
        part += places
    return part


def _differ(prompts: Sequence[str], places: Sequence[int]) -> bool:
    """Whether the rows of a group ask different things, so that they make more than one item."""
    return 2 * len({fingerprint(prompts[place]) for place in places}) > len(places)


def _where(prompts: Sequence[str], places: Sequence[int]) -> float:
    """0.0 to 1.0, by the group's content alone."""
    first = min(item_id(prompts[place]) for place in places)
    return (
        int(hashlib.sha256(f"user split\x1f{first}".encode("utf-8", "surrogatepass")).hexdigest()[:12], 16)
        / 16**12
    )


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
