"""Forgetting record: how far a trained model moved away from its base on what the task is not about."""

from __future__ import annotations

from memory.recipe import Record


class GeneralAnswers(Record):
    """Whether the base model answers general questions at all: without that there is nothing to forget."""

    right: int
    """Questions of general knowledge that it answers right."""
    asked: int
    prompts: int = 0
    """General prompts whose answers are kept as the reference; 0 where forgetting is not measured."""
    candidate_seconds: float = 0.0
    """Wall-clock of what a candidate will be asked too, as the base took it: its reading of these answers,
    and the tasks that may not get worse."""

    @property
    def measurable(self) -> bool:
        """Whether a trained model's answers can be held against these."""
        return self.prompts > 0

    def text(self) -> str:
        """The finding in one sentence."""
        found = f"the base model answers {self.right} of {self.asked} questions of general knowledge right"
        if self.measurable:
            return f"{found}: its own answers to {self.prompts} general prompts are what it may forget"
        return f"{found}: it has no general answers to forget, and none are watched"


class Divergence(Record):
    """How far a model's next-token distributions lie from the base's, along the base's own answers."""

    mean: float
    """Kullback-Leibler divergence from the base in nats per token; the mean over prompts."""
    low: float
    high: float
    """95% interval of the mean over prompts."""
    prompts: int
    tokens: int
    same: float
    """Share (0.0 to 1.0) of tokens at which the likeliest next token is still the base's."""

    def text(self) -> str:
        """``0.31 nats a token [0.25, 0.37] from the base on 56 general prompts, ...``."""
        return (
            f"{self.mean:.2f} nats a token [{self.low:.2f}, {self.high:.2f}] from the base on "
            f"{self.prompts} general prompts, {self.same:.0%} of its likeliest tokens the same"
        )


class TaskChange(Record):
    """A model beside its base on one task that the user asked to be left unharmed."""

    task: str
    metric: str
    base: float
    score: float
    """Both in percent, on the same items."""
    delta: float
    """Points; negative is worse, whatever the metric's direction."""
    low: float
    high: float
    """95% interval of the paired difference."""
    n: int

    @property
    def harmed(self) -> bool:
        """Whether the model is worse beyond chance: the whole interval lies below zero."""
        return self.high < 0.0

    def text(self) -> str:
        """``gsm8k -3.0 [-5.1, -0.9], n=100``."""
        return f"{self.task} {self.delta:+.1f} [{self.low:+.1f}, {self.high:+.1f}], n={self.n}"


class Forgetting(Record):
    """What an experiment's training cost beside its task."""

    general: Divergence | None = None
    """None where the base has no general answers to forget."""
    budget: float | None = None
    """Nats per token that were allowed; None where forgetting is told and forbids nothing."""
    tasks: tuple[TaskChange, ...] = ()

    @property
    def beyond(self) -> bool:
        """Whether it costs more than was allowed.

        The budget is a promise, so the whole interval has to lie within it, as in a test of
        non-inferiority; a chosen task must not be worse beyond chance.
        """
        if self.budget is None:
            return False
        too_far = self.general is not None and self.general.high > self.budget
        return too_far or any(task.harmed for task in self.tasks)

    def text(self) -> str:
        """What it cost, against what was allowed, in one line."""
        parts = [self.general.text()] if self.general else []
        parts += [task.text() for task in self.tasks]
        if self.budget is None:
            return "; ".join(parts)
        where = "beyond" if self.beyond else "within"
        return f"{'; '.join(parts)}: {where} the budget of {self.budget:g}"
