"""Verbs that close: an experiment with its lesson, and the run with the one reading of the sealed test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from memory.records import Ending, Experiment, Lesson
from tasks.errors import InputError
from tools.chat.untrusted_text import one_line
from tools.dojo import Dojo
from tools.toolkit.answers import known_experiment
from tools.verbs.acting import Verb
from tools.verbs.acts import Acts
from tools.verbs.answer import Told

LESSON_CHARACTERS = 600
SHOWN = (
    "outcome",
    "reason",
    "claim",
    "base_test",
    "final_test",
    "gain",
    "p_value",
    "confirmation",
    "kept",
    "discarded",
    "failed",
    "test_reads",
)
"""Of the run's summary, what an agent is told: figures of the sealed test, and no item of it."""


@dataclass(frozen=True)
class Harness:
    """What stands above the tools and is handed to the verbs: how a run ends, and what is learned."""

    conclude: Callable[[Ending, str], Mapping[str, Any]]
    """Confirm, read the sealed test, export, report; from (outcome, reason) to the run's summary."""
    lesson_of: Callable[[Dojo, Experiment], Lesson | None]
    """What transfers to the next run, measured."""


def closing_verbs(dojo: Dojo, harness: Harness | None) -> list[Verb]:
    """The functions, bound to one run; without a harness nothing is learned and nothing submitted."""
    acts = Acts(dojo)
    verbs = [_finishing(dojo, acts, harness)]
    return [*verbs, _recording(dojo, acts, harness), _submitting(dojo, harness)] if harness else verbs


def _finishing(dojo: Dojo, acts: Acts, harness: Harness | None) -> Verb:
    def finish_experiment(experiment: str) -> Told:
        """Close the experiment under way; it becomes the incumbent when the paired test allows it.

        Args:
            experiment: its id; one that was not evaluated counts as failed.
        """
        acts.planned(experiment)
        outcome = acts.finish(experiment)
        if harness is not None and (lesson := _lesson(dojo, harness, experiment)) is not None:
            acts.learn(experiment, lesson)
        incumbent = dojo.journal.incumbent_id()
        text = f"{experiment} is {outcome}; the incumbent is {incumbent}"
        return Told(text, {"experiment": experiment, "outcome": outcome, "incumbent": incumbent})

    return finish_experiment


def _lesson(dojo: Dojo, harness: Harness, experiment: str) -> Lesson | None:
    done = dojo.journal.experiment(experiment)
    return harness.lesson_of(dojo, done) if done else None


def _recording(dojo: Dojo, acts: Acts, harness: Harness) -> Verb:
    def record_experience(
        experiment: str, text: Annotated[str, Field(min_length=1, max_length=LESSON_CHARACTERS)]
    ) -> Told:
        """Add your own words to the lesson of a finished experiment, for later runs.

        The harness writes what was measured beside them; your words stand as yours.

        Args:
            experiment: the id of a finished experiment that was evaluated.
            text: what you learned, in words that stand alone.
        """
        if not text.strip():
            raise InputError("text", "is blank", "say what you learned, in words that stand alone")
        id = known_experiment(dojo.journal, experiment, base=False)
        if dojo.journal.stage(id, "finished") is None:
            raise InputError(f"experiment {id}", "is not finished", "call finish_experiment first")
        learned = _lesson(dojo, harness, id)
        if learned is None:
            raise InputError(
                f"experiment {id}", "was not evaluated", "there is nothing measured to learn from"
            )
        said = f"{learned.text} The agent says: {one_line(text, LESSON_CHARACTERS)}"
        acts.add_to_lesson(learned.model_copy(update={"id": f"{learned.id}/agent", "text": said}))
        return Told(f"recorded {learned.id}/agent", {"lesson": f"{learned.id}/agent"})

    return record_experience


def _submitting(dojo: Dojo, harness: Harness) -> Verb:
    def submit(reason: Annotated[str, Field(max_length=300)] = "") -> Told:
        """End the run: what it found is confirmed on items kept apart, and the sealed test is read, once.

        Nothing can be done in the run afterwards.

        Args:
            reason: why you stop here.
        """
        if (under_way := dojo.journal.unfinished()) is not None:
            raise InputError(f"experiment {under_way}", "is under way", "call finish_experiment first")
        ending, why = _ending(dojo)
        said = one_line(reason, 300) or "no reason given"
        summary = harness.conclude(ending, f"{why}: {said}")
        facts = {name: summary[name] for name in SHOWN if name in summary}
        return Told(_told_at_the_end(facts), facts)

    return submit


def _told_at_the_end(facts: Mapping[str, Any]) -> str:
    """The claim, then every figure on a line of its own: scores in the form of every printed figure."""
    lines = [str(facts["claim"])] if facts.get("claim") else []
    for name, value in facts.items():
        shown = value.get("text", value) if isinstance(value, Mapping) else value
        if name.endswith("_test") and value:
            shown = f"{value['value']:.1f} [{value['low']:.1f}, {value['high']:.1f}] n={value['n']}"
        if name != "claim" and shown is not None:
            lines.append(f"{name}: {shown}")
    return "\n".join(lines)


def _ending(dojo: Dojo) -> tuple[Ending, str]:
    """What the ending is called, and whose it is."""
    done = len(dojo.journal.experiments())
    if dojo.remaining_budget_seconds() <= 0:
        return "out_of_budget", "the time for experiments was over when the agent submitted"
    if dojo.max_experiments is not None and done >= dojo.max_experiments:
        return "max_experiments", f"the agent submits after all {done} experiments"
    return "submitted", "the agent submits"
