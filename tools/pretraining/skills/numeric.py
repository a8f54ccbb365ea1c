"""Arithmetic skills: sums, products, remainders, chains of steps, comparisons, short number card_topics."""

from __future__ import annotations

import math
from random import Random

from tools.pretraining.skills.core import (
    Document,
    Turn,
    ask,
    near_numbers,
    number,
    options,
    pick_names,
    turn,
    upto,
)
from tools.pretraining.skills.words import THINGS


def equation(rng: Random, level: float) -> Document:
    """Several bare equations in one document: the densest way to practise sums."""
    if rng.random() < 0.5:
        return _many_equations(rng, level)
    turns = []
    for _ in range(rng.randint(2, 5)):
        left, right = _operation(rng, level)
        form = rng.choice(["{}", "{}=", "{} = ?", "What is {}?", "Compute {}.", "{}=?", "Work out {}."])
        turns.append(turn(rng, form.format(left), str(right), f"{left}={right}.", 0.12))
    return Document("equation", tuple(turns))


def _many_equations(rng: Random, level: float) -> Document:
    made = [_operation(rng, level) for _ in range(rng.randint(3, 8))]
    gap = rng.choice(["; ", ", ", "\n", ". "])
    question = rng.choice(["Solve: {}", "Fill in: {}", "{}", "All of these: {}"]).format(
        gap.join(a for a, _ in made)
    )
    answer = gap.join(f"{a}={b}" for a, b in made)
    return Document("equation", (Turn(question, answer),))


def _operation(rng: Random, level: float) -> tuple[str, int]:
    roll = rng.random()
    if roll < 0.45:
        a, b = number(rng, level), number(rng, level)
        return f"{a}+{b}", a + b
    if roll < 0.78:
        a, b = sorted((number(rng, level), number(rng, level)))
        return f"{b}-{a}", b - a
    if roll < 0.94:
        a = rng.randint(1, 12) if rng.random() < 0.6 else rng.randint(2, 50)
        b = rng.randint(1, 9) if a > 12 else rng.randint(1, 12)
        return (f"{a}*{b}", a * b) if rng.random() < 0.5 else (f"{b}*{a}", a * b)
    b = rng.randint(2, 12)
    a = b * rng.randint(1, 15)
    return f"{a}/{b}", a // b


def chain(rng: Random, level: float) -> Document:
    """A running total, or a chain of steps such as `14+23=37. 37-5=32.`."""
    n = upto(rng, level, 3, 6)
    values = [number(rng, level, 200) for _ in range(n)]
    if rng.random() < 0.55:
        steps, total = running_sum(values)
        listed = rng.choice([", ", " ", "+", "; "]).join(map(str, values))
        question = rng.choice(
            ["Add up {}.", "Total of {}?", "Running total: {}", "{} : sum?", "Sum these: {}"]
        )
        return ask(rng, "chain", question.format(listed), str(total), steps, 0.3)
    total = values[0]
    told, parts = [f"Start with {total}."], []
    for value in values[1:4]:
        if value <= total and rng.random() < 0.5:
            told.append(rng.choice(["Take away {}.", "Subtract {}.", "Lose {}."]).format(value))
            parts.append(f"{total}-{value}={total - value}.")
            total -= value
        else:
            told.append(rng.choice(["Add {}.", "Gain {}.", "Put {} more."]).format(value))
            parts.append(f"{total}+{value}={total + value}.")
            total += value
    return ask(rng, "chain", " ".join(told), str(total), " ".join(parts), 0.35)


def running_sum(values: list[int]) -> tuple[str, int]:
    """The written steps of a sum, as `12+7=19. 19+30=49.`, and the total."""
    total, parts = values[0], []
    for value in values[1:]:
        parts.append(f"{total}+{value}={total + value}.")
        total += value
    return " ".join(parts), total


