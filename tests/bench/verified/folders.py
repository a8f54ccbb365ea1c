"""Small tasks of one's own, one for each way in which answers are read and judged: (name, writer)."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

TRAIN, HELD_OUT = 240, 40
COLOURS = ("amber", "brown", "coral", "denim")
SCORER = '''"""Right is who gives both numbers; half a point for one."""


def score(answer, reference, row):
    return sum(part in answer.split() for part in reference.split()) / len(reference.split())
'''
HARNESS = """\
task: sums
dataset_path: json
dataset_kwargs:
  data_files:
    train: {folder}/train.jsonl
    test: {folder}/test.jsonl
output_type: generate_until
training_split: train
test_split: test
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_target: "{{{{answer}}}}"
generation_kwargs:
  until: ["\\n\\n", "Q:"]
  max_gen_toks: 16
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""
Row = Mapping[str, Any]
Draw = Callable[[random.Random, int], Row]


def _lines(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _folder(place: Path, settings: str, draw: Draw) -> Path:
    """A task folder with a source, validation and test, all drawn by one function and all different."""
    rng, seen, rows = random.Random(7), set[str](), list[Row]()
    while len(rows) < TRAIN + 2 * HELD_OUT:
        row = draw(rng, len(rows))
        if (key := str(row["q"])) not in seen:
            seen.add(key)
            rows.append(row)
    _lines(place / "validation.jsonl", rows[:HELD_OUT])
    _lines(place / "test.jsonl", rows[HELD_OUT : 2 * HELD_OUT])
    _lines(place / "train" / "notes.jsonl", rows[2 * HELD_OUT :])
    head = f'name = "{place.name}"\ndescription = "{place.name}"\nprompt = "{{q}}"\nmax_new_tokens = 48\n'
    (place / "task.toml").write_text(head + settings, encoding="utf-8")
    return place


def lone_csv(place: Path) -> Path:
    """A table of sums, split by the product."""
    place.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    path = place / "sums.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("question", "answer"))
        for one, other in {(rng.randrange(2, 99), rng.randrange(2, 99)) for _ in range(700)}:
            rows.writerow((f"What is {one} + {other}?", one + other))
    return path


def conversations(place: Path) -> Path:
    """Messages with a system line and two turns."""
    rng = random.Random(2)
    rows = []
    for number in range(400):
        first, second = rng.choice(COLOURS), rng.choice(COLOURS)
        said = (
            ("system", "You repeat colours."),
            ("user", f"Item {number} of the box is {first}. Which colour?"),
            ("assistant", first),
            ("user", f"And now item {number + 7} is {second} and {first}. Which colours?"),
            ("assistant", f"{second} and {first}"),
        )
        rows.append({"messages": [{"role": role, "content": content} for role, content in said]})
    _lines(place / "talk.jsonl", rows)
    return place / "talk.jsonl"


def choices(place: Path) -> Path:
    """Letters of four options."""

    def draw(rng: random.Random, number: int) -> Row:
        numbers = rng.sample(range(10, 99), 4)
        letter = "ABCD"[numbers.index(max(numbers))]
        shown = "\n".join(f"{name}) {value}" for name, value in zip("ABCD", numbers, strict=True))
        return {"q": f"Which is the largest?\n{shown}", "answer": letter}

    return _folder(place, 'metric = "choice_letter"\n', draw)


def labels(place: Path) -> Path:
    """Three labels of unlike frequency."""

    def draw(rng: random.Random, number: int) -> Row:
        colour = rng.choice(("amber", "amber", "brown", "coral"))
        return {"q": f"Note {number}: the {colour} lamp is on. Which lamp?", "answer": colour}

    return _folder(place, 'metric = "classification"\n', draw)


def objects(place: Path) -> Path:
    """JSON objects, judged by their fields."""

    def draw(rng: random.Random, number: int) -> Row:
        count, colour = rng.randrange(2, 60), rng.choice(COLOURS)
        text = f"Order {number}: {count} {colour} chairs. As JSON?"
        return {"q": text, "answer": {"count": count, "colour": colour}}

    return _folder(place, 'metric = "json"\n', draw)


def shares(place: Path) -> Path:
    """Words in any order, judged by their share."""

    def draw(rng: random.Random, number: int) -> Row:
        found = rng.sample(COLOURS, 2)
        return {"q": f"Box {number} holds {found[0]} and {found[1]}. What?", "answer": ", ".join(found)}

    return _folder(place, 'metric = "set_f1"\n', draw)


def programs(place: Path) -> Path:
    """Python that has to pass each row's own tests."""

    def draw(rng: random.Random, number: int) -> Row:
        add = rng.randrange(2, 9999)
        test = f"assert f(1) == {1 + add}\nassert f(10) == {10 + add}\n"
        return {"q": f"Write f(x), which adds {add}.", "answer": f"f = lambda x: x + {add}", "tests": test}

    return _folder(place, 'metric = "code"\n', draw)


def own_scorer(place: Path) -> Path:
    """A function of the user's, which gives shares."""

    def draw(rng: random.Random, number: int) -> Row:
        one, other = rng.randrange(10, 99), rng.randrange(100, 999)
        return {"q": f"Sort {other} and {one}.", "answer": f"{one} {other}"}

    made = _folder(place, 'metric = "python"\n', draw)
    (made / "scorer.py").write_text(SCORER, encoding="utf-8")
    return made


def judged(place: Path) -> Path:
    """Texts of which a language model says which is better."""

    def draw(rng: random.Random, number: int) -> Row:
        return {"q": f"Colour of item number {number}", "answer": by_number(number)}

    return _folder(place, 'metric = "judge"\n[judge]\nmodel = "openai:scripted-judge"\n', draw)


def by_number(number: int) -> str:
    """The reference of a judged item."""
    return f"item {number} is {COLOURS[number % len(COLOURS)]}"


def harness(place: Path) -> Path:
    """A task of lm-evaluation-harness on local files."""
    for name, start in (("train", 0), ("test", 400)):
        rows = [{"question": f"{n} plus 7?", "answer": str(n + 7)} for n in range(start, start + 200)]
        _lines(place / f"{name}.jsonl", rows)
    path = place / "sums.yaml"
    path.write_text(HARNESS.format(folder=place), encoding="utf-8")
    return path


def long_test(place: Path) -> Path:
    """Sums with more test items than a short budget can read."""

    def draw(rng: random.Random, number: int) -> Row:
        one, other = rng.randrange(2, 999), rng.randrange(2, 999)
        return {"q": f"What is {one} + {other}?", "answer": one + other}

    made = _folder(place, 'metric = "number"\n', draw)
    rng = random.Random(3)
    pairs = sorted({(rng.randrange(1000, 9999), rng.randrange(1000, 9999)) for _ in range(1_500)})
    rows = [{"q": f"What is {one} + {other}?", "answer": one + other} for one, other in pairs]
    _lines(made / "test.jsonl", rows)
    return made
