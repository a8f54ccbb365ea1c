"""Closed answers: one letter of a multiple choice, or one label of a classification with macro-F1."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.answers.equality import answer_text, same_answer
from tasks.answers.extract import choice_letter
from tasks.answers.metrics import label_f1, macro_f1, scored_only
from tasks.base import ItemScore, Sample, Score
from tasks.custom.metrics.reader import AnswerReader, Said, marked, marks, render_marked


def choice_reader(letters: str) -> AnswerReader:
    """``choice_letter``: a gold value is a letter, alone or before the option's text (``B) eleven``)."""
    start = re.compile(rf"\W{{0,3}}([{letters}])(?:[\W_]|$)", re.IGNORECASE)

    def read(text: str) -> Said | None:
        found = choice_letter(text, letters=letters)
        return None if found is None else Said(found, found)

    def gold(text: str) -> str | None:
        for candidate in (text.strip(), *marks(text)):
            if (found := start.match(candidate)) and not _is_article(candidate, found.end()):
                return found.group(1).upper()
        return None

    return AnswerReader(
        f"one letter of {letters}, after worked steps as a line `Answer: X`",
        read,
        gold,
        lambda said, wanted: float(said.text == wanted),
        render_marked,
        # Options of different questions share their letters: "B) eleven" and "B) Rome" are both B.
        alike=lambda one, other: gold(one) == gold(other),
        labels=tuple(letters),
    )


def _is_article(text: str, end: int) -> bool:
    """``A dog``: a word after a bare "A" and a space makes it an article, not a choice."""
    return text[:2] in ("A ", "a ") and end == 2 and text[2:3].isalpha()


def class_reader(labels: Sequence[str]) -> AnswerReader:
    """``classification``: the marked answer is a label, or names a single one."""
    spelt = {answer_text(label): label for label in labels}
    # The longest first, so that "not urgent" is not read as "urgent".
    names = sorted(spelt, key=len, reverse=True)
    anywhere = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names)) if names else None

    def read(text: str) -> Said | None:
        line = marked(text)
        if line is None:
            return None
        exact = spelt.get(answer_text(line))
        if exact is None and anywhere is not None:
            named = {found.group() for found in anywhere.finditer(answer_text(line[-2000:]))}
            exact = spelt[named.pop()] if len(named) == 1 else None
        return None if exact is None else Said(exact, exact)

    def gold(text: str) -> str | None:
        line = marked(text)
        return None if line is None else spelt.get(answer_text(line))

    return AnswerReader(
        "one of " + ", ".join(f"`{label}`" for label in labels[:12]) + (" ..." if len(labels) > 12 else ""),
        read,
        gold,
        lambda said, wanted: float(same_answer(said.text, wanted)),
        render_marked,
        labels=tuple(labels),
    )


def distinct_labels(texts: Sequence[str]) -> tuple[str, ...]:
    """The labels of a column, sorted, each in the spelling that comes first."""
    spelt: dict[str, str] = {}
    for text in texts:
        spelt.setdefault(answer_text(text), text.strip())
    return tuple(sorted(spelt.values()))


def class_score(samples: Sequence[Sample], item_scores: Sequence[ItemScore], labels: Sequence[str]) -> Score:
    """Macro-F1, with the F1 of each label in ``subsets``; of several right answers the one that was given."""
    samples, item_scores = scored_only(samples, item_scores)
    golds = [_counted(*pair) for pair in zip(samples, item_scores, strict=True)]
    by_id = dict(zip(map(id, samples), golds, strict=True))
    score = macro_f1(samples, item_scores, labels, gold_of=lambda sample: by_id[id(sample)])
    return score.model_copy(update={"subsets": per_label(golds, item_scores, labels)})


def per_label(
    golds: Sequence[str], item_scores: Sequence[ItemScore], labels: Sequence[str]
) -> dict[str, float]:
    """Label -> F1 in percent, of the labels that a reference or an answer names."""
    said = [item_score.parsed or "" for item_score in item_scores]
    f1 = {}
    for label in labels:
        if label in golds or label in said:
            gold, parsed = ([[text == label] for text in texts] for texts in (golds, said))
            f1[label] = round(100 * _binary_f1(gold, parsed), 4)
    return f1


def _binary_f1(gold: list[list[bool]], said: list[list[bool]]) -> float:
    import numpy as np

    return float(label_f1(np.array(gold), np.array(said)))


def _counted(sample: Sample, item_score: ItemScore) -> str:
    golds = sample.gold if isinstance(sample.gold, list | tuple) else [sample.gold]
    return str(item_score.parsed if item_score.parsed in golds else golds[0])
