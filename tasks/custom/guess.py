"""Guesses about a task that nobody has described: which metric suits its answers, and how long they get."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tasks.answers.equality import answer_text
from tasks.answers.gold import number_format, read_gold
from tasks.custom.metrics.closed import choice_reader
from tasks.custom.metrics.reader import marks
from tasks.custom.metrics.sets import SEPARATOR, entries
from tasks.formats import columns
from tasks.formats.choices import lettered
from tasks.formats.values import UNSPACED, opened, word_count

NEARLY_ALL = 0.98
"""Share of the answers that must have a form before it is taken for the rule."""
FEW_LABELS = 50
LONGEST_LABEL = 40
SEVERAL = 0.1
"""Share of the answers with more than one entry from which they are sets of labels."""
MOST_NAMED = 4
NESTED = 10**6
"""Put on the length of a field that is no plain value."""
SHORT_WORDS = 6
SENTENCES = 0.75
"""Share of the answers that end as a sentence does, from which they are sentences."""
LEAST_OF_SENTENCE = 3
_ENDS = (".", "?", "!", "\u3002", "\uff01", "\uff1f", "\u0964", "\u061f", "\u06d4")
LETTERS = "ABCDEFGH"
_OPENING = re.compile(r"[( *]{0,3}[A-H]\s?[).:,*]")
"""How an answer that goes on after the letter of a choice begins: ``B)``, ``(B)``, ``**B.**``."""
FINAL = ("answer", "result", "final_answer")
"""A field of this name is the answer, whatever stands beside it."""
EXPLAINING = frozenset(
    {"reason", "reasons", "reasoning", "why", "explanation", "rationale", "thought", "thoughts", "analysis",
     "comment", "comments", "note", "notes", "evidence", "confidence", "score", "id", "steps"}
)  # fmt: skip
"""Words in the name of a field that says something about the answer."""
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


def guess_metric(answers: Sequence[str], prompts: Sequence[str] = ()) -> MetricGuess:
    """The metric that suits these reference answers.

    Args:
        answers: as written.
        prompts: what each was asked with; lists that only order what is asked are no sets.
    """
    texts = [text.strip() for text in answers if text.strip()]
    if not texts:
        return MetricGuess("exact_match", "there are no answers to look at")
    finals = [next(marks(text), "") for text in texts]
    if _share(map(bool, finals)) >= NEARLY_ALL:
        inner = _by_form([final for final in finals if final])
        if inner.metric in ("number", "choice_letter", "exact_match"):
            said = "the answers are marked (`#### 42`, `Answer: 42`, `\\boxed{42}`), and what stands there: "
            return replace(inner, why=said + inner.why)
    if letters := _explained_letters(texts, prompts):
        why = "the answers begin with the letter of a choice that is asked, and go on after it"
        return MetricGuess("choice_letter", why, letters=letters)
    if _are_sets(answers, prompts):
        return MetricGuess("set_f1", "the answers are lists whose order says nothing")
    return _by_form(texts)


def _by_form(texts: Sequence[str]) -> MetricGuess:
    if _share(text.upper() in set(LETTERS) for text in texts) >= NEARLY_ALL:
        most = max(max(LETTERS.index(text.upper()) for text in texts if text.upper() in LETTERS), 1)
        return MetricGuess("choice_letter", "the answers are single letters", letters=LETTERS[: most + 1])
    if fields := _common_fields(texts):
        asked = [name for name in fields if not columns.words(name) & EXPLAINING] or fields
        nested = isinstance(_object(texts[0]).get(asked[0]), dict | list)
        if (len(asked) > 1 and not {*FINAL} & {*asked}) or nested:
            return MetricGuess("json", f"the answers are JSON objects with {_listed(asked)}")
        field = next((name for name in TELLING if name in asked), asked[0])
        others = f" (or `field = {fields[fields[0] == field]!r}`)" if fields[1:] else ""
        return MetricGuess("json_field", f"the answers are JSON objects with {field!r}{others}", field=field)
    labels = Counter(map(answer_text, texts))
    form = number_format(texts)
    if _share(read_gold(text, form) is not None for text in texts) >= NEARLY_ALL and len(labels) > 2:
        return MetricGuess("number", "the answers are numbers")
    if len(labels) <= min(FEW_LABELS, max(2, len(texts) // 4)):
        return MetricGuess("exact_match", f"the answers are {len(labels)} labels")
    if _are_sequences(texts):
        return MetricGuess("rouge_l", "the answers are sequences of a few tags, in their order")
    words = median(map(word_count, texts))
    unspaced = _share(bool(UNSPACED.search(text)) for text in texts) > 0.5
    if unspaced and words > SHORT_WORDS:
        return MetricGuess("chrf", "the answers are texts in a script without spaces between words")
    if LEAST_OF_SENTENCE <= words <= SHORT_WORDS and _are_sentences(texts):
        return MetricGuess("chrf", f"the answers are sentences ({words:g} words in the median)")
    if words <= SHORT_WORDS:
        return MetricGuess("exact_match", f"the answers are short ({words:g} words in the median)")
    return MetricGuess("token_f1", f"the answers are texts ({words:g} words in the median)")


def _explained_letters(texts: Sequence[str], prompts: Sequence[str]) -> str:
    """The letters of the choices asked, where answers begin with one (``B. Because ...``); else ""."""
    asked = [len(lettered(prompt)) for prompt in prompts]
    if len(asked) != len(texts) or not asked or not 2 <= max(asked) <= len(LETTERS):
        return ""
    letters = LETTERS[: max(asked)]
    reader = choice_reader(letters)
    fits = [
        bool(_OPENING.match(text)) and LETTERS.index(text.lstrip("( *")[0]) < most
        and (said := reader.read(text)) is not None and said.text == reader.gold(text)
        for text, most in zip(texts, asked, strict=True)
    ]  # fmt: skip
    return letters if _share(fits) >= NEARLY_ALL and any(len(text) > 2 for text in texts) else ""


def _are_sentences(texts: Sequence[str]) -> bool:
    """Whether short answers are sentences, most of them different, so that other words may say the same."""
    ended = _share(text.rstrip("\"'\u201d\u00bb)").endswith(_ENDS) for text in texts)
    return ended >= SENTENCES and 2 * len({*texts}) > len(texts)


def guess_budget(answers: Sequence[str]) -> int:
    """An answer budget in tokens that holds every reference, with room for a sentence around it."""
    longest = max((len(text.encode("utf-8", "replace")) for text in answers), default=0)
    tokens = 8 * math.ceil((longest / BYTES_A_TOKEN + LEAST_BUDGET) / 8)
    return max(LEAST_BUDGET, min(MOST_BUDGET, tokens))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if names[MOST_NAMED:] else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more


def _are_sets(answers: Sequence[str], prompts: Sequence[str]) -> bool:
    """Whether answers are lists of objects, or of labels that come again in other company.

    Not lists in which an entry comes twice (tags of words), of numbers, or of what the prompts hold: those
    are in an order.
    """
    lists = [opened(text.strip()) for text in answers]
    if _share(isinstance(found, list) for found in lists) >= NEARLY_ALL:
        objects = [isinstance(part, dict) for found in lists if isinstance(found, list) for part in found]
        if objects and all(objects):
            return True
    elif any(isinstance(found, list | dict) for found in lists):
        return False
    parts = [entries(text) for text in answers]
    written = [len(found) if isinstance(found, list) else len(SEPARATOR.split(text.strip()))
               for text, found in zip(answers, lists, strict=True)]  # fmt: skip
    several = [found for found in parts if len(found) > 1]
    labels = Counter(entry for found in parts for entry in found)
    sets = {frozenset(found) for found in several}
    if len(several) < SEVERAL * len(answers) or [*map(len, parts)] != written or len(sets) < 2:
        return False
    if len(labels) > min(FEW_LABELS, max(2, labels.total() // 4)) or max(map(len, labels)) > LONGEST_LABEL:
        return False
    if any(read_gold(label) is not None for label in labels):
        return False
    together = {label: {found for found in sets if label in found} for label in labels}
    if 2 * sum(len(company) > 1 for company in together.values()) < len(labels):
        return False  # what always stands together is one answer with a comma in it
    ordered = [
        _only_orders(found, prompt.casefold(), labels)
        for found, prompt in zip(parts, prompts, strict=False)
        if len(found) > 1
    ]
    return not ordered or _share(ordered) < NEARLY_ALL


def _are_sequences(texts: Sequence[str]) -> bool:
    """Whether answers are lists of a few tags that come again inside a list, as those of words do."""
    lists = [found for text in texts if isinstance(found := opened(text), list)]
    tags = {str(entry) for found in lists for entry in found}
    again = [len(found) > len({*map(str, found)}) for found in lists if len(found) > 1]
    return (
        len(lists) >= NEARLY_ALL * len(texts)
        and len(tags) <= FEW_LABELS
        and bool(again)
        and _share(again) > 0.5
    )


def _only_orders(found: Sequence[str], prompt: str, labels: Iterable[str]) -> bool:
    """Whether a prompt holds the entries of its answer, and not all others, as a list of labels would."""
    others = [label for label in labels if label not in found]
    return all(entry in prompt for entry in found) and not (others and all(map(prompt.__contains__, others)))


def _share(passes: Iterable[bool]) -> float:
    found = list(passes)
    return sum(found) / len(found)


def _common_fields(texts: Sequence[str]) -> list[str]:
    """The fields that nearly all answers have, the shortest first, where they are JSON objects.

    A field that holds a list or an object counts, after the plain ones.
    """
    if _share(text.startswith("{") for text in texts) < NEARLY_ALL:
        return []
    lengths: dict[str, list[int]] = {}
    for text in texts:
        for key, value in _object(text).items():
            nested = NESTED if isinstance(value, dict | list) else 0
            lengths.setdefault(str(key), []).append(nested + len(str(value)))
    common = [key for key, held in lengths.items() if len(held) >= NEARLY_ALL * len(texts)]
    return sorted(common, key=lambda key: (median(lengths[key]), key))


def _object(text: str) -> dict[str, object]:
    """The JSON object that a text is; empty for any other."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
