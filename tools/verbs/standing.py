"""Standing of a run: what is left of time, tokens, money and experiments, and the best model so far."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from memory.journal.log import BASE
from tools.dojo import Dojo


@dataclass(frozen=True)
class Standing:
    """What an agent is told with every answer."""

    run: str
    seconds_left: float
    """For experiments: the reserve for the sealed test and the report is taken off."""
    budget_seconds: float
    tokens_left: int | None
    """Of language models that the run itself asks (teacher, judge); None where no cap is set."""
    usd_left: float | None
    experiments_left: int | None
    """None where none were limited."""
    experiments_done: int
    experiment: str | None
    """The one that is planned and not finished."""
    incumbent: str
    """The best so far by paired tests: ``base`` or an experiment."""
    score: float | None
    """The incumbent's, on validation, with its 95% interval and the number of items."""
    low: float | None
    high: float | None
    n: int | None
    champion: str | None
    """What the run claims, once it is submitted: ``base`` where no gain was confirmed."""
    outcome: str | None
    """How the run ended; None while it goes on."""

    def plain(self) -> dict[str, Any]:
        """As JSON-plain values."""
        return asdict(self)

    def line(self) -> str:
        """The same in one line, for a reader."""
        if self.outcome is not None:
            return f"[the run has ended: {self.outcome}; champion {self.champion}]"
        parts = [f"{self.seconds_left:.0f} s of {self.budget_seconds:.0f} s left"]
        if self.experiments_left is not None:
            parts.append(f"{self.experiments_left} experiments left")
        if self.tokens_left is not None:
            parts.append(f"{self.tokens_left:,} tokens left")
        if self.usd_left is not None:
            parts.append(f"{self.usd_left:.4f} US dollars left")
        if self.score is not None:
            parts.append(
                f"incumbent {self.incumbent} {self.score:.1f} [{self.low:.1f}, {self.high:.1f}] n={self.n}"
            )
        if self.experiment:
            parts.append(f"{self.experiment} is under way")
        return f"[{'; '.join(parts)}]"


def standing_of(dojo: Dojo) -> Standing:
    """The standing now; any thread may ask."""
    journal, spending = dojo.journal, dojo.spending
    incumbent, done = journal.incumbent_id(), len(journal.experiments())
    evaluation, ended = journal.evaluation(incumbent), journal.ended
    score = evaluation.paired_score if evaluation else None
    left = dojo.remaining_budget_seconds() if journal.evaluation(BASE) else dojo.ledger.remaining_seconds
    max_usd, max_tokens = (spending.max_usd, spending.max_tokens) if spending else (None, None)
    return Standing(
        run=journal.info.run,
        seconds_left=0.0 if ended else round(max(0.0, left), 1),
        budget_seconds=journal.info.budget_seconds,
        tokens_left=None if max_tokens is None or not spending else max(0, max_tokens - spending.tokens),
        usd_left=None if max_usd is None or not spending else round(max(0.0, max_usd - spending.usd), 6),
        experiments_left=None if dojo.max_experiments is None else max(0, dojo.max_experiments - done),
        experiments_done=done,
        experiment=journal.unfinished(),
        incumbent=incumbent,
        score=score.value if score else None,
        low=score.low if score else None,
        high=score.high if score else None,
        n=score.n if score else None,
        champion=journal.champion_id() if ended else None,
        outcome=str(ended["outcome"]) if ended else None,
    )
