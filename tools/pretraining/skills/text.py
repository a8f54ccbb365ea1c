"""Text skills: copying, positions, spelling, sorting words, options, categories, and short prose."""

from __future__ import annotations

from random import Random

from tools.pretraining.skills.core import (
    Document,
    Turn,
    ask,
    options,
    pick_names,
    pick_words,
    pseudo_word,
    turn,
    upto,
)
from tools.pretraining.skills.words import COLUMNS, GENERAL, KINDS, PARTS, THINGS

_POOL = (*PARTS, *THINGS, *COLUMNS, *GENERAL)


def _items(rng: Random, level: float) -> list[str]:
    n = upto(rng, level, 2, 8)
    roll = rng.random()
    if roll < 0.15:
        return pick_words(rng, n)
    if roll < 0.35:
        return rng.sample(sorted(set(GENERAL)), n)
    if roll < 0.5:
        return pick_names(rng, n)
    if roll < 0.75:
        return [str(v) for v in rng.sample(range(1, 200), n)]
    return rng.sample("ABCDEFGHIJKLMNOPQRSTUVWXYZ", n)


def positions(rng: Random, level: float) -> Document:
    """Copy, reverse, count; the item at a place; the item before or after another."""
    items = _items(rng, level)
    n = len(items)
    text = rng.choice([" ", ", ", "; "]).join(items)
    turns = []
    for i in range(rng.randint(1, 3)):
        k = rng.randrange(n)
        question, answer = rng.choice(
            [
                (f"Item {k + 1}?", items[k]),
                (f"Number {k + 1} in line?", items[k]),
                ("First item?", items[0]),
                ("Last item?", items[-1]),
                ("Backwards?", " ".join(reversed(items))),
                ("Copy it.", text),
                ("How many items?", str(n)),
                (f"What comes after {items[k - 1]}?" if k else "What opens the list?", items[k]),
                (f"What stands before {items[k]}?" if k else "First item?", items[k - 1] if k else items[0]),
                (f"Place of {items[k]}?", str(k + 1)),
            ]
        )
        turns.append(turn(rng, f"{text}\n{question}" if i == 0 else question, answer, "", 0.25))
    return Document("positions", tuple(turns))


def echo(rng: Random, level: float) -> Document:
    """Say a list again, with the same or with other separators, with one item left out or exchanged."""
    items = _items(rng, level) if rng.random() < 0.4 else pick_words(rng, upto(rng, level, 1, 6), _POOL)
    old, new = rng.choice([" ", ", ", "; ", "\n"]), rng.choice([" ", ", ", "; "])
    text, k = old.join(items), rng.randrange(len(items))
    spare = rng.choice(_items(rng, 0.0))
    question, answer = rng.choice(
        [
            (f"Say again: {text}", text),
            (f"{text}\nOnce more.", text),
            (f"List them: {text}", new.join(items)),
            (f"As a list: {text}", new.join(items)),
            (f"Leave out {items[k]}: {text}", old.join(items[:k] + items[k + 1 :]) or "none"),
            (f"Exchange {items[k]} by {spare}: {text}", old.join([*items[:k], spare, *items[k + 1 :]])),
            (f"Number them: {text}", new.join(f"{i + 1} {item}" for i, item in enumerate(items))),
            (f"In quotes: {text}", ", ".join(f'"{item}"' for item in items)),
        ]
    )
    return ask(rng, "echo", question, answer, "", 0.15)


def spelling(rng: Random, level: float) -> Document:
    """Spell a word, join letters, count a letter, echo an invented word."""
    word = rng.choice([rng.choice(PARTS), rng.choice(THINGS), pseudo_word(rng), pick_names(rng, 1)[0]])
    roll = rng.random()
    if roll < 0.3:
        return Document("spelling", (Turn(f"Spell {word}.", "-".join(word)),))
    if roll < 0.5:
        return Document("spelling", (Turn(f"Join {'-'.join(word)}", word),))
    if roll < 0.75:
        form = rng.choice(["Quote {}", 'Take the quotes off "{}"', "{} in quotes"])
        return Document("spelling", (Turn(form.format(word), word if "off" in form else f'"{word}"'),))
    return ask(rng, "spelling", f"First letter of {word}?", word[0], "", 0.2)


def sort_words(rng: Random, level: float) -> Document:
    """Sort a few words by the alphabet."""
    words = pick_words(rng, upto(rng, level, 2, 5), rng.choice([PARTS, THINGS]))
    question = rng.choice(["Sort by letter: {}", "From a to z: {}", "Alphabet order for {}"])
    return ask(rng, "sort_words", question.format(" ".join(words)), " ".join(sorted(words)), "", 0.2)


