"""The judge of a run: may it judge, and does its cap hold another experiment?"""

from __future__ import annotations

from tools.dojo import Dojo


def calibrate_judge(dojo: Dojo) -> None:
    """Hold the judge against known answers, once; ``PairwiseJudge.calibrated`` says what is refused."""
    if dojo.judge is not None and dojo.journal.judge is None:
        with dojo.ledger.measure("evaluate"):
            found = dojo.judge.calibrated((*dojo.validation, *dojo.confirmation), dojo.test.n)
        dojo.journal.note(found.text, judge=found.facts())


def judge_holds_another(dojo: Dojo) -> bool:
    """Whether the judge's cap holds one more experiment beside what is kept for the sealed test."""
    return dojo.judge is None or dojo.judge.holds(len(dojo.validation))
