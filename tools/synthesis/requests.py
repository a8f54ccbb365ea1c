"""Requests of one operation to the teacher: the rows that may be sent, the replies, and a note of both.

No validation or test item reaches a teacher: rows that match one are dropped before anything
is chosen, and prompts are made of the rest alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from memory.recipe import Decontaminate
from tasks.errors import ExperimentFailed
from tools.curation.operations import Context, Example, Kept, decontaminate
from tools.synthesis.cache import Reply
from tools.synthesis.prompts import ROW_CHARACTERS
from tools.synthesis.teacher import Teacher, TeacherEstimate

MOST_FAILED = 0.5
"""Of an operation's calls: with more, its rows are not what the recipe meant."""
EXPECTED_TOKENS = 1024
"""Of a solution, where the task's own budget is larger: most solutions are far from it."""


class RequestBatch:
    """Rows that may be sent, and a tally of what came of them.

    Args:
        what: the operation's name.
        rows: all rows; see ``rows`` for those that are left.
        context: what operations know.
        teacher: whom to ask.
    """

    def __init__(self, what: str, rows: Sequence[Example], context: Context, teacher: Teacher) -> None:
        self.what, self.context, self.teacher = what, context, teacher
        clean = decontaminate(rows, Decontaminate(), context)
        self.rows, self._matches = clean.rows, clean.matches
        self.tally: Counter[str] = Counter()
        """By outcome, in the words of the note."""
        self._calls = self._cached = self._failed = 0
        self._models: dict[str, None] = {}
        self._problem = ""

    def some(self, most: int) -> list[int]:
        """Positions of at most so many rows, a seeded sample in their order; none too long to be sent."""
        fit = [i for i, row in enumerate(self.rows) if len(row.prompt) + len(row.answer) <= ROW_CHARACTERS]
        return fit if len(fit) <= most else sorted(self.context.rng.sample(fit, most))

    def answer_tokens(self) -> int:
        """Tokens of a solution, for an estimate."""
        return min(self.context.spec.max_new_tokens, EXPECTED_TOKENS)

    def estimate(
        self, prompts: Sequence[str], system: str, temperature: float, output_tokens: int, samples: int = 1
    ) -> TeacherEstimate:
        """What asking will come to."""
        return self.teacher.estimate(prompts, system, output_tokens, samples, temperature=temperature)

    def admit(self, estimate: TeacherEstimate) -> None:
        """Refuse what the caps leave no room for. Raises ExperimentFailed ``cap_reached``."""
        self.teacher.admit(estimate, self.what)

    def ask(
        self, prompts: Sequence[str], system: str, temperature: float, sample: int = 0
    ) -> tuple[Reply | None, ...]:
        """The replies, in order; None where there is none.

        Raises:
            ExperimentFailed: ``teacher_failed`` when most calls of the operation failed; ``cap_reached``.
        """
        asked = self.teacher.ask_all(prompts, system=system, temperature=temperature, sample=sample)
        self._calls += len(prompts)
        self._cached += asked.cached
        self._failed += asked.failed
        self._problem = self._problem or asked.problem
        self._models |= dict.fromkeys(reply.model for reply in asked.replies if reply)
        if self._failed > MOST_FAILED * self._calls:
            message = f"{self.what}: {self._failed:,} of {self._calls:,} calls of the teacher failed"
            raise ExperimentFailed("data", "teacher_failed", f"{message}; first: {self._problem}")
        return asked.replies

    def kept(self, rows: list[Example]) -> Kept:
        """The operation's result, with its note."""
        counts = [f"{count:,} {outcome}" for outcome, count in self.tally.items()]
        calls = f"asked {self._calls:,} ({self._cached:,} cached, {self._failed:,} failed)"
        notes = [f"{', '.join(self._models) or self.teacher.name}: {calls}", *counts]
        notes += [f"first failure: {self._problem}"] if self._failed else []
        notes += [f"{len(self._matches):,} matched a guarded item, not sent"] if self._matches else []
        return Kept(rows, "; ".join(notes), self._matches)
