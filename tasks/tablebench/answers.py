"""Answers of TableBench: the final line, its values, and when two values are the same.

Shared by the tasks whose answers end with ``Final Answer: A, B``. The last line that
states something decides; a repeated instruction (``Final Answer: AnswerName1, ...``)
states nothing. Numbers are compared by value and sign, names without case and
punctuation. Linear in the length of the text, and nothing here raises.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from tasks.answers import extract as read
from tasks.base import ItemScore, Row, Sample
from tasks.splits import content_id, fingerprint
from tasks.synthetic import Item

LONGEST = 20_000
"""Characters of a final line that are read."""

_FINAL = re.compile(r"final[ \t]{0,3}answer[ \t*_]{0,6}[:：][ \t]*", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"[\s\"'`<\[(*]{0,6}(?:answer ?name\d*|correlation ?relation|your (?:\w+ )?answer|answer\W{0,3}$)",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?!\d|,\d)")
_CURRENCY = re.compile(r"(?:\b(?:US|CA|AU|NZ|HK)\s?)?[$€£¥₹₽₩₺]")
_PERCENT = re.compile(r"\s*(?:%|percent|per cent)$", re.IGNORECASE)
_SPACED_SIGN = re.compile(r"^([-+])\s+(?=\d)")
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_NEGATED_NAME = re.compile(r"^-\s*\d")
_PAIR = re.compile(r"\b([A-Z][a-z]+)(?: ([a-z]+))? (-?\d{1,9}|[A-Z][a-z]+)\b")
_REVERSED = re.compile(r"\b(\d{1,9}|[A-Z][a-z]+) ([A-Z][a-z]+)\b")
_LISTED = re.compile(r"\b(\d{1,9}|[A-Z][a-z]+): ([A-Z][a-z]+(?:, [A-Z][a-z]+)*)")
_WAY = re.compile(r"\b([a-z]+) (\d{1,9}(?:, \d{1,9})+) (up|down|mixed)\b")
_NUMBER = re.compile(r"(?<![\w.])(?<![\w.][-+])(?<!\d,)[-+]?\d+(?:\.\d+)?(?!\w|\.\d|-\d)")


def final_answer(text: str) -> str | None:
    """What the last ``Final Answer:`` states, on its line or on the next one; bold and boxes are dropped."""
    text = read.without_thinking(text)
    for match in reversed(list(_FINAL.finditer(text))[-read.CANDIDATES :]):
        line = _line(text[match.end() : match.end() + LONGEST])
        if line and not _PLACEHOLDER.match(line):
            return line
    return None


def _line(text: str) -> str:
    """The first line that holds more than marks."""
    for line in text.split("\n", 3)[:3]:
        bare = line.strip().strip("*_`").strip()
        if bare:
            return read.boxed(bare) or bare
    return ""


def values(answer: str) -> list[str]:
    """The values of an answer in their order: ``1,234.5, Ann; Bob`` -> ``1234.5``, ``Ann``, ``Bob``."""
    text = unicodedata.normalize("NFKC", answer[:LONGEST]).replace("−", "-")
    text = _THOUSANDS.sub(lambda m: m.group(0).replace(",", ""), text).strip().rstrip(".。")
    return [part for part in (piece.strip() for piece in re.split(r"[,;]", text)) if part]


def number(value: str) -> str | None:
    """The canonical number that a value is; currency and percent signs do not matter."""
    text = (
        unicodedata.normalize("NFKC", value[:400]).replace("−", "-").strip().strip("\"'“”‘’`*").rstrip(".。")
    )
    text = _PERCENT.sub("", _CURRENCY.sub("", text).strip())
    return read.canonical_number(_SPACED_SIGN.sub(r"\1", text))


def normal(value: str) -> str:
    """How one value is compared: a number by value and sign, a name without case and punctuation."""
    plain = number(value)
    if plain is not None:
        return plain
    text = unicodedata.normalize("NFKC", value[:LONGEST]).replace("−", "-").strip()
    sign = "-" if _NEGATED_NAME.match(text) else ""
    return sign + (fingerprint(_DECIMAL_POINT.sub("point", text)) or text.casefold())


def same(said: str, gold: str) -> bool:
    """Whether all values of two answers agree, in order."""
    return [normal(value) for value in values(said)] == [normal(value) for value in values(gold)]


def judge_final(sample: Sample, answer: str, miss: Callable[[str, str], str]) -> ItemScore:
    """Right when the last final-answer line states the gold values, in order; ``miss`` names an error."""
    said = final_answer(answer)
    if said is None:
        stated = read.last_number(answer) or read.said_answer(answer)
        return ItemScore(False, 0.0, None, "no_final_line" if stated else "unparseable")
    said = said.rstrip(".。") or said
    gold = str(sample.gold)
    if same(said, gold):
        return ItemScore(True, 1.0, said)
    return ItemScore(False, 0.0, said, miss(said, gold))


def numbers_in(text: str) -> list[float]:
    """Every number that stands in a text, thousands separators and full-width digits included."""
    text = unicodedata.normalize("NFKC", text[:LONGEST]).replace("−", "-")
    text = _THOUSANDS.sub(lambda m: m.group(0).replace(",", ""), _CURRENCY.sub("", text))
    return [float(m.group(0)) for m in _NUMBER.finditer(text) if len(m.group(0)) <= read.MAX_DIGITS]


def render(answer: str, reasoning: str) -> str:
    """The worked steps, if any, and the published last line."""
    head = f"{reasoning.strip()}\n" if reasoning.strip() else ""
    return f"{head}Final Answer: {answer}"


def answer_in(text: str, longest: int) -> str | None:
    """The answer in a text of any style: the final line, a JSON ``answer``, what a sentence states, the whole
    text where it is one line of at most ``longest`` characters, or the last number."""
    said = final_answer(text) or read.json_field(text, ("answer", "final_answer"))
    bare = read.without_thinking(text).strip()
    if (
        said is None
        and (said := read.said_answer(text)) is None
        and "\n" not in bare
        and len(bare) <= longest
    ):
        said = bare
    return (said or "").rstrip(".。") or read.last_number(text)


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns with ``answer``; a ``reasoning`` column where there is one."""
    row = {**item.columns, "answer": answer}
    return {**row, "reasoning": reasoning} if reasoning else row


