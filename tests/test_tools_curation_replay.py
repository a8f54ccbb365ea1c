"""Replay: general rows in their share, marked, clean, and never counted as the task's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memory.recipe import Cap, DataCard, DataRecipe, Decontaminate, Map, Operation, Replay, Select
from tasks.base import Source
from tasks.errors import ExperimentFailed
from tests.test_tools_curation_run import GUARD, SPEC
from tools.curation.operations import Raw, to_example
from tools.curation.replay import BASE_ANSWERS, MOST_REPEATS
from tools.curation.run import dry_run, run_recipe
from tools.workspace import Workspace

SEALED = "A shop sells 14 pens on Monday and 23 on Tuesday. How many is that?"
COLUMNS = {"prompt": "prompt", "answer": "answer"}
OWN = Source(
    "own", "", tuple({"prompt": f"copy the word w{n}", "answer": f"w{n}"} for n in range(90)), columns=COLUMNS
)


def general(count: int, name: str = BASE_ANSWERS) -> Source:
    rows = ({"prompt": f"Tell {n}.", "answer": f"It is {n}."} for n in range(count))
    return Source(name, "", tuple(rows), columns=COLUMNS, replay=True)


def recipe(*after: Operation, seed: int = 0) -> DataRecipe:
    first = (Select(sources=("own",)), Map(columns={"own": COLUMNS}), Decontaminate())
    return DataRecipe(operations=(*first, *after), seed=seed)


def run(
    folder: Path, made: DataRecipe, *sources: Source, max_rows: int = 1000
) -> tuple[DataCard, list[dict]]:
    workspace = Workspace.create(folder, "run")
    pool = {source.name: source for source in (OWN, *sources)}
    card = run_recipe(made, pool, SPEC, GUARD, workspace, len, max_rows=max_rows)
    lines = workspace.inside(card.path).read_text(encoding="utf-8").splitlines()
    return card, [json.loads(line) for line in lines]


def test_general_rows_make_their_share_and_are_marked_and_counted(tmp_path: Path) -> None:
    card, rows = run(tmp_path, recipe(Cap(rows=200), Replay(share=0.1)), general(50))
    assert (card.rows, card.replay_rows) == (100, 10)
    assert card.rows_by_source == {"own": 90, BASE_ANSWERS: 10}
    assert [row["source"] for row in rows if row.get("general")] == [BASE_ANSWERS] * 10
    assert not any(row.get("general") for row in rows if row["source"] == "own")


def test_general_rows_that_are_longer_make_their_share_of_tokens(tmp_path: Path) -> None:
    answers = (f"{n:03d}" * 20 for n in range(50))
    rows = tuple({"prompt": f"Tell {n}.", "answer": answer} for n, answer in enumerate(answers))
    source = Source(BASE_ANSWERS, "", rows, columns=COLUMNS, replay=True)
    card, written = run(tmp_path, recipe(Replay(share=0.25)), source)
    lengths = {True: 0, False: 0}
    for row in written:
        lengths[bool(row.get("general"))] += len(row["prompt"]) + len(row["answer"])
    assert lengths[True] / sum(lengths.values()) == pytest.approx(0.25, abs=0.04)
    assert card.replay_rows < 15 and "the share in tokens (30 would be it in rows)" in card.steps[-1].note


def test_the_limit_on_rows_holds_with_them(tmp_path: Path) -> None:
    card, _ = run(tmp_path, recipe(Replay(share=0.25)), general(50), max_rows=40)
    assert (card.rows, card.replay_rows) == (40, 10)


def test_few_general_rows_come_four_times_at_most_and_the_card_says_so(tmp_path: Path) -> None:
    card, rows = run(tmp_path, recipe(Replay(share=0.5)), general(5))
    assert card.replay_rows == 5 * MOST_REPEATS
    assert "5 of them different, 90 wanted" in card.steps[-1].note
    assert len({row["prompt"] for row in rows if row.get("general")}) == 5


def test_a_general_row_without_an_answer_is_left_out_and_counted(tmp_path: Path) -> None:
    source = general(3)
    gaps = ({"prompt": "Say nothing.", "answer": " "}, {"prompt": "Say more.", "answer": "more " * 500})
    holey = Source(source.name, "", (*source.rows, *gaps), columns=COLUMNS, replay=True)
    card, rows = run(tmp_path, recipe(Replay(share=0.5)), holey)
    assert "2 without a prompt or an answer, or too long, left out" in card.steps[-1].note
    assert len({row["prompt"] for row in rows if row.get("general")}) == 3


def test_no_more_general_rows_are_read_than_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def noted(raw: Raw, *rest: Any) -> Any:
        read.append(raw.row)
        return to_example(raw, *rest)

    monkeypatch.setattr("tools.curation.replay.to_example", noted)
    card, _ = run(tmp_path, recipe(Replay(share=0.1)), general(400))
    assert card.replay_rows == len(read) == 10


def test_a_general_row_that_matches_a_sealed_item_is_left_out(tmp_path: Path) -> None:
    sealed = {"prompt": SEALED, "answer": "37"}
    source = general(3)
    leaky = Source(source.name, "", (*source.rows, sealed), columns=COLUMNS, replay=True)
    card, rows = run(tmp_path, recipe(Replay(share=0.1)), leaky)
    assert "1 that match" in card.steps[-1].note
    assert sealed["prompt"] not in {row["prompt"] for row in rows}


def test_other_general_rows_give_another_set(tmp_path: Path) -> None:
    made = recipe(Replay(share=0.1))
    keys = {run(tmp_path / str(count), made, general(count))[0].path for count in (20, 21)}
    assert len(keys) == 2


def test_declared_rows_are_taken_by_name(tmp_path: Path) -> None:
    card, _ = run(tmp_path, recipe(Replay(share=0.1, source="chats")), general(30, "chats"))
    assert card.rows_by_source["chats"] == card.replay_rows == 10


@pytest.mark.parametrize(
    ("made", "sources", "told"),
    [
        (recipe(Replay(share=0.1), Cap(rows=10)), (general(5),), "last operation"),
        (recipe(Replay(share=0.1, source="none")), (general(5),), "no general rows called 'none'"),
        (recipe(Replay(share=0.1)), (Source(BASE_ANSWERS, "", (), columns=COLUMNS),), "can be used"),
    ],
)
def test_a_recipe_that_cannot_be_run_says_why(
    made: DataRecipe, sources: tuple[Source, ...], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ExperimentFailed, match=told) as caught:
        run(tmp_path, made, *sources)
    assert caught.value.code == "bad_recipe"


def test_a_rehearsal_leaves_out_answers_that_nobody_has_given_yet() -> None:
    rows, steps = dry_run(recipe(Replay(share=0.1)), {"own": OWN}, SPEC, GUARD)
    assert len(rows) == 90
    assert [step.op for step in steps] == ["select", "map", "decontaminate"]
