"""Scores a model: answers in a child process, judgement in this one.

The model's process never sees a reference answer, and no model reports its own
score. Predictions are a JSONL file, written whole or not at all; when it is there
already and the journal vouches for it, it is scored again instead of generated again.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from memory.records import ErrorCluster, Evaluation
from tasks.base import ItemScore, Sample, TaskSpec
from tasks.errors import ExperimentFailed, Stage
from tools.evaluation.generate import PROMPT_REFUSED, PROMPT_TOO_LONG
from tools.evaluation.score_answers import check_runnable, in_sandbox, score_answers
from tools.evidence import Evidence
from tools.process.placed import Call
from tools.process.worker import LEAST_SECONDS, Usage, Worker
from tools.workspace import Workspace

if TYPE_CHECKING:
    from tools.evaluation.served import EvalServer

TIMEOUT_SECONDS = 3600.0
CLUSTERS = 6
EXAMPLES = 5
UNPARSEABLE = "unparseable"
REMARK = "remark"
"""Key of a line beside the figures of a cost."""
KNOWN = (
    "an earlier run asked the same model the same items: its answers are used again,"
    " and counted with the time that they took then"
)
NOT_SERVED = "answered here: the eval server loads no whole model, and no adapter of another base"


def evaluate(
    samples: Sequence[Sample],
    spec: TaskSpec,
    model_dir: Path,
    out_path: Path,
    workspace: Workspace,
    worker: Worker,
    split: Literal["validation", "confirmation", "test"] = "validation",
    timeout_seconds: float = TIMEOUT_SECONDS,
    cache: Path | None = None,
    server: EvalServer | None = None,
    batch_rows: int = 0,
    evidence: Evidence | None = None,
) -> Evaluation:
    """Answers every sample greedily and scores the answers.

    Args:
        samples: what to answer; the reference answers stay in this process.
        spec: its scorer and its aggregate make the score.
        model_dir: a loadable model directory.
        out_path: the predictions, JSONL; complete ones that ``evidence`` vouches for are used.
        workspace: the run's folder, which the recorded path is relative to.
        worker: where children come from.
        split: which split the samples are.
        timeout_seconds: the time limit of the child, and of all code in its answers together.
        cache: a folder of answers across runs, for what is asked again and again of one model; a sealed
            test has none.
        server: answers what it can serve.
        batch_rows: answered together at most; 0 for as many as memory holds.
        evidence: records what is written. Without it nothing that is there is taken for an answer.

    Raises:
        ExperimentFailed: ``timeout``, ``out_of_memory``, ``crashed``, ``empty_data``; ``cap_reached`` or
            ``judge_failed`` where a language model judges and judged nothing.
        InputError: the answers are code, and no sandbox works here; raised before a model is loaded.
    """
    check_runnable(spec)
    if not samples:
        raise ExperimentFailed("evaluate", "empty_data", f"the {split} split is empty")
    cost_path = out_path.with_suffix(".cost.json")
    finished = _finished(out_path, samples) if evidence and evidence.holds(out_path) else None
    if finished is None or not cost_path.exists():
        prompts: dict[str, list[Any]] = {split: [sample.asked for sample in samples]}
        log_path = out_path.with_suffix(".log")
        began = time.monotonic()
        served = server and server.answer_sets(
            prompts, model_dir, spec.max_new_tokens, worker, log_path, spec.stops, timeout_seconds
        )
        reply, usage = (
            (served, Usage(time.monotonic() - began, 0.0, 0.0))
            if served
            else answer_sets(
                Asking(prompts, model_dir, spec.max_new_tokens, spec.stops, cache, batch_rows),
                worker,
                log_path,
                timeout_seconds,
            )
        )
        finished = reply["answers"][split], reply["limits"][split]
        cost: dict[str, Any] = {"wall_seconds": usage.wall_seconds, "cpu_seconds": usage.cpu_seconds}
        if split in reply["known"]:  # what is planned by these figures will have to be answered
            cost = {name: reply[name][split] for name in cost} | {REMARK: KNOWN}
        elif server and not served:
            cost[REMARK] = NOT_SERVED
        answering = reply["wall_seconds"][split] - reply["loading_seconds"][split]
        cost["fixed_seconds"] = max(0.0, cost["wall_seconds"] - answering)
        # The cost goes first: predictions that exist then always have one.
        workspace.write_json(cost_path, cost | {"generated_tokens": reply["generated_tokens"][split]})
    answers, limits = finished

    def write(item_scores: Sequence[ItemScore]) -> None:
        rows = [item_of(*each) for each in zip(samples, answers, item_scores, limits, strict=True)]
        if evidence is None:
            workspace.write_jsonl(out_path, rows)
        else:
            evidence.write_jsonl(out_path, rows, "predictions")

    if spec.judge is not None:
        # What was generated is kept whatever becomes of the judge; and a judge may compare with the base's.
        write(_unscored(answers))
    started = time.monotonic()
    scored = _scored_in_time(spec, samples, answers, _seconds_left(worker, timeout_seconds, cost_path))
    cost = _cost(cost_path, time.monotonic() - started, workspace)
    item_scores = [limited(item_score, limit) for item_score, limit in zip(scored, limits, strict=True)]
    write(item_scores)
    return Evaluation(
        split=split,
        score=spec.aggregate(samples, item_scores),
        predictions=workspace.relative(out_path),
        clusters=clusters(samples, item_scores),
        **cost,
    )


def _seconds_left(worker: Worker, timeout_seconds: float, cost_path: Path) -> float:
    """For the scoring of answers that took their part of the time, and never more than the run has left."""
    left = timeout_seconds - float(json.loads(cost_path.read_text())["wall_seconds"])
    return max(LEAST_SECONDS, min(left, worker.limit() if worker.limit else left))


def _scored_in_time(
    spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str], seconds: float
) -> list[ItemScore]:
    """Scores; code that answers hold is run for so long and no longer."""
    try:
        return score_answers(spec, samples, answers, partial(in_sandbox, seconds=seconds))
    except TimeoutError as error:
        told = f"the code in the answers was stopped after {seconds:.0f} s, its time limit: {error}"
        raise ExperimentFailed("evaluate", "timeout", told) from None


def remark_on(evaluation: Evaluation, workspace: Workspace) -> str:
    """What is out of the ordinary about how its answers were got, in one line; mostly empty."""
    cost_path = workspace.inside(evaluation.predictions).with_suffix(".cost.json")
    return str(json.loads(cost_path.read_text()).get(REMARK, ""))


def _cost(path: Path, judging_seconds: float, workspace: Workspace) -> dict[str, Any]:
    """What the answers cost; the time to score them is part of it, as the next ones will need it too.

    Answers that are scored again keep what it took the first time: the record of them stays the same.
    """
    cost: dict[str, Any] = json.loads(path.read_text())
    if "judging_seconds" not in cost:
        cost["judging_seconds"] = judging_seconds
        workspace.write_json(path, cost)
    cost.pop(REMARK, None)
    return cost | {"wall_seconds": cost["wall_seconds"] + cost["judging_seconds"]}


@dataclass(frozen=True)
class Asking:
    """Prompts for one model, and how it answers them: one process, one loading of the model."""

    sets: Mapping[str, Sequence[Any]]
    """By name, prompts."""
    model_dir: Path
    """A loadable model directory."""
    max_new_tokens: int
    """Of each answer."""
    stops: Sequence[str] = ()
    """Texts at which an answer ends."""
    cache: Path | None = None
    """A folder of answers across runs."""
    batch_rows: int = 0
    """Answered together at most; 0 for as many as memory holds."""

    def call(self, worker: Worker) -> Call:
        """What a child is asked, now or ahead."""
        payload = {
            "model_dir": str(self.model_dir.resolve()),
            "sets": {name: list(prompts) for name, prompts in self.sets.items()},
            "max_new_tokens": self.max_new_tokens,
            "stops": list(self.stops),
            "cache": str(self.cache.resolve()) if self.cache else "",
            "threads": worker.threads,
            **({"batch_rows": self.batch_rows} if self.batch_rows else {}),
        }
        return Call("tools.evaluation.generate:answer_sets", payload)


def answer_sets(
    asking: Asking,
    worker: Worker,
    log_path: Path,
    timeout_seconds: float = TIMEOUT_SECONDS,
    stage: Stage = "evaluate",
) -> tuple[dict[str, Any], Usage]:
    """Greedy answers to several lists of prompts.

    Args:
        asking: the prompts and the model.
        worker: where children come from.
        log_path: takes what the child prints.
        timeout_seconds: its time limit.
        stage: the stage that a failure is reported under.

    Returns:
        ``{"answers": name -> texts, "limits": name -> how each met a limit, ...}`` and the cost; see
        ``tools.evaluation.generate.answer_sets``.
    """
    return worker.measure(*asking.call(worker), timeout_seconds, log_path, stage, resident=True)


def row_answers(
    rows: Mapping[str, Sequence[tuple[str, str]]],
    spec: TaskSpec,
    model_dir: Path,
    worker: Worker,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> dict[str, list[tuple[str, str | None]]]:
    """What a model answers to the rows of sources: (target, its answer as the parser reads it), in order."""
    prompts = {name: [prompt for prompt, _ in pairs] for name, pairs in rows.items() if pairs}
    with tempfile.TemporaryDirectory() as folder:
        log_path = Path(folder) / "audit.log"
        asking = Asking(prompts, model_dir, spec.max_new_tokens)
        reply, _ = answer_sets(asking, worker, log_path, timeout_seconds, "diagnose")
    return {
        name: [
            (target, spec.extract(answer))
            for answer, (_, target) in zip(reply["answers"][name], rows[name], strict=True)
        ]
        for name in prompts
    }


def row_agreement(
    answers: Mapping[str, Sequence[tuple[str, str | None]]], spec: TaskSpec
) -> dict[str, list[bool]]:
    """Whether a model's answer equals the label, per row of each source.

    A label that the task's parser cannot read agrees with nothing, and neither does a row whose prompt
    leaves no room for an answer. With a model that
    is right well above chance, a source whose labels it often contradicts is suspect
    (the idea of confident learning, arXiv:1911.00068).
    """
    return {
        name: [_same(answer, spec.extract(target)) for target, answer in pairs]
        for name, pairs in answers.items()
    }


def read_items(path: Path) -> list[dict[str, Any]]:
    """The predictions of an evaluation, in the order of its samples."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def clusters(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> tuple[ErrorCluster, ...]:
    """Wrong answers by error class, and by subset where the task has several; the largest first."""
    subsets = {sample.subset for sample in samples}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for sample, item_score in zip(samples, item_scores, strict=True):
        if not item_score.right and item_score.scored:
            name = cluster_name(item_score.error, item_score.parsed, sample.subset, len(subsets) > 1)
            members[name].append(sample.id)
    sizes = Counter({name: len(ids) for name, ids in members.items()})
    return tuple(
        ErrorCluster(
            name=name, count=count, share=count / len(samples), examples=tuple(members[name][:EXAMPLES])
        )
        for name, count in sizes.most_common(CLUSTERS)
    )


