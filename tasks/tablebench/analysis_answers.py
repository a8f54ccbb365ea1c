"""Data-analysis answers of TableBench against the reference, kind by kind of question.

Every function takes the stated and the right answer as texts and returns a short error
class, empty when they agree. None raises, and the texts that are read are bounded.
"""

from __future__ import annotations

import re

from tasks.tablebench import answers as tables

TOLERANCE = 0.10
"""Largest relative error of a number, as in the published ``EM_with_error_10``."""
NO_CORRELATION, STRONG = 0.3, 0.7
"""Where the published prompt draws the lines between no, weak and strong correlation."""

_STRENGTH = re.compile(r"\b(no|weak|moderate|strong)\b", re.IGNORECASE)
_DIRECTION = re.compile(r"\b(positive|negative|negtive)\b", re.IGNORECASE)
_OTHERWISE = re.compile(r"\b(?:not|never|no|isn't|minus|negative|opposite)\b|[{}<>\[\]]", re.IGNORECASE)
"""What makes a number with words around it say something else than the number."""
_DENIED = re.compile(r"\b(?:not|never|isn't|neither|opposite)\b", re.IGNORECASE)
_NO_ANOMALY = re.compile(r"\bno (?:\w+ ){0,2}anomal", re.IGNORECASE)
_POLAR = re.compile(r"\s*[\"'*(]{0,3}(yes|no)\b(?! (?:\w+ ){0,2}anomal)", re.IGNORECASE)
_UP = re.compile(r"\bpositive(?:ly)?\b", re.IGNORECASE)
_DOWN = re.compile(r"\bnegative(?:ly)?\b", re.IGNORECASE)


def label_of(coefficient: float) -> str:
    """The label that the published prompt prescribes for a correlation coefficient."""
    if abs(coefficient) <= NO_CORRELATION:
        return "No correlation"
    strength = "Strong" if abs(coefficient) > STRONG else "Weak"
    return f"{strength} {'positive' if coefficient > 0 else 'negative'} correlation"


def correlation_error(said: str, gold: str) -> str:
    """Label and coefficient must both agree, the coefficient within ten percent.

    Where a reference's label is not the one that the prompt prescribes for its coefficient, either is right.
    """
    right_numbers = tables.numbers_in(gold)
    labels = {_label(gold)} | {_label(label_of(number)) for number in right_numbers[:1]}
    said_label = _label(said)
    if not said_label:
        return "no_label"
    numbers = tables.numbers_in(said)
    if len(numbers) != len(right_numbers):
        return "no_coefficient" if not numbers else "wrong_count"
    if said_label not in labels:
        opposite = {said_label.partition(" ")[2], _label(gold).partition(" ")[2]} == {"positive", "negative"}
        return "opposite_label" if opposite else "wrong_label"
    return "" if all(map(_near, numbers, right_numbers)) else "wrong_number"


def _label(text: str) -> str:
    """``strong positive``, ``no`` ...; empty when the text states no label, or two, or denies one."""
    if _DENIED.search(text):
        return ""
    strengths = {word.lower() for word in _STRENGTH.findall(text)}
    directions = {word.lower().replace("negt", "negat") for word in _DIRECTION.findall(text)}
    if strengths == {"no"}:
        return "no"
    if len(directions) != 1 or len(strengths) > 1:
        return ""
    return f"{next(iter(strengths), 'some')} {next(iter(directions))}"


def _near(said: float, right: float) -> bool:
    # A relative hair on top, so that 11 is within ten percent of 10 in binary arithmetic too.
    return abs(said - right) <= TOLERANCE * abs(right) * (1 + 1e-9)


def values_error(said: str, gold: str) -> str:
    """Every value must agree, in order: numbers within ten percent, names and trends as words.

    A number may carry its name or unit (``mean 24.2``, ``12 km``), but no second number and no negation.
    """
    stated, right = tables.values(said), tables.values(gold)
    if len(stated) != len(right):
        return "wrong_count"
    errors = [error for pair in zip(stated, right, strict=True) if (error := _value_error(*pair))]
    return errors[0] if errors else ""


def _value_error(said: str, gold: str) -> str:
    right = tables.number(gold)
    if right is None:
        return "" if _plain(said, "trend") == _plain(gold, "trend") else "wrong_name"
    number = tables.number(said)
    if number is None and not _OTHERWISE.search(said):
        numbers = tables.numbers_in(said)
        number = str(numbers[0]) if len(numbers) == 1 else None
    if number is None:
        return "name_for_number"
    if _near(float(number), float(right)):
        return ""
    return "wrong_sign" if _near(-float(number), float(right)) else "wrong_number"


def _plain(name: str, last_word: str) -> str:
    """A name without quotes, case and a closing word that adds nothing."""
    return tables.normal(name.strip(" \"'`")).replace("negtive", "negative").removesuffix(f" {last_word}")


def factors_error(said: str, gold: str) -> str:
    """The same set of factors, or the same kind of impact."""
    if _factors(said, False) == _factors(gold, False) or _factors(said, True) == _factors(gold, True):
        return ""
    stated, right = _factors(said, False), _factors(gold, False)
    if "no clear" in stated | right:
        return "missed_impact" if "no clear" in stated else "invented_impact"
    if len(stated | right) == 2 and stated | right == {"positive", "negative"}:
        return "opposite_impact"
    return "other_factors" if not stated & right else "too_few" if stated < right else "too_many"


def _factors(text: str, split_and: bool) -> frozenset[str]:
    parts = tables.values(text)
    if split_and:
        parts = [piece for part in parts for piece in re.split(r"(?:^|\s)and\s", part) if piece.strip()]
    return frozenset(_plain(part, "impact") for part in parts)


def contradicts(said: str, gold: str) -> bool:
    """Whether a free text says the opposite of the reference, however many words the two share.

    Yes for no, some anomalies for none, a number with the other sign, a positive effect for a negative one.
    """
    polar, right = _POLAR.match(said), _POLAR.match(gold)
    if polar and right and polar.group(1).lower() != right.group(1).lower():
        return True
    both_tell = "anomal" in said.lower() and "anomal" in gold.lower()
    if both_tell and bool(_NO_ANOMALY.search(said)) != bool(_NO_ANOMALY.search(gold)):
        return True
    numbers, wanted = set(tables.numbers_in(said)), set(tables.numbers_in(gold))
    if any(number and -number in wanted and number not in wanted for number in numbers):
        return True
    directions = [(bool(_UP.search(text)), bool(_DOWN.search(text))) for text in (said, gold)]
    return directions in ([(True, False), (False, True)], [(False, True), (True, False)])
