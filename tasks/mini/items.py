"""Items of a synthetic edition: both splits drawn from a seed, and the evaluation samples made of them."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.base import Sample
from tasks.splits import content_id, draw_unique, seeded
from tasks.synthetic import Item, SyntheticEdition


@dataclass(frozen=True)
class Splits:
    """The items of both splits and the fingerprints of their prompts."""

    validation: list[Item]
    test: list[Item]
    marks: frozenset[str]


def draw_splits(edition: SyntheticEdition, seed: int) -> Splits:
    """Disjoint, de-duplicated items: the sealed test first, then validation."""
    marks: set[str] = set()
    drawn = {
        name: draw_unique(
            edition.generator.draw, edition.prompt_of, seeded(edition.task_id, seed, name), count, marks
        )
        for name, count in (("test", edition.test_rows), ("validation", edition.validation_rows))
    }
    return Splits(drawn["validation"], drawn["test"], frozenset(marks))


def to_sample(edition: SyntheticEdition, item: Item) -> Sample:
    """An evaluation item, with an id that depends on its content alone."""
    prompt = edition.prompt_of(item)
    return Sample(content_id(prompt), item.subset, prompt, item.gold, dict(item.meta))
