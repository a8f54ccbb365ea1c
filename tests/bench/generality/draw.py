"""A folder of one kind, with faults drawn from the seed: one clean source, three or four faulty ones.

Each faulty source has one fault of the folder's own half of the suite and, in half of the cases, a second
one that touches something else: of an open folder again an open one, of a held-out folder any. Which source
is clean, and what is wrong with the others, is known to whoever drew the folder and written nowhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tasks.splits import draw_unique, seeded
from tests.bench.generality.faults import FAULTS, Fault, Scene
from tests.bench.generality.folder import MadeFolder, MadeSource
from tests.bench.generality.held_out import HELD_OUT_FAULTS, is_held_out
from tests.bench.generality.kinds import KINDS
from tests.bench.generality.kinds.definition import Kind, Row

NAMES = (
    "archive", "north", "batch_2", "export", "desk", "spring", "partner", "legacy", "web", "manual", "intake",
    "mirror", "survey", "backlog", "mobile", "pilot", "branch", "inbox", "autumn", "feed",
)  # fmt: skip
"""Say nothing about what is in a source."""
CLEAN_ROWS, FAULTY_ROWS = (450, 800), (350, 1000)
SECOND_FAULT, SCARCE = 0.5, 0.15
"""Chances of a second fault in a source, and of a clean source with few rows (where its half allows it)."""
ORDER = ("answer", "both", "prompt", "rows")
"""What is done first; copies repeat faults that were made before, and leaked rows stay right."""
FOREIGN = ("orders", "balance")


def draw_folder(kind: Kind, seed: int) -> MadeFolder:
    """The folder of a kind and a seed; the same for the same two."""
    rng, taken = seeded("generality", kind.name, seed), set[str]()

    def fresh(count: int) -> list[Row]:
        return draw_unique(lambda rng, _: kind.draw(rng), lambda row: row[kind.text], rng, count, taken)

    test, validation = fresh(kind.test_items), fresh(kind.validation_items)
    firsts = _firsts(kind, rng)
    names = rng.sample(NAMES, len(firsts) + 1)
    scene = Scene(kind, rng, validation, _foreign_rows(kind, rng))
    sources = [_clean(names[0], fresh, scene)]
    for name, first in zip(names[1:], firsts, strict=True):
        sources.append(
            _faulty(name, fresh(rng.randrange(*FAULTY_ROWS, 50)), _with_second(first, scene), scene)
        )
    rng.shuffle(sources)
    return MadeFolder(_folder_name(kind), kind.toml, tuple(validation), tuple(test), tuple(sources))


def faults_of(kind: Kind) -> list[Fault]:
    """The faults of a kind's own half that mean anything for it; ``few_rows`` is for clean sources alone."""
    held_out = is_held_out(kind.name)
    return [
        fault
        for name, fault in FAULTS.items()
        if (name in HELD_OUT_FAULTS) == held_out and fault.fits(kind) and name != "few_rows"
    ]


def _folder_name(kind: Kind) -> str:
    return kind.toml.split('name = "')[1].split('"')[0]


def _firsts(kind: Kind, rng: random.Random) -> list[Fault]:
    return rng.sample(faults_of(kind), rng.choice((3, 4)))


def _with_second(first: Fault, scene: Scene) -> list[Fault]:
    others = [
        fault
        for name, fault in FAULTS.items()
        if fault.fits(scene.kind)
        and name != "few_rows"
        and fault.touches != first.touches
        and "both" not in (fault.touches, first.touches)
        and (is_held_out(scene.kind.name) or name not in HELD_OUT_FAULTS)
    ]
    second = [scene.rng.choice(others)] if others and scene.rng.random() < SECOND_FAULT else []
    return sorted(
        [first, *second], key=lambda fault: (not fault.by_right_answers, ORDER.index(fault.touches))
    )


def _clean(name: str, fresh: Callable[[int], list[Row]], scene: Scene) -> MadeSource:
    rows = fresh(scene.rng.randrange(*CLEAN_ROWS, 50))
    few = FAULTS["few_rows"]
    allowed = is_held_out(scene.kind.name) == (few.name in HELD_OUT_FAULTS)
    if allowed and scene.rng.random() < SCARCE:
        return MadeSource(name, tuple(few.change(rows, scene)), traits=(few.name,))
    return MadeSource(name, tuple(rows))


def _faulty(name: str, rows: list[Row], faults: Sequence[Fault], scene: Scene) -> MadeSource:
    for fault in faults:
        rows = fault.change(rows, scene)
    rows = scene.rng.sample(rows, len(rows))
    said = "; ".join(fault.says for fault in faults)
    return MadeSource(name, tuple(rows), said, tuple(fault.name for fault in faults))


def _foreign_rows(kind: Kind, rng: random.Random) -> list[Row]:
    """Rows of another kind in this one's columns; columns that it lacks are copied from its text."""
    other = KINDS[next(name for name in FOREIGN if name != kind.name)]
    columns = kind.draw(rng).keys()
    rows = []
    for _ in range(FAULTY_ROWS[1]):
        row = other.draw(rng)
        rows.append(dict.fromkeys(columns, row[other.text]) | {kind.answer: row[other.answer]})
    return rows
