"""Splitting of rows that come without a split: by content, whole groups on one side, the same every time.

Rows belong together where they ask the same but for an editor's changes, or nearly the same (MinHash over
word triples, Broder 1997), or share a value in a column that names a group (a document, a conversation).

A hash of its content gives each group a place from 0 to 1, and the place its side. So neither the order of a
file nor rows that are added later move a row from training to the parts that measure: a model that was
trained on the shorter file is not measured on its own rows with the longer one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

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
NEAR_ROWS = 20_000
"""Rows up to which near-duplicates are looked for; beyond it, equal fingerprints must do."""
SIMILAR = 0.8
"""Shared part of two rows' word triples (Jaccard) from which they are nearly the same."""
MANY = 10
"""Rows, or a twentieth of the table, beyond which what they share is a template and no copy."""
PERMUTATIONS, CANDIDATE = 128, 0.5
"""Of the sketches, and the similarity that they look for: at 0.8 one pair in 20,000 is overlooked."""


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
    order = sorted((_where(prompts, places), places) for places in members.values())
    wanted_test = min(MOST_TEST, round(TEST_SHARE * len(prompts)))
    wanted_validation = min(MOST_VALIDATION, round(VALIDATION_SHARE * len(prompts)))
    # A group larger than a quarter of a split is for training: it would be the whole measure.
    for_test = [(at, places) for at, places in order if len(places) <= max(1, wanted_test // 4)]
    for_validation = [(at, places) for at, places in order if len(places) <= max(1, wanted_validation // 4)]
    end = TEST_SHARE + VALIDATION_SHARE
    test = _filled([], [places for at, places in for_test if at < TEST_SHARE], MOST_TEST)
    validation = _filled(
        [], [places for at, places in for_validation if TEST_SHARE <= at < end], MOST_VALIDATION
    )
    if len(prompts) >= LEAST_ROWS:
        test = _filled(test, [places for at, places in for_test if at >= end], LEAST_TEST)
        rest = [places for at, places in reversed(for_validation) if at >= end and not {*places} & {*test}]
        validation = _filled(validation, rest, LEAST_VALIDATION)
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


def _where(prompts: Sequence[str], places: Sequence[int]) -> float:
    """0.0 to 1.0, by the group's content alone."""
    first = min(item_id(prompts[place]) for place in places)
    return int(hashlib.sha256(f"user split\x1f{first}".encode()).hexdigest()[:12], 16) / 16**12


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
        for one, other in _near(prompts):
            parent[root(one)] = root(other)
    return [root(place) for place in range(len(prompts))]


def _near(prompts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of rows that are nearly the same, leaving out what every row shares."""
    from datasketch import MinHash, MinHashLSH

    shingles = [_triples(fingerprint(prompt)) for prompt in prompts]
    counts: dict[str, int] = defaultdict(int)
    for row in shingles:
        for triple in row:
            counts[triple] += 1
    common = {triple for triple, count in counts.items() if count > max(MANY, 0.05 * len(prompts))}
    index = MinHashLSH(threshold=CANDIDATE, num_perm=PERMUTATIONS)
    kept: dict[int, set[str]] = {}
    pairs: list[tuple[int, int]] = []
    first: dict[frozenset[str], int] = {}
    for place, row in enumerate(shingles):
        own = row - common
        if len(own) < 3:  # all but a word or two is what many rows say: rows with the same rest are alike
            if own:
                pairs.append((place, first.setdefault(frozenset(own), place)))
            continue
        sketch = MinHash(num_perm=PERMUTATIONS, seed=1)
        sketch.update_batch([triple.encode() for triple in own])
        near = (int(other) for other in index.query(sketch))
        pairs += [(place, other) for other in near if _shared(own, kept[other]) >= SIMILAR]
        index.insert(str(place), sketch)
        kept[place] = own
    return pairs


def _shared(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def _triples(text: str) -> set[str]:
    words = text.split() if " " in text else list(text)
    return {" ".join(words[place : place + 3]) for place in range(max(1, len(words) - 2))}
