"""Second, independent solvers of the generated questions: they read the text alone."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from tasks.chemcot import mol_edit as chemcot
from tasks.chemcot import mol_opt
from tasks.financeiq.mini import SUBJECTS
from tests.support import reaction_solver, table_solvers


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


def _nouns(text: str) -> set[str]:
    return set(re.findall(r"\ba (\w+)", text))


def _claimed(row: Mapping[str, Any]) -> set[str]:
    return _nouns(row["context"]["claims"][0].partition(" with ")[2])


def prior_art(row: Mapping[str, Any]) -> set[str]:
    """The candidates that share a word with the claim."""
    claim = _claimed(row)
    return {letter for letter, held in row["options"].items() if _nouns(held["claims"][0]) & claim}


def best_paragraph(row: Mapping[str, Any]) -> str:
    """The paragraph that has all of the claim's words."""
    claim = _claimed(row)
    return next(key for key, text in row["options"].items() if claim <= _nouns(text))


def mol_und(prompt: str) -> str:
    """The answer to a generated mol_und question, by spelling alone (by InChI for two molecules)."""
    from rdkit import Chem

    if pair := re.search(r"Molecule A: (\S+), Molecule B: (\S+)\.", prompt):
        forms = {Chem.MolToInchi(Chem.MolFromSmiles(smiles)) for smiles in pair.groups()}
        return "Yes" if len(forms) == 1 else "No"
    molecule = re.findall(r"Input Molecule: ([^\s,]+)", prompt)[0].rstrip(".")
    if name := re.search(r"Fragment Name: ([\w -]+)", prompt):
        spelled = {"primary amines": "(?<!#)N", "nitriles": "C#N", "thiols": "S", "halogens": "Cl"}
        return str(len(re.findall(spelled.get(name[1], "O"), molecule)))
    rings = list(re.finditer(r"[Cc]1[^1]*1", molecule))
    asked = re.search(r"Ring (?:System )?Structure: ([^\s,]+)", prompt)
    if asked is None:
        return molecule[rings[0].start() : rings[-1].end()]
    count = [ring.group(0) for ring in rings].count(asked[1].rstrip("."))
    return ("Yes" if count else "No") if "System" in prompt else str(count)


def visualization(columns: Mapping[str, Any]) -> list[list[float]]:
    """The series that a chart question asks for."""
    question, (_, *names) = columns["question"], columns["table"]["columns"]
    rows = columns["table"]["data"]
    place = {name: i + 1 for i, name in enumerate(names)}
    found = re.search(r"where (\w+) are (above|below) (\d+)", question)
    if found:
        at, limit, sign = place[found[1]], int(found[3]), 1 if found[2] == "above" else -1
        rows = [row for row in rows if sign * row[at] > sign * limit]
    if found := re.search(r"sorted by (\w+)", question):
        at = place[found[1]]
        rows = sorted(rows, key=lambda row: row[at])
    if found := re.search(r"the two with the most (\w+)", question):
        at = place[found[1]]
        rows = sorted(rows, key=lambda row: row[at], reverse=True)[:2]
    asked = re.split(r" where | sorted by | for the two ", question)[0]
    if "running total" in asked:
        return [[float(sum(row[1] for row in rows[: i + 1])) for i in range(len(rows))]]
    if found := re.search(r", y (\w+)", asked):
        return [[float(row[place[found[1]]]) for row in rows]]
    return [[float(row[place[name]]) for row in rows] for name in names if re.search(rf"\b{name}\b", asked)]


class _Plots:
    """Stands in for pyplot: keeps the y-series of each call."""

    def __init__(self) -> None:
        self.drawn: list[tuple[str, list[float]]] = []

    def show(self) -> None:
        pass

    def pie(self, y: Any) -> None:
        self.drawn.append(("pie", [float(value) for value in y]))

    def __getattr__(self, name: str) -> Callable[[Any, Any], None]:
        return lambda x, y: self.drawn.append((name, [float(value) for value in y]))


_CALL = {"bar chart": "bar", "line chart": "plot", "pie chart": "pie", "scatter plot": "scatter"}


def draws_what_is_asked(row: Mapping[str, Any]) -> bool:
    """Runs generated plotting code on the row's table with another pyplot."""
    import pandas as pd

    code = row["response"].removeprefix("```python\n").removesuffix("\n```")
    plots, table = _Plots(), pd.DataFrame(row["table"]["data"], columns=row["table"]["columns"])
    exec(code, {"plt": plots, "df": table})
    asked = {call for words, call in _CALL.items() if words in row["question"]}
    series = [values for _, values in plots.drawn]
    return {call for call, _ in plots.drawn} == asked and series == visualization(row)


def label_is_right(task_id: str, row: Mapping[str, Any]) -> bool:
    """Whether a row in the published columns carries the right answer."""
    if task_id == "aime25":
        return bool(aime(row["question"]) == row["answer"])
    if task_id == "panorama_noc4pc":
        from tasks.panorama.noc4pc import build_prompt

        return bool(panorama(build_prompt(row) or "") == row["answer"]["code"])
    if task_id == "panorama_par4pc":
        return prior_art(row) == set(row["gold_answers"])
    if task_id == "panorama_pi4pc":
        return [best_paragraph(row)] == [str(key) for key in row["gold_answers"]]
    if task_id == "chemcotbench_mol_und":
        return bool(mol_und(row["query"]) == str(row["gt"]))
    if task_id == "chemcotbench_mol_edit":
        return chemcot.verify(row["query"], chemcot.render(json.loads(row["meta"])["reference"], "")) is True
    if task_id == "chemcotbench_mol_opt":
        target = json.loads(row["meta"])["reference"]
        return mol_opt.verify(row["query"], mol_opt.render(target, "")) is True
    if task_id == "chemcotbench_reaction":
        return reaction_solver.is_right(row)
    if task_id == "tablebench_visualization":
        return draws_what_is_asked(row)
    if task_id == "tablebench_fact_checking":
        return bool(table_solvers.fact_checking(row) == row["answer"])
    if task_id == "tablebench_data_analysis":
        return bool(table_solvers.data_analysis(row) == row["answer"])
    if task_id == "tablebench_numerical_reasoning":
        return bool(tablebench(row) == row["answer"])
    return bool(financeiq(row) == row["Answer"])
