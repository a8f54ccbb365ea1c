"""Tests behind what a run claims: the confirmation of its candidate, and the reading of the sealed test.

Both are made in the time that is left. The confirmation takes as many items as that holds, decided before one
is answered; the reading ends with a random part of the test where the time does not hold all of it
(``tools.evaluation.reading``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memory.confirmation import Confirmation
from memory.journal.log import BASE
from memory.records import Comparison, Evaluation
from tasks.base import Sample
from tasks.errors import ExperimentFailed, boundary
from tools.dojo import Dojo
from tools.evaluation import confirmation as confirming
from tools.evaluation.baselines import levels_of
from tools.evaluation.paired_test import compare
from tools.evaluation.parts import joined
from tools.evaluation.reading import ORDER, Expected, Reading, read

SUBSET = "subset"
"""Key of the note that says how much of the sealed test was read: ``{"read", "of"}``."""


def confirm(dojo: Dojo, candidate: str) -> Confirmation:
    """The test of the search's candidate against the base on the items kept apart; made once.

    Raises:
        ExperimentFailed: a model failed in another way than by its time.
    """
    journal = dojo.journal
    if (done := journal.confirmation) is not None:
        return done
    items = _affordable(dojo)
    if items < len(dojo.confirmation):
        journal.note(f"time is short: the confirmation takes {items} of {len(dojo.confirmation)} items")

    def answer(model: str, first: int, last: int) -> Sequence[Mapping[str, Any]]:
        name = f"confirmation-{last}"
        with dojo.ledger.measure("evaluate"), boundary("evaluate", "confirming the final model"):
            dojo.answers(model, dojo.confirmation[first:last], "confirmation", name)
        return dojo.items(model, name)

    try:
        samples = dojo.confirmation[:items]
        found = confirming.confirm(candidate, samples, dojo.spec, answer, len(dojo.confirmation))
    except ExperimentFailed as failed:
        if failed.code != "timeout":
            raise
        journal.note(f"the confirmation could not be made in the time that was left: {failed.message}")
        found = Confirmation(
            candidate=candidate, looks=(), confirmed=False, items=0, of=len(dojo.confirmation)
        )
    journal.append("confirmation", found)
    return found


def _affordable(dojo: Dojo) -> int:
    """Confirmation items that the time holds, a part of the reading paid for; at least as many as confirm
    anything, or none."""
    count = len(dojo.confirmation)
    needed = dojo.reserve.for_both(dojo.reserve.confirming)
    left = dojo.job_seconds()
    if needed <= left or not count:
        return count
    items = int(count * max(left, 0.0) / needed)
    return items if items >= confirming.LEAST_ITEMS else 0


def final_test(dojo: Dojo, champion: str) -> tuple[Evaluation, Evaluation, Comparison] | None:
    """The single reading of the sealed test: base and champion on the same rows, and their paired test.

    With no champion the base is read alone and compared with itself.

    Returns:
        None where the time held not even a small part of it; the journal says so.

    Raises:
        ExperimentFailed: a model failed in another way than by its time.
    """
    journal = dojo.journal
    if journal.stage(champion, "test_comparison") is None:
        if journal.over:  # it ended without: a kill came before its summary, and nothing is read any more
            return None
        samples = dojo.test.open(journal, champion, ORDER)
        with dojo.ledger.measure("evaluate"), boundary("evaluate", "reading the sealed test"):
            found = _read(dojo, champion, samples)
            if not found.numbers:
                told = "the sealed test was not read: no time was left for it"
                journal.note(told, subset=_facts(0, samples))
                return None
            _write(dojo, champion, samples, found)
    base, final = journal.test_evaluation(BASE), journal.test_evaluation(champion)
    assert base is not None and final is not None
    return base, final, Comparison.model_validate(journal.stage(champion, "test_comparison"))


def _read(dojo: Dojo, champion: str, samples: Sequence[Sample]) -> Reading:
    models = tuple(dict.fromkeys((BASE, champion)))

    def answer(model: str, asked: Sequence[Sample], name: str, seconds: float) -> Evaluation:
        if dojo.judge is not None:
            dojo.judge.keep_for(0 if model == champion else len(asked))
        return dojo.answers(model, asked, "test", name, seconds)

    def seconds_left(slower: float) -> float:
        return dojo.ledger.remaining_seconds - dojo.reserve.tail_on(slower)

    expected = {model: _expected(dojo, model, len(samples)) for model in models}
    return read(samples, dojo.seed, expected, answer, seconds_left, _known(dojo, models))


def _expected(dojo: Dojo, model: str, items: int) -> Expected:
    measured = dojo.journal.evaluation(model) or dojo.journal.evaluation(BASE)
    seconds = dojo.reserve.reading.seconds(dojo.journal, model)
    fixed = min(measured.fixed_seconds if measured else 0.0, seconds)
    return Expected(fixed, (seconds - fixed) / max(items, 1))


def _known(dojo: Dojo, models: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Parts that every model answered before a kill."""
    number = 1
    while True:
        name = f"test-{number}"
        files = [dojo.workspace.experiment_dir(model) / f"{name}.jsonl" for model in models]
        if not all(dojo.evidence.holds(file) for file in files):
            return
        try:
            ids = [[str(item["id"]) for item in dojo.items(model, name)] for model in models]
        except (OSError, ValueError, KeyError):
            return
        if any(each != ids[0] for each in ids):
            return
        yield name, ids[0]
        number += 1


def _write(dojo: Dojo, champion: str, samples: Sequence[Sample], found: Reading) -> None:
    """Join the parts, compare, and write it all into the journal."""
    journal, subset = dojo.journal, [samples[number] for number in found.numbers]
    part = len(subset) < len(samples)
    results: dict[str, Evaluation] = {}
    for model, parts in found.parts.items():
        items = {
            number: item
            for block, each in zip(found.blocks, parts, strict=True)
            for number, item in zip(block, dojo.items(model, _name(each)), strict=True)
        }
        whole = joined(model, samples, dojo.spec, items, parts, dojo.workspace, "test")
        dojo.evidence.vouch("predictions", whole.predictions, model)
        results[model] = whole.model_copy(update={"drawn_from": len(samples) if part else 0})
    if part:
        text = f"{len(subset)} of {len(samples)} sealed test items were read, a random part: time was short"
        journal.note(text, subset=_facts(len(subset), samples))
    new, old = dojo.items(champion, "test"), dojo.items(BASE, "test")
    comparison = compare(new, old, champion, BASE, dojo.spec, subset)
    _note_baselines(dojo, champion, subset, new)
    if dojo.served_baseline is not None:
        beside = dojo.served_baseline.beside(dojo.spec, subset, champion, new, dojo.workspace)
        journal.note(beside["text"], served_baseline=beside)
    journal.append("test_evaluation", results[BASE], BASE)
    journal.append("test_evaluation", results[champion], champion)
    journal.append("test_comparison", comparison, champion)


def _name(part: Evaluation) -> str:
    return part.predictions.rsplit("/", 1)[-1].removesuffix(".jsonl")


def _facts(items: int, samples: Sequence[Sample]) -> dict[str, int]:
    return {"read": items, "of": len(samples)}


def _note_baselines(
    dojo: Dojo, champion: str, samples: Sequence[Sample], items: Sequence[Mapping[str, Any]]
) -> None:
    """What no model at all would score, and whether the champion does better than one answer alone."""
    chance = (dojo.journal.judge or {}).get("chance")
    known = (*dojo.validation, *dojo.confirmation)
    text, facts = levels_of(dojo.spec, known, samples, champion != BASE and items, chance)
    dojo.journal.note(text, baselines=facts)
