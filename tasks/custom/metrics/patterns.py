"""Regular expressions: one that finds the answer in a reply, or each row's own that a reply must match."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tasks.answers.equality import same_answer
from tasks.answers.extract import without_thinking
from tasks.custom.metrics.reader import PLAIN_FORMAT, AnswerReader, Said, marked, render_marked, said_text
from tasks.errors import InputError

TIMEOUT_SECONDS = 2.0
"""Of one search: an expression may take longer than the age of the sun."""
LONGEST = 20_000
"""Characters of a reply that are searched; its end."""
PATTERN = "pattern"
"""Key of a row's expression in ``Sample.meta``."""


def pattern_reader(expression: str) -> AnswerReader:
    """``regex`` with one expression: its first group (else the whole match), the last time that it matches,
    is the answer.

    Raises:
        InputError: the text is no regular expression.
    """
    compiled = compile_pattern(expression, "task.toml: pattern")

    def read(text: str) -> Said | None:
        found = _last(compiled, without_thinking(text)[-LONGEST:])
        return None if found is None else Said(found, found)

    def value(said: Said, gold: str) -> float:
        return float(same_answer(said.text, _last(compiled, gold[-LONGEST:]) or gold))

    return AnswerReader(
        f"a text in which the regular expression {expression[:80]!r} finds the answer",
        read,
        lambda text: text.strip() or None,
        value,
        _as_written,
    )


def row_pattern_reader() -> AnswerReader:
    """``regex`` with ``pattern_column``: the row's expression matches in the reply's answer."""
    return AnswerReader(
        PLAIN_FORMAT,
        said_text,
        marked,
        lambda said, expression: float(_matches(expression, said.text)),
        render_marked,
        against=lambda sample: (str(sample.meta[PATTERN]),),
    )


def compile_pattern(expression: str, where: str) -> Any:
    """The expression; raises InputError naming ``where`` it was read."""
    import regex

    try:
        return _compiled(expression)
    except (regex.error, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise InputError(
            where, f"{expression[:60]!r} is no regular expression: {error}", "mend it"
        ) from error


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    import regex

    return regex.compile(expression)


def _matches(expression: str, text: str) -> bool:
    try:
        return _compiled(expression).search(text[-LONGEST:], timeout=TIMEOUT_SECONDS) is not None
    except TimeoutError:
        return False


def _last(compiled: Any, text: str) -> str | None:
    found = None
    try:
        for match in compiled.finditer(text, timeout=TIMEOUT_SECONDS):
            found = match
    except TimeoutError:
        return None
    if found is None:
        return None
    groups = [group for group in found.groups() if group is not None]
    return (groups[0] if groups else found.group()).strip() or None


def _as_written(answer: str, reasoning: str) -> str:
    return f"{reasoning.strip()}\n{answer}" if reasoning.strip() else answer
