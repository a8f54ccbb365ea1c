"""What the Planner has in front of it, and the form that its plans are drafted in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from memory.experience.lessons import Recalled
from memory.records import Experiment, Plan
from roles import mixtures, source_looks
from roles.method import method_for
from roles.replay import share_for
from roles.time_split import experiment_seconds, long_seconds
from tools.checks.champion import beyond_budget
from tools.checks.repeated_failure import mendable
from tools.checks.source_kinds import Kind, distrusted
from tools.curation.audit import AUDIT_ROWS
from tools.dojo import Dojo

STALLED_DISCARDS = 2
"""Discarded improvements in a row after which more data is added: one may be bad luck."""
SCREEN_GAIN, CLEAN_GAIN = 10.0, 5.0
"""Points that a screening and a cleaning are said to gain: guesses, scored by ``memory.calibration``."""
IMPROVE_SHARE = 0.1
"""Of the remaining error, what an improvement is said to remove: a guess as well."""


@dataclass(frozen=True)
class PlannerContext:
    """What the Planner has in front of it: facts derived from the journal, nothing of its own."""

    dojo: Dojo
    experiment: str
    history: tuple[Experiment, ...]
    champion: Experiment | None
    groups: dict[Kind, tuple[str, ...]]
    advice: tuple[Recalled, ...]

    @property
    def champion_id(self) -> str:
        """``base`` as long as nothing was kept."""
        return self.champion.id if self.champion else "base"

    @property
    def champion_score(self) -> float:
        """Validation score of the champion, or of the base model."""
        return self.dojo.validation_score(self.champion_id).value

    def score_of(self, experiment: str) -> float:
        """Validation score of ``base`` or of an evaluated experiment."""
        return self.dojo.validation_score(experiment).value

    @property
    def initial_checkpoint(self) -> str:
        """The weights to train on from: the champion's, or those of a better, unproven challenger of it.

        A challenger that scores higher without the evidence to replace the champion was still
        trained for longer; going on from it keeps that training, and the next paired test
        against the champion decides about both.
        """
        since = list(self.history)
        if self.champion is not None:
            since = since[since.index(self.champion) + 1 :]
        ahead = [e for e in since if e.comparison and e.comparison.delta > 0 and e.training]
        ahead = [e for e in ahead if not beyond_budget(e)]  # going on would forget more
        best = max(ahead, key=lambda e: e.comparison.delta if e.comparison else 0.0, default=None)
        return best.id if best else self.champion_id

    @property
    def line(self) -> tuple[str, ...]:
        """The incumbent and what it was trained on from, latest first; empty as long as nothing was kept."""
        by_id = {e.id: e for e in self.history}
        found: list[str] = []
        current = self.champion_id
        while current in by_id and current not in found:
            found.append(current)
            current = by_id[current].plan.init_from
        return tuple(found)

    @property
    def trusted(self) -> tuple[str, ...]:
        """Usable sources whose labels the last audit does not contradict."""
        audits = [e for e in self.history if e.diagnosis and e.diagnosis.source_scores]
        if not audits or "valuation" in self.dojo.journal.without:
            return self.usable
        assert audits[-1].diagnosis is not None
        shares, right = audits[-1].diagnosis.source_scores, self.dojo.right_share(audits[-1].id)
        best = {self.chosen[0].source} if self.chosen else set()
        doubted = set(distrusted(shares, AUDIT_ROWS, right)) - best
        return tuple(name for name in self.usable if name not in doubted)

    @property
    def chosen(self) -> tuple[source_looks.Seen, ...]:
        """What the looks came to: the best source and those of its kind that are about as good."""
        return source_looks.chosen(self.history, self.groups, self.dojo.validation_score("base"))

    @property
    def mixture(self) -> mixtures.Winner | None:
        """The mixture of these that trials found; None where none was tried."""
        return mixtures.winner(self.history, self.chosen, self.rows, self.dojo.journal.explained)

    @property
    def rows(self) -> dict[str, int]:
        """By source, its rows."""
        return {name: profile.rows for name, profile in self.dojo.profiles().items()}

    @property
    def discards_in_a_row(self) -> int:
        """How many of the latest experiments were not kept; a look that lost against others is no
        failure, and a training that came to no result says nothing about what it tried."""
        tried = [e for e in self.after_looks if not mendable(e)]
        runs = [(kept, len(list(group))) for kept, group in groupby(tried, key=lambda e: e.outcome == "kept")]
        return runs[-1][1] if runs and not runs[-1][0] else 0

    def long_seconds(self, sources: tuple[str, ...]) -> float | None:
        """Seconds of one long training where the time left holds only a few passes over the data."""
        card = self.champion.card if self.champion else None
        rows = card.rows if card else sum(self.dojo.profiles()[name].rows for name in sources)
        rows = min(rows, self.dojo.max_rows)
        return long_seconds(self.dojo, self.history, method_for(self.dojo), rows)

    @property
    def looks(self) -> int:
        """How many looks at sources were made."""
        return len(self.history) - len(self.after_looks)

    @property
    def after_looks(self) -> tuple[Experiment, ...]:
        """The experiments that are more than a comparison of sources."""
        return tuple(e for e in self.history if not source_looks.is_look(e))

    @property
    def repaired(self) -> set[str]:
        """The sources for which an audit found a repair, and that no look found to be good as they are."""
        return set(self.dojo.repairs()) - {seen.source for seen in self.chosen}

    @property
    def usable(self) -> tuple[str, ...]:
        """Chain-of-thought sources first, then direct ones."""
        return self.groups["chain_of_thought"] + self.groups["direct"]

    @property
    def replay(self) -> float:
        """The share of general rows that a training takes now."""
        return share_for(self.dojo, self.history)

    def tried(self, sources: tuple[str, ...], init_from: str) -> bool:
        """Whether this set of sources was already trained from these weights."""
        return any(
            set(e.plan.sources) == set(sources) and e.plan.init_from == init_from for e in self.history
        )


def draft(
    context: PlannerContext,
    *,
    sources: tuple[str, ...],
    init_from: str,
    change: str,
    hypothesis: str,
    reason: str,
    expected_gain: float,
    share: float = 1.0,
    seconds: float | None = None,
    weights: dict[str, float] | None = None,
    lessons: tuple[str, ...] = (),
    steps: int = 0,
    move: str = "",
) -> Plan:
    """A plan with its wall-clock: ``seconds``, or a share of the time left."""
    return Plan.model_validate(
        {
            "experiment": context.experiment,
            "parent": None if init_from == "base" else init_from,
            "hypothesis": hypothesis,
            "reason": reason,
            "change": change,
            "move": move,
            "expected_gain": expected_gain,
            "sources": sources,
            "weights": weights or {},
            "max_seconds": seconds
            or experiment_seconds(context.dojo, context.history, method_for(context.dojo), share),
            "rows": context.dojo.max_rows,
            "init_from": init_from,
            "lessons": lessons,
            "steps": steps,
            "replay": 0.0 if steps else context.replay,
        }
    )
