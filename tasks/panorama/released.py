"""Released evaluators of PANORAMA: prior art (PAR4PC), novelty (NOC4PC), paragraphs (PI4PC).

Known defects, kept. All: only the first fence pair is looked into, ``<think>`` is text like any
other, and some outputs end the whole subset. PAR4PC: what is called macro-F1 is micro-F1 over
letters; where JSON fails, the letters A and E of the key ``answer`` itself are collected; silver
letters count as false. NOC4PC: unreadable answers leave the denominator; in prose ALLOW is searched
first, then any digits that contain 102. PI4PC: 9.7 is 9, ``true`` is 1, the first number of a
sentence counts; silver paragraphs are not known to it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tasks.base import Metrics, Sample, ScriptResult, SubsetLost

READ_CHARACTERS = 60_000
"""More than the released answer budget of 8,192 tokens can hold of ordinary text."""
CODES = ("ALLOW", "102", "103")
PRIOR_ART = ("exact_match", "custom_score", "macro_f1", "precision", "recall")
NOVELTY = ("accuracy", "macro_f1", "valid_count")
PARAGRAPHS = ("gold_hit_rate", "custom_score", "accuracy", "gold_hits", "silver_hits", "valid_count")

_LETTERS = (
    re.compile(r'"answer"\s*:\s*\[\s*"[a-h]"\s*(?:,\s*"[a-h]"\s*)*\]', re.IGNORECASE),
    re.compile(r'"answer"\s*:\s*"[a-h](?:,\s*[a-h])*"', re.IGNORECASE),
)
_LONE_LETTER = re.compile(r"\b[a-h]\b", re.IGNORECASE)
_CODES = (
    re.compile(r'"code"\s*:\s*"(allow|102|103)"', re.IGNORECASE),
    re.compile(r"\"code\"\s*:\s*'(allow|102|103)'", re.IGNORECASE),
    re.compile(r"\bcode\s*[:=]\s*(allow|102|103)\b", re.IGNORECASE),
)
_KEYS = (
    re.compile(r'"answer"\s*:\s*(\d+)', re.IGNORECASE),
    re.compile(r'"answer"\s*:\s*"(\d+)"', re.IGNORECASE),
    re.compile(r"answer\s*[:=]\s*(\d+)", re.IGNORECASE),
)
_ANY_NUMBER = re.compile(r"\b\d+\b")
T = TypeVar("T")
Results = Sequence[ScriptResult | None]


def prior_art(subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Results) -> Metrics:
    """PAR4PC, all in percent; every metric is None where an output ends the subset."""
    said = _all(letters_said, answers)
    if said is None:
        return dict.fromkeys(PRIOR_ART)
    pairs = [(letters, set(sample.gold.split(", "))) for letters, sample in zip(said, samples, strict=True)]
    hit = sum(len(letters & gold) for letters, gold in pairs)
    extra = sum(len(letters - gold) for letters, gold in pairs)
    missed = sum(len(gold - letters) for letters, gold in pairs)
    total = max(1, len(pairs))
    return {
        "exact_match": 100 * sum(letters == gold for letters, gold in pairs) / total,
        "custom_score": sum(_credit(letters, gold) for letters, gold in pairs) / total,
        "macro_f1": _share(2 * hit, 2 * hit + extra + missed),
        "precision": _share(hit, hit + extra),
        "recall": _share(hit, hit + missed),
    }


def _credit(letters: set[str], gold: set[str]) -> float:
    """Two points a hit, one off for each letter too many or too few; percent of the most, at least 0."""
    if not gold:
        return 0.0 if letters else 100.0
    points = 2 * len(letters & gold) - len(letters ^ gold)
    return max(0.0, 100 * points / (2 * len(gold)))


def novelty(subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Results) -> Metrics:
    """NOC4PC: accuracy and macro-F1 in percent over the readable answers, and their count."""
    said = _all(code_said, answers)
    if said is None:
        return dict.fromkeys(NOVELTY)
    pairs = [(code, str(s.gold)) for code, s in zip(said, samples, strict=True) if code]
    right, given, gold = (
        Counter(code for code, wanted in pairs if code == wanted),
        Counter(code for code, _ in pairs),
        Counter(wanted for _, wanted in pairs),
    )
    f1 = [_share(2 * right[code], given[code] + gold[code]) for code in CODES]
    return {
        "accuracy": _share(right.total(), len(pairs)),
        "macro_f1": sum(f1) / len(CODES),
        "valid_count": float(len(pairs)),
    }


def paragraphs(subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Results) -> Metrics:
    """PI4PC: rates in percent and counts; every metric is None where an output ends the subset."""
    said = _all(key_said, answers)
    if said is None:
        return dict.fromkeys(PARAGRAPHS)
    hits = sum(str(key) in sample.gold.split(", ") for key, sample in zip(said, samples, strict=True))
    rate = 100 * hits / max(1, len(samples))
    return {
        "gold_hit_rate": rate,
        "custom_score": rate,
        "accuracy": rate,
        "gold_hits": float(hits),
        "silver_hits": 0.0,
        "valid_count": float(sum(key is not None for key in said)),
    }


def letters_said(answer: str) -> set[str]:
    """The letters that the released PAR4PC parser reads, unknown words included. May raise SubsetLost."""
    text, value = _parsed(answer)
    if isinstance(value, dict):
        said = value.get("answer", [])
        if isinstance(said, str):
            # Compared as texts: "AG" and "AND" lie between "A" and "H" and count as a letter each.
            return {word for word in re.split(r"[,\s]+", said.upper()) if word and "A" <= word <= "H"}
        if isinstance(said, list):
            single = {item.strip().upper() for item in said if isinstance(item, str)}
            return {letter for letter in single if len(letter) == 1 and "A" <= letter <= "H"}
    for pattern in _LETTERS:
        found = pattern.search(text)
        if found:
            return {letter.upper() for letter in re.findall(r"[A-Ha-h]", found.group(0))}
    return {letter.upper() for letter in _LONE_LETTER.findall(text)}


def code_said(answer: str) -> str | None:
    """The code that the released NOC4PC parser reads; None when unreadable. May raise SubsetLost."""
    text, value = _parsed(answer)
    code = str(value.get("code") or "").strip().upper() if isinstance(value, dict) else ""
    if code in CODES:
        return code
    for pattern in _CODES:
        found = pattern.search(text)
        if found:
            return found.group(1).upper()
    return next((code for code in CODES if code in text.upper()), None)


def key_said(answer: str) -> int | None:
    """The paragraph that the released PI4PC parser reads; None when unreadable. May raise SubsetLost."""
    text, value = _parsed(answer, lost=RecursionError)
    said = value.get("answer") if isinstance(value, dict) else None
    if said is not None:
        try:
            return int(said)
        except (ValueError, TypeError):
            pass
        except OverflowError as error:
            raise SubsetLost("OverflowError") from error
    for pattern in _KEYS:
        found = pattern.search(text)
        if found and len(found.group(1)) <= 4_300:
            return int(found.group(1))
    number = _ANY_NUMBER.search(text)
    if number is None:
        return None
    if len(number.group(0)) > 4_300:
        raise SubsetLost("ValueError")
    return int(number.group(0))


def _parsed(answer: str, lost: type[Exception] | tuple[type[Exception], ...] = ()) -> tuple[str, Any]:
    """The text after the fences, and its JSON value, None when it is no JSON."""
    text = answer[:READ_CHARACTERS].strip()
    _, opening, rest = text.partition("```json" if "```json" in text else "```")
    inside, closing, _ = rest.partition("```")
    text = inside.strip() if opening and closing else text
    try:
        return text, json.loads(text)
    except json.JSONDecodeError:
        return text, None
    except (ValueError, RecursionError) as error:
        # The decoder's complaint about long integers is caught by the released PI4PC parser alone.
        if lost and not isinstance(error, lost):
            return text, None
        raise SubsetLost(type(error).__name__) from error


def _all(read: Callable[[str], T], answers: Sequence[str]) -> list[T] | None:
    """What is read in every answer; None when one of them ends the subset."""
    try:
        return [read(answer) for answer in answers]
    except SubsetLost:
        return None


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
