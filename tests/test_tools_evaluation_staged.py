"""Staged evaluation: who is stopped, who never is, and what is on the disk after a kill or a failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memory.budget.clocks import Budget, Ledger
from memory.records import Comparison, Evaluation
from tasks.answers.metrics import mean_over_views
from tasks.base import ItemScore, Sample, Score, TaskSpec
from tasks.errors import ExperimentFailed
from tests.support.answering_run import ITEMS, run_with_a_model, trained, with_models
from tests.support.copy_word_task import copy_spec, samples
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.support.tiny_model import make_tiny_model, shared_worker
from tests.test_tools_evaluation_paired_test import LABELS, f1_spec
from tools.checks.champion import candidate_of, outcome_of
from tools.evaluation import evaluate as evaluating
from tools.evaluation import staged
from tools.evaluation.evaluate import read_items
from tools.evaluation.paired_test import Item, score_of
from tools.evaluation.staged import FIRST, FIRST_SHARE, LEVEL, REST, cannot_win, compare_shared, first_share
from tools.toolkit.experiment import experiment_text
from tools.toolkit.results import result_tools
from tools.workspace import Workspace

QUARTER = 60


# ---- the draw


def items_of(count: int, subsets: Sequence[str] = ("a",)) -> list[Sample]:
    return [Sample(f"s{n}", subsets[n % len(subsets)], f"q{n}", "gold") for n in range(count)]


def test_each_experiment_and_seed_draws_its_own_share_and_the_same_again() -> None:
    samples = items_of(200)
    drawn = first_share(samples, "e01", 0)
    assert drawn == first_share(samples, "e01", 0)
    assert len({drawn, first_share(samples, "e02", 0), first_share(samples, "e01", 1)}) == 3
    assert len(drawn) == len(set(drawn)) == 50


def test_every_subset_has_its_share_of_the_first_items() -> None:
    samples = [replace(s, subset="abc"[min(n // 90, 2)]) for n, s in enumerate(items_of(200))]
    samples.append(replace(samples[0], id="lone", subset="d"))
    counts = Counter(samples[number].subset for number in first_share(samples, "e01", 0))
    assert counts == {"a": 22, "b": 22, "c": 5, "d": 1}


def test_over_many_draws_every_item_is_drawn_about_equally_often() -> None:
    samples = items_of(40)
    counts = Counter(number for e in range(400) for number in first_share(samples, f"e{e}", 0))
    assert sum(counts.values()) == 400 * 10
    assert min(counts.values()) >= 60  # 100 on average, standard deviation 8.7
    assert max(counts.values()) <= 140


# ---- five kinds of metric

Sides = tuple[TaskSpec, list[Sample], list[Item], list[Item]]


def item(n: int, value: float, parsed: str | None = "x", right: bool | None = None) -> Item:
    return {
        "id": f"s{n}",
        "right": value > 0.5 if right is None else right,
        "value": value,
        "parsed": parsed,
        "error": "",
    }


def _accuracy(random: np.random.Generator, better: float) -> Sides:
    samples = items_of(240)
    rates = (0.5 + better, 0.5)
    new, old = ([item(n, float(random.random() < rate)) for n in range(240)] for rate in rates)
    return copy_spec(), samples, new, old


def _graded(random: np.random.Generator, better: float) -> Sides:
    samples, luck = items_of(240), random.random(240)
    new = [item(n, float(np.clip(luck[n] * 0.5 + random.random() * 0.4 + better, 0, 1))) for n in range(240)]
    old = [item(n, float(np.clip(luck[n] * 0.5 + random.random() * 0.4, 0, 1))) for n in range(240)]
    return copy_spec(), samples, new, old


def _views(random: np.random.Generator, better: float) -> Sides:
    spec, samples, new, old = _accuracy(random, better)
    samples = [replace(s, subset="a" if n < 180 else "b") for n, s in enumerate(samples)]

    def aggregate(rows: Sequence[Sample], scores: Sequence[ItemScore]) -> Score:
        return mean_over_views(rows, scores, "correct_rate")

    return replace(spec, aggregate=aggregate), samples, new, old


def _macro_f1(random: np.random.Generator, better: float) -> Sides:
    golds = [LABELS[n] for n in random.integers(0, 3, 240)]
    samples = [replace(s, gold=gold) for s, gold in zip(items_of(240), golds, strict=True)]

    def side(rate: float) -> list[Item]:
        said = [gold if random.random() < rate else LABELS[random.integers(0, 3)] for gold in golds]
        return [item(n, float(said[n] == golds[n]), said[n]) for n in range(240)]

    return f1_spec(), samples, side(0.7 + better), side(0.7)


def _root_mean_square(random: np.random.Generator, better: float) -> Sides:
    """Less is better, and only the task's own aggregate gives the value."""

    def aggregate(rows: Sequence[Sample], scores: Sequence[ItemScore]) -> Score:
        value = float(np.sqrt(np.mean([score.value**2 for score in scores])))
        return Score(metric="rmse", value=value, low=0, high=9, n=len(rows), higher_is_better=False)

    sides = ([item(n, float(abs(random.normal(0, s)))) for n in range(240)] for s in (1.0 - 2 * better, 1.0))
    return replace(copy_spec(), aggregate=aggregate, higher_is_better=False), items_of(240), *sides


