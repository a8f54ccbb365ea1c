"""Tables without the answers of the others: a test whose labels its owner kept back.

Alone, such a table would be read by whatever looks like an answer in it, and measure another task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tasks.base import Row
from tasks.custom.read_rows import ReadTable
from tasks.custom.tables import Data
from tasks.formats.remarks import ANSWER_PLACE
from tasks.formats.tally import Tally


def answered_alike(tables: Sequence[ReadTable], data: Data) -> list[ReadTable]:
    """The tables; those are emptied whose answer is a column that the training tables only hold beside."""
    trained = [table for table in tables if table.part == "train" and table.rows]
    answers = {answer for table in trained if (answer := _answer(table))}
    first = {table.name: table.rows[0] for table in data.tables if len(table.rows)}
    return [
        _emptied(table, sorted(answers))
        if table.part != "train"
        and answers
        and not answers & _held(first, table).keys()
        and (not table.rows or _answers_beside(table, trained, first))
        else table
        for table in tables
    ]


def _answers_beside(table: ReadTable, trained: Sequence[ReadTable], first: Mapping[str, Row]) -> bool:
    """Whether a table is answered by a column that all training tables hold, too, and do not answer with."""
    answer = _answer(table)
    return bool(answer) and all(answer in _held(first, other) for other in trained)


def _answer(table: ReadTable) -> str:
    """The column that answers; "" where the format has no one column for it, or no row is read."""
    place, used = ANSWER_PLACE.get(table.format.name), table.format.columns
    return used[place] if table.rows and place is not None and place < len(used) else ""


def _held(first: Mapping[str, Row], table: ReadTable) -> Row:
    return first.get(table.name, {})


def _emptied(table: ReadTable, answers: Sequence[str]) -> ReadTable:
    count, named = len(table.rows) + table.tally.set_aside, " or ".join(map(repr, answers))
    told = f"{table.name}: {count:,} rows set aside, they lack the answer of the training rows ({named})"
    return replace(table, rows=(), tally=Tally(), understood=(told,))