def published_prompt(row: Row, qtype: str, instruction: str) -> str | None:
    """The published ``instruction``, which holds table and question, or one built from those two columns.

    ``instruction`` has the places ``{table}`` and ``{question}``. None for a row of another ``qtype`` and
    where the columns are others.
    """
    if row.get("qtype", qtype) != qtype:
        return None
    given, table, question = row.get("instruction"), row.get("table"), row.get("question")
    if isinstance(given, str) and "[TABLE]" in given:
        return given
    if not isinstance(question, str) or not isinstance(table, dict | str):
        return None
    text = table if isinstance(table, str) else json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return instruction.replace("{table}", text).replace("{question}", question)


def subsets_of(qtype: str, subset: str, row: Row) -> tuple[str, ...]:
    """The one subset of the rows of a ``qtype``."""
    return (subset,) if row.get("qtype") == qtype else ()


def to_sample(build_prompt: Callable[[Row], str | None], row: Row, subset: str) -> Sample:
    """A published row as an item; raises ValueError naming a missing or malformed column."""
    prompt, answer = build_prompt(row), row.get("answer")
    if prompt is None:
        raise ValueError("no `instruction`, and no `table` and `question`, of a row of this task")
    if isinstance(answer, bool) or not isinstance(answer, str | int | float) or not str(answer).strip():
        raise ValueError("column `answer` is no text")
    meta = {"qsubtype": str(row["qsubtype"])} if row.get("qsubtype") else {}
    return Sample(content_id(prompt), subset, prompt, str(answer).strip(), meta)


def table_in(prompt: str) -> tuple[list[str], list[list[str]]] | None:
    """Column names and rows, cells as text, of the JSON table of a prompt; None where none can be read."""
    place = prompt.find('{"columns"', max(0, prompt.find("[TABLE]")))
    if place < 0 or len(prompt) > 100_000:
        return None
    try:
        table, _ = json.JSONDecoder().raw_decode(prompt, place)
    except (ValueError, RecursionError):
        return None
    columns, rows = table["columns"], table.get("data")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    width = len(columns)
    if not rows or not all(isinstance(row, list) and len(row) == width for row in rows):
        return None
    return [str(name) for name in columns], [[str(cell) for cell in row] for row in rows]


def quotes_hold(prompt: str, steps: str) -> bool | None:
    """Whether all that worked steps quote from the table stands there.

    Read are ``Ann 12``, ``12 Ann`` and ``Ann goals 12`` (a name and a cell of its row), ``12: Ann, Eve``
    (a cell and the names of its rows) and ``wins 1, 4, 6 up`` (a column and which way it goes). None where
    the prompt has no readable table or the steps quote nothing from it.
    """
    table = table_in(prompt)
    if table is None:
        return None
    names = {row[0]: dict(zip(table[0], row, strict=True)) for row in table[1]}
    columns = {name: [row[place] for row in table[1]] for place, name in enumerate(table[0])}
    steps = steps[-LONGEST:]
    held = [
        value == names[name][word] if word in names[name] else value in names[name].values()
        for name, word, value in _PAIR.findall(steps)
        if name in names
    ]
    known = {cell for row in table[1] for cell in row[1:]}
    held += [
        value in names[name].values()
        for value, name in _REVERSED.findall(steps)
        if name in names and (value in known or value.isdigit())
    ]
    for cell, listed in _LISTED.findall(steps):
        told = [name for name in listed.split(", ") if name in names and (cell in known or cell.isdigit())]
        held += [cell in names[name].values() for name in told]
    for name, listed, way in _WAY.findall(steps):
        shown = listed.split(", ")
        held.append(columns.get(name) == shown and way_of([int(value) for value in shown]) == way)
    return all(held) if held else None


def way_of(numbers: Sequence[int]) -> str:
    """``up`` where every number is larger than the one before, ``down`` where smaller, else ``mixed``."""
    steps = [after - before for before, after in pairwise(numbers)]
    return "up" if min(steps) > 0 else "down" if max(steps) < 0 else "mixed"
