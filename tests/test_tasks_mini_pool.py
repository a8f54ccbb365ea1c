"""The raw pools have the defects that they are meant to have, and no others."""

from __future__ import annotations

import json
import random

import pytest

from tasks.base import Source
from tasks.columns import paths, pluck
from tasks.mini.pool import DEFECTS, SHAPE, planted_leaks, pool_key
from tasks.registry import get, ids, synthetic
from tasks.splits import fingerprint
from tests.support import solvers
from tests.support.mini_editions import mini, sealed, source

IDS = ids()
QUICK = (
    "aime25",
    "panorama_noc4pc",
    "chemcotbench_mol_und",
    "tablebench_numerical_reasoning",
    "FinanceIQ_gen",
)
ONE_A_FAMILY = [id_ if id_ in QUICK else pytest.param(id_, marks=pytest.mark.slow) for id_ in IDS]
"""Where a test builds a pool once more: the rest in `make test-slow`."""


def _texts(task_id: str, rows: Source) -> list[str]:
    """The question of each row, whatever its layout."""
    spec, found = get(task_id), []
    for row in rows.rows:
        names = ("messages.0.content", "prompt", "instruction", "query")
        text = spec.build_prompt(row) or next(t for name in names if (t := pluck(row, name)))
        found.append(text)
    return found


def _marks(task_id: str) -> dict[str, str]:
    return {fingerprint(s.prompt): s.id for s in (*mini(task_id).validation, *sealed(task_id))}


@pytest.mark.parametrize("task_id", IDS)
def test_seven_sources_with_neutral_cards(task_id: str) -> None:
    pool = mini(task_id).sources
    assert len(pool) == len({s.name for s in pool}) == len(DEFECTS) == 7
    assert sorted(pool_key(synthetic(task_id), 0).values()) == sorted(DEFECTS)
    for each in pool:
        lines = each.card.strip().splitlines()
        assert 5 <= len(lines) <= 12
        assert each.name in lines[0]
        assert f"{len(each.rows):,}" in each.card
        told = ("wrong", "noisy", "duplicate", "leak", "contamin", "clean", "off-", "test set", "validation")
        assert not [word for word in told if word in (each.card + each.name).casefold()]


@pytest.mark.parametrize("task_id", IDS)
def test_other_seeds_shuffle_which_source_has_what(task_id: str) -> None:
    holders = {_holder(task_id, seed, "clean") for seed in range(12)}
    assert len(holders) >= 4


def _holder(task_id: str, seed: int, defect: str) -> str:
    return next(name for name, what in pool_key(synthetic(task_id), seed).items() if what == defect)


@pytest.mark.parametrize("task_id", IDS)
def test_labels_are_right_in_one_source_and_often_wrong_in_another(task_id: str) -> None:
    def right_share(defect: str) -> float:
        rows = source(task_id, defect).rows
        return sum(solvers.label_is_right(task_id, row) for row in rows) / len(rows)

    assert right_share("clean") == 1.0
    assert right_share("wrong_labels") == pytest.approx(1 - SHAPE.wrong_labels_share, abs=0.001)
    assert len(source(task_id, "wrong_labels").rows) == SHAPE.wrong_labels_rows


@pytest.mark.parametrize("task_id", IDS)
def test_only_the_leaking_source_holds_test_rows(task_id: str) -> None:
    marks = _marks(task_id)
    for each in mini(task_id).sources:
        hits = {id_ for text in _texts(task_id, each) if (id_ := marks.get(fingerprint(text)))}
        if pool_key(synthetic(task_id), 0)[each.name] == "leak":
            planted = SHAPE.leak_validation_rows + SHAPE.leak_test_rows
            # Half are verbatim; of the lightly edited ones the fingerprint finds a part.
            assert 0.45 * planted <= len(hits) <= planted
            assert hits & {s.id for s in mini(task_id).validation}
            assert hits & {s.id for s in sealed(task_id)}
        else:
            assert not hits