def cluster_name(error: str, parsed: str | None, subset: str, several_views: bool) -> str:
    """The cluster of a wrong answer: its error class, with its subset where the task has several."""
    name = error or (UNPARSEABLE if parsed is None else "wrong")
    return f"{name} in {subset}" if several_views else name


def _same(answer: str | None, label: str | None) -> bool:
    return answer is not None and label is not None and answer.strip() == label.strip()


def _unscored(answers: Sequence[str]) -> list[ItemScore]:
    return [ItemScore(False, 0.0, None, "not_judged", scored=False)] * len(answers)


def limited(item_score: ItemScore, limit: str) -> ItemScore:
    """A wrong answer that met a limit is named by it; a prompt that was never asked is wrong in any case."""
    if limit in (PROMPT_TOO_LONG, PROMPT_REFUSED):
        return replace(item_score, right=False, value=min(item_score.value, 0.0), parsed=None, error=limit)
    named = limit and not item_score.right and item_score.scored
    return replace(item_score, error=limit) if named else item_score


def _finished(path: Path, samples: Sequence[Sample]) -> tuple[list[str], list[str]] | None:
    """The answers of an earlier evaluation of exactly these samples, and the limits that they met."""
    try:
        items = read_items(path)
    except (FileNotFoundError, ValueError):
        return None
    if [item.get("id") for item in items] != [sample.id for sample in samples]:
        return None
    return [item["prediction"] for item in items], [item.get("limit", "") for item in items]


def item_of(sample: Sample, answer: str, item_score: ItemScore, limit: str) -> dict[str, Any]:
    """One line of an evaluation's predictions."""
    return {
        "id": sample.id,
        "subset": sample.subset,
        "prediction": answer,
        "parsed": item_score.parsed,
        "right": item_score.right,
        "value": item_score.value,
        "error": item_score.error,
        "scored": item_score.scored,
        "limit": limit,
    }
