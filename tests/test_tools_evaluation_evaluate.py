"""Answers come from the model's process and are scored in ours; what is finished is not asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from memory.journal.log import Journal
from memory.records import TrainingPlan
from tasks.base import ItemScore
from tasks.errors import ExperimentFailed
from tests.support.copy_word_task import copy_spec, data_card, samples
from tests.support.run_records import run_info
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.evaluation.evaluate import (
    Asking,
    answer_sets,
    clusters,
    evaluate,
    read_items,
    row_agreement,
    row_answers,
)
from tools.evidence import Evidence
from tools.process.worker import Worker
from tools.training.train import TrainingJob, train
from tools.workspace import Workspace


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.create(tmp_path_factory.mktemp("runs"), "run")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def trained(space: Workspace, base: Path) -> Path:
    """A model that has learned to copy."""
    plan = TrainingPlan(
        learning_rate=1e-2, max_steps=150, per_device_train_batch_size=16, timeout_seconds=120.0
    )
    done = train(TrainingJob(plan, "e01", base, data_card(space), space, shared_worker()))
    return space.inside(done.model_dir)


def test_training_moves_the_score(space: Workspace, base: Path, trained: Path) -> None:
    scores = []
    for name, model in (("base", base), ("e01", trained)):
        out = space.experiment_dir(name) / "validation.jsonl"
        found = evaluate(samples(20), copy_spec(), model, out, space, shared_worker())
        assert found.predictions == f"experiments/{name}/validation.jsonl"
        assert found.score.n == 20
        assert found.generated_tokens > 0
        assert 0.0 <= found.fixed_seconds < found.wall_seconds
        items = read_items(out)
        assert [item["id"] for item in items] == [sample.id for sample in samples(20)]
        assert sum(item["right"] for item in items) == round(found.score.value * 20 / 100)
        scores.append(found.score.value)
    assert scores[1] >= scores[0] + 30.0


def test_finished_predictions_are_judged_again_and_not_made_again(space: Workspace, trained: Path) -> None:
    out = space.experiment_dir("e02") / "validation.jsonl"
    with Journal.create(space.run_dir / "e02.jsonl", run_info()) as journal:
        written = Evidence(journal, space)
        first = evaluate(samples(6), copy_spec(), trained, out, space, shared_worker(), evidence=written)
        out_of_order = Worker(preload=("no_such_library",))  # any use of it would raise
        again = evaluate(samples(6), copy_spec(), trained, out, space, out_of_order, evidence=written)
        assert again == first
        out.write_text("".join(out.read_text().splitlines(keepends=True)[:3]))  # a torn file is not trusted
        again = evaluate(samples(6), copy_spec(), trained, out, space, shared_worker(), evidence=written)
        assert again.score == first.score
        assert len(read_items(out)) == 6
        assert "another one than the run wrote" in journal.notes[-1]


def test_predictions_that_the_run_did_not_write_are_never_taken_for_answers(
    space: Workspace, base: Path
) -> None:
    out = space.experiment_dir("e05") / "test.jsonl"
    true = evaluate(samples(6), copy_spec(), base, out, space, shared_worker(), split="test")
    forged = [
        item | {"prediction": sample.gold} for item, sample in zip(read_items(out), samples(6), strict=True)
    ]
    content = "".join(json.dumps(item) + "\n" for item in forged)
    for name, written in (("forged", True), ("unknown", False)):
        out.write_text(content)
        with Journal.create(space.run_dir / f"{name}.jsonl", run_info()) as journal:
            evidence = Evidence(journal, space) if written else None
            found = evaluate(
                samples(6), copy_spec(), base, out, space, shared_worker(), split="test", evidence=evidence
            )
            assert found.score == true.score
            assert ["test.jsonl is none that the run wrote" in note for note in journal.notes] == [
                True
            ] * written


def test_an_empty_split_is_a_failure_of_the_experiment(space: Workspace, base: Path) -> None:
    out = space.experiment_dir("e03") / "validation.jsonl"
    with pytest.raises(ExperimentFailed, match="empty_data"):
        evaluate([], copy_spec(), base, out, space, shared_worker())


def test_a_model_that_cannot_be_loaded_is_a_failure_with_its_cause(space: Workspace, tmp_path: Path) -> None:
    broken = make_tiny_model(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    out = space.experiment_dir("e04") / "validation.jsonl"
    with pytest.raises(ExperimentFailed) as caught:
        evaluate(samples(2), copy_spec(), broken, out, space, shared_worker())
    assert (caught.value.stage, caught.value.code) == ("evaluate", "crashed")
    assert "Error" in caught.value.log_tail
    assert not out.exists()


def test_the_greedy_loop_gives_the_tokens_of_transformers(base: Path, trained: Path, tmp_path: Path) -> None:
    prompts = [sample.prompt for sample in samples(9)] + ["what is the answer to the question " * 4]
    for model in (base, trained):
        payload = {
            "model_dir": str(model),
            "prompts": prompts,
            "max_new_tokens": 24,
            "batch_rows": [1, 4, 128],
        }
        found = shared_worker().run("tests.support.worker_jobs:side_by_side", payload, 60.0, tmp_path / "log")
        assert any(found["theirs"])
        for rows, ours in found["ours"].items():
            assert ours == found["theirs"], f"batches of {rows}"


def test_several_sets_are_answered_in_one_process(trained: Path, tmp_path: Path) -> None:
    sets = {"first": ["copy the word 3"], "none": [], "second": ["copy the word 5", "copy the word 3"]}
    reply, _ = answer_sets(Asking(sets, trained, 8), shared_worker(), tmp_path / "log")
    assert {name: len(answers) for name, answers in reply["answers"].items()} == {
        "first": 1,
        "none": 0,
        "second": 2,
    }
    assert reply["answers"]["first"][0] == reply["answers"]["second"][1]
    assert reply["generated_tokens"]["none"] == 0


def test_agreement_tells_right_labels_from_wrong_ones(trained: Path) -> None:
    prompts = [f"copy the word {n}" for n in range(5)]
    reply, _ = answer_sets(Asking({"x": prompts}, trained, 8), shared_worker(), trained.parent / "log")
    answers = reply["answers"]["x"]
    rows = {
        "same": list(zip(prompts, answers, strict=True)),
        "wrong": [(prompt, answer + " not") for prompt, answer in zip(prompts, answers, strict=True)],
        "blank": [(prompt, " ") for prompt in prompts],
        "empty": [],
    }
    said = row_answers(rows, copy_spec(), trained, shared_worker())
    wanted = {"same": [True] * 5, "wrong": [False] * 5, "blank": [False] * 5}
    assert row_agreement(said, copy_spec()) == wanted
    mixed = {"mixed": [rows["same"][0], rows["wrong"][1]]}
    said = row_answers(mixed, copy_spec(), trained, shared_worker())
    assert row_agreement(said, copy_spec()) == {"mixed": [True, False]}


def test_errors_are_grouped_by_class_and_view_largest_first() -> None:
    items = samples(20)
    item_scores = [
        ItemScore(
            n >= 18, float(n >= 18), None if n < 4 else "word", "" if n >= 18 else ("a" if n % 2 else "")
        )
        for n in range(20)
    ]
    found = clusters(items, item_scores)
    assert [(cluster.name, cluster.count) for cluster in found] == [
        ("a in odd", 9),
        ("wrong in even", 7),
        ("unparseable in even", 2),
    ]
    assert found[0].share == pytest.approx(9 / 20)
    assert found[0].examples == ("s1", "s3", "s5", "s7", "s9")
    one_view = [replace(sample, subset="only") for sample in items]
    assert {cluster.name for cluster in clusters(one_view, item_scores)} == {"a", "wrong", "unparseable"}
