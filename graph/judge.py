"""Judge of a run: the language model that a task names, with its cap, its cache and its verdicts on file."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from memory.budget.spending import Cap
from tasks.errors import InputError
from tools.chat.models import Models
from tools.dojo import Dojo
from tools.evaluation.judge.asking import Asking
from tools.evaluation.judge.pairs import digest_of, instructions
from tools.evaluation.judge.scoring import PairwiseJudge, base_answers
from tools.evaluation.judge.verdicts import FOLDER, VerdictFile
from tools.synthesis.teacher import Teacher


def seat_judge(dojo: Dojo, models: Models) -> None:
    """Give the Dojo the language model that judges its task's answers.

    Raises:
        InputError: an earlier part of the run was judged otherwise.
    """
    settings, spending = dojo.spec.judge, dojo.spending
    assert settings is not None and spending is not None
    system = instructions(dojo.spec.description, settings.criteria)
    before = dojo.journal.judge
    if before is not None and (before["model"], before["against"], before["system"]) != (
        settings.model,
        settings.against,
        digest_of(system, ""),
    ):
        raise InputError(
            f"judge {settings.model}",
            f"this run was judged by {before['model']} under other settings until now",
            "restore model, against, criteria and description in task.toml, or start a new run",
        )
    spending.cap_role("judge", Cap(settings.max_usd, settings.max_tokens))
    teacher = Teacher(models.judge, spending, dojo.workspace.run_dir / FOLDER, role="judge")
    asking = Asking(teacher, system, lambda: spending.left("judge"), VerdictFile(dojo.workspace))
    judge = PairwiseJudge(
        settings,
        asking,
        partial(base_answers, dojo.workspace),
        lambda amount: spending.keep("judge", Cap(amount.usd, round(amount.tokens))),
    )
    judge.weigh(dojo.validation)
    judge.keep_for((1 if settings.against == "base" else 2) * dojo.test.n)
    dojo.judge = judge
    dojo.spec = replace(
        dojo.spec, judged_by=lambda items, replies: judge.item_scores(dojo.spec, items, replies)
    )
