"""Earlier experiments, for a briefing: what was tried before in the place where this one would begin.

Near repeats are told before time is spent on them: of this run and of all others on the same data and base
model, by what they trained on.
"""

from __future__ import annotations

from memory.forecast.past import PastExperiment
from memory.forecast.repeats import comparable, excludes_a_gain, together
from memory.forecast_record import Tried
from memory.journal.log import BASE
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.layout import listing, name

MOST = 10


def earlier(context: ExperimentContext, tokens: int) -> str:
    """What training from the base, and on from the incumbent, came to, the best first."""
    journal = context.journal
    info, known = journal.info, context.dojo.forecaster.experiments(journal)
    if not context.dojo.forecaster.past.experiments:
        return ""
    lines = []
    for start in dict.fromkeys((BASE, context.champion_id)):
        place = start if start == BASE else f"{info.run}/{start}"
        groups: dict[tuple[str, ...], list[PastExperiment]] = {}
        for e in comparable(known, info):
            if e.setup.start == place:
                groups.setdefault((*e.setup.sources, str(e.setup.steps)), []).append(e)
        found = [(each[0], tried) for each in groups.values() if (tried := together(each)) is not None]
        found.sort(key=lambda pair: -pair[1].gain)
        lines += [_line(start, e, tried, info.run) for e, tried in found[:MOST]]
    return listing(lines, tokens) if lines else ""


def _line(start: str, e: PastExperiment, tried: Tried, run: str) -> str:
    sources = ", ".join(name(source) for source in e.setup.sources)
    length = f"{e.setup.steps} steps" if e.setup.steps else f"{e.seconds:.0f} s"
    vain = "; not worth repeating" if excludes_a_gain(tried) else ""
    return f"- from {start} on {sources}, {length}: {tried.text(run)}{vain}"
