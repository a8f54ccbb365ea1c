"""Of rows that answer one question differently, those count that a column beside them names."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.base import TaskData
from tasks.custom.data_task import data_task
from tasks.custom.review_state import unfinished
from tasks.custom.rival_answers import Rival, settled

HERBS = ("mint", "sage", "dill", "thyme", "basil", "chive", "lovage", "sorrel", "borage", "tansy")
PLACES = (
    "a cold cellar",
    "the south wall",
    "a clay pot",
    "wet sand",
    "a tin",
    "the loft",
    "shade",
    "a crate",
)


def question(n: int) -> str:
    return f"How long may {HERBS[n % 10]} number {n} stay in {PLACES[n % 8]} when it is {n % 31} degrees?"


def reply(n: int, k: int) -> str:
    return f"About {n + 3 * k} days, then {('dry', 'freeze', 'hang', 'press')[k % 4]} the stems of row {n}."


def forum(mark: Any) -> list[dict[str, Any]]:
    return [
        {"question": question(n), "answer": reply(n, k), "views": n + k, **mark(n, k)}
        for n in range(60)
        for k in range(3)
    ]


def task(folder: Path, rows: list[dict[str, Any]]) -> TaskData:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = data_task(path).data
    assert found is not None
    return found


def answers(data: TaskData) -> set[str]:
    rows = [row for source in data.sources for row in source.rows]
    held = {str(row["answer"]) for row in rows} | {str(sample.gold) for sample in data.validation}
    return held | {str(sample.gold) for sample in data.load_test()}


@pytest.mark.parametrize(
    ("mark", "kept"),
    [
        (lambda n, k: {"accepted": k == n % 3}, lambda n: n % 3),
        (lambda n, k: {"is_best": "yes" if k == n % 3 else "no"}, lambda n: n % 3),
        (lambda n, k: {"score": (5 if k == n % 3 else k) + n / 10}, lambda n: n % 3),
        (lambda n, k: {"rank": (k - n) % 3}, lambda n: n % 3),
    ],
)
def test_the_answer_that_a_column_picks_is_the_only_one(tmp_path: Path, mark: Any, kept: Any) -> None:
    data = task(tmp_path, forum(mark))
    assert answers(data) == {reply(n, kept(n)) for n in range(60)}
    assert any("60 rows used, 120 set aside" in line for line in data.understood)
    assert any("questions come again with other answers" in line for line in data.understood)


def test_a_flag_that_nobody_named_marks_no_more_than_one_answer(tmp_path: Path) -> None:
    def flag(n: int, k: int) -> dict[str, Any]:
        return {"has_link": k < 2}

    data = task(tmp_path, forum(flag))
    assert len(answers(data)) > 60
    assert any("no column says which of them counts" in line for line in data.understood)


def test_several_answers_count_where_a_flag_says_that_they_are_right(tmp_path: Path) -> None:
    data = task(tmp_path, forum(lambda n, k: {"is_correct": int(k < 2)}))
    assert not any("press" in said or "hang" in said for said in answers(data))
    assert any("120 rows used, 60 set aside" in line for line in data.understood)


def test_labels_of_several_annotators_are_votes(tmp_path: Path) -> None:
    rows = [
        {"text": question(n), "label": ("herb", "place")[(n + (k == 2 and n % 4 == 0)) % 2], "rater": k + n}
        for n in range(60)
        for k in range(3)
    ]
    data = task(tmp_path, rows)
    kept = [row for source in data.sources for row in source.rows]
    assert Counter(row["prompt"] for row in kept).most_common(1)[0][1] == 1
    assert all(row["answer"] == ("herb", "place")[int(str(row["prompt"]).split()[5]) % 2] for row in kept)
    assert any("60 rows used, 120 set aside" in line for line in data.understood)


def test_divided_annotators_leave_no_label() -> None:
    rivals = [Rival(f"text {n}", "ab"[k % 2], {}) for n in range(30) for k in range(2)]
    found = settled(rivals, ("text", "label"))
    assert len(found.aside) == 60 and {each.reason for each in found.aside.values()} == {
        "its labels are divided"
    }


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 5)), max_size=60))
def test_every_question_keeps_its_best_answer(drawn: list[tuple[int, int, int]]) -> None:
    rivals = [Rival(f"q{q}", f"answer {a} to {q}", {"score": score}) for q, a, score in drawn]
    found = settled(rivals, ("question", "answer"))
    kept = [rival for place, rival in enumerate(rivals) if place not in found.aside]
    assert {rival.prompt for rival in kept} == {rival.prompt for rival in rivals}
    if found.aside:
        best = {q: max(score for other, _, score in drawn if other == q) for q, _, _ in drawn}
        assert all(rival.raw["score"] == best[int(rival.prompt[1:])] for rival in kept)
        assert len(kept) == len(best)


def test_rows_that_are_not_done_are_set_aside(tmp_path: Path) -> None:
    states = ("approved", "approved", "Draft", "rejected", "approved")
    rows = [{"question": question(n), "answer": reply(n, 0), "state": states[n % 5]} for n in range(100)]
    data = task(tmp_path, rows)
    assert answers(data) == {reply(n, 0) for n in range(100) if states[n % 5] == "approved"}
    assert any("20 set aside, it is not done: its 'state' is draft" in line for line in data.understood)


@pytest.mark.parametrize(
    "states", [("approved", "open"), ("north", "south"), ("draft", "rejected"), ("done",)]
)
def test_words_that_are_no_states_keep_all_rows(states: tuple[str, ...]) -> None:
    rivals = [Rival(f"q{n}", f"a{n}", {"state": states[n % len(states)]}) for n in range(40)]
    assert not unfinished(rivals, ("question", "answer")).aside


def test_a_column_that_is_asked_judges_nothing() -> None:
    rivals = [Rival(f"q{n}", f"a{n}", {"state": ("final", "draft")[n % 2]}) for n in range(40)]
    assert len(unfinished(rivals, ("question", "answer")).aside) == 20
    assert not unfinished(rivals, ("question", "answer", "state")).aside
