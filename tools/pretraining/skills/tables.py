"""Look-up skills: key-value lists, small tables in four layouts, and JSON objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random

from tools.pretraining.skills.core import Document, Turn, ask, pick_names, pick_words, turn, upto
from tools.pretraining.skills.numeric import running_sum
from tools.pretraining.skills.words import COLUMNS, KINDS

KEY_COLUMNS = (
    "name",
    "who",
    "city",
    "team",
    "item",
    "place",
    "id",
    "person",
    "town",
    "club",
    "country",
    "shop",
)


@dataclass(frozen=True)
class Table:
    """A small table: the first column names the rows, the others hold whole numbers."""

    key: str
    columns: list[str]
    names: list[str]
    rows: list[list[int]]

    def column(self, name: str) -> list[int]:
        """The numbers of one column, top to bottom."""
        k = self.columns.index(name)
        return [row[k] for row in self.rows]


def make_table(rng: Random, level: float) -> Table:
    """Two to six rows, one or two (rarely three) number columns."""
    n = upto(rng, level, 2, 6)
    width = 1 if rng.random() < 0.45 else 2 if rng.random() < 0.85 or n > 4 else 3
    top = rng.choice([9, 30, 50, 99, 99, 200 if level > 0.4 else 20])
    rows = [[rng.randint(1, top) for _ in range(width)] for _ in range(n)]
    names = pick_names(rng, n)
    if rng.random() < 0.2:
        names = [name.lower() for name in names]
    return Table(rng.choice(KEY_COLUMNS), pick_words(rng, width, COLUMNS), names, rows)


def render(rng: Random, table: Table) -> str:
    """The table as compact JSON (most often), CSV, Markdown, or one record a line."""
    roll = rng.random()
    head = [table.key, *table.columns]
    if roll < 0.5:
        data = [[name, *row] for name, row in zip(table.names, table.rows, strict=True)]
        return json.dumps({"columns": head, "data": data}, separators=(",", ":"))
    if roll < 0.7:
        lines = [",".join(head)]
        lines += [",".join([n, *map(str, r)]) for n, r in zip(table.names, table.rows, strict=True)]
        return "\n".join(lines)
    if roll < 0.8:
        lines = ["| " + " | ".join(head) + " |"]
        lines += [
            "| " + " | ".join([n, *map(str, r)]) + " |" for n, r in zip(table.names, table.rows, strict=True)
        ]
        return "\n".join(lines)
    records = []
    for name, row in zip(table.names, table.rows, strict=True):
        cells = ", ".join(f"{c} {v}" for c, v in zip(table.columns, row, strict=True))
        records.append(f"{name}: {cells}")
    return "\n".join(records)


def table_questions(rng: Random, level: float) -> Document:
    """One table and one to three questions about it."""
    table = make_table(rng, level)
    turns = []
    for k in range(rng.choice([1, 1, 2, 2, 3])):
        question, answer, steps = _table_question(rng, table)
        if k == 0:
            shown = render(rng, table)
            question = f"{question}\n{shown}" if rng.random() < 0.3 else f"{shown}\n{question}"
        turns.append(turn(rng, question, answer, steps, 0.4))
    return Document("table", tuple(turns))


def _table_question(rng: Random, table: Table) -> tuple[str, str, str]:
    col = rng.choice(table.columns)
    values = table.column(col)
    pairs = list(zip(table.names, values, strict=True))
    listed = ", ".join(map(str, values))
    who, value = rng.choice(pairs)
    roll = rng.random()
    if roll < 0.16:
        form = rng.choice(["{c} of {n}?", "What {c} stands at {n}?", "Read {c} for {n}.", "{n}: {c}?"])
        return form.format(c=col, n=who), str(value), ""
    if roll < 0.22:
        form = rng.choice(["List {c}.", "Read out {c}.", "All numbers under {c}?"])
        return form.format(c=col), listed, ""
    if roll < 0.34:
        steps, total = running_sum(values[:5])
        if len(values) > 5:
            steps, total = running_sum(values)
        form = rng.choice(["Add all {c}.", "{c} altogether?", "Column {c}: grand total?"])
        return form.format(c=col), str(total), steps
    if roll < 0.44:
        return _two_rows(rng, col, pairs)
    if roll < 0.64:
        return _extreme(rng, col, pairs)
    if roll < 0.74 and len(table.columns) > 1:
        return _through(rng, table, col)
    if roll < 0.88:
        return _above(rng, col, pairs)
    if roll < 0.93:
        low = rng.random() < 0.5
        order = [n for n, _ in sorted(pairs, key=lambda p: p[1], reverse=not low)]
        word = "from low to high" if low else "from high to low"
        shown = ", ".join(f"{n} {v}" for n, v in sorted(pairs, key=lambda p: p[1], reverse=not low))
        return f"Order the rows by {col} {word}.", ", ".join(order), shown + "."
    if roll < 0.96:
        return (
            rng.choice(["How many rows?", "Number of records?"]),
            str(len(pairs)),
            ", ".join(table.names) + ".",
        )
    unique = [n for n, v in pairs if v == value]
    return f"Who has {col} {value}?", ", ".join(unique), ""


def _two_rows(rng: Random, col: str, pairs: list[tuple[str, int]]) -> tuple[str, str, str]:
    (a, x), (b, y) = rng.sample(pairs, 2)
    if rng.random() < 0.5:
        form = rng.choice(["{c} of {a} and {b} added?", "Put together the {c} of {a} and {b}."])
        return form.format(c=col, a=a, b=b), str(x + y), f"{a} {x}, {b} {y}. {x}+{y}={x + y}."
    if x < y:
        a, b, x, y = b, a, y, x
    form = rng.choice(
        ["By how much is {a} above {b} in {c}?", "{c}: {a} minus {b}?", "Gap in {c} from {b} to {a}?"]
    )
    return form.format(c=col, a=a, b=b), str(x - y), f"{a} {x}, {b} {y}. {x}-{y}={x - y}."


def _extreme(rng: Random, col: str, pairs: list[tuple[str, int]]) -> tuple[str, str, str]:
    high = rng.random() < 0.5
    best = (max if high else min)(v for _, v in pairs)
    word = rng.choice(["top", "largest", "most"] if high else ["bottom", "smallest", "least"])
    listed = ", ".join(str(v) for _, v in pairs)
    if rng.random() < 0.25:
        other = (min if high else max)(v for _, v in pairs)
        top, low = max(best, other), min(best, other)
        form = rng.choice(["Span of {c} from bottom to top?", "Top {c} less bottom {c}?"])
        return (
            form.format(c=col),
            str(top - low),
            f"{listed}. Top {top}, bottom {low}. {top}-{low}={top - low}.",
        )
    if rng.random() < 0.5:
        winner = next(n for n, v in pairs if v == best)
        steps = (
            f"{listed}. {best}."
            if rng.random() < 0.5
            else (", ".join(f"{n} {v}" for n, v in pairs) + f". {word.capitalize()} {best}: {winner}.")
        )
        return f"Which row has the {word} {col}?", winner, steps
    return f"The {word} {col} is?", str(best), f"{listed}."


def _through(rng: Random, table: Table, col: str) -> tuple[str, str, str]:
    other = rng.choice([c for c in table.columns if c != col])
    values = table.column(col)
    best = max(values)
    place = values.index(best)
    name, value = table.names[place], table.column(other)[place]
    form = rng.choice(["Take the row with the top {c}; its {o}?", "{o} at the largest {c}?"])
    return form.format(c=col, o=other), str(value), f"Top {col} {best}: {name}. {name} {other} {value}."


def _above(rng: Random, col: str, pairs: list[tuple[str, int]]) -> tuple[str, str, str]:
    limit = rng.choice(pairs)[1] + rng.choice([-1, 1, 0, 3])
    over = rng.random() < 0.5
    kept = [(n, v) for n, v in pairs if (v > limit if over else v < limit)]
    word = rng.choice(["above", "over"] if over else ["below", "under"])
    steps = (", ".join(f"{n} {v}" for n, v in kept) or "none") + "."
    if rng.random() < 0.4:
        every = ", ".join(str(v) for _, v in pairs)
        steps = f"{every}. {word.capitalize()} {limit}: {', '.join(str(v) for _, v in kept) or 'none'}."
    if rng.random() < 0.65:
        form = rng.choice(["Count rows with {c} {w} {x}.", "{c} {w} {x}: in how many rows?"])
        return form.format(c=col, w=word, x=limit), str(len(kept)), steps
    names = ", ".join(n for n, _ in kept) or "none"
    return f"Name those with {col} {word} {limit}.", names, ""


def key_value(rng: Random, level: float) -> Document:
    """A list of keys and values, and several reads from it in either direction."""
    n = upto(rng, level, 2, 7)
    keys = pick_names(rng, n) if rng.random() < 0.5 else pick_words(rng, n)
    if rng.random() < 0.6:
        values = [str(v) for v in rng.sample(range(1, 100), n)]
    else:
        values = pick_words(rng, n, KINDS[rng.choice(list(KINDS))])
    sign, gap = rng.choice(
        [("=", " "), ("=", ", "), (": ", ", "), (" is ", ". "), (": ", "\n"), (" -> ", "; ")]
    )
    text = gap.join(f"{k}{sign}{v}" for k, v in zip(keys, values, strict=True))
    if rng.random() < 0.2:
        order = rng.sample(range(n), n)
        answer = ", ".join(f"{values[i]} {keys[i]}" for i in order)
        question = f"{text}\nGive value and key of {', '.join(keys[i] for i in order)}."
        return ask(rng, "key_value", question, answer, "", 0.1)
    turns = []
    for i in range(rng.randint(2, 5)):
        k = rng.randrange(n)
        if rng.random() < 0.65:
            question, answer = (
                rng.choice(["{}?", "Value of {}?", "Look up {}.", "What is {}?"]).format(keys[k]),
                values[k],
            )
        else:
            question, answer = (
                rng.choice(["Which has {}?", "Key of {}?", "{} belongs to?"]).format(values[k]),
                keys[k],
            )
        turns.append(turn(rng, f"{text}\n{question}" if i == 0 else question, answer, "", 0.3))
    return Document("key_value", tuple(turns))


def two_hops(rng: Random, level: float) -> Document:
    """Follow a name through two lists."""
    n = upto(rng, level, 2, 4)
    names, things = pick_names(rng, n), pick_words(rng, n)
    values = rng.sample(range(1, 100), n)
    first = ", ".join(f"{a} has {t}" for a, t in zip(names, things, strict=True))
    order = rng.sample(range(n), n)
    second = ", ".join(f"{things[k]} costs {values[k]}" for k in order)
    k = rng.randrange(n)
    question = f"{first}. {second}. What does the thing of {names[k]} cost?"
    return ask(
        rng,
        "two_hops",
        question,
        str(values[k]),
        f"{names[k]} has {things[k]}. {things[k]} costs {values[k]}.",
    )


def json_object(rng: Random, level: float) -> Document:
    """Build a JSON object from instructions, or read a field from one."""
    n = upto(rng, level, 1, 4)
    keys = pick_words(rng, n, COLUMNS)
    values: list[object] = [
        rng.randint(0, 99) if rng.random() < 0.5 else rng.choice(pick_names(rng, 2)) for _ in range(n)
    ]
    body = json.dumps(dict(zip(keys, values, strict=True)))
    if rng.random() < 0.5:
        told = rng.choice([", ", " and "]).join(f"{k} {v}" for k, v in zip(keys, values, strict=True))
        form = rng.choice(["As JSON: {}", "JSON object with {}", "Write JSON: {}"])
        return Document("json", (Turn(form.format(told), body),))
    k = rng.randrange(n)
    form = rng.choice(["{b}\n{k}?", "Field {k} of {b}", 'Get "{k}" from {b}'])
    return ask(rng, "json", form.format(b=body, k=keys[k]), str(values[k]), "", 0.3)