KINDS: dict[str, Callable[[np.random.Generator, float], Sides]] = {
    "right or wrong": _accuracy,
    "graded": _graded,
    "mean of subsets": _views,
    "macro F1": _macro_f1,
    "its own, less is better": _root_mean_square,
}


def lead(sides: Sides) -> float:
    """Points by which the new model comes out above the old one on all items."""
    spec, samples, new, old = sides
    mine, theirs = (score_of(spec, samples, side).value for side in (new, old))
    return mine - theirs if spec.higher_is_better else theirs - mine


def looks(sides: Sides, draws: int) -> list[Comparison]:
    """The first looks of so many experiments with the same answers."""
    spec, samples, new, old = sides
    found = []
    for number in range(draws):
        drawn = first_share(samples, f"e{number:02d}", 0)
        found.append(compare_shared([new[n] for n in drawn], old, "e01", "base", spec, samples))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_who_comes_out_above_on_all_items_is_seldom_stopped_and_who_is_far_behind_mostly(kind: str) -> None:
    make, draws = KINDS[kind], 60 if kind == "right or wrong" else 8
    random = np.random.default_rng(3)
    above = next(sides for sides in (make(random, 0.0) for _ in range(100)) if 0 < lead(sides) < 4)
    stopped = sum(map(cannot_win, looks(above, draws)))
    assert stopped <= LEVEL * draws + 2  # at 5%, more have a chance of 8% of 60 draws, of 1% of 8
    behind = make(random, -0.5)
    assert all(map(cannot_win, looks(behind, 4)))


# ---- a run's environment


@pytest.fixture
def dojo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StillDojo:
    return run_with_a_model(tmp_path, monkeypatch)


def test_a_hopeless_model_is_asked_a_quarter_and_the_record_says_why(dojo: StillDojo) -> None:
    worker = with_models(dojo, e01=lambda n: False)
    found = dojo.evaluate("e01")
    assert worker.asked == [("e01", QUARTER)]
    assert found.stopped is not None
    assert (found.stopped.answered, found.stopped.items, found.stopped.against) == (QUARTER, ITEMS, "base")
    assert found.score.n == QUARTER
    assert found.stopped.p_value <= LEVEL
    assert "60 of 240 items answered" in found.text()
    assert "points behind base" in found.stopped.text()
    items = read_items(dojo.workspace.inside(found.predictions))
    assert [int(item["id"][1:]) for item in items] == list(first_share(dojo.validation, "e01", dojo.seed))
    assert dojo.evaluate("e01") == found  # and from the journal
    assert len(worker.asked) == 1
    comparison = dojo.compare("e01", "base")
    assert (comparison.n, comparison.delta) == (QUARTER, found.stopped.delta)


