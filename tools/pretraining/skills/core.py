"""Building blocks of the skill curriculum: documents, answer formats and word lists.

A document is a short conversation. Every skill module offers functions of the form
`skill(rng, level) -> Document`, where `level` runs from 0 (short and easy) to 1 (full length).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tools.pretraining.skills.words import NAMES, PARTS, SYLLABLES


@dataclass(frozen=True)
class Turn:
    """One question and its answer."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Document:
    """A conversation of one or more turns about one skill."""

    skill: str
    turns: tuple[Turn, ...]


Skill = Callable[[Random, float], Document]


def pseudo_word(rng: Random) -> str:
    """A pronounceable word that means nothing, so that copying must work for unseen words too."""
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3)))


def pick_names(rng: Random, n: int) -> list[str]:
    """`n` different capitalised names, one in eight of them invented."""
    names: list[str] = []
    while len(names) < n:
        name = pseudo_word(rng).capitalize() if rng.random() < 0.125 else rng.choice(NAMES)
        if name not in names:
            names.append(name)
    return names


def pick_words(rng: Random, n: int, pool: Sequence[str] = PARTS) -> list[str]:
    """`n` different lower-case words, one in ten of them invented."""
    words: list[str] = []
    while len(words) < n:
        word = pseudo_word(rng) if rng.random() < 0.1 else rng.choice(pool)
        if word not in words:
            words.append(word)
    return words


def upto(rng: Random, level: float, low: int, high: int) -> int:
    """A size between `low` and `high`, whose upper end grows with the level."""
    return rng.randint(low, max(low, low + round((high - low) * min(1.0, 0.35 + 0.65 * level))))


def number(rng: Random, level: float, top: int = 999) -> int:
    """A non-negative integer: usually one or two digits, sometimes up to `top`."""
    roll = rng.random()
    if roll < 0.2:
        return rng.randint(0, min(12, top))
    if roll < 0.9 or level < 0.15:
        return rng.randint(2, min(99, top))
    return rng.randint(10, top)


_STEPS = ("Show the steps.", "Work it out step by step.", "Write the steps first.", "Explain, then answer.")
_BARE = ("Only the result.", "Just the answer, please.", "No steps.", "Reply with the answer alone.")
_BOXED = (
    "Put it in \\boxed{}.",
    "Write the result as \\boxed{...}.",
    "Box the answer with \\boxed{}.",
    "Use \\boxed{} for the result.",
)
_FINAL = (
    'End with "Final Answer: ...".',
    "Close with a line Final Answer: X.",
    'The last line is "Final Answer:" and the value.',
)
_ANSWER = ('Start the reply with "Answer:".', 'Write "Answer: X".', "Form: Answer: X")
_CHINESE = ("最后写“答案：”。", "用“答案：X”作答。", "请写出答案：X。")
_KEYS = ("output", "answer", "code", "result", "value", "name", "label", "key", "choice", "count")
_JSON = (
    'Reply in JSON with the key "{k}".',
    'Give JSON: {{"{k}": ...}}.',
    'Return a JSON object with "{k}".',
    'Answer as {{"{k}": "..."}}.',
)
_REASONS = ("reason", "steps", "work", "why")
_JSON_REASON = (
    'Reply in JSON with "{r}" and "{k}".',
    'Give {{"{r}": "...", "{k}": "..."}}.',
    'Return JSON; keys: "{r}", "{k}".',
)


def ask(
    rng: Random, skill: str, question: str, answer: str, steps: str = "", formatted: float = 0.45
) -> Document:
    """A one-turn document, with a requested answer format in a share `formatted` of the cases."""
    return Document(skill, (turn(rng, question, answer, steps, formatted),))


def turn(rng: Random, question: str, answer: str, steps: str = "", formatted: float = 0.45) -> Turn:
    """Combine a question with a request for a format, and the answer in that format.

    Args:
        rng: Source of randomness.
        question: The question.
        answer: The bare answer.
        steps: Written working that leads to it; empty when there is none.
        formatted: The share of turns that ask for a format.
    """
    show = bool(steps) and rng.random() < 0.65
    requests: list[str] = []
    if steps and rng.random() < 0.4:
        requests.append(rng.choice(_STEPS if show else _BARE))
    reply = answer
    reasoned = False
    if rng.random() < formatted:
        request, reply, reasoned = _formatted(rng, answer, steps if show else "")
        requests.append(request)
    if show and not reasoned:
        joint = "\n" if reply.startswith("Final Answer") or rng.random() < 0.2 else " "
        reply = steps + joint + reply
    if not requests:
        return Turn(question, reply)
    request = " ".join(requests)
    if rng.random() < 0.25:
        return Turn(request + rng.choice(["\n", " "]) + question, reply)
    return Turn(question + rng.choice(["\n", " "]) + request, reply)


def _formatted(rng: Random, answer: str, steps: str) -> tuple[str, str, bool]:
    """A request for a format, the reply in it, and whether the reply already holds the steps."""
    roll = rng.random()
    if roll < 0.25:
        return rng.choice(_BOXED), f"\\boxed{{{answer}}}", False
    if roll < 0.45:
        return rng.choice(_FINAL), f"Final Answer: {answer}", False
    if roll < 0.58:
        return rng.choice(_ANSWER), f"Answer: {answer}", False
    if roll < 0.66:
        return rng.choice(_CHINESE), f"答案：{answer}", False
    key = rng.choice(_KEYS)
    if steps and roll < 0.85:
        reason = rng.choice(_REASONS)
        body = {reason: steps, key: answer}
        return rng.choice(_JSON_REASON).format(r=reason, k=key), json.dumps(body, ensure_ascii=False), True
    return rng.choice(_JSON).format(k=key), json.dumps({key: answer}, ensure_ascii=False), False


def options(rng: Random, right: str, wrong: Sequence[str]) -> tuple[dict[str, str], str]:
    """Shuffle one right and some wrong values under the letters A, B, C, ... and name the right letter."""
    values = [right, *wrong]
    rng.shuffle(values)
    table = dict(zip("ABCDEFGH", values, strict=False))
    return table, next(letter for letter, value in table.items() if value == right)


def near_numbers(rng: Random, right: int, n: int = 3) -> list[str]:
    """`n` different wrong numbers close to `right`, none negative."""
    found: set[int] = set()
    while len(found) < n:
        value = right + rng.choice([-20, -10, -5, -3, -2, -1, 1, 2, 3, 4, 5, 10, 20])
        if value >= 0 and value != right:
            found.add(value)
    return [str(value) for value in found]
