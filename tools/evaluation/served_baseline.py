"""Served baseline: another model's score on the same sealed test items, as one more row of the result.

It is asked within the single opening of the test, after the champion has answered, by its own chat template,
and judged like any other. Nothing depends on its score, and what keeps it from answering keeps nothing
else from its end. Its calls are admitted by the caps and stand in the account under ``baseline``. Test
items go to its server: that is what naming one means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.records import Comparison
from tasks.base import ItemScore, Sample, Score, TaskSpec
from tasks.errors import FtDojoError
from tools.evaluation.asked_model import AskedModel
from tools.evaluation.evaluate import item_of
from tools.evaluation.paired_test import Item, compare
from tools.evaluation.score_answers import score_answers
from tools.workspace import Workspace

SYSTEM = ""
TEMPERATURE = 0.0
NAME = "baseline"
NO_REPLY = "no_reply"
"""Error class of an item that it was asked and did not answer; no score counts it."""


@dataclass(frozen=True)
class ServedBaseline:
    """A model behind an address, and the file that its answers go into.

    Args:
        model: who is asked, a sample's text as the one user turn.
        out_path: predictions, JSONL.
    """

    model: AskedModel
    out_path: Path

    def beside(
        self,
        spec: TaskSpec,
        samples: Sequence[Sample],
        champion: str,
        champion_items: Sequence[Item],
        workspace: Workspace,
    ) -> dict[str, Any]:
        """Its score on the test and the champion's paired test against it, JSON-plain.

        Args:
            spec: its scorer and its aggregate make the score.
            samples: the test items, in the one opening.
            champion: experiment id, or ``base``.
            champion_items: the champion's predictions of the same items.
            workspace: the run's folder.

        Returns:
            ``model``, ``text`` (one line) and, where it answered, ``score``, ``comparison`` (positive where
            the champion is better) and ``unanswered``.
        """
        try:
            return self._beside(spec, samples, champion, champion_items, workspace)
        except FtDojoError as error:
            line = " ".join(str(error).split())
            return {"model": self.model.name, "text": f"{self.model.name} could not be scored: {line}"}

    def _beside(
        self,
        spec: TaskSpec,
        samples: Sequence[Sample],
        champion: str,
        champion_items: Sequence[Item],
        workspace: Workspace,
    ) -> dict[str, Any]:
        asked = self.model.ask_all(
            [sample.prompt for sample in samples], system=SYSTEM, temperature=TEMPERATURE, up_to_cap=True
        )
        answers = [reply.text if reply else "" for reply in asked.replies]
        answered = [reply is not None for reply in asked.replies]
        why = asked.capped or asked.problem
        facts: dict[str, Any] = {"model": self.model.name, "unanswered": answered.count(False)}
        if not any(answered):
            return facts | {"text": f"{self.model.name} answered nothing: {why or 'no reply of use'}"}
        given = [n for n, there in enumerate(answered) if there]
        scored = score_answers(spec, [samples[n] for n in given], [answers[n] for n in given])
        found = dict(zip(given, scored, strict=True))
        none = ItemScore(False, 0.0, None, NO_REPLY, scored=False)
        items = [item_of(sample, answers[n], found.get(n, none), "") for n, sample in enumerate(samples)]
        workspace.write_jsonl(self.out_path, items)
        score = spec.aggregate([samples[n] for n in given], scored)
        comparison = compare(champion_items, items, champion, NAME, spec, samples)
        return facts | {
            "score": score.model_dump(mode="json"),
            "comparison": comparison.model_dump(mode="json"),
            "text": _text(self.model.name, score, comparison, facts["unanswered"], why),
        }


def _text(name: str, score: Score, comparison: Comparison, unanswered: int, why: str) -> str:
    interval = f"{comparison.delta:+.1f} [{comparison.low:+.1f}, {comparison.high:+.1f}]"
    missing = f"; {unanswered} items had no reply ({why})" if unanswered else ""
    return (
        f"{name} scores {score.text()} on the same test; {comparison.challenger} is {interval} points away"
        f" from it, p {comparison.p_value:.3g}{missing}"
    )