def remainder(rng: Random, level: float) -> Document:
    """Division with remainder, written as `47=9*5+2`."""
    b = rng.randint(2, 12)
    a = rng.randint(b, 12 * b) if rng.random() < 0.7 else rng.randint(2, 150)
    q, r = divmod(a, b)
    steps = f"{a}={b}*{q}+{r}." if rng.random() < 0.5 else f"{b}*{q}={b * q}. {a}-{b * q}={r}."
    roll = rng.random()
    if roll < 0.45:
        question = rng.choice(
            [
                "{a} mod {b}",
                "What is left over when {a} is shared by {b}?",
                "{a} split into groups of {b}: how many remain?",
                "Rest of {a}:{b}?",
                "{a}%{b}=?",
            ]
        )
        return ask(rng, "remainder", question.format(a=a, b=b), str(r), steps, 0.35)
    if roll < 0.7:
        question = rng.choice(
            ["How many full groups of {b} are in {a}?", "{a}//{b}", "Whole part of {a}/{b}?"]
        )
        return ask(rng, "remainder", question.format(a=a, b=b), str(q), steps, 0.35)
    if roll < 0.85:
        word = "yes" if r == 0 else "no"
        return ask(rng, "remainder", f"Can {a} be split evenly by {b}?", word, steps, 0.3)
    question = rng.choice(["Write {a} as {b}*q+r.", "{a} = {b}*?+?"])
    return Document("remainder", (Turn(question.format(a=a, b=b), f"{a}={b}*{q}+{r}"),))


def compare(rng: Random, level: float) -> Document:
    """Which of some numbers is larger, smaller, in order; even or odd."""
    roll = rng.random()
    if roll < 0.3:
        a, b = number(rng, level), number(rng, level)
        if a == b:
            b += 1
        sign = ">" if a > b else "<"
        if rng.random() < 0.4:
            return Document(
                "compare",
                (
                    Turn(
                        rng.choice(["{}?{}", "Compare {} and {}.", "< or >: {} {}"]).format(a, b),
                        f"{a}{sign}{b}",
                    ),
                ),
            )
        big = rng.random() < 0.5
        word = rng.choice(["larger", "bigger", "greater"] if big else ["smaller", "less", "lower"])
        right = max(a, b) if big else min(a, b)
        return ask(rng, "compare", f"Which is {word}, {a} or {b}?", str(right), f"{a}{sign}{b}.", 0.3)
    if roll < 0.4:
        a = number(rng, level)
        return ask(rng, "compare", f"Is {a} even or odd?", "odd" if a % 2 else "even", "", 0.3)
    values = rng.sample(range(1, 100 if level < 0.4 else 300), upto(rng, level, 2, 6))
    down = rng.random() < 0.5
    ordered = sorted(values, reverse=down)
    if rng.random() < 0.5:
        question = f"Sort {'down' if down else 'up'}: " + " ".join(map(str, values))
        return Document("compare", (Turn(question, " ".join(map(str, ordered))),))
    word = rng.choice(["largest", "highest", "biggest"] if down else ["smallest", "lowest", "least"])
    question = f"{word.capitalize()} of " + ", ".join(map(str, values)) + "?"
    return ask(rng, "compare", question, str(ordered[0]), "", 0.3)


def digits(rng: Random, level: float) -> Document:
    """Digit sums, counts of digits, digits written backwards."""
    a = rng.randint(10, 999 if level < 0.5 else 9999)
    text = str(a)
    roll = rng.random()
    if roll < 0.5:
        total = sum(map(int, text))
        form = rng.choice(["Digits of {} together?", "Digits of {} added up?", "{}: digit total?"])
        steps = "+".join(text) + f"={total}."
        if rng.random() < 0.6:
            steps, _ = running_sum([int(c) for c in text])
        return ask(rng, "digits", form.format(a), str(total), steps, 0.3)
    if roll < 0.75:
        return ask(rng, "digits", f"Write {a} backwards.", text[::-1], "", 0.3)
    return ask(rng, "digits", f"How many digits has {a}?", str(len(text)), "", 0.3)


def structure(rng: Random, level: float) -> Document:
    """Sequences, rectangles, divisors and common factors, each with its written steps."""
    roll = rng.random()
    if roll < 0.35:
        start, step, n = rng.randint(1, 30), rng.randint(1, 9), upto(rng, level, 3, 7)
        terms = [start + step * i for i in range(n)]
        shown = ", ".join(map(str, terms[:-1]))
        form = rng.choice(["Continue: {}", "What comes next? {}", "{}, ?"])
        return ask(
            rng, "structure", form.format(shown), str(terms[-1]), f"{terms[-2]}+{step}={terms[-1]}.", 0.3
        )
    if roll < 0.5:
        start, step, k = rng.randint(1, 30), rng.randint(2, 9), rng.randint(3, 12)
        jump = step * (k - 1)
        question = f"Begin at {start} and jump {step} for {k - 1} times. Where do you land?"
        steps = f"{k - 1}*{step}={jump}. {start}+{jump}={start + jump}."
        return ask(rng, "structure", question, str(start + jump), steps, 0.3)
    if roll < 0.75:
        a, b = rng.randint(2, 20), rng.randint(2, 12)
        if rng.random() < 0.5:
            steps, answer = f"{a}*{b}={a * b}.", a * b
            question = f"A field is {a} long and {b} wide. How much surface?"
        else:
            steps, answer = f"{a}+{b}={a + b}. {a + b}*2={2 * (a + b)}.", 2 * (a + b)
            question = f"A field is {a} long and {b} wide. How long is the fence around it?"
        return ask(rng, "structure", question, str(answer), steps, 0.3)
    if roll < 0.9:
        a = rng.randint(2, 60)
        found = [d for d in range(1, a + 1) if a % d == 0]
        listed = rng.choice([" ", ", "]).join(map(str, found))
        if rng.random() < 0.5:
            return Document("structure", (Turn(f"Which numbers divide {a}?", listed),))
        return ask(
            rng, "structure", f"Count the numbers that divide {a}.", str(len(found)), listed + ".", 0.3
        )
    g = rng.randint(1, 12)
    a, b = g * rng.randint(1, 8), g * rng.randint(1, 8)
    return ask(rng, "structure", *_common_factor(a, b), 0.3)


