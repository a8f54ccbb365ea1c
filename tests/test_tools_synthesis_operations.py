"""Recipes that ask a teacher: what it says counts when the task agrees."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from memory.recipe import (
    Generate,
    Judge,
    Map,
    Mix,
    Rephrase,
    Select,
    Solve,
)
from tasks.registry import get
from tests.support.loopback_chat import Reply, Request, text
from tests.support.mini_editions import mini, source
from tests.support.scripted_teacher import adds, worked, wrong_about
from tests.support.teacher_pool import (
    GUARD,
    REMINDER,
    THINGS,
    asked_about,
    new_row,
    question,
    run,
)
from tools.curation.operations import Context, Example, map_columns, select
from tools.synthesis.checks import (
    agree,
    form_lines,
    items_of,
    keeps_form,
    keeps_question,
    pairs,
    parts,
    rating_of,
    target_of,
)
from tools.workspace import Workspace


@pytest.fixture
def workspace(runs_dir: Path) -> Workspace:
    return Workspace.create(runs_dir, "r")


# ---- solve


def test_solutions_that_come_to_the_rows_answer_replace_it_and_wrong_ones_change_nothing(
    workspace: Workspace,
):
    card, rows, requests = run(workspace, adds(percent=40), Solve(samples=2))
    wrong = {n for n in range(10, 40) if wrong_about(question(n))}
    assert 6 <= len(wrong) <= 18
    assert len(rows) == 30
    for n, row in zip(range(10, 40), rows, strict=True):
        assert row["prompt"] == question(n)
        if n in wrong:
            assert row == {
                "prompt": question(n),
                "answer": f"\\boxed{{{2 * n + 3}}}",
                "source": "plain",
                "row": n - 10,
            }
        else:
            assert row["answer"] == f"{n}+{n + 3}={2 * n + 3}. \\boxed{{{2 * n + 3}}}"
            assert row["teacher"] == "openai:scripted-teacher"
    assert len(requests) == 30 + len(wrong)  # a second try only where the first was wrong
    note = card.steps[2].note
    assert f"openai:scripted-teacher: asked {30 + len(wrong)} (0 cached, 0 failed)" in note
    assert f"{30 - len(wrong)} accepted; {len(wrong)} rejected" in note
    assert f"{len(wrong)} of them with another answer" in note
    assert card.reasoning_share == pytest.approx(1 - len(wrong) / 30)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("{n}+{m}={wrong}. The answer is {right}.", "refuted by the task"),
        ("The answer is {right}.", "without steps"),
        ("I cannot help with that.", "without an answer"),
        ("<html><body>oops</body></html>", "without an answer"),
        ("{long} {n}+{m}={right}. The answer is {right}.", "over the answer's budget"),
    ],
)
def test_a_right_number_is_not_enough(workspace: Workspace, reply: str, reason: str):
    def script(request: Request) -> Reply:
        n, m = map(int, re.findall(r"\d+", asked_about(request))[:2])
        return text(reply.format(n=n, m=m, right=n + m, wrong=n + m + 1, long="Let us think. " * 40))

    card, rows, _ = run(workspace, script, Solve(samples=1, rows=6))
    assert f"6 of them {reason}" in card.steps[2].note
    assert not any("teacher" in row for row in rows)


def test_the_published_judge_decides_where_a_row_makes_an_item():
    spec = get("chemcotbench_mol_edit")
    taken = source("chemcotbench_mol_edit", "clean")
    pool = {taken.name: taken}
    raw = select(Select(sources=(taken.name,)), pool)
    columns = {"prompt": "*", "answer": spec.answer_column}
    rows = map_columns(raw, Map(columns={taken.name: columns}), spec).rows[:12]
    context = Context(spec, GUARD, len, (), 100, random.Random(0), pool)
    rows = [row._replace(answer=target_of(spec, row.answer) or row.answer) for row in rows]
    items = items_of(rows, context)
    assert all(item is not None and item.prompt == row.prompt for item, row in zip(items, rows, strict=True))
    from rdkit import Chem

    other_writings = []
    for row in rows:
        molecule = Chem.MolFromSmiles(spec.extract(row.answer))
        last = molecule.GetNumAtoms() - 1
        other_writings.append(spec.render(Chem.MolToSmiles(molecule, rootedAtAtom=last), ""))
    assert all(agree(items, rows, other_writings, spec))
    assert any(not same for same in agree([None] * len(rows), rows, other_writings, spec))
    assert not any(agree(items, rows, [spec.render("CCO", "")] * len(rows), spec))


@pytest.mark.parametrize("task_id", ["aime25", "FinanceIQ_gen"])
def test_a_row_of_any_task_can_be_compared(task_id: str):
    spec, taken = get(task_id), source(task_id, "clean")
    rows = [
        Example(s.prompt, spec.render(str(s.gold), ""), "", taken.name, 0)
        for s in mini(task_id).validation[:8]
    ]
    context = Context(spec, GUARD, len, (), 100, random.Random(0), {taken.name: taken})
    targets = [row.answer for row in rows]
    assert all(agree(items_of(rows, context), rows, targets, spec))
    assert not all(agree(items_of(rows, context), rows, [targets[-1]] * 4 + [targets[0]] * 4, spec))


# ---- rephrase


def test_wordings_stand_behind_their_row_and_lose_no_number(workspace: Workspace):
    def script(request: Request) -> Reply:
        n, m = map(int, re.findall(r"\d+", asked_about(request))[:2])
        thing = THINGS[n % 5]
        good = f"Tom owns {n} {thing}. Later he comes upon {m} more. What is his total?\n{REMINDER}"
        lost = f"Tom owns some {thing}. Later he comes upon {m} more. What is his total?\n{REMINDER}"
        bare = f"Tom, who has {n} {thing}, gets {m} more. What is his total?"
        blocks = [asked_about(request), good, lost, bare]
        return text("\n".join(f"=== wording ===\n{block}" for block in blocks))

    card, rows, _ = run(workspace, script, Rephrase(rows=10, variants=4))
    made = [row for row in rows if "teacher" in row]
    assert (len(rows), len(made)) == (40, 10)
    for before, row in pairwise(rows):
        if "teacher" in row:
            assert "comes upon" in row["prompt"]
            assert (row["answer"], row["source"], row["row"]) == (
                before["answer"],
                before["source"],
                before["row"],
            )
    note = card.steps[2].note
    assert "10 wordings rejected as repeats; 10 wordings accepted; 20 wordings rejected for what" in note


@pytest.mark.parametrize(
    ("new", "kept"),
    [
        ("How many are 14 pens and 23 cups in all, asks Ann?", True),
        ("Ann asks: what do fourteen pens and 23 cups come to?", True),
        ("Ann asks how many things one has with 14 pens and 23 cups.", True),
        ("Ann asks: what do 14 pens and 32 cups come to?", False),
        ("Ann asks: what do 14 pens and some cups come to?", False),
        ("Ann asks: what do 14 pens, 23 cups and 5 keys come to?", False),
        ("Bob asks: what do 14 pens and 23 cups come to?", False),
    ],
)
def test_a_wording_keeps_numbers_and_names(new: str, kept: bool):
    assert keeps_question(new, "How many things are 14 pens and 23 cups, asks Ann?") is kept


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("Name the group lost in c1ccccc1O by US-4021.", "By US-4021, c1ccccc1O loses which group?", True),
        ("Name the group lost in c1ccccc1O by US-4021.", "By US-4021, C1CCCCC1O loses which group?", False),
        ("Add a hydroxyl to CCN now.", "To CCN, please add a hydroxyl.", True),
        ("Add a hydroxyl to CCN now.", "To CCO, please add a hydroxyl.", False),
        ("Which?\nA. red\nB. blue", "Which one is it?\nA. red\nB. blue", True),
        ("Which?\nA. red\nB. blue", "Which one is it?\nA. blue\nB. red", False),
    ],
)
def test_a_wording_keeps_codes_molecules_and_options(old: str, new: str, kept: bool):
    assert keeps_question(new, old) is kept


def test_lines_that_most_prompts_share_are_their_form():
    prompts = [question(n) for n in range(5)]
    shared = form_lines(prompts)
    assert shared == {REMINDER}
    assert keeps_form(f"Another one.\n {REMINDER}", prompts[0], shared)
    assert not keeps_form("Another one.", prompts[0], shared)


# ---- generate


def test_new_rows_stay_when_the_task_or_a_second_solution_agrees(workspace: Workspace):
    def script(request: Request) -> Reply:
        if "new training rows" not in request.messages[0]["content"]:
            return text(worked(asked_about(request), percent=0))
        number = int(re.search(r"has (\d+)", asked_about(request)).group(1))  # type: ignore[union-attr]
        base = 100 + 10 * number
        rows = [
            new_row(base, 2 * base + 3),  # the task verifies its equation
            new_row(base + 1, 2 * base + 9),  # and refutes this one
            new_row(base + 2, 2 * base + 7, steps=False),  # a second solution agrees
            new_row(base + 3, 2 * base + 7, steps=False),  # and here it does not
            new_row(base + 4, 2 * base + 11, end=""),  # not in the form of the rows
            new_row(12, 27),  # there already
            "=== prompt ===\nSing a song of pens.\n=== answer ===\nno",
        ]
        return text("\n".join(rows))

    card, rows, requests = run(workspace, script, Generate(rows=4, seeds=3))
    made = [row for row in rows if "teacher" in row]
    assert len(rows) == 32
    assert [(row["source"], row["row"]) for row in made] == [("teacher", 0), ("teacher", 1)]
    assert made[0]["answer"].count("=") == 1
    assert card.rows_by_source == {"plain": 30, "teacher": 2}
    note = card.steps[2].note
    for told in (
        "asked 3",
        "1 rejected as unlike the rows",
        "1 rejected as repeats",
        "1 refuted by the task",
        "1 rejected without a second solution that agrees",
        "1 rejected without a fitting answer",
        "2 accepted",
    ):
        assert told in note
    shown = requests[0].messages[-1]["content"]
    assert shown.count('what="prompt of example') == 3


@pytest.mark.parametrize("weights", [{"plain": 1}, {"plain": 1, "teacher": 1}])
def test_generated_rows_are_as_many_as_asked_at_most_and_stay_in_a_mix(
    workspace: Workspace, weights: dict[str, float]
):
    counter = iter(range(200, 900))

    def script(request: Request) -> Reply:
        return text("\n".join(new_row(n, 2 * n + 3) for n in (next(counter) for _ in range(6))))

    _, rows, requests = run(workspace, script, Generate(rows=10), Mix(weights=weights))
    assert sum(row["source"] == "teacher" for row in rows) == 10
    assert len(requests) == 3


def test_marks_divide_a_reply():
    reply = "Sure!\n=== prompt ===\na\nb\n=== answer ===\n\\boxed{1}\n=== prompt ===\nc\n=== wording ===\nd"
    assert parts(reply) == [
        ("prompt", "a\nb"),
        ("answer", "\\boxed{1}"),
        ("prompt", "c"),
        ("wording", "d"),
    ]
    assert pairs(reply) == [("a\nb", "\\boxed{1}")]
    assert parts("no marks") == []


# ---- judge


def test_rows_rated_low_go_and_unreadable_ratings_keep_their_row(workspace: Workspace):
    def script(request: Request) -> Reply:
        n = int(re.search(r"has (\d+)", asked_about(request)).group(1))  # type: ignore[union-attr]
        rating = n % 5 + 1
        return text("Four stars!" if n >= 30 else json.dumps({"rating": rating, "reason": "so"}))

    card, rows, requests = run(workspace, script, Judge(minimum=4))
    kept = [row["row"] + 10 for row in rows]
    assert kept == [n for n in range(10, 40) if n >= 30 or n % 5 + 1 >= 4]
    assert not any("teacher" in row for row in rows)
    assert "8 accepted; 12 rejected; 10 kept without a rating" in card.steps[2].note
    assert "right, complete and follows" in requests[0].messages[0]["content"]


@pytest.mark.parametrize(
    ("reply", "rating"),
    [
        ('{"rating": 4, "reason": "fine"}', 4),
        ('```json\n{"rating": 1}\n```', 1),
        ('{"rating": "4"}', None),
        ('{"rating": 4.0}', None),
        ('{"rating": true}', None),
        ('{"rating": 6}', None),
        ('{"rating": 0}', None),
        ('{"rating": NaN}', None),
        ('{"rating": -3}', None),
        ("4", None),
        ("[4]", None),
        ('I rate it {"rating": 4}', None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_a_rating_is_read_strictly(reply: str, rating: int | None):
    assert rating_of(reply) == rating
