"""Guesses about a task that nobody has described: which metric suits its answers, and how long they get."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tasks.answers.equality import answer_text
from tasks.answers.gold import number_format, read_gold
from tasks.custom.metrics.reader import marks

NEARLY_ALL = 0.98
"""Share of the answers that must have a form before it is taken for the rule."""
FEW_LABELS = 50
SHORT_WORDS = 6
LETTERS = "ABCDEFGH"
TELLING = ("answer", "label", "result", "final_answer", "class", "category")
"""Fields of a JSON answer that are the answer by their name."""
BYTES_A_TOKEN = 2.0
"""Low on purpose: tokenisers of small models write two to four bytes a token, and a budget must not cut."""
LEAST_BUDGET, MOST_BUDGET = 16, 2048


@dataclass(frozen=True)
class MetricGuess:
    """A metric of ``task.toml``, its settings, and why."""

    metric: str
    why: str
    field: str | None = None
    letters: str = "ABCD"


def guess_metric(answers: Sequence[str]) -> MetricGuess:
    """The metric that suits these reference answers."""
    texts = [text.strip() for text in answers if text.strip()]
    if not texts:
        return MetricGuess("exact_match", "there are no answers to look at")
    finals = [next(marks(text), "") for text in texts]
    if _share(map(bool, finals)) >= NEARLY_ALL:
        inner = _by_form([final for final in finals if final])
        if inner.metric in ("number", "choice_letter", "exact_match"):
            said = "the answers end in a marked line (`#### 42`, `Answer: 42`), and of what stands there "
            return replace(inner, why=said + inner.why)
    return _by_form(texts)


def _by_form(texts: Sequence[str]) -> MetricGuess:
    if _share(text.upper() in set(LETTERS) for text in texts) >= NEARLY_ALL:
        most = max(max(LETTERS.index(text.upper()) for text in texts if text.upper() in LETTERS), 1)
        return MetricGuess("choice_letter", "the answers are single letters", letters=LETTERS[: most + 1])
    if fields := _common_fields(texts):
        field = next((name for name in TELLING if name in fields), fields[0])
        others = f" (or `field = {fields[fields[0] == field]!r}`)" if fields[1:] else ""
        return MetricGuess("json_field", f"the answers are JSON objects with {field!r}{others}", field=field)
    labels = Counter(map(answer_text, texts))
    form = number_format(texts)
    if _share(read_gold(text, form) is not None for text in texts) >= NEARLY_ALL and len(labels) > 2:
        return MetricGuess("number", "the answers are numbers")
    if len(labels) <= min(FEW_LABELS, max(2, len(texts) // 4)):
        return MetricGuess("exact_match", f"the answers are {len(labels)} labels")
    words = median(len(text.split()) for text in texts)
    if words <= SHORT_WORDS:
        return MetricGuess("exact_match", f"the answers are short ({words:g} words in the median)")
    return MetricGuess("token_f1", f"the answers are texts ({words:g} words in the median)")


def guess_budget(answers: Sequence[str]) -> int:
    """An answer budget in tokens that holds every reference, with room for a sentence around it."""
    longest = max((len(text.encode("utf-8", "replace")) for text in answers), default=0)
    tokens = 8 * math.ceil((longest / BYTES_A_TOKEN + LEAST_BUDGET) / 8)
    return max(LEAST_BUDGET, min(MOST_BUDGET, tokens))


def _share(passes: Iterable[bool]) -> float:
    found = list(passes)
    return sum(found) / len(found)


def _common_fields(texts: Sequence[str]) -> list[str]:
    """The fields that nearly all answers have, the shortest first, where they are JSON objects."""
    if _share(text.startswith("{") for text in texts) < NEARLY_ALL:
        return []
    lengths: dict[str, list[int]] = {}
    for text in texts:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        for key, value in found.items() if isinstance(found, dict) else ():
            if not isinstance(value, dict | list):
                lengths.setdefault(str(key), []).append(len(str(value)))
    common = [key for key, held in lengths.items() if len(held) >= NEARLY_ALL * len(texts)]
    return sorted(common, key=lambda key: (median(lengths[key]), key))
