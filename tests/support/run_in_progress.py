"""A run in the middle of its work, of any length, for the tests of what roles read.

Everything is real but the bottom: no worker, a clock that stands still, and an estimate
that does not depend on the machine. ``plant`` is put into every text of foreign origin.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from memory.budget.clocks import Budget, Ledger
from memory.experience.lessons import Recalled
from memory.experience.store import NullStore
from memory.journal.log import Journal
from memory.recipe import Cap, DataCard, DataRecipe, Filter, Map, Script, Select
from memory.records import (
    Diagnosis,
    ErrorCluster,
    Estimate,
    Evaluation,
    Failure,
    Plan,
    Prediction,
    RunInfo,
    TrainingPlan,
    Verdict,
)
from tasks.base import Sample, Score, Source
from tests.support import run_records
from tests.support.copy_word_task import copy_spec
from tests.support.progress_records import card, comparison, training
from tools.contamination.check import Decontaminator
from tools.dojo import Dojo
from tools.models.base_model import BaseModel
from tools.process.worker import Worker
from tools.sealed_test import SealedTest
from tools.workspace import Workspace

TEST_MARK = "zanzibar-quokka"
"""Stands in every item of the sealed test, and in the rows of the pool that copy one."""
WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven"),
    *("inlet", "jetty", "knoll", "ledge", "mesa", "nook", "oasis", "pond"),
)
VALIDATION, TEST = 40, 30
LOG = (
    "loading weights\n"
    "Traceback (most recent call last):\n"
    '  File "/home/someone/runs/secret-place/sft.py", line 88, in train\n'
    "    loss.backward()\n"
    "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\n"
    "\nDuring handling of the above exception, another exception occurred:\n\n"
    "Traceback (most recent call last):\n"
    '  File "/home/someone/runs/secret-place/main.py", line 3, in <module>\n'
    "    run()\n"
    "SystemExit: 1\n"
)


@dataclass
class StillDojo(Dojo):
    """A Dojo whose figures are the same on every machine."""

    told: tuple[Recalled, ...] = ()

    def estimate(self, plan: TrainingPlan, card: DataCard) -> Estimate:
        seconds = 12.0 if plan.method == "full" else 9.0
        return Estimate(
            seconds=seconds,
            peak_gib=1.1,
            available_gib=16.0,
            fits=True,
            basis="measured",
            tokens_per_second=card.rows * card.mean_tokens / seconds,
        )

    def recall(self, query: str | None = None) -> tuple[Recalled, ...]:
        return self.told


def question(number: int, mark: str = "") -> str:
    """A question that resembles no other one."""
    a, b, c = (WORDS[(number * step + step) % len(WORDS)] for step in (3, 5, 7))
    return (
        f"Copy word number {number * 37 + 11} of the {a} list, not that of the {b} {c} list. {mark}".strip()
    )


def make_dojo(
    folder: Path, experiments: int, *, plant: str = "", current: str = "", code: str = "", change: str = ""
) -> StillDojo:
    """A run after so many finished experiments.

    Args:
        folder: where the run lies; made.
        experiments: how many have finished.
        plant: a text that goes into cards, rows, prompts, answers, logs, lessons and notes.
        current: the last stage that the next experiment has reached: ``plan``, ``card`` (with its data),
            ``reading`` (measured and read); empty when it is not planned.
        code: of every recipe's script, in place of one that does nothing.
        change: what the next experiment's plan changes, on the incumbent's own sources.
    """
    workspace = Workspace.create(folder, "run")
    journal = Journal.create(workspace.journal_path, run_info())
    validation = tuple(
        Sample(f"v{n}", ("even", "odd")[n % 2], f"{question(n)} {plant}".strip(), f"word {n}")
        for n in range(VALIDATION)
    )
    test = tuple(Sample(f"t{n}", "even", question(500 + n, TEST_MARK), f"word {n}") for n in range(TEST))
    sealed = SealedTest.seal(lambda: test)
    ledger = Ledger(Budget(3600.0), {"elapsed": 900.0}, now=lambda: 0.0)
    dojo = StillDojo(
        spec=replace(copy_spec(), build_prompt=lambda row: None),
        edition="mini",
        base_model=tiny_base(),
        validation=validation,
        pool={source.name: source for source in _pool(plant)},
        test=sealed,
        decontaminator=Decontaminator.build(validation, sealed),
        workspace=workspace,
        journal=journal,
        ledger=ledger,
        store=NullStore(),
        worker=cast(Worker, None),
        count_tokens=lambda text: len(text.split()),
        seed=0,
        max_rows=2000,
        told=tuple(_recalled(n, plant) for n in range(6)),
    )
    spent = dict.fromkeys(("think", "data", "train", "evaluate", "elapsed"), 0.0)
    journal.clock_source = lambda: dict(spent)
    journal.append("evaluation", _evaluation(dojo, "base", 20.0, plant), "base")
    for number in range(1, experiments + 1):
        spent.update({clock: seconds + 10.0 for clock, seconds in spent.items()})
        _write(dojo, number, plant, code=code)
        _close(journal, number, plant)
    if current:
        _write(dojo, experiments + 1, plant, current, code, change)
    return dojo


def next_id(experiments: int) -> str:
    """The id of the experiment after so many."""
    return f"e{experiments + 1:02d}"


def _outcome(number: int) -> str:
    if number % 7 == 3:
        return "failed"
    return "kept" if number % 5 == 1 else "discarded"


def _write(
    dojo: StillDojo, number: int, plant: str, last: str = "verdict", code: str = "", change: str = ""
) -> None:
    journal, id = dojo.journal, f"e{number:02d}"
    parent = journal.incumbent_id()
    sources: tuple[str, ...] = ("field-notes", "forum") if number % 2 else ("field-notes",)
    if change and (before := journal.plan(parent)) is not None:
        sources = before.sources
    journal.append(
        "plan",
        Plan(
            experiment=id,
            parent=None if parent == "base" else parent,
            hypothesis=f"attempt {number} copies more words {plant}",
            reason=f"the largest cluster is other_word {plant}",
            change=change or ("sources", "hyperparameters", "duration", "operations")[number % 4],
            expected_gain=4.0,
            sources=sources,
            max_seconds=240.0,
            init_from=parent,
            tests=f"e{number - 1:02d}" if number % 4 == 0 else "",
        ),
        id,
    )
    if last == "plan":
        return
    journal.append("recipe", _recipe(sources, plant, code), id)
    journal.append("card", card(sources), id)
    _write_rows(dojo, sources, plant)
    if last == "card":
        return
    hyperparameters = TrainingPlan(
        learning_rate=1e-3 * (1 + number % 5),
        per_device_train_batch_size=16 * (1 + number % 2),
        num_train_epochs=3.0,
        init_from=parent,
        override_reason="the curve was flat" if number % 6 == 5 else "",
    )
    journal.append("training_plan", hyperparameters, id)
    if _outcome(number) == "failed":
        stage, code = (("train", "out_of_memory"), ("probe", "diverged"))[number % 2]
        failure = Failure(
            stage=stage, code=code, message=f"the child of {id} ended {plant}", log_tail=LOG + plant
        )
        journal.append("failure", failure, id)
        return
    score = 20.0 + 60.0 * (1 - 0.8**number)
    journal.append("training", training(id), id)
    journal.append("evaluation", _evaluation(dojo, id, score, plant), id)
    before = journal.evaluation(parent)
    delta = score - (before.score.value if before else 20.0)
    journal.append("comparison", comparison(id, parent, delta, VALIDATION), id)
    journal.append(
        "verdict",
        Verdict(
            verdict="keep", note=f"more items fixed than broken {plant}", cluster_notes={"other_word": plant}
        ),
        id,
    )


def _close(journal: Journal, number: int, plant: str) -> None:
    id = f"e{number:02d}"
    prediction = Prediction(change="sources", claim=f"without forum it copies {plant}", expected_gain=3.0)
    diagnosis = Diagnosis(
        cause="data",
        evidence=(f"other_word is 40% of all items of {id} {plant}",),
        next_move="clean_data",
        note=f"the labels of forum look shifted {plant}",
        source_scores={"field-notes": 0.8, "forum": 0.3} if number == 1 else {},
        prediction=prediction,
    )
    journal.append("diagnosis", diagnosis, id)
    journal.finish(id, _outcome(number))


def run_info() -> RunInfo:
    return run_records.run_info(
        run="copy-s0",
        task="copy",
        base_model="tiny",
        policy="llm",
        budget_seconds=3600.0,
        memory="/home/someone/memory",
    )


def tiny_base() -> BaseModel:
    return BaseModel(
        path=Path("/home/someone/models/tiny"),
        name="tiny",
        parameters=3_000_000,
        n_layers=4,
        hidden_size=128,
        vocab=1000,
        max_positions=512,
        size_gib=0.01,
        sha="0" * 16,
    )


def _pool(plant: str) -> tuple[Source, ...]:
    notes = tuple(
        {"question": f"{question(1000 + n)} {plant}", "answer": f"word {n}", "collector": WORDS[n % 16]}
        for n in range(80)
    )
    copies = tuple({"question": question(500 + n, TEST_MARK), "answer": f"word {n}"} for n in range(TEST))
    forum = tuple(
        {"question": f"{question(2000 + n)} {plant}", "answer": f"word {n + 1} {plant}"} for n in range(50)
    )
    return (
        Source("field-notes", f"# Field notes\nCollected by hand. {plant}", notes),
        Source("forum", f"# Forum\nAnswers of readers. {plant}", forum + copies),
        Source(
            "drafts", f"# Drafts\nUnfinished. {plant}", tuple({"draft": f"{n} {plant}"} for n in range(40))
        ),
    )


def _write_rows(dojo: StillDojo, sources: tuple[str, ...], plant: str) -> None:
    """The training set that every card speaks of."""
    rows = [
        {
            "prompt": f"{question(3000 + n)} {plant}",
            "answer": f"Step by step, word {n}",
            "source": name,
            "row": n,
        }
        for name in sources
        for n in range(60)
    ]
    dojo.workspace.write_jsonl(dojo.workspace.inside("data/rows.jsonl"), rows)


def _recipe(sources: tuple[str, ...], plant: str, code: str = "") -> DataRecipe:
    columns = {name: {"prompt": "question", "answer": "answer"} for name in sources}
    code = code or f"def transform(row):\n    # {plant}\n    return row\n"
    operations = (
        Select(sources=sources),
        Map(columns=columns),
        Filter(rule="parseable"),
        Script(purpose=f"leave rows as they are {plant}"[:300], code=code),
        Cap(rows=2000),
    )
    return DataRecipe(operations=operations)


def _evaluation(dojo: StillDojo, id: str, value: float, plant: str) -> Evaluation:
    path = dojo.workspace.experiment_dir(id) / "validation.jsonl"
    right = round(VALIDATION * value / 100)
    rows: list[dict[str, Any]] = [
        {
            "id": sample.id,
            "subset": sample.subset,
            "prediction": f"{sample.gold if n < right else 'word none'} {plant}".strip(),
            "parsed": sample.gold if n < right else "word none",
            "right": n < right,
            "value": float(n < right),
            "error": "" if n < right else "other_word",
        }
        for n, sample in enumerate(dojo.validation)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    wrong = [row["id"] for row in rows if not row["right"]]
    cluster = ErrorCluster(
        name="other_word", count=len(wrong), share=len(wrong) / VALIDATION, examples=tuple(wrong[:5])
    )
    score = Score(
        metric="accuracy",
        value=value,
        low=max(0.0, value - 12),
        high=min(100.0, value + 12),
        n=VALIDATION,
        subsets={"even": value + 2, "odd": value - 2},
    )
    return Evaluation(
        split="validation",
        score=score,
        predictions=dojo.workspace.relative(path),
        clusters=(cluster,),
        wall_seconds=4.0,
    )


def _recalled(number: int, plant: str) -> Recalled:
    lesson = run_records.lesson(
        f"earlier/e{number:02d}",
        text=f"copy with tiny: direct answers, learning rate 0.002 gained {number} points {plant}",
        task="copy",
        domain="custom",
        features={"base_model": "tiny"},
        settings={"method": "full", "learning_rate": 0.002, "kind": plant or "direct"},
        gain=float(number),
    )
    return Recalled(lesson, 0.8, 0.8, "advice")
