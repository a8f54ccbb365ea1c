"""Forecast of a plan before time is spent on it: the gain to expect, and what a near repeat came to.

It is learned from the journals of all runs beside this one, and from this run's own finished experiments
(``memory.forecast``); without enough of them there is none. It decides nothing by itself but this: what was
done before in the same way, with an interval that holds no gain, is not done again.
"""

from __future__ import annotations

from memory.forecast.features import planned
from memory.forecast.forecaster import seconds_for
from memory.forecast.interval import LEVEL
from memory.forecast.repeats import tried_alike
from memory.forecast.setup import setup_of
from memory.forecast_record import Forecast, Tried
from memory.recipe import DataCard
from memory.records import Plan, TrainingPlan
from roles.time_split import rows_in_time
from tools.checks.repeats import refusal
from tools.dojo import Dojo


def forecast(dojo: Dojo, plan: Plan) -> Forecast | None:
    """What a plan is expected to gain over the weights that it trains on from; None where too little was
    tried to say anything."""
    journal = dojo.journal
    if not dojo.forecaster.past.experiments or (base := journal.base_evaluation) is None:
        return None
    features = planned(journal.info, base, journal.experiments(), plan)
    found = dojo.forecaster.foresee(journal, features, "planned")
    if found is None:
        return None
    foreseen, experiments, runs = found
    return Forecast(
        gain=round(foreseen.gain, 2),
        low=round(foreseen.low, 2),
        high=round(foreseen.high, 2),
        level=LEVEL,
        seconds=round(
            seconds_for(dojo.forecaster.experiments(journal), journal.info.run, plan.max_seconds), 1
        ),
        basis=(experiments, runs),
        tried=tried_before(dojo, plan),
    )


def tried_before(dojo: Dojo, plan: Plan) -> Tried | None:
    """What training on these sources from these weights, for about as long, came to before; None where it
    is new. Data recipe and hyperparameters may have been others."""
    info = dojo.journal.info
    return tried_alike(dojo.forecaster.experiments(dojo.journal), info, setup_of(info.run, plan))


def training_refusal(dojo: Dojo, plan: Plan, card: DataCard, draft: TrainingPlan) -> str:
    """Why a training would be in vain, by what the same one came to; empty where nothing says so.

    Args:
        dojo: the run.
        plan: of the experiment.
        card: of its data.
        draft: before its duration is cut to the time.
    """
    rows = min(draft.num_train_epochs * card.rows, rows_in_time(dojo, plan, draft.method))
    return refusal(dojo, plan, draft, rows)
