"""Set skills: membership, common items, differences, and whether boxes cover an order alone or together."""

from __future__ import annotations

import json
from random import Random

from tools.pretraining.skills.core import Document, Turn, ask, pick_names, pick_words, turn, upto
from tools.pretraining.skills.words import KINDS, PARTS

_LABELS = (
    ("A", "B"),
    ("L1", "L2"),
    ("S1", "S2"),
    ("box 1", "box 2"),
    ("P", "Q"),
    ("X", "Y"),
    ("R1", "R2"),
    ("K1", "K2"),
    ("first", "second"),
    ("T1", "T2"),
    ("M1", "M2"),
    ("E1", "E2"),
)


def _pool(rng: Random) -> list[str]:
    roll = rng.random()
    if roll < 0.7:
        return PARTS
    return KINDS[rng.choice(list(KINDS))]


def _a(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") + word


def listing(rng: Random, words: list[str]) -> str:
    """A list of words in one of several ways of writing lists."""
    roll = rng.random()
    if roll < 0.5 or len(words) == 1:
        return ", ".join(map(_a, words)) if rng.random() < 0.3 else ", ".join(words)
    shown = list(map(_a, words)) if rng.random() < 0.6 else words
    return ", ".join(shown[:-1]) + " and " + shown[-1]


def member(rng: Random, level: float) -> Document:
    """Is a word in a list?"""
    words = pick_words(rng, upto(rng, level, 2, 7), _pool(rng))
    if rng.random() < 0.5:
        return _marks(rng, words)
    turns = []
    text = listing(rng, words)
    for k in range(rng.randint(1, 4)):
        inside = rng.random() < 0.5
        word = rng.choice(words) if inside else rng.choice(pick_words(rng, 3, _pool(rng)))
        answer = "yes" if word in words else "no"
        question = rng.choice(["Is {} there?", "{}: in the list?", "Does it hold {}?", "{}?"]).format(word)
        turns.append(turn(rng, f"{text}\n{question}" if k == 0 else question, answer, "", 0.25))
    return Document("member", tuple(turns))


def _marks(rng: Random, words: list[str]) -> Document:
    """For each asked word whether the list has it, or only those that it has."""
    others = pick_words(rng, 6, _pool(rng))
    asked = [
        rng.choice(words) if rng.random() < 0.5 else rng.choice(others) for _ in range(rng.randint(2, 4))
    ]
    asked = list(dict.fromkeys(asked))
    text, shown = listing(rng, words), listing(rng, asked)
    if rng.random() < 0.5:
        answer = ", ".join(f"{w} {'yes' if w in words else 'no'}" for w in asked)
        question = rng.choice([f"{text}\nTick off: {shown}", f"Check {shown} in: {text}"])
    else:
        answer = ", ".join(w for w in asked if w in words) or "none"
        question = rng.choice([f"{text}\nWhich of {shown} are there?", f"Keep of {shown} what {text} has."])
    return ask(rng, "member", question, answer, "", 0.15)


def _case(rng: Random, level: float) -> tuple[list[str], list[str], list[str]]:
    """An order of two to four words and two lists that hold parts of it, besides other words."""
    n = upto(rng, level, 2, 4)
    words = pick_words(rng, n + 5, _pool(rng)) if rng.random() < 0.6 else pick_words(rng, n + 5)
    order, spare = words[:n], words[n:]
    roll = rng.random()
    first: set[str] = set()
    second: set[str] = set()
    if roll < 0.36:
        (first if rng.random() < 0.5 else second).update(order)
        (first if len(first) < n else second).update(w for w in order if rng.random() < 0.4)
    elif roll < 0.68:
        first = set(rng.sample(order, rng.randint(1, n - 1)))
        second = set(order) - first
        second |= {w for w in order if rng.random() < 0.2}
        if len(second) == n:
            second = set(order) - first
    else:
        missing = rng.choice(order)
        first = {w for w in order if w != missing and rng.random() < 0.6}
        second = {w for w in order if w != missing and rng.random() < 0.6}
    lists = []
    for held in (first, second):
        extra = rng.sample(spare, rng.randint(0 if held else 1, 2))
        both = [*held, *extra]
        rng.shuffle(both)
        lists.append(both)
    return order, lists[0], lists[1]


def _common(order: list[str], held: list[str]) -> str:
    return ", ".join(w for w in order if w in held) or "none"


def _absent(order: list[str], first: list[str], second: list[str]) -> str:
    return ", ".join(w for w in order if w not in first and w not in second) or "none"


def overlap(rng: Random, level: float) -> Document:
    """Which of the wanted words occur in each of two lists: `L1: gear, cam. L2: cam.`"""
    order, first, second = _case(rng, level)
    a, b = rng.choice(_LABELS)
    question = rng.choice(
        [
            "Wanted: {o}.\n{a}: {x}.\n{b}: {y}.\nWhich wanted words are in each?",
            "{a} = {x}\n{b} = {y}\nFind {o} in them.",
            "Look for {o}. {a} has {x}. {b} has {y}.",
            "{a}: {x}; {b}: {y}. Mark {o}.",
            "The plan is a toy with {o}.\n{a}: the kit with {x}.\n{b}: the kit with {y}.\n"
            "What of the plan is in {a} and in {b}?",
        ]
    ).format(o=listing(rng, order), a=a, b=b, x=listing(rng, first), y=listing(rng, second))
    answer = f"{a}: {_common(order, first)}. {b}: {_common(order, second)}."
    if rng.random() < 0.35:
        word, told = rng.choice(
            [("Lacking", " What lacks?"), ("Absent", " And absent?"), ("In no list", " And in no list?")]
        )
        question += told
        answer += f" {word}: {_absent(order, first, second)}."
    return ask(rng, "overlap", question, answer, "", 0.15)


def cover(rng: Random, level: float) -> Document:
    """Does one box hold the whole order, do two together, or is something missing?"""
    order, first, second = _case(rng, level)
    one = set(order) <= set(first) or set(order) <= set(second)
    both = set(order) <= set(first) | set(second)
    state = 0 if one else 1 if both else 2
    a, b = rng.choice(_LABELS)
    codes = rng.choice(
        [("one", "two", "none"), ("one", "both", "missing"), ("alone", "together", "no"), None]
    )
    if codes is None:
        x, y, z = rng.sample(range(1, 500), 3)
        codes = (str(x), str(y), str(z))
    story = rng.choice(
        [
            "An order asks for {o}. Store {a} sells {x}. Store {b} sells {y}.",
            "To build it we need {o}.\n{a}: {x}.\n{b}: {y}.",
            "A device comprising {o}. {a} shows {x}; {b} shows {y}.",
            "Needed: {o}. {a} holds {x}. {b} holds {y}.",
            "Goal: an engine with {o}.\n{a}: an engine with {x}.\n{b}: a crane with {y}.",
        ]
    ).format(o=listing(rng, order), a=a, b=b, x=listing(rng, first), y=listing(rng, second))
    if rng.random() < 0.3:
        return _cover_named(
            rng, story, state, f"{a}: {_common(order, first)}. {b}: {_common(order, second)}."
        )
    rule = rng.choice(
        [
            " Say {0} if one alone has all, {1} if only both together do, {2} if not.",
            "\n{0} = a single one is enough; {1} = two needed; {2} = something lacks.",
            " Reply {0}: all in one; {1}: all in the two; {2}: not all.",
        ]
    ).format(*codes)
    steps = f"{a}: {_common(order, first)}. {b}: {_common(order, second)}."
    if rng.random() < 0.4:
        steps += f" {rng.choice(['Lacking', 'Absent', 'Not there'])}: {_absent(order, first, second)}."
    return ask(rng, "cover", story + rule, codes[state], steps, 0.4)


def _cover_named(rng: Random, story: str, state: int, steps: str) -> Document:
    """The same question with the possible replies named in the request for JSON."""
    codes = rng.choice([("one", "both", "none"), ("whole", "split", "missing"), ("1", "2", "0")])
    shown = list(codes)
    rng.shuffle(shown)
    key = rng.choice(["code", "label", "state", "result", "verdict"])
    lead = rng.choice(["Is all of it there?", "Who has it all?", "Is it complete?", "Judge the stock."])
    request = f'Reply in JSON with "{key}": {shown[0]}, {shown[1]} or {shown[2]}.'
    if rng.random() < 0.4:
        reply = json.dumps({rng.choice(["reason", "why"]): steps, key: codes[state]})
    else:
        reply = json.dumps({key: codes[state]})
    question = f"{lead} {request}\n{story}" if rng.random() < 0.5 else f"{story}\n{lead} {request}"
    return Document("cover", (Turn(question, reply),))


def difference(rng: Random, level: float) -> Document:
    """What one list has and the other lacks; the number of common words; which list holds a word."""
    order, first, second = _case(rng, level)
    roll = rng.random()
    if roll < 0.4:
        question = rng.choice(["Have {x}. Need {o}. Missing?", "From {o} cross out {x}. What stays?"])
        missing = ", ".join(w for w in order if w not in first) or "none"
        return ask(
            rng,
            "difference",
            question.format(x=listing(rng, first), o=listing(rng, order)),
            missing,
            "",
            0.25,
        )
    if roll < 0.65:
        shared = [w for w in order if w in first]
        question = f"How many of {listing(rng, order)} occur in {listing(rng, first)}?"
        return ask(rng, "difference", question, str(len(shared)), (", ".join(shared) or "none") + ".", 0.3)
    a, b = rng.choice(_LABELS)
    word = rng.choice([*first, *second])
    where = [label for label, held in ((a, first), (b, second)) if word in held]
    question = f"{a}: {listing(rng, first)}. {b}: {listing(rng, second)}. Where is {word}?"
    return ask(rng, "difference", question, " and ".join(where), "", 0.25)


def device_prose(rng: Random, level: float) -> Document:
    """Sentences about devices and what they comprise, restated as plain lists."""
    words = pick_words(rng, upto(rng, level, 1, 5))
    lead = rng.choice(
        [
            "A device comprising {}.",
            "An apparatus that includes {}.",
            "The machine has {}.",
            "A system with {}.",
            "This text describes {}.",
            "A kit made of {}.",
        ]
    )
    if rng.random() < 0.3:
        who = pick_names(rng, 1)[0]
        lead = who + rng.choice([" teaches {}.", " discloses {}.", " mentions {}.", " builds {}."])
    shown = [_a(w) for w in words]
    text = lead.format(", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0])
    return ask(
        rng, "device", rng.choice(["List the parts: {}", "{} Parts?"]).format(text), ", ".join(words), "", 0.2
    )
