"""Programs as metrics: a row's own tests on the code of a reply, or a ``scorer.py``; both run in the sandbox.

Nothing here runs anything: a script is made for an answer, and what came of it is read.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.answers.extract import without_thinking
from tasks.base import ItemScore, Sample, Script, ScriptResult
from tasks.custom.metrics.reader import SHOWN, AnswerReader, Said, graded, marked, render_marked, said_text
from tasks.errors import InputError

TESTS, ROW = "tests", "row"
"""Keys of ``Sample.meta``."""
MOST_CODE = 50_000
_BLOCK = re.compile(r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)

_RUN_TESTS = """
import json, sys
def _run(token, tests):
    space = {"__name__": "answer"}
    with open("answer.py", encoding="utf-8") as file:
        source = file.read()
    try:
        exec(compile(source, "answer.py", "exec"), space)
        before = set(space)
        exec(compile(tests, "tests.py", "exec"), space)
        for name in [name for name in space if name.startswith("test_") and name not in before]:
            if callable(space[name]):
                space[name]()
    except BaseException as error:
        passed, said = False, type(error).__name__
    else:
        passed, said = True, ""
    with open("result.json", "w", encoding="utf-8") as file:
        json.dump({"token": token, "passed": passed, "error": said}, file)
"""
"""``SystemExit`` is caught with the rest: code that leaves before its tests has not passed them."""

_RUN_SCORER = """
import json
def _run(token):
    with open("inputs.json", encoding="utf-8") as file:
        given = json.load(file)
    space = {"__name__": "scorer"}
    with open("scorer.py", encoding="utf-8") as file:
        source = file.read()
    try:
        exec(compile(source, "scorer.py", "exec"), space)
        found = {"score": float(space["score"](given["answer"], given["reference"], given["row"]))}
    except BaseException as error:
        found = {"error": type(error).__name__ + ": " + str(error)[:200]}
    with open("result.json", "w", encoding="utf-8") as file:
        json.dump({"token": token, **found}, file)
"""


@dataclass(frozen=True)
class Program:
    """The two functions of a task whose answers are judged by running something."""

    script: Callable[[Sample, str], Script | None]
    judge: Callable[[Sample, str, ScriptResult], ItemScore]


def code_reader() -> AnswerReader:
    """``code``: a gold value is a solution; equal programs are one answer."""

    def read(text: str) -> Said | None:
        found = code_of(text)
        return None if found is None else Said(found, found)

    return AnswerReader(
        "a ```python block that passes the row's tests",
        read,
        code_of,
        lambda said, gold: float(said.text == gold),
        lambda answer, reasoning: (
            (f"{reasoning.strip()}\n" if reasoning.strip() else "") + f"```python\n{answer}\n```"
        ),
        # Two programs that pass each other's tests are no fault of the tests.
        alike=lambda one, other: True,
    )


def scorer_reader() -> AnswerReader:
    """``python``: the function decides; what is read here is what it is given."""
    return AnswerReader(
        "the answer alone, or worked steps and then a line `Answer: ...`",
        said_text,
        marked,
        lambda said, gold: 0.0,
        render_marked,
    )


def code_program() -> Program:
    """Right when the row's tests pass."""

    def script(sample: Sample, answer: str) -> Script | None:
        code = code_of(answer)
        if code is None:
            return None
        tests = str(sample.meta[TESTS])
        call = f"_run({_token(tests)!r}, {tests!r})"
        return Script(f"{_RUN_TESTS}\n{call}\n", {"answer.py": code})

    def judge(sample: Sample, answer: str, result: ScriptResult) -> ItemScore:
        code = code_of(answer) or ""
        found = _found(result, _token(str(sample.meta[TESTS])))
        if found is None:
            return ItemScore(False, 0.0, code[:SHOWN], _ending(result))
        if found.get("passed") is True:
            return ItemScore(True, 1.0, code[:SHOWN])
        return ItemScore(False, 0.0, code[:SHOWN], f"raises {found.get('error', '')}"[:60])

    return Program(script, judge)


