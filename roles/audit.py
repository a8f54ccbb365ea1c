"""The audit's rule: when the labels of the sources are held against a model's answers, and which ones.

An audit costs a few seconds of generation, so it is made after the first kept experiment and once
more when the champion has become clearly better than at the first.
"""

from __future__ import annotations

from memory.records import Experiment
from tools.checks.source_kinds import kind_of
from tools.dojo import Dojo

MOST_AUDITS = 2
CLEARLY_BETTER = 10.0
"""Points of validation score since the last audit that make another one worth its seconds."""


def sources_to_audit(dojo: Dojo, experiment: Experiment) -> tuple[str, ...]:
    """The usable sources, where the experiment is to be audited; empty where it is not.

    Only a kept model is worth asking, and only one that was trained on more than one source.
    """
    if experiment.outcome != "kept" or experiment.evaluation is None or len(experiment.plan.sources) < 2:
        return ()
    usable = tuple(name for name, profile in dojo.profiles().items() if kind_of(profile) != "unusable")
    audited = [e for e in dojo.journal.experiments() if e.diagnosis and e.diagnosis.source_scores]
    if len(usable) < 2 or len(audited) >= MOST_AUDITS:
        return ()
    before = audited[-1].evaluation if audited else None
    if before is not None and experiment.evaluation.score.value < before.score.value + CLEARLY_BETTER:
        return ()
    return usable
