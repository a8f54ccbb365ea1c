"""Remarks on a detected format: what could have been read otherwise, and the flag that decides it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.conversation import Conversation
from tasks.formats.joined_columns import Composition, is_named_answer
from tasks.formats.profile import Column
from tasks.formats.table import Table
from tasks.formats.traces import is_text
from tasks.formats.values import is_missing, text_of

ANSWER_PLACE = {"prompt_completion": 1, "instruction": 1, "question_answer": 1, "two_columns": 1,
                "classification": 0, "joined_columns": 0}  # fmt: skip
"""Where the answer stands among the columns of a format."""
LEAST_FILLED = 0.5
SAME = 0.9
SHORT_SHOWN = 4
MOST_ASKED_LABELS = 2


def remarks(
    name: str,
    used: Sequence[str],
    table: Table,
    held: Mapping[str, Column],
    seen: Sequence[Row],
    read: Sequence[object],
) -> tuple[str, ...]:
    """Lines for the owner of the data, each with the flag that turns the guess round.

    Args:
        name: the format.
        used: its columns.
        read: what became of each row of ``seen``.
    """
    if name not in ANSWER_PLACE or len(used) <= ANSWER_PLACE[name]:
        return ()
    answer = used[ANSWER_PLACE[name]]
    lines = [
        f"{other!r} could be the answer, too; `--answer {shlex.quote(other)}` takes it"
        for other in sorted(held)
        if other not in used and _rivals(other, answer, held, table, seen)
    ]
    lines += [
        f"{other!r} is asked, and holds labels, too; `--answer {shlex.quote(other)}` takes it as the answer"
        for other in _labels_asked(used, answer, held, seen)
    ]
    if name == "joined_columns" and table.composition.telling:
        named = ", ".join(table.composition.telling)
        lines.append(f"{named}: not asked, as it stands beside some answers and never beside others")
    if name == "joined_columns" and table.composition.verdict:
        lines.append(f"{table.composition.verdict!r} judges the answers: those it rejects are set aside")
    if name == "joined_columns" and table.composition.copies:
        named = ", ".join(table.composition.copies)
        lines.append(f"{named}: not asked, as it says again what is asked, or what is answered")
    if name == "joined_columns":
        lines += _left_out(table.composition)
    if name == "two_columns":
        lines.append(f"no name says which column answers; `--answer {shlex.quote(used[0])}` turns it round")
    if answer in table.whole_lists:
        lines.append(f"the list in {answer!r} is one answer")
    several = sum(isinstance(found, Conversation) and len(found.answers) > 1 for found in read)
    if several:
        lines.append(
            f"{answer!r} lists several answers in {several} of {len(seen)} rows looked at: "
            "each counts as right, the first is trained on"
        )
    return tuple(lines)


def _labels_asked(
    used: Sequence[str], answer: str, held: Mapping[str, Column], seen: Sequence[Row]
) -> list[str]:
    """A column or two of labels that are asked beside a text, where labels answer: which is meant is a guess.

    More of them describe what is classed, as the columns of a form do.
    """
    texts = [name for name in used if name != answer and name in held and is_text(name, seen)]
    labels = [name for name in used if name != answer and name in held and held[name].labels]
    fits = answer in held and held[answer].labels and texts and len(labels) <= MOST_ASKED_LABELS
    return [name for name in labels if name not in texts] if fits else []


def _left_out(composition: Composition) -> list[str]:
    """Lines on columns that could be asked, and the flag that asks them all the same."""
    lines = []
    asked = " ".join(f"{{{column}}}" for column in composition.prompt)
    if late := composition.traces:
        flag = f"`--prompt {shlex.quote(f'{asked} {{{late[0]}}}')}`"
        lines.append(f"{', '.join(late)}: not asked, as it is known with the answer or tells it; {flag} asks")
    if short := composition.short:
        shown = ", ".join(short[:SHORT_SHOWN]) + (
            f" and {len(short) - SHORT_SHOWN} more" if short[SHORT_SHOWN:] else ""
        )
        lines.append(
            f"{len(short)} columns of single words are not asked beside the texts ({shown}); "
            f"`--prompt {shlex.quote(f'{asked} {{{short[0]}}}')}` asks one"
        )
    return lines


def _rivals(other: str, answer: str, held: Mapping[str, Column], table: Table, seen: Sequence[Row]) -> bool:
    """Whether another column could be the answer by its name, and says something else."""
    column = held[other]
    by_name = columns.named((other,), (*columns.ANSWER, *columns.LABEL)) or is_named_answer(other)
    if not by_name or column.filled < LEAST_FILLED or column.constant or column.identity:
        return False
    if columns.named((other,), columns.REASONING) or table.label_texts.get(other) == answer:
        return False
    both = [(row[other], row[answer]) for row in seen if not is_missing(row.get(other)) and answer in row]
    return sum(text_of(one) == text_of(two) for one, two in both) < SAME * len(both)