def scorer_program(path: Path, low: float, high: float) -> Program:
    """What ``score(answer, reference, row)`` returns, from ``low`` (0) to ``high`` (1).

    Raises:
        InputError: the file is missing, is no Python, or defines no ``score``.
    """
    source = _scorer_source(path)

    def script(sample: Sample, answer: str) -> Script | None:
        said = marked(answer)
        if said is None:
            return None
        given = {"answer": said, "reference": sample.gold, "row": sample.meta[ROW]}
        files = {"scorer.py": source, "inputs.json": json.dumps(given, ensure_ascii=False, default=str)}
        return Script(f"{_RUN_SCORER}\n_run({_token(source)!r})\n", files)

    def judge(sample: Sample, answer: str, result: ScriptResult) -> ItemScore:
        shown = (marked(answer) or "")[:SHOWN]
        found = _found(result, _token(source))
        if found is None:
            return ItemScore(False, 0.0, shown, _ending(result))
        value = found.get("score")
        if not isinstance(value, int | float):
            return ItemScore(False, 0.0, shown, f"scorer raises {found.get('error', '')}"[:80])
        if not math.isfinite(value) or not low <= value <= high:
            return ItemScore(False, 0.0, shown, "scorer_out_of_range")
        return graded((value - low) / (high - low), shown)

    return Program(script, judge)


def before_it_ran(reader: AnswerReader) -> Callable[[Sample, str], ItemScore]:
    """The scorer of such a task: without a result nothing can be said, but that there is no answer."""

    def scorer(sample: Sample, answer: str) -> ItemScore:
        said = reader.read(answer)
        if said is None:
            return ItemScore(False, 0.0, None, "unparseable")
        return ItemScore(False, 0.0, said.text[:SHOWN], "not_executed", scored=False)

    return scorer


def code_of(text: str) -> str | None:
    """The last Python block, else the last block without a name, else the text itself where it is Python."""
    text = without_thinking(text)
    blocks: list[tuple[str, str]] = [
        (found.group(1).lower(), found.group(2).rstrip()) for found in _BLOCK.finditer(text)
    ]
    for names in (("python", "py", "python3"), ("",)):
        for name, code in reversed(blocks):
            if name in names and code.strip() and len(code) <= MOST_CODE:
                return code
    bare = text.strip()
    return bare if bare and "```" not in bare and _is_python(bare) else None


def _is_python(text: str) -> bool:
    """A sentence of one word parses too, and is no program: something has to be defined or done."""
    tree = _parsed(text)
    plain = (ast.Name, ast.Constant, ast.Tuple, ast.Attribute)
    return tree is not None and any(
        not (isinstance(node, ast.Expr) and isinstance(node.value, plain)) for node in tree.body
    )


def _parsed(text: str) -> ast.Module | None:
    if len(text) > MOST_CODE:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _scorer_source(path: Path) -> str:
    fix = "write one with `def score(answer, reference, row): return 1.0 or less`"
    if not path.is_file():  # a pipe would be waited for
        raise InputError(str(path), "the file is missing", fix)
    try:
        source = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"it cannot be read: {error}", fix) from error
    tree = _parsed(source)
    if tree is None:
        raise InputError(str(path), "it is no Python", "mend it")
    if not any(isinstance(node, ast.FunctionDef) and node.name == "score" for node in tree.body):
        raise InputError(
            str(path), "it defines no function `score`", "add def score(answer, reference, row) -> float"
        )
    return source


def _token(text: str) -> str:
    return hashlib.sha256(f"result of {text}".encode("utf-8", "replace")).hexdigest()[:32]


def _found(result: ScriptResult, token: str) -> Mapping[str, Any] | None:
    """What the script wrote at its end; None when it did not get there."""
    try:
        found = json.loads(result.returned) if result.returned and result.status == "ok" else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("token") == token else None


def _ending(result: ScriptResult) -> str:
    return result.status if result.status in ("timeout", "killed") else "not_executed"
