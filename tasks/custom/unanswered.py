"""Tables without the answers of the others: a test whose labels its owner kept back.

Alone, such a table would be read by whatever looks like an answer in it, and measure another task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tasks.custom.read_rows import LOOKED_AT, ReadTable
from tasks.custom.tables import Data
from tasks.formats.remarks import ANSWER_PLACE
from tasks.formats.tally import Tally


def answered_alike(tables: Sequence[ReadTable], data: Data) -> list[ReadTable]:
    """The tables; emptied are those without the answer of the training tables that none or another answers.

    Another: a column that all training tables hold, too, and do not answer with.
    """
    trained = [table for table in tables if table.part == "train" and table.rows]
    answers = {answer for table in trained if (answer := _answer(table))}
    held = {table.name: {name for row in table.rows[:LOOKED_AT] for name in row} for table in data.tables}
    return [
        _emptied(table, sorted(answers))
        if table.part != "train"
        and answers
        and not answers & held.get(table.name, set())
        and (not table.rows or all(_answer(table) in held.get(other.name, set()) for other in trained))
        else table
        for table in tables
    ]


def _answer(table: ReadTable) -> str:
    """The column that answers; "" where the format has no one column for it, or no row is read."""
    place, used = ANSWER_PLACE.get(table.format.name), table.format.columns
    return used[place] if table.rows and place is not None and place < len(used) else ""


def _emptied(table: ReadTable, answers: Sequence[str]) -> ReadTable:
    count, named = len(table.rows) + table.tally.set_aside, " or ".join(map(repr, answers))
    told = f"{table.name}: {count:,} rows set aside, they lack the answer of the training rows ({named})"
    return replace(table, rows=(), tally=Tally(), understood=(told,))
