"""Rival answers: rows that answer one question differently, and the column that says which of them counts.

A forum keeps every reply and marks the accepted one, raters score several replies to a prompt, and annotators
label one text each on their own. Trained on as they stand, such rows teach what was turned down as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.answers.equality import answer_text
from tasks.base import Row
from tasks.custom.flag_columns import NO, YES
from tasks.formats import columns
from tasks.formats.conversation import SetAside
from tasks.formats.values import is_missing, is_scalar, text_of
from tasks.splits import item_id

LEAST_QUESTIONS = 5
"""Questions with different answers that a column must judge."""
SEVERAL = 0.3
"""Share of the rows that ask such a question, from which a table is one of rivals."""
LABELLED_AGAIN = 0.5
"""Share of the rows whose text comes again, from which a table of labels is one of votes."""
LOOKED_AT = 200
"""Rows that say of a column that it does not judge."""
MOST_LABELS = 20
NEARLY_ALL = 0.95
TOLD_APART = 0.5
"""Share of the questions that a flag or a score must tell apart."""


@dataclass(frozen=True)
class Rival:
    """One row: its question, its answer as trained, and the row as the file has it."""

    prompt: str
    answer: str
    raw: Row


@dataclass(frozen=True)
class Settled:
    """Which rows are set aside, by their place, and one line on why; nothing where no column tells."""

    aside: Mapping[int, SetAside]
    told: str = ""


def settled(rivals: Sequence[Rival], used: Iterable[str]) -> Settled:
    """What becomes of rows that answer one question differently.

    Args:
        rivals: all rows of a table that are read, in their order.
        used: columns that ask or answer; the others may judge.
    """
    asked: dict[str, list[int]] = defaultdict(list)
    for place, rival in enumerate(rivals):
        asked[item_id(rival.prompt)].append(place)
    again = [places for places in asked.values() if len(places) > 1]
    disputed = [places for places in again if len({_answer(rivals[place]) for place in places}) > 1]
    if len(disputed) < LEAST_QUESTIONS:
        return Settled({})
    if _are_votes(rivals, again):
        return _by_majority(rivals, again)
    if sum(map(len, disputed)) < SEVERAL * len(rivals):
        return Settled({})
    others = judging(rivals, {*used})
    for name in others:
        if _is_mark(name, rivals, disputed):
            return _by_mark(name, rivals)
    for name in others:
        if _is_score(name, rivals, disputed):
            return _by_score(name, rivals, again)
    told = (
        f"{len(disputed):,} of {len(asked):,} questions come again with other answers, and no column says "
        "which of them counts: each is trained on, and each counts as right"
    )
    return Settled({}, told)


def _answer(rival: Rival) -> str:
    return answer_text(rival.answer)


def judging(rivals: Sequence[Rival], used: set[str]) -> list[str]:
    """Columns of plain values that neither ask nor answer, by the first rows."""
    head = rivals[:LOOKED_AT]
    names = dict.fromkeys(str(name) for rival in head for name in rival.raw)
    return [
        name
        for name in names
        if name not in used
        and not columns.words(name) & columns.DENYING
        and all(is_scalar(found := rival.raw.get(name)) or is_missing(found) for rival in head)
    ]


# A flag on the answer that counts


def _is_yes(rival: Rival, name: str) -> bool:
    return text_of(rival.raw.get(name)).strip().casefold() in YES


def _is_mark(name: str, rivals: Sequence[Rival], disputed: Sequence[Sequence[int]]) -> bool:
    """Whether a column of yes and no marks one answer of a question, or, named so, those that count."""
    said = {text_of(rival.raw.get(name)).strip().casefold() for rival in rivals}
    if not said <= YES | NO | {""} or not said & YES or not said - YES:
        return False
    marked = [sum(_is_yes(rivals[place], name) for place in places) for places in disputed]
    apart = sum(0 < count < len(places) for count, places in zip(marked, disputed, strict=True))
    if apart < TOLD_APART * len(disputed):
        return False
    one = sum(count <= 1 for count in marked) >= NEARLY_ALL * len(marked)
    return one or bool(columns.words(name) & columns.MARKING)


def _by_mark(name: str, rivals: Sequence[Rival]) -> Settled:
    reason = f"{name!r} does not mark it as the answer to its question"
    aside = {
        place: SetAside(reason, rival.answer[:60])
        for place, rival in enumerate(rivals)
        if not _is_yes(rival, name)
    }
    return Settled(aside, f"questions come again with other answers: those that {name!r} marks are used")


# A score of each answer


def _score(rival: Rival, name: str) -> float | None:
    try:
        return float(text_of(rival.raw.get(name)))
    except ValueError:
        return None


def _is_score(name: str, rivals: Sequence[Rival], disputed: Sequence[Sequence[int]]) -> bool:
    if not columns.words(name) & (columns.SCORES | columns.RANKS):
        return False
    scored = [[_score(rivals[place], name) for place in places] for places in disputed]
    if any(score is None for scores in scored for score in scores):
        return False
    return sum(len({*scores}) > 1 for scores in scored) >= TOLD_APART * len(scored)


def _by_score(name: str, rivals: Sequence[Rival], again: Sequence[Sequence[int]]) -> Settled:
    best = "lowest" if columns.words(name) & columns.RANKS else "highest"
    sign = -1 if best == "lowest" else 1
    reason = f"another answer to its question has the {best} {name!r}"
    aside: dict[int, SetAside] = {}
    for places in again:
        scores = {place: sign * (_score(rivals[place], name) or 0.0) for place in places}
        kept = max(places, key=scores.__getitem__)
        aside |= {place: SetAside(reason, rivals[place].answer[:60]) for place in places if place != kept}
    told = f"questions come again with other answers: the one with the {best} {name!r} is used"
    return Settled(aside, told)


# Labels of several annotators


def _are_votes(rivals: Sequence[Rival], again: Sequence[Sequence[int]]) -> bool:
    labels = Counter(map(_answer, rivals))
    repeated = sum(map(len, again)) >= LABELLED_AGAIN * len(rivals)
    return repeated and len(labels) <= min(MOST_LABELS, max(2, len(rivals) // 8))


def _by_majority(rivals: Sequence[Rival], again: Sequence[Sequence[int]]) -> Settled:
    aside: dict[int, SetAside] = {}
    for places in again:
        votes = Counter(_answer(rivals[place]) for place in places)
        (label, most), *others = votes.most_common(2)
        if others and others[0][1] == most:
            shown = " / ".join(sorted(votes))[:60]
            aside |= dict.fromkeys(places, SetAside("its labels are divided", shown))
            continue
        kept = next(place for place in places if _answer(rivals[place]) == label)
        counted = SetAside("counted as a vote on its text", "")
        aside |= {place: counted for place in places if place != kept}
    told = f"{len(again):,} texts come again, some with other labels: the most frequent one is used, once"
    return Settled(aside, told)