def lettered(rng: Random, level: float) -> Document:
    """Pick the letter of an option that equals, starts like, or belongs to something."""
    roll = rng.random()
    if roll < 0.5:
        values = _items(rng, 0.3)[:4] if rng.random() < 0.4 else pick_words(rng, 4)
        while len(values) < 4:
            values = pick_words(rng, 4)
        right = values[0]
        question = rng.choice(["Which letter is {}?", "Choose {}.", "Pick the option {}."]).format(right)
        steps = ""
    else:
        kind = rng.choice(list(KINDS))
        right = rng.choice(KINDS[kind])
        others = [rng.choice(KINDS[k]) for k in rng.sample([k for k in KINDS if k != kind], 3)]
        if right in others or len(set(others)) < 3:
            others = ["stone", "paper", "window"]
        values = [right, *others]
        question = rng.choice(["Which one is a {}?", "Find the {}.", "Choose the {}."]).format(kind)
        steps = f"{right} is a {kind}."
    if rng.random() < 0.45:
        return _letters_and_words(rng, values)
    table, letter = options(rng, right, values[1:])
    gap, mark = rng.choice(["\n", " "]), rng.choice([".", ".", ")"])
    listed = gap.join(f"{k}{mark} {v}" for k, v in table.items())
    return ask(rng, "lettered", f"{question}\n{listed}", letter, steps, 0.45)


def _letters_and_words(rng: Random, values: list[str]) -> Document:
    """Several questions on one list of options, from word to letter and from letter to word."""
    table, _ = options(rng, values[0], values[1:])
    gap, mark = rng.choice(["\n", " "]), rng.choice([".", ".", ")"])
    listed = gap.join(f"{k}{mark} {v}" for k, v in table.items())
    turns = []
    for i in range(rng.randint(2, 4)):
        letter = rng.choice(list(table))
        if rng.random() < 0.7:
            question, answer = rng.choice(["Letter of {}?", "{}?"]).format(table[letter]), letter
        else:
            question, answer = f"{letter}?", table[letter]
        turns.append(turn(rng, f"{listed}\n{question}" if i == 0 else question, answer, "", 0.2))
    return Document("lettered", tuple(turns))


def categories(rng: Random, level: float) -> Document:
    """Which kind a word belongs to, and which word of a list is of a kind."""
    kind = rng.choice(list(KINDS))
    word = rng.choice(KINDS[kind])
    if rng.random() < 0.5:
        return ask(rng, "categories", rng.choice(["What is {}?", "Kind of {}?"]).format(word), kind, "", 0.3)
    others = [w for k in rng.sample(list(KINDS), 3) if k != kind for w in rng.sample(KINDS[k], 1)]
    words = [w for w in others if w not in KINDS[kind]] + [word]
    rng.shuffle(words)
    return ask(rng, "categories", f"Which is a {kind}: {', '.join(words)}?", word, "", 0.3)


def prose(rng: Random, level: float) -> Document:
    """A short story, and a question on who, what, where or how many."""
    who, other, place = pick_names(rng, 3)
    thing, n = rng.choice(THINGS), rng.randint(2, 60)
    part = rng.choice(PARTS)
    text, questions = rng.choice(
        [
            (
                f"{who} went to {place} and bought {n} {thing}.",
                [("Who?", who), ("Where?", place), ("What?", thing), ("How many?", str(n))],
            ),
            (
                f"In {place}, {who} gave {other} {n} {thing} and a {part}.",
                [
                    ("Who gave?", who),
                    ("Who got them?", other),
                    ("How many?", str(n)),
                    ("What else?", f"a {part}"),
                ],
            ),
            (
                f"{who} sells {thing} in {place}. One costs {n}.",
                [("Price?", str(n)), ("Seller?", who), ("Town?", place), ("Goods?", thing)],
            ),
            (
                f"The {part} of {who} weighs {n} and that of {other} weighs {n + 3}.",
                [("Whose is lighter?", who), ("Whose is heavier?", other), ("Of what?", part)],
            ),
            (
                f"{who} is older than {other}. {place} is younger than {other}.",
                [("Oldest?", who), ("Youngest?", place)],
            ),
            (
                f"Remember that the {part} is in {place} and the {thing} are in {who}.",
                [(f"Where is the {part}?", place), (f"Where are the {thing}?", who)],
            ),
        ]
    )
    turns = []
    for k, (question, answer) in enumerate(rng.sample(questions, rng.randint(1, 2))):
        turns.append(turn(rng, f"{text} {question}" if k == 0 else question, answer, "", 0.3))
    return Document("prose", tuple(turns))
