"""The check for repeats: an experiment that was made before in the same way, in vain, is not made again.

It stands for whoever decides: the playbook passes over such a plan, a language model, a person and an outside
agent are told what came of it.
"""

from __future__ import annotations

from memory.forecast.repeats import excludes_a_gain, repeated
from memory.forecast.setup import setup_of
from memory.records import Plan, TrainingPlan
from tools.dojo import Dojo


def refusal(dojo: Dojo, plan: Plan, training: TrainingPlan | None = None, rows_read: float = 0.0) -> str:
    """Why an experiment would be in vain, in one sentence; empty where nothing says so.

    Args:
        dojo: the run.
        plan: of the experiment; alone it is held against plans that leave nothing open.
        training: how its data, once they are there, would be trained on.
        rows_read: how long, in rows.
    """
    info = dojo.journal.info
    known = dojo.forecaster.experiments(dojo.journal)
    if not known:
        return ""
    recipe = dojo.journal.recipe(plan.experiment) if training else None
    setup = setup_of(info.run, plan, recipe, training, rows_read)
    tried = repeated(known, info, setup)
    if tried is None or not excludes_a_gain(tried):
        return ""
    how = "and nearly the same hyperparameters" if training else "for about as long"
    return f"{tried.text(info.run)}, the same data from the same weights {how}: no gain is left in it"
