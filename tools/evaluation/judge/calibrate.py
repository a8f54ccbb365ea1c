"""Calibration of a judge on pairs of which the better answer is known, before a run depends on it.

The better answer is an item's reference. The worse one is the reference of another item, and for texts of
some length every second time the item's own reference with its words in another order. The judge must choose
the reference in both orders, often enough; how often it chose whatever stood first is its position bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.answers.equality import answer_text
from tasks.answers.metrics import wilson
from tasks.base import JudgeSettings, Sample
from tasks.errors import InputError
from tasks.splits import answer_of, seeded
from tools.evaluation.judge.asking import Asking, Judged, Spent
from tools.evaluation.judge.pairs import VALUES, Pair, digest_of

SHUFFLED_WORDS = 8
"""Words from which a reference can be spoilt by their order."""


@dataclass(frozen=True)
class Calibration:
    """How a judge did on known pairs."""

    model: str
    against: str
    system: str
    """Digest of what all requests begin with."""
    asked: int
    right: int
    """Pairs of which it chose the reference in both orders."""
    low: float
    """Lower end of the 95% interval of the share of right ones, 0.0 to 1.0."""
    high: float
    flipped: int
    """Pairs whose verdict went with the place."""
    unreadable: int
    """Pairs with a reply that could not be read; they are not right."""
    no_reply: int
    """Pairs that got no reply; they are not among those asked."""
    first: int
    """Requests that chose the answer that stood first."""
    chosen: int
    """Requests that chose one of the two."""
    other_items: float | None
    """What another item's reference scores against the right one, in percent: the chance level."""

    @property
    def text(self) -> str:
        """One sentence."""
        low, high = (100 * end for end in wilson(self.first / max(1, self.chosen), self.chosen))
        bias = f"it chose what stood first in {100 * self.first / max(1, self.chosen):.0f}% of its choices"
        rest = f", {self.unreadable} could not be read" if self.unreadable else ""
        rest += f"; {self.no_reply} got no reply" if self.no_reply else ""
        return (
            f"judge {self.model}: right on {self.right} of {self.asked} pairs with a known answer "
            f"({100 * self.right / max(1, self.asked):.0f}%, 95% interval {100 * self.low:.0f} to "
            f"{100 * self.high:.0f}); {bias} (interval {low:.0f} to {high:.0f}, 50 is unbiased), and "
            f"{self.flipped} verdicts went with the place and count as ties{rest}"
        )

    def facts(self) -> dict[str, Any]:
        """As the journal keeps it, with the chance level: a figure, or why there is none."""
        chance: float | str | None = self.other_items
        if self.against == "base":
            chance = "nothing drawn by chance was held against the base model's answers"
        elif chance is None:
            chance = "no item's reference was held against another's"
        return {**asdict(self), "chance": chance, "text": self.text}


def known_pairs(samples: Sequence[Sample], count: int) -> dict[str, Pair]:
    """Up to ``count`` pairs with the better answer first, by the item's id; the same for the same items.

    Items whose reference is every other item's too have no worse answer, and are left out.
    """
    random = seeded("calibration of the judge", str(len(samples)))
    references = [answer_of(sample).strip() for sample in samples]
    order = random.sample(range(len(samples)), len(samples))
    pairs: dict[str, Pair] = {}
    for place in order:
        if len(pairs) == count:
            break
        worse = _shuffled(references[place]) if len(pairs) % 2 else None
        if worse is None:
            others = [text for text in references if answer_text(text) != answer_text(references[place])]
            worse = random.choice(others) if others else None
        if worse is not None:
            pairs[samples[place].id] = Pair(samples[place].prompt, references[place], worse)
    return pairs


def _shuffled(text: str) -> str | None:
    """The text's words in another order; None for a text too short to be spoilt by it."""
    words = text.split()
    if len(words) < SHUFFLED_WORDS:
        return None
    mixed = seeded("words of a reference", text).sample(words, len(words))
    return " ".join(mixed) if mixed != words else None


def calibrate(asking: Asking, samples: Sequence[Sample], settings: JudgeSettings) -> Calibration:
    """Put known pairs of validation to the judge.

    Raises:
        InputError: no pair can be made, or nothing was judged.
        HarnessFault: replies or usage cannot be written.
    """
    what = f"judge {settings.model}"
    pairs = known_pairs(samples, settings.calibration_items)
    if not pairs:
        raise InputError(what, "all right answers of validation are the same", "choose exact_match")
    judged = asking.ask(pairs, Spent())
    asked = {key: one for key, one in judged.items() if one.outcome or one.why == "unreadable"}
    if not asked or any(one.why == "cap" for one in judged.values()):
        fix = "check its address, key and name, or raise its cap (max_tokens, max_usd)"
        wrong = f"it could not be calibrated: {asking.problem or 'it gave no reply'}"
        raise InputError(what, wrong, fix)
    right = sum(one.outcome == "won" for one in asked.values())
    low, high = wilson(right / len(asked), len(asked))
    first = [chosen for one in asked.values() for chosen in one.first]
    return Calibration(
        model=settings.model,
        against=settings.against,
        system=digest_of(asking.system, ""),
        asked=len(asked),
        right=right,
        low=low,
        high=high,
        flipped=sum(one.outcome == "flipped" for one in asked.values()),
        unreadable=sum(one.why == "unreadable" for one in asked.values()),
        no_reply=len(judged) - len(asked),
        first=sum(first),
        chosen=len(first),
        other_items=_chance(pairs, asked),
    )


def _chance(pairs: dict[str, Pair], asked: dict[str, Judged]) -> float | None:
    references = {answer_text(pair.answer) for pair in pairs.values()}
    values = [
        1.0 - VALUES[one.outcome]
        for key, one in asked.items()
        if one.outcome and sorted(pairs[key].other.split()) != sorted(pairs[key].answer.split())
    ]
    return 100.0 * sum(values) / len(values) if values and len(references) > 1 else None


def refuse(calibration: Calibration, settings: JudgeSettings) -> None:
    """Raise InputError for a judge that is right too seldom to decide anything."""
    if calibration.low >= settings.least_right:
        return
    most = wilson(1.0, calibration.asked)[0]
    fix = (
        f"{calibration.asked} pairs prove {100 * most:.0f}% at the most: give more validation items"
        if most < settings.least_right
        else "choose a stronger model, say the criteria more clearly, or lower least_right"
    )
    raise InputError(
        f"judge {settings.model}",
        f"it was right on {calibration.right} of {calibration.asked} pairs with a known answer, which shows "
        f"{100 * calibration.low:.0f}% (lower end of the 95% interval), under least_right = "
        f"{settings.least_right:g}; {calibration.flipped} flipped with the order, "
        f"{calibration.unreadable} could not be read",
        fix,
    )