def test_what_is_stopped_is_neither_kept_nor_the_candidate_and_counts_by_paired_answers(
    dojo: StillDojo,
) -> None:
    with_models(dojo, e01=lambda n: False)
    found = dojo.evaluate("e01")
    assert found.stopped is not None
    dojo.journal.append("comparison", dojo.compare("e01", "base"), "e01")
    done = dojo.journal.experiment("e01")
    assert done is not None
    assert outcome_of(done) == "discarded"
    assert candidate_of([done]) is None
    # 20% of all items for the base, less its share of right answers on those that both answered
    assert dojo.validation_score("e01").value == pytest.approx(20.0 + found.stopped.delta)
    assert found.score.value == 0.0


def test_a_model_that_can_win_answers_every_item_once_and_in_their_order(dojo: StillDojo) -> None:
    worker = with_models(dojo, e01=lambda n: n % 2 == 0)
    found = dojo.evaluate("e01")
    assert worker.asked == [("e01", QUARTER), ("e01", ITEMS - QUARTER)]
    assert found.stopped is None
    assert (found.score.value, found.score.n) == (50.0, ITEMS)
    assert found.paired_score == found.score
    items = read_items(dojo.workspace.inside(found.predictions))
    assert [item["id"] for item in items] == [sample.id for sample in dojo.validation]
    assert found.generated_tokens == 3 * ITEMS
    assert found.wall_seconds == pytest.approx(0.5 * ITEMS + 2 * 0.25)
    assert found.fixed_seconds == pytest.approx(2 * 0.25)
    assert sum(cluster.count for cluster in found.clusters) == ITEMS / 2
    assert dojo.compare("e01", "base").n == ITEMS


def test_where_answering_is_cheap_all_items_are_asked_at_once(dojo: StillDojo) -> None:
    worker = with_models(dojo, e01=lambda n: False)
    dojo.ledger = Ledger(Budget(3600.0), {"train": 1000.0, "elapsed": 1000.0}, now=lambda: 0.0)
    assert dojo.evaluate("e01").stopped is None
    assert worker.asked == [("e01", ITEMS)]


def test_the_base_is_asked_everything(dojo: StillDojo) -> None:
    given = (dojo.validation, dojo.workspace, dojo.journal, dojo.ledger.spent())
    assert staged.looks_first("e01", *given)
    assert not staged.looks_first("base", *given)


def test_a_share_of_too_few_items_is_not_looked_at(tmp_path: Path) -> None:
    few = make_dojo(tmp_path, 0)
    trained(few, "e01")
    worker = with_models(few, e01=lambda n: False)
    few.evaluate("e01")
    assert worker.asked == [("e01", 40)]


def test_after_a_kill_between_the_parts_only_the_second_is_asked(dojo: StillDojo) -> None:
    with_models(dojo, e01=lambda n: n % 2 == 0).fails.add(2)
    with pytest.raises(ExperimentFailed):
        dojo.evaluate("e01")
    worker = with_models(dojo, e01=lambda n: n % 2 == 0)
    dojo.ledger = Ledger(Budget(3600.0), {"train": 1000.0, "elapsed": 1000.0}, now=lambda: 0.0)
    found = dojo.evaluate("e01")  # though a look would not pay any more
    assert worker.asked == [("e01", ITEMS - QUARTER)]
    assert (found.score.value, found.score.n) == (50.0, ITEMS)
    assert found.wall_seconds == pytest.approx(0.5 * ITEMS + 2 * 0.25)


def test_after_a_kill_before_the_record_nothing_is_asked_again(dojo: StillDojo) -> None:
    with_models(dojo, e01=lambda n: n % 2 == 0)
    found = dojo.evaluate("e01")
    lines = dojo.journal.path.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["kind"] == "evaluation"
    dojo.journal.close()
    dojo.journal.path.write_text("".join(lines[:-1]))
    dojo.journal = type(dojo.journal).open(dojo.journal.path)
    worker = with_models(dojo, e01=lambda n: n % 2 == 0)
    assert dojo.evaluate("e01") == found
    assert worker.asked == []
    dojo.journal.close()


