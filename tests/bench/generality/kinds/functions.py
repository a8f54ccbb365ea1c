"""Code by tests: a Python function of one line from its description, run against its own tests."""

from __future__ import annotations

import random
import re

from tests.bench.generality.kinds.definition import Kind, Row

TOML = """name = "small-functions"
description = "Write the Python function f that is described; the tests of the row run it."
prompt = "Python: {task}"
metric = "code"
answer = "code"
tests = "tests"
max_new_tokens = 48
"""
OPENINGS = (
    "f(x) should", "write f(x) to", "define f(x): it must", "I need f(x) to", "make a function f(x) to",
    "f of x:", "what is f(x) if it has to", "code, please, f(x) has to", "one line: f(x) must",
)  # fmt: skip
STEPS = {
    "multiply x by {a}": "x * {a}",
    "scale x by {a}": "x * {a}",
    "add {a} to x": "x + {a}",
    "take {a} from x": "x - {a}",
    "double x": "x * 2",
    "square x": "x ** 2",
    "divide x by {a} and drop the rest": "x // {a}",
}
THEN = {
    "then add {b}": "{body} + {b}",
    "then take away {b}": "{body} - {b}",
    "and give {b} more": "{body} + {b}",
    "then multiply all of it by {b}": "({body}) * {b}",
}
GUARDS = {
    "": "{body}",
    " but never less than {c}": "max({c}, {body})",
    " and at most {c}": "min({c}, {body})",
}


def _draw(rng: random.Random) -> Row:
    numbers = {name: rng.randint(2, 99) for name in "abc"}
    first, then, guard = (rng.choice(tuple(parts)) for parts in (STEPS, THEN, GUARDS))
    body = STEPS[first].format(**numbers)
    for part in (THEN[then], GUARDS[guard]):
        body = part.format(body=body, **numbers)
    said = f"{first} {then}{guard}".format(**numbers)
    code = f"def f(x):\n    return {body}"
    return {"task": f"{rng.choice(OPENINGS)} {said}.", "code": code, "tests": _tests(code)}


def _tests(code: str) -> str:
    space: dict[str, object] = {}
    exec(code, space)  # our own text, a line of arithmetic
    f = space["f"]
    assert callable(f)
    return "\n".join(f"assert f({x}) == {f(x)}" for x in (0, 1, 5, 60, 200))


def _body(row: Row) -> str:
    return row["code"].split("return ")[1]


FUNCTIONS = Kind(
    name="functions",
    asks="code by tests",
    toml=TOML,
    draw=_draw,
    text="task",
    answer="code",
    has_numbers=True,
    other_format=lambda row: f"function f(x) {{ return {_body(row)}; }}",
    translated=lambda row: re.sub(r"\bx\b", "wert", row["code"].replace("f(x)", "funktion(x)")),
    stale=lambda row: f"def solve(x):\n    print {_body(row)}",
    other_value=lambda row: row["tests"].splitlines()[0],
    validation_items=200,
    test_items=300,
)
