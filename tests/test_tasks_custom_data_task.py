"""A data file alone is a task: detected, split by content, the same every time, and written out to be
edited."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.custom.data_task import data_task, init_task
from tasks.custom.folder import load_folder
from tasks.custom.guess import guess_budget, guess_metric
from tasks.custom.split_rows import split_rows
from tasks.errors import InputError
from tasks.formats.declared import Declared
from tasks.splits import fingerprint
from tools.curation.operations import Raw, to_example

PLACES = ("Lima", "Oslo", "Accra", "Quito", "Hanoi", "Turin", "Perth", "Dakar", "Minsk", "Cairo")
THINGS = ("printer", "mouse", "screen", "cable", "badge", "phone", "door", "lamp", "desk", "router")


def tickets(count: int = 100) -> list[dict[str, Any]]:
    rng = random.Random(0)
    texts = [f"The {thing} in {place} is broken" for place in PLACES for thing in THINGS]
    rng.shuffle(texts)
    return [{"ticket": text, "team": "network" if "router" in text else "desk"} for text in texts[:count]]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_lone_file_is_split_by_content_and_the_same_again(tmp_path: Path) -> None:
    first = data_task(jsonl(tmp_path / "a.jsonl", tickets())).data
    again = data_task(jsonl(tmp_path / "b.jsonl", list(reversed(tickets())))).data
    assert first is not None and again is not None
    parts = [
        {sample.prompt for sample in first.validation},
        {sample.prompt for sample in first.load_test()},
        {row["prompt"] for source in first.sources for row in source.rows},
    ]
    assert [len(part) for part in parts] == [9, 20, 71]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert {sample.prompt for sample in again.load_test()} == parts[1], (
        "the order of the file does not matter"
    )


def test_a_table_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer"])
        writer.writerows([f"The code of {row['ticket']}?", f"{n:03d}"] for n, row in enumerate(tickets(60)))
    spec = data_task(path)
    assert spec.data is not None
    golds = {row["answer"] for source in spec.data.sources for row in source.rows}
    assert any(gold.startswith("00") for gold in golds), "007 stays 007"
    assert spec.metric == "number"


def test_a_folder_with_its_own_splits_keeps_them(tmp_path: Path) -> None:
    rows = tickets()
    for name, part in (("train", rows[:60]), ("validation", rows[60:80]), ("test", rows[80:])):
        jsonl(tmp_path / f"{name}.jsonl", part)
    data = data_task(tmp_path).data
    assert data is not None
    assert [len(data.sources[0].rows), len(data.validation), len(data.load_test())] == [60, 20, 20]


def test_a_test_file_without_a_validation_file_is_never_trained_on(tmp_path: Path) -> None:
    rows = tickets()
    jsonl(tmp_path / "train.jsonl", rows[:80])
    jsonl(tmp_path / "test.jsonl", rows[80:])
    data = data_task(tmp_path).data
    assert data is not None
    sealed = {row["ticket"] for row in rows[80:]}
    assert {sample.prompt for sample in data.load_test()} == sealed
    assert not sealed & {row["prompt"] for source in data.sources for row in source.rows}
    assert not sealed & {sample.prompt for sample in data.validation}
    assert any("but for validation" in line for line in data.understood)
    assert len(data.sources[0].rows) + len(data.validation) == 80, "what is not held out is trained on"


def test_validation_items_that_the_test_asks_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = tickets()
    for name, part in (("train", rows[:50]), ("validation", rows[50:80]), ("test", rows[75:])):
        jsonl(tmp_path / f"{name}.jsonl", part)
    data = data_task(tmp_path).data
    assert data is not None
    assert len(data.validation) == 25
    assert any("5 validation items are left out" in line for line in data.understood)


def test_the_sealed_answers_choose_no_metric(tmp_path: Path) -> None:
    rows = [{"question": row["ticket"], "answer": "A"} for row in tickets()]
    for place, row in enumerate(rows[:80]):
        row["answer"] = f"a text of many words about the thing number {place} of the long list"
    for name, part in (("train", rows[:60]), ("validation", rows[60:80]), ("test", rows[80:])):
        jsonl(tmp_path / f"{name}.jsonl", part)
    assert data_task(tmp_path).metric == "token_f1"


def test_what_a_row_holds_breaks_no_line_of_the_settings(tmp_path: Path) -> None:
    kto = [
        {"prompt": row["ticket"], "completion": f"one\nmetric = {n}", "label": n % 4 > 0}
        for n, row in enumerate(tickets())
    ]
    init_task(jsonl(tmp_path / "a.jsonl", kto), tmp_path / "task")
    assert load_folder(tmp_path / "task").metric == "exact_match"


def test_every_right_answer_is_written_out(tmp_path: Path) -> None:
    rows = [{"question": row["ticket"], "answer": [row["team"], row["team"][:3]]} for row in tickets()]
    init_task(jsonl(tmp_path / "a.jsonl", rows), tmp_path / "task")
    read = load_folder(tmp_path / "task").data
    assert read is not None
    assert all(len(sample.gold) == 2 for sample in read.validation)


def test_a_chat_keeps_its_turns_in_both_splits(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "system", "content": "Name the team."},
                {"role": "user", "content": row["ticket"]},
                {"role": "assistant", "content": row["team"]},
            ]
        }
        for row in tickets()
    ]
    data = data_task(jsonl(tmp_path / "chats.jsonl", rows)).data
    assert data is not None
    asked = data.validation[0].asked
    assert isinstance(asked, dict)
    assert [turn["role"] for turn in asked["messages"]] == ["system", "user"]
    assert all(row["turns"][0]["content"] == "Name the team." for row in data.sources[0].rows)


def test_the_functions_that_may_be_called_reach_both_sides(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "route", "parameters": {"type": "object"}}}
    rows = [
        {
            "tools": [tool],
            "messages": [
                {"role": "user", "content": row["ticket"]},
                {"role": "assistant", "content": row["team"]},
            ],
        }
        for row in tickets()
    ]
    spec = data_task(jsonl(tmp_path / "calls.jsonl", rows))
    assert spec.data is not None
    asked = spec.data.validation[0].asked
    assert isinstance(asked, dict)
    assert asked["tools"][0]["function"]["name"] == "route"
    source = spec.data.sources[0]
    example = to_example(Raw(source.name, 0, source.rows[0]), source.columns, spec)
    assert example is not None
    assert example.tools[0]["function"]["name"] == "route"


def test_what_was_not_used_is_said(tmp_path: Path) -> None:
    rows = [{"question": row["ticket"], "answer": row["team"], "colour": "red"} for row in tickets()]
    rows[3]["answer"] = None
    told = data_task(jsonl(tmp_path / "a.jsonl", rows)).data
    assert told is not None
    text = "\n".join(told.understood)
    assert "columns that are not used: colour" in text
    assert "1 set aside, the answer is empty" in text


def test_an_answer_that_another_is_named_for_is_not_used(tmp_path: Path) -> None:
    rows = [{"question": row["ticket"], "answer": "none", "team": row["team"]} for row in tickets()]
    told = data_task(jsonl(tmp_path / "a.jsonl", rows), declared=Declared(answer="team")).data
    assert told is not None
    assert "a: columns that are not used: answer" in told.understood


def test_rows_of_another_kind_are_said_and_their_columns_are_used(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"question": row["ticket"], "answer": row["team"]} for row in tickets(60)]
    turns = ({"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."})
    rows += [{"messages": turns, "colour": "red"} for _ in range(20)]
    rows += [{"instruction": f"Say {n}.", "output": str(n)} for n in range(10)]
    told = data_task(jsonl(tmp_path / "a.jsonl", rows)).data
    assert told is not None
    text = "\n".join(told.understood)
    assert "a: other rows are read as messages (20), instruction (10)" in text
    assert "columns that are not used: colour\n" in text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (tickets(20), "20 usable rows"),
        ([{"text": f"a story about {n}"} for n in range(60)], "no row can be used"),
        (
            [{"ticket": "router", "team": f"desk {n}"} for n in range(60)],
            "no item is left for validation and",
        ),
    ],
)
def test_data_that_makes_no_task_is_refused_in_one_line(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        data_task(jsonl(tmp_path / "a.jsonl", rows))
    assert "\n" not in str(caught.value)


def undecided() -> list[dict[str, Any]]:
    rows = enumerate(tickets())
    return [
        {"note": row["ticket"], "corrected_note": f"{row['ticket']}!", "is_right": n % 2 == 0}
        for n, row in rows
    ]


def test_an_answer_that_nobody_can_know_is_asked_for(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "notes.jsonl", undecided())
    with pytest.raises(InputError, match="--answer corrected_note") as caught:
        data_task(path)
    assert "is_right (true)" in str(caught.value)
    made = init_task(path, tmp_path / "task", declared=Declared("Right? {note}", "is_right"))
    read = load_folder(tmp_path / "task")
    assert made.data is not None and read.data is not None
    assert read.data.validation[0].prompt.startswith("Right? The ")
    assert {sample.gold for sample in read.data.validation} == {"true", "false"}


@pytest.mark.parametrize("declared", [Declared("", "is_write"), Declared("{notes}", "")])
def test_a_named_column_that_is_not_there_is_refused(tmp_path: Path, declared: Declared) -> None:
    with pytest.raises(InputError, match=r"no row has that column; did you mean (is_right|note)"):
        data_task(jsonl(tmp_path / "notes.jsonl", undecided()), declared=declared)


def test_the_written_task_is_the_same_task(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "tickets.jsonl", tickets())
    made = init_task(path, tmp_path / "task")
    read = load_folder(tmp_path / "task")
    assert made.data is not None and read.data is not None
    assert read.metric == made.metric
    assert {s.prompt for s in read.data.load_test()} == {s.prompt for s in made.data.load_test()}
    assert {r["answer"] for s in read.data.sources for r in s.rows} == {"network", "desk"}
    with pytest.raises(InputError, match="there already"):
        init_task(path, tmp_path / "task")


@pytest.mark.parametrize(
    ("answers", "metric"),
    [
        (["A", "b", "C", "D"] * 10, "choice_letter"),
        ([f"{n}.5" for n in range(40)], "number"),
        (["yes", "no"] * 20, "exact_match"),
        ([json.dumps({"code": n, "why": "x"}) for n in range(40)], "json_field"),
        ([f"This is a rather long answer about thing number {n}, with words" for n in range(40)], "token_f1"),
        ([f"There were {n} and 3 more.\n#### {n + 3}" for n in range(40)], "number"),
        ([f"We look at it.\n#### {'AB'[n % 2]}" for n in range(40)], "choice_letter"),
        ([], "exact_match"),
    ],
)
def test_the_metric_suits_the_answers(answers: list[str], metric: str) -> None:
    assert guess_metric(answers).metric == metric


def test_of_several_fields_the_telling_one_is_taken_and_another_is_named() -> None:
    answers = [
        json.dumps({"reason": f"a long text about row {n}", "code": str(100 + n % 3)}) for n in range(40)
    ]
    guess = guess_metric(answers)
    assert (guess.metric, guess.field) == ("json_field", "code")
    assert "field = 'reason'" in guess.why


def test_the_answer_budget_holds_every_reference() -> None:
    assert guess_budget(["x" * 100]) >= 50
    assert guess_budget([]) >= 16


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=60))
def test_equal_questions_stay_on_one_side(prompts: list[str]) -> None:
    train, validation, test = split_rows(prompts)
    assert sorted([*train, *validation, *test]) == list(range(len(prompts)))
    sides = [{fingerprint(prompts[place]) for place in part} for part in (train, validation, test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_rows_of_one_group_and_near_copies_stay_on_one_side() -> None:
    prompts = [row["ticket"] for row in tickets(100)]
    groups = [str(place % 20) for place in range(100)]
    parts = split_rows(prompts, groups)
    held = [{groups[place] for place in part} for part in parts]
    assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
    long = [
        f"{text} since the storm of last week and nobody from the office came to look at it"
        for text in prompts
    ]
    copies = [*long, *(text.replace("nobody", "no one") for text in long)]
    train, validation, test = ({place % 100 for place in part} for part in split_rows(copies))
    assert not (train & validation or train & test or validation & test)


def test_edited_copies_stay_on_one_side_also_under_a_long_instruction() -> None:
    form = (
        "Read the note below with care, think about which of the four desks must see it first, and reply "
        "with the name of the desk in lower case and with nothing else, neither a reason nor a mark. Note: {}"
    )
    asked = [f"{row['ticket']} since the storm of last week and nobody looked at it" for row in tickets(120)]
    prompts = [
        form.format(text)
        for note in asked
        for text in (note, note.replace("the storm", "this storm"), note.replace("looked", "please looked"))
    ]
    train, validation, test = ({place // 3 for place in part} for part in split_rows(prompts))
    assert len(test) >= 10
    assert not (train & validation or train & test or validation & test)


def test_sources_whose_names_are_nearly_alike_are_all_written_out(tmp_path: Path) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    jsonl(tmp_path / "data" / "a" / "b.jsonl", tickets(50))
    jsonl(tmp_path / "data" / "a-b.jsonl", tickets()[50:])
    made = init_task(tmp_path / "data", tmp_path / "task")
    assert made.data is not None
    again = load_folder(tmp_path / "task").data
    assert again is not None
    assert sorted(len(source.rows) for source in again.sources) == sorted(
        len(source.rows) for source in made.data.sources
    )
