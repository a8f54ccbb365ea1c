"""Staged evaluation in a run: who is asked everything, and what is on the disk after a kill or a failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from memory.budget.clocks import Budget, Ledger
from memory.records import Evaluation
from tasks.base import ItemScore, Sample, Score
from tasks.errors import ExperimentFailed
from tests.support import run_in_progress
from tests.support.copy_word_task import copy_spec, samples
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.support.run_records import training
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.checks.champion import candidate_of, outcome_of
from tools.evaluation import evaluate as evaluating
from tools.evaluation import staged
from tools.evaluation.evaluate import read_items
from tools.evaluation.staged import FIRST, FIRST_SHARE, LEVEL, REST, first_share
from tools.process.worker import Usage, Worker
from tools.toolkit.experiment import experiment_text
from tools.toolkit.results import result_tools
from tools.workspace import Workspace

ITEMS = 240
QUARTER = 60


# ---- a run's environment


@dataclass
class Answerer:
    """A worker whose models answer items by their number; the bottom of the stack."""

    right: dict[str, Callable[[int], bool]]
    """By experiment: which items its model gets right."""
    samples: Sequence[Sample]
    asked: list[tuple[str, int]] = field(default_factory=list)
    """(experiment, items) of each call."""
    fails: set[int] = field(default_factory=set)
    """Calls, counted from 1, that end in a timeout."""
    threads: int = 1
    limit: Callable[[], float] | None = None

    def measure(
        self, function: str, payload: dict[str, Any], *others: Any, **more: Any
    ) -> tuple[dict[str, Any], Usage]:
        ((split, prompts),) = payload["sets"].items()
        experiment = Path(payload["model_dir"]).parent.name
        self.asked.append((experiment, len(prompts)))
        if len(self.asked) in self.fails:
            raise ExperimentFailed("evaluate", "timeout", "killed after 3600 s, its time limit")
        place = {sample.prompt: n for n, sample in enumerate(self.samples)}
        right = self.right[experiment]
        answers = [f"word {place[p]}" if right(place[p]) else "word none" for p in prompts]
        seconds = 0.5 * len(prompts)
        figures = {
            "answers": answers,
            "limits": [""] * len(prompts),
            "generated_tokens": 3 * len(prompts),
            "wall_seconds": seconds,
            "cpu_seconds": seconds,
            "loading_seconds": 0.0,
        }
        reply = {name: {split: value} for name, value in figures.items()}
        return reply | {"known": []}, Usage(seconds + 0.25, seconds, 0.1)


def trained(dojo: StillDojo, id: str) -> None:
    run_in_progress._write(dojo, int(id[1:]), "", "card")
    dojo.journal.append("training", training(f"experiments/{id}/model", tokens=640), id)


@pytest.fixture
def dojo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StillDojo:
    return run_with_a_model(tmp_path, monkeypatch)


def run_with_a_model(folder: Path, patch: pytest.MonkeyPatch) -> StillDojo:
    """A run whose base gets the first 48 of 240 items right, and whose e01 is trained."""
    patch.setattr(run_in_progress, "VALIDATION", ITEMS)
    made = make_dojo(folder, 0)
    base = made.journal.evaluation("base")
    assert base is not None
    assert base.wall_seconds > 0
    trained(made, "e01")
    return made


def with_models(dojo: StillDojo, **right: Callable[[int], bool]) -> Answerer:
    worker = Answerer(right, dojo.validation)
    dojo.worker = cast(Worker, worker)
    return worker


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
    assert found.wall_seconds - found.judging_seconds == pytest.approx(0.5 * ITEMS + 2 * 0.25)
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
    assert found.wall_seconds - found.judging_seconds == pytest.approx(0.5 * ITEMS + 2 * 0.25)


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