def _common_factor(a: int, b: int) -> tuple[str, str, str]:
    x, y, parts = max(a, b), min(a, b), []
    if x <= 6 * y:
        while x != y:
            parts.append(f"{x}-{y}={x - y}.")
            x, y = max(y, x - y), min(y, x - y)
    else:
        while y:
            parts.append(f"{x}={y}*{x // y}+{x % y}.")
            x, y = y, x % y
    return f"Largest number that divides both {a} and {b}?", str(math.gcd(a, b)), " ".join(parts)


def story(rng: Random, level: float) -> Document:
    """A short story about a quantity that changes."""
    a, b, c = number(rng, level, 200), number(rng, level, 200), rng.randint(2, 9)
    who, other = pick_names(rng, 2)
    thing = rng.choice(THINGS)
    roll = rng.random()
    if roll < 0.3:
        text = rng.choice(
            [
                f"{who} owns {a} {thing} and gets {b} new ones. Now {who} owns how many?",
                f"{a} {thing} lie here and {b} lie there. Count all.",
                f"There were {a} {thing}; {b} came. What is the number now?",
                f"{who} found {a} {thing}, {other} found {b}. Together?",
            ]
        )
        return ask(rng, "story", text, str(a + b), f"{a}+{b}={a + b}.", 0.45)
    if roll < 0.6:
        a, b = max(a, b), min(a, b)
        text = rng.choice(
            [
                f"{who} owns {a} {thing} and loses {b}. What is left?",
                f"Of {a} {thing}, {b} are gone. How many stay?",
                f"{who} counts {a} {thing}, {other} counts {b}. How many more has {who}?",
                f"{a} {thing} minus {b} broken ones?",
            ]
        )
        return ask(rng, "story", text, str(a - b), f"{a}-{b}={a - b}.", 0.45)
    a = a % 40 + 1
    if roll < 0.8:
        text = rng.choice(
            [
                f"Each of {c} bags holds {a} {thing}. All bags together?",
                f"{who} reads {a} lines a day. In {c} days?",
                f"{c} rows with {a} {thing} in each. Number of {thing}?",
            ]
        )
        return ask(rng, "story", text, str(a * c), f"{c}*{a}={a * c}.", 0.45)
    d = number(rng, level, 99)
    text = f"{who} fills {c} boxes with {a} {thing} and has {d} over. How many in all?"
    steps = f"{c}*{a}={a * c}. {a * c}+{d}={a * c + d}."
    return ask(rng, "story", text, str(a * c + d), steps, 0.45)


def percent(rng: Random, level: float) -> Document:
    """Percentages and simple fractions of round numbers."""
    share = rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 20, 25, 50])
    whole = rng.choice([100, 200, 300, 400, 500, 600, 800, 1000])
    part = whole * share // 100
    form = rng.choice(["{s}% of {w}", "How much is {s}% of {w}?", "{w}*{s}%=?", "{w}的{s}%是多少？"])
    return ask(rng, "percent", form.format(s=share, w=whole), str(part), f"{whole}*{share}%={part}.", 0.3)


def choice(rng: Random, level: float) -> Document:
    """A sum with lettered options."""
    left, right = _operation(rng, level)
    table, letter = options(rng, str(right), near_numbers(rng, right))
    listed = rng.choice(["\n", " "]).join(f"{k}. {v}" for k, v in table.items())
    question = rng.choice([f"{left}=?\n{listed}", f"Pick the value of {left}. {listed}"])
    return ask(rng, "choice", question, letter, f"{left}={right}.", 0.4)
