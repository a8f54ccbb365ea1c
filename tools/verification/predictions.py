"""Predictions judged again: each stored answer by the task's own scorer, each score by its aggregate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from memory.journal.evidence import files_on_record
from memory.journal.history import History
from memory.records import Evaluation
from tasks.base import ItemScore, Sample, Score, TaskSpec
from tasks.errors import InputError
from tools.evaluation.evaluate import KNOWN, clusters, limited, read_items
from tools.evaluation.generate import PROMPT_REFUSED, PROMPT_TOO_LONG
from tools.evaluation.score_answers import score_answers
from tools.verification.answered import answered_differences
from tools.verification.files import confirmation_files
from tools.verification.finding import Finding, short
from tools.workspace import Workspace

JUDGED = ("right", "value", "parsed", "error", "scored")
"""What a scorer says of an answer."""
MOST_ITEMS = 5
"""Items of one file that are named; the others are counted."""
TOLERANCE = 1e-9
NEVER_ASKED = (PROMPT_TOO_LONG, PROMPT_REFUSED)
Splits = Mapping[str, Sequence[Sample]]
Limits = Callable[[Sequence[Any]], Sequence[str]]
"""Why each of some prompts is not asked; empty where it is."""


def check_predictions(
    history: History, workspace: Workspace, spec: TaskSpec, splits: Splits, limits: Limits | None
) -> Finding:
    """Every file of answers that a record rests on.

    Args:
        history: of the run.
        workspace: its folder.
        spec: the task, with the lengths of the run.
        splits: items by ``validation`` (the search), ``confirmation`` and ``test``.
        limits: whether prompts can be asked, by the base model's tokenizer and length; None where that does
            not tell.
    """
    found: list[str] = []
    unchecked: list[str] = []
    files = answers = 0
    for experiment, evaluation in evaluations(history):
        name = evaluation.predictions
        try:
            items = read_items(workspace.inside(name))
        except (OSError, ValueError) as error:
            found.append(f"{name}: cannot be read ({short(error)})")
            continue
        samples = _samples(items, splits.get(evaluation.split, ()))
        if isinstance(samples, str):
            found.append(f"{name}: {samples}")
            continue
        files, answers = files + 1, answers + len(items)
        found += [
            f"{name}: {line}"
            for line in (
                *answered_differences(history, experiment, evaluation, samples, splits),
                *_limit_differences(samples, items, limits),
            )
        ]
        if spec.judge is not None:
            unchecked.append(f"{name}: judged by a language model, whose verdicts are taken as recorded")
        else:
            found += [f"{name}: {line}" for line in judged_again(spec, samples, items)]
        scores = [_recorded(item) for item in items]
        if clusters(samples, scores) != evaluation.clusters:
            found.append(f"{name}: its wrong answers fall into other clusters than those of {experiment}")
        score = spec.aggregate(samples, scores)
        found += [
            f"{name}: {what} of {experiment} on {evaluation.split} {line}"
            for what, line in score_differences(evaluation.score, score)
        ]
    for name in confirmation_files(files_on_record(history)):
        try:
            items = read_items(workspace.inside(name))
        except (OSError, ValueError) as error:
            found.append(f"{name}: cannot be read ({short(error)})")
            continue
        samples = _samples(items, splits.get("confirmation", ()))
        if isinstance(samples, str):
            found.append(f"{name}: {samples}")
        elif spec.judge is None:
            files, answers = files + 1, answers + len(items)
            found += [f"{name}: {line}" for line in judged_again(spec, samples, items)]
            found += [f"{name}: {line}" for line in _limit_differences(samples, items, limits)]
    unchecked += [
        f"{note.removesuffix(KNOWN).strip(' :')}: its answers are those of an earlier run (--answer-cache)"
        for note in history.notes
        if note.endswith(KNOWN)
    ]
    told = f"{answers} answers in {files} files judged again"
    return Finding("predictions", told, tuple(found), tuple(unchecked))


def _limit_differences(
    samples: Sequence[Sample], items: Sequence[Mapping[str, Any]], limits: Limits | None
) -> Iterator[str]:
    """Answers that count as wrong because the prompt was never asked: whether it could not be."""
    told = [(s, i) for s, i in zip(samples, items, strict=True) if i.get("limit") in NEVER_ASKED]
    if not told or limits is None:
        return
    for (sample, item), now in zip(told, limits([sample.asked for sample, _ in told]), strict=True):
        if item["limit"] != now or item["prediction"]:
            yield f"item {sample.id}: limit is {short(now or 'none')} by the prompt, recorded {item['limit']}"


def evaluations(history: History) -> list[tuple[str, Evaluation]]:
    """Every evaluation that the journal holds, with its experiment."""
    return [
        (str(event.experiment), Evaluation.model_validate(event.data))
        for event in history.events
        if event.kind in ("evaluation", "test_evaluation")
    ]


def _samples(items: Sequence[Mapping[str, Any]], split: Sequence[Sample]) -> list[Sample] | str:
    """The samples that answers belong to, both in the order of the split; else what is wrong in words."""
    found: list[Sample] = []
    for sample in split:
        if len(found) < len(items) and str(items[len(found)].get("id")) == sample.id:
            found.append(sample)
    if len(found) == len(items):
        return found
    if not split:
        return "the items that it answers cannot be had"
    return f"answer {len(found) + 1} is to no item of this task, or not in their order"


def judged_again(spec: TaskSpec, samples: Sequence[Sample], items: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the scorer differs from what a file says of its answers, an item a line.

    Raises:
        InputError: the task runs code, and no sandbox works here.
    """
    scored = score_answers(spec, samples, [str(item["prediction"]) for item in items])
    found = []
    for item, made in zip(items, scored, strict=True):
        item_score = limited(made, str(item.get("limit", "")))
        for name in JUDGED:
            now, was = getattr(item_score, name), item.get(name, True if name == "scored" else None)
            if now != was and not (name == "value" and abs(float(was or 0.0) - now) <= TOLERANCE):
                told = f"{name} is {short(now)} by the scorer, recorded {short(was)}"
                found.append(f"item {item['id']}: {told}")
                break
    return _cut(found, "items")


def score_differences(recorded: Score, made: Score) -> list[tuple[str, str]]:
    """What differs between two scores: (figure, how)."""
    found = []
    for name in ("value", "low", "high", "n", "unparseable_share"):
        was, now = getattr(recorded, name), getattr(made, name)
        if abs(float(was) - float(now)) > TOLERANCE * max(1.0, abs(float(now))):
            found.append((f"the score's {name}", f"comes to {now:.6g}, recorded {was:.6g}"))
    return found


def _recorded(item: Mapping[str, Any]) -> ItemScore:
    scored = bool(item.get("scored", True))
    return ItemScore(bool(item["right"]), float(item["value"]), item["parsed"], str(item["error"]), scored)


def _cut(lines: list[str], what: str) -> list[str]:
    more = len(lines) - MOST_ITEMS
    return [*lines[:MOST_ITEMS], f"{more} more {what} differ"] if more > 0 else lines


def items_of(workspace: Workspace, experiment: str, name: str) -> list[dict[str, Any]]:
    """The predictions of an experiment (or of ``base``) under a name such as ``validation``.

    Raises:
        InputError: they cannot be read.
    """
    path = workspace.inside(f"experiments/{experiment}/{name}.jsonl")
    try:
        return read_items(path)
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read ({short(error)})", "restore the run's folder") from error