@pytest.mark.parametrize("task_id", IDS)
def test_edited_leaks_differ_from_the_item_and_keep_its_answer(task_id: str) -> None:
    mini_task, rng = synthetic(task_id), random.Random(5)
    for index in range(60):
        item = mini_task.generator.draw(rng, index)
        edited = mini_task.generator.edit(rng, item.columns)
        prompt = mini_task.prompt(edited)
        assert prompt is not None
        assert prompt != mini_task.prompt_of(item)
        target = mini_task.render(item.answer, item.reasoning)
        assert get(task_id).verify(prompt, target) is not False, prompt


@pytest.mark.parametrize("task_id", IDS)
def test_duplicates_repeat_few_questions(task_id: str) -> None:
    texts = _texts(task_id, source(task_id, "duplicates"))
    distinct = {fingerprint(text) for text in texts}
    assert len(texts) == SHAPE.duplicates_rows
    assert SHAPE.duplicates_unique <= len(distinct) < 0.75 * len(texts)
    assert len(set(texts)) > len(distinct)
    clean = _texts(task_id, source(task_id, "clean"))
    assert len({fingerprint(text) for text in clean}) == len(clean)


@pytest.mark.parametrize("task_id", IDS)
def test_off_format_answers_are_right_but_not_in_the_tasks_format(task_id: str) -> None:
    spec = get(task_id)
    rows = source(task_id, "off_format").rows
    answers = [list(_leaves(row))[-1] for row in rows]
    own = [spec.render(spec.extract(answer) or "", "") == answer for answer in answers]
    assert not any(own)
    assert sum(spec.extract(answer) is not None for answer in answers) == len(rows)


def _leaves(row: object) -> list[str]:
    if isinstance(row, dict):
        return [leaf for value in row.values() for leaf in _leaves(value)]
    if isinstance(row, list):
        return [leaf for value in row for leaf in _leaves(value)]
    return [str(row)]


@pytest.mark.parametrize("task_id", IDS)
def test_off_domain_rows_share_nothing_with_the_task(task_id: str) -> None:
    spec = get(task_id)
    opening = sealed(task_id)[0].prompt[:12]
    rows = source(task_id, "off_domain")
    assert not [text for text in _texts(task_id, rows) if opening in text]
    assert all(spec.verify(_leaves(row)[0], _leaves(row)[-1]) is None for row in rows.rows[:200])


@pytest.mark.parametrize("task_id", IDS)
def test_worked_solutions_are_checked_by_the_task(task_id: str) -> None:
    spec, rows = get(task_id), source(task_id, "chain_of_thought").rows
    item_scores = []
    for row in rows:
        prompt = spec.build_prompt(row) or row["prompt"]
        steps = row.get("rationale") or pluck(row, spec.reasoning_column)
        answer = row.get("completion") or pluck(row, spec.answer_column) or ""
        item_scores.append(spec.verify(prompt, spec.render(spec.extract(answer) or "", steps)))
    bad = item_scores.count(False) / len(rows)
    assert 0.005 <= bad <= 2 * SHAPE.worked_flawed_share
    assert item_scores.count(True) / len(rows) > 0.4


@pytest.mark.parametrize("task_id", IDS)
def test_rows_are_plain_json_and_every_column_has_a_path(task_id: str) -> None:
    for each in mini(task_id).sources:
        row = each.rows[0]
        assert json.loads(json.dumps(row)) == row
        assert all(pluck(row, path) is not None for path in paths(row))


@pytest.mark.parametrize("task_id", ONE_A_FAMILY)
def test_planted_leaks_are_known_to_the_tests(task_id: str) -> None:
    leak, planted = source(task_id, "leak"), planted_leaks(synthetic(task_id), 0)
    prompts = {s.id: s.prompt for s in (*mini(task_id).validation, *sealed(task_id))}
    assert len(planted) == SHAPE.leak_validation_rows + SHAPE.leak_test_rows
    for place, (item_id, edited) in planted.items():
        asked = get(task_id).build_prompt(leak.rows[place])
        assert (asked != prompts[item_id]) is edited
    assert 0.35 < sum(edited for _, edited in planted.values()) / len(planted) < 0.65
