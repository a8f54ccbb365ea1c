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
    "f(x) should",
    "write f(x) to",
    "define f(x): it must",
    "I need f(x) to",
    "make a function f(x) to",
)
STEPS = {
    "{verb} x by {a}": ("x * {a}", ("multiply", "scale")),
    "add {a} to x": ("x + {a}", ("",)),
    "take {a} from x": ("x - {a}", ("",)),
}
THEN = {"then add {b}": "+ {b}", "then take away {b}": "- {b}", "and give {b} more": "+ {b}"}
GUARDS = {"": "", " but never less than {c}": "max({c}, {body})", " and at most {c}": "min({c}, {body})"}


def _draw(rng: random.Random) -> Row:
    a, b, c = rng.randint(2, 99), rng.randint(2, 99), rng.randint(2, 99)
    first = rng.choice(tuple(STEPS))
    form, verbs = STEPS[first]
    then, guard = rng.choice(tuple(THEN)), rng.choice(tuple(GUARDS))
    body = f"{form.format(a=a)} {THEN[then].format(b=b)}"
    said = f"{first} {then}".format(a=a, b=b, verb=rng.choice(verbs)) + guard.format(c=c)
    if guard:
        body = GUARDS[guard].format(c=c, body=body)
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