def test_a_failure_in_the_second_part_fails_the_experiment_and_keeps_the_first(dojo: StillDojo) -> None:
    with_models(dojo, e01=lambda n: n % 2 == 0).fails.add(2)
    with pytest.raises(ExperimentFailed) as caught:
        dojo.evaluate("e01")
    assert (caught.value.stage, caught.value.code) == ("evaluate", "timeout")
    assert dojo.journal.evaluation("e01") is None
    folder = dojo.workspace.experiment_dir("e01")
    assert (folder / f"{FIRST}.jsonl").exists()
    assert not (folder / f"{REST}.jsonl").exists()
    assert not (folder / "validation.jsonl").exists()


def test_two_stopped_models_are_compared_on_the_few_items_that_both_answered(dojo: StillDojo) -> None:
    with_models(dojo, e01=lambda n: False, e02=lambda n: n == 239)
    dojo.evaluate("e01")
    trained(dojo, "e02")
    dojo.evaluate("e02")
    both = set(first_share(dojo.validation, "e01", 0)) & set(first_share(dojo.validation, "e02", 0))
    assert dojo.compare("e02", "e01").n == len(both) < FIRST_SHARE * ITEMS


def test_items_that_cannot_be_scored_stay_out_of_a_score_in_stages(dojo: StillDojo) -> None:
    plain = dojo.spec

    def scorer(sample: Sample, answer: str) -> ItemScore:
        scored = plain.scorer(sample, answer)
        return replace(scored, scored=sample.subset == "even")

    def aggregate(samples: Sequence[Sample], scores: Sequence[ItemScore]) -> Score:
        kept = [(s, score) for s, score in zip(samples, scores, strict=True) if score.scored]
        return plain.aggregate([s for s, _ in kept], [score for _, score in kept])

    dojo.spec = replace(plain, scorer=scorer, aggregate=aggregate)
    with_models(dojo, e01=lambda n: n % 2 == 0)
    found = dojo.evaluate("e01")
    assert (found.score.value, found.score.n) == (100.0, ITEMS / 2)


def test_a_real_model_gives_the_same_answers_in_parts_and_at_once(tmp_path: Path) -> None:
    space, model, asked = Workspace.create(tmp_path, "run"), make_tiny_model(tmp_path / "model"), samples(90)

    def answer(some: Sequence[Sample], name: str) -> Evaluation:
        out = space.experiment_dir("e01") / f"{name}.jsonl"
        return evaluating.evaluate(some, copy_spec(), model, out, space, shared_worker())

    whole = answer(asked, "whole")
    items = read_items(space.inside(whole.predictions))
    rival = staged.Rival("base", items, whole.score)
    found = staged.evaluate("e01", asked, space, copy_spec(), 0, rival, answer)
    assert read_items(space.inside(found.predictions)) == items
    assert (found.score, found.clusters) == (whole.score, whole.clusters)
    assert found.generated_tokens == whole.generated_tokens
    assert found.stopped is None
    best = [one | {"right": True, "value": 1.0, "parsed": "word"} for one in items]
    ahead = staged.Rival("e00", best, whole.score.model_copy(update={"value": 100.0}))
    stopped = staged.evaluate("e01", asked, space, copy_spec(), 0, ahead, answer).stopped
    assert stopped is not None
    assert (stopped.answered, stopped.against) == (len(first_share(asked, "e01", 0)), "e00")


def test_what_roles_read_of_a_stopped_experiment_names_its_true_n(dojo: StillDojo) -> None:
    with_models(dojo, e01=lambda n: False)
    dojo.evaluate("e01")
    page = experiment_text(dojo.journal, "e01")
    assert "n=60 (60 of 240 items answered)" in page
    assert "stopped early, 60 of 240 items answered" in page
    assert "of the answered items" in page
    tools = {tool.__name__: tool for tool in result_tools(dojo)}
    assert tools["show_failures"](experiment="e01").startswith("60 of 60 answered validation items are wrong")
