"""Scoring by a judge: each answer against its item's reference or the base model's answer, as 0, 0.5 or 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memory.journal.log import BASE
from tasks.answers.equality import same_answer
from tasks.base import ItemScore, JudgeSettings, Sample, TaskSpec
from tasks.errors import ExperimentFailed, HarnessFault, InputError
from tasks.splits import answer_of
from tools.evaluation.evaluate import read_items
from tools.evaluation.judge.asking import Asking, Judged, Spent
from tools.evaluation.judge.calibrate import Calibration, calibrate, refuse
from tools.evaluation.judge.pairs import VALUES, Pair
from tools.workspace import Workspace

SHOWN = 300
"""Characters of an answer that an item score keeps."""
NOT_JUDGED = "not_judged"
"""Start of the error of an item that nobody judged; ``cap``, ``no_reply`` or ``unreadable`` follows."""


SPLITS = "validation", "confirmation-", "test"
"""How the files of a model's answers to a task's items begin."""


class PairwiseJudge:
    """The judge of a run.

    Args:
        settings: the task's.
        asking: puts pairs to the model.
        base_answers: the base model's answers by item id, as far as there are any.
        keep: told what must be left of the caps of all models together, whenever that changes.
    """

    def __init__(
        self,
        settings: JudgeSettings,
        asking: Asking,
        base_answers: Callable[[], Mapping[str, str]],
        keep: Callable[[Spent], None] = lambda amount: None,
    ) -> None:
        self.settings, self._asking, self._base_answers, self._keep = settings, asking, base_answers, keep
        self._of_an_item = Spent()
        self._kept_items = 0

    # ---- before the run

    def calibrated(self, validation: Sequence[Sample], test: int) -> Calibration:
        """The judge on pairs with a known answer, and its cap against what is still to be judged.

        Args:
            validation: the items that the pairs are made of.
            test: how many items the sealed test holds.

        Raises:
            InputError: it is right too seldom, cannot be asked, or its cap cannot hold one experiment and the
                sealed test.
            HarnessFault: its replies cannot be written.
        """
        found = calibrate(self._asking, validation, self.settings)
        refuse(found, self.settings)
        self._check_cap(len(validation), test)
        return found

    def weigh(self, samples: Sequence[Sample]) -> None:
        """Learn what an item costs, from the references of some, which answers resemble."""
        pairs = [Pair(sample.prompt, f"{answer_of(sample)} ", answer_of(sample)) for sample in samples[:50]]
        total = Spent()
        for pair in pairs:
            total = total.plus(self._asking.cost(pair))
        self._of_an_item = total.times(1 / max(1, len(pairs)))

    def _check_cap(self, validation: int, test: int) -> None:
        models = 1 if self.settings.against == "base" else 2
        needed = self._of_an_item.times(models * (validation + test))
        left = self._asking.left()
        if needed.fits(left):
            return
        dollars = f", {needed.usd:.2f} US dollars" if needed.usd else ""
        has = [f"{left.tokens:,} tokens"] if left.tokens is not None else []
        has += [f"{left.usd:.2f} US dollars"] if left.usd is not None else []
        raise InputError(
            f"judge {self.settings.model}",
            f"the cap leaves {' and '.join(has)}, and one experiment and the sealed test take about "
            f"{needed.tokens:,.0f} tokens{dollars}",
            "raise max_tokens or max_usd under [judge], or the run's --max-tokens or --max-usd",
        )

    # ---- the sealed test's share

    def keep_for(self, items: int) -> None:
        """Leave enough of the caps over to judge so many items later."""
        self._kept_items = items
        self._keep(self._of_an_item.times(items))

    def holds(self, items: int) -> bool:
        """Whether the caps hold so many items beside what is kept."""
        return self._of_an_item.times(items + self._kept_items).fits(self._asking.left())

    # ---- answers

    def item_scores(
        self, spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str]
    ) -> list[ItemScore]:
        """A score for each answer; ``scored`` is False where nothing was judged, and ``error`` says why.

        Raises:
            ExperimentFailed: ``judge_failed`` or ``cap_reached``: no answer that needed a verdict got one.
            InputError, HarnessFault: as ``Asking.ask``.
        """
        texts = [spec.extract(answer) for answer in answers]
        others = self._others(spec, samples)
        pairs = {
            str(place): Pair(sample.prompt, text, other)
            for place, (sample, text, other) in enumerate(zip(samples, texts, others, strict=True))
            if text is not None and not same_answer(text, other)
        }
        judged = self._asked(samples, pairs)
        return [_item_score(text, judged.get(str(place))) for place, text in enumerate(texts)]

    def _asked(self, samples: Sequence[Sample], pairs: Mapping[str, Pair]) -> dict[str, Judged]:
        by_item = {samples[int(place)].id: pair for place, pair in pairs.items()}
        if len(by_item) != len(pairs):
            raise HarnessFault("an item was to be judged twice in one evaluation")
        if not by_item:
            return {}
        found = self._asking.ask(by_item, self._of_an_item.times(self._kept_items))
        if not any(one.outcome for one in found.values()):
            capped = any(one.why == "cap" for one in found.values())
            why = self._asking.problem or "no reply could be read"
            message = f"none of {len(found)} answers was judged by {self.settings.model}: {why}"
            raise ExperimentFailed("evaluate", "cap_reached" if capped else "judge_failed", message)
        return {place: found[samples[int(place)].id] for place in pairs}

    def _others(self, spec: TaskSpec, samples: Sequence[Sample]) -> list[str]:
        if self.settings.against == "reference":
            return [answer_of(sample).strip() for sample in samples]
        answers = self._base_answers()
        missing = [sample.id for sample in samples if sample.id not in answers]
        if missing:
            raise HarnessFault(f"the base model has no answer to {len(missing)} items to compare with")
        return [spec.extract(answers[sample.id]) or "" for sample in samples]


def base_answers(workspace: Workspace) -> dict[str, str]:
    """The base model's answers by item id, of all that it has answered: also of parts of the confirmation
    items and of the sealed test, which are judged before they are joined."""
    folder = workspace.experiment_dir(BASE)
    files = [path for split in SPLITS for path in sorted(folder.glob(f"{split}*.jsonl"))]
    return {str(item["id"]): str(item["prediction"]) for path in files for item in read_items(path)}


def unjudged(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``{"text", "items", "of", "causes"}`` of scored replies that got no verdict; empty where all did."""
    causes = [
        str(item["error"]).removeprefix(f"{NOT_JUDGED}_")
        for item in items
        if not item.get("scored", True) and str(item.get("error", "")).startswith(NOT_JUDGED)
    ]
    if not causes:
        return {}
    by_cause = dict(Counter(causes))
    told = ", ".join(f"{count} {cause.replace('_', ' ')}" for cause, count in by_cause.items())
    text = f"{len(causes)} of {len(items)} items not judged ({told}); they count in no score"
    return {"text": text, "items": len(causes), "of": len(items), "causes": by_cause}


def _item_score(text: str | None, judged: Judged | None) -> ItemScore:
    if text is None:
        return ItemScore(False, 0.0, None, "unparseable")
    if judged is None:  # the same text as the other's
        return ItemScore(False, VALUES["tie"], text[:SHOWN], "tie")
    if judged.outcome is None:
        return ItemScore(False, 0.0, text[:SHOWN], f"{NOT_JUDGED}_{judged.why}", scored=False)
    value = VALUES[judged.outcome]
    return ItemScore(value == 1.0, value, text[:SHOWN], "" if judged.outcome == "won" else judged.outcome)
