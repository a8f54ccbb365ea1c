"""Second, independent solvers of the generated questions: they read the text alone."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from tasks import chemcot_mol_edit as chemcot
from tasks.mini.financeiq import SUBJECTS


def aime(question: str) -> str:
    n = [int(x) for x in re.findall(r"\d+", question)]
    rules: list[tuple[str, Callable[[], int]]] = [
        (r"remainder|left over", lambda: n[0] % n[1]),
        (r"grows by|term", lambda: n[0] + n[1] * (n[2] - 1)),
        (r"on day 1", lambda: n[0] + n[2] * (n[3] - 1)),
        (r"perimeter", lambda: 2 * (n[0] + n[1])),
        (r"area", lambda: n[0] * n[1]),
        (r"largest", lambda: max(n)),
        (r"smallest", lambda: min(n)),
        (r"median|middle", lambda: sorted(n)[1]),
        (r"common divisor|ropes", lambda: math.gcd(n[0], n[1])),
        (r"digits", lambda: sum(map(int, str(n[0])))),
        (r"boxes with|bags of", lambda: n[0] * n[1]),
        (r"are left", lambda: n[0] - n[1]),
        (r"Tuesday|more\.", lambda: n[0] + n[1]),
    ]
    return str(next(rule() for pattern, rule in rules if re.search(pattern, question)))


def panorama(prompt: str) -> str:
    claim, *cited = [set(re.findall(r"\ba (\w+)", line)) for line in prompt.split("\n")[:-1]]
    if any(claim <= parts for parts in cited):
        return "102"
    return "103" if claim <= set().union(*cited) else "ALLOW"


def tablebench(row: Mapping[str, Any]) -> str:
    head, *_ = [row["table"]["columns"]]
    data, question = row["table"]["data"], row["question"]
    column = {name: [line[i] for line in data] for i, name in enumerate(head)}
    asked = [name for name in sorted(head[1:], key=question.find) if name in question]
    values = column[asked[0]]
    if "the name with the most" in question:
        return str(values[column[asked[1]].index(max(column[asked[1]]))])
    if "highest" in question or "lowest" in question:
        return str(max(values) if "highest" in question else min(values))
    if question.startswith("Who"):
        return str(column["name"][values.index(max(values) if "most" in question else min(values))])
    if limit := re.search(r"more than (\d+)", question):
        return str(sum(value > int(limit[1]) for value in values))
    if pair := re.search(r"does (\w+) have than (\w+)", question):
        return str(values[column["name"].index(pair[1])] - values[column["name"].index(pair[2])])
    return str(max(values) - min(values) if "differ" in question else sum(values))


def financeiq(row: Mapping[str, Any]) -> str:
    numbers = [int(x) for x in re.findall(r"\d+", row["Question"])]
    options = {letter: str(row[letter]) for letter in "ABCD"}
    subject = SUBJECTS[row["Subject"]]
    if numbers:
        text = re.sub(r"\d+", "#", row["Question"])
        operator = next(o for q, o in subject.sums if re.sub(r"\{.\}", "#", q) == text)
        right = {"+": sum(numbers), "-": numbers[0] - numbers[1], "*": math.prod(numbers)}[operator]
        return next(letter for letter, text in options.items() if text == str(right))
    name = next(name for name in subject.terms if re.search(f"(属于|是){name}(？|的)", row["Question"]))
    return next(letter for letter, text in options.items() if text in subject.terms[name])


def label_is_right(task_id: str, row: Mapping[str, Any]) -> bool:
    """Whether a row in the published columns carries the right answer."""
    if task_id == "aime25":
        return bool(aime(row["question"]) == row["answer"])
    if task_id == "panorama_noc4pc":
        from tasks.panorama_noc4pc import build_prompt

        return bool(panorama(build_prompt(row) or "") == row["answer"]["code"])
    if task_id == "chemcotbench_mol_edit":
        return chemcot.verify(row["query"], chemcot.render(json.loads(row["meta"])["reference"], "")) is True
    if task_id == "tablebench_numerical_reasoning":
        return bool(tablebench(row) == row["answer"])
    return bool(financeiq(row) == row["Answer"])
