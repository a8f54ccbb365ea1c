"""Tools that show results: what an experiment did, where its answers fail, its losses and its logs.

Nothing here reads the sealed test: predictions are those on validation, logs those of training
and validation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from memory.journal.log import Journal
from memory.records import Training
from tasks.base import Sample
from tasks.errors import InputError, did_you_mean
from tools.chat.untrusted_text import delimited, one_line
from tools.dojo import Dojo
from tools.evaluation.evaluate import cluster_name, read_items
from tools.process.root_cause import root_cause, without_paths
from tools.report.facts import quotation
from tools.toolkit.answers import known_experiment
from tools.toolkit.experiment import experiment_text
from tools.training.loss_curve import thin

PROMPT_CHARACTERS = 900
ANSWER_CHARACTERS = 700
LOG_HEAD, LOG_TAIL = 200_000, 50_000
"""Bytes of a log that are read: its first cause stands early, how it ended stands last."""
EXCERPT_CHARACTERS = 2_000
SECONDS_TO_SPARE = 30.0
"""Of the budget, under which no audit is begun."""
LogName = Literal["train", "probe", "validation"]


def result_tools(dojo: Dojo) -> list[Callable[..., str]]:
    """The functions, bound to one run."""
    return [*_reading(dojo), *_comparing(dojo), _auditing(dojo)]


def _reading(dojo: Dojo) -> list[Callable[..., str]]:
    journal = dojo.journal

    def read_experiment(experiment: str) -> str:
        """Read what one experiment tried and what came of it: plan, data, training, validation, diagnosis.

        Args:
            experiment: base, or an experiment's id such as e03.
        """
        id = known_experiment(journal, experiment)
        return experiment_text(journal, id)

    def loss_curve(experiment: str, points: Annotated[int, Field(ge=4, le=40)] = 12) -> str:
        """Read the training loss of one experiment: start, lowest, last, and the curve in a few points.

        Args:
            experiment: the id of a trained experiment, such as e03.
            points: how many points of the curve.
        """
        id = known_experiment(journal, experiment, base=False)
        trained = journal.training(id)
        if trained is None:
            raise InputError(f"experiment {id}", "was not trained", f"trained so far: {_trained(journal)}")
        return _curve(id, trained, points)

    def read_log(experiment: str, log: LogName = "train") -> str:
        """Read why a training or an evaluation failed: the first cause in its log, and the log's end.

        Args:
            experiment: base, or an experiment's id such as e03.
            log: train, probe (a few steps before training) or validation.
        """
        id = known_experiment(journal, experiment)
        text = _log(dojo.workspace.inside(f"experiments/{id}/{log}.log"))
        if not text:
            failure = journal.failure(id)
            text = failure.log_tail if failure else ""
        if not text.strip():
            there = [name for name in ("train", "probe", "validation") if _exists(dojo, id, name)]
            raise InputError(f"log {log} of {id}", "is empty or missing", f"there are: {there or 'none'}")
        cause = root_cause(text)
        end = without_paths(text[-EXCERPT_CHARACTERS:])
        return "\n".join(
            [
                delimited(cause, f"first cause in {log} of {id}"),
                delimited(end, f"end of {log} of {id}", 2_000),
            ]
        )

    return [read_experiment, loss_curve, read_log]


def _comparing(dojo: Dojo) -> list[Callable[..., str]]:
    def show_failures(
        experiment: str, cluster: str = "", items: Annotated[int, Field(ge=1, le=6)] = 3
    ) -> str:
        """Show validation items that an experiment answers wrongly: prompt, right answer, the model's answer.

        Args:
            experiment: base, or the id of an evaluated experiment.
            cluster: only items of this error cluster, as read_experiment names it; empty for all.
            items: how many.
        """
        id = _evaluated(dojo, experiment)
        wrong = _wrong_items(dojo, id)
        if not wrong:
            return f"{id} answers every validation item rightly."
        answered = len(read_items(_predictions(dojo, id)))
        names = dict.fromkeys(name for name, _, _ in wrong)
        if cluster and cluster not in names:
            what = f"cluster {one_line(cluster)!r}"
            raise InputError(what, f"is none of {id}'s", did_you_mean(cluster, list(names)[:20]))
        chosen = [each for each in wrong if cluster in ("", each[0])]
        shown = chosen[:: max(1, len(chosen) // items)][:items]
        of = f"{answered} answered" if answered < len(dojo.validation) else f"{answered}"
        head = f"{len(chosen)} of {of} validation items are wrong"
        head += f" in cluster {cluster}" if cluster else f"; clusters: {', '.join(names)}"
        return "\n\n".join([head, *(_item(name, sample, item) for name, sample, item in shown)])

    def compare_models(challenger: str, champion: str) -> str:
        """Compare two evaluated models item by item: difference, interval, p-value, items fixed and broken.

        Args:
            challenger: an experiment's id.
            champion: base, or an experiment's id.
        """
        return dojo.compare(_evaluated(dojo, challenger), _evaluated(dojo, champion)).model_dump_json(
            indent=1
        )

    return [show_failures, compare_models]


def _auditing(dojo: Dojo) -> Callable[..., str]:
    def audit_sources(
        experiment: str, sources: Annotated[list[str], Field(min_length=1, max_length=6)]
    ) -> str:
        """Let a trained model answer rows of each source; the share that agrees with the labels, its 95%
        interval and the rows it was measured on.

        A source with much less agreement than the best one probably has wrong labels; where one
        share lies in the other's interval, no difference is shown. Costs some seconds of the run's
        budget per source. What is found stays in the run's record.

        Args:
            experiment: the id of a trained experiment; an untrained model knows too little to tell.
            sources: names of sources, at most 6.
        """
        id = known_experiment(dojo.journal, experiment, base=False)
        if dojo.journal.training(id) is None:
            raise InputError(
                f"experiment {id}", "was not trained", f"trained so far: {_trained(dojo.journal)}"
            )
        for name in sources:
            if name not in dojo.pool:
                raise InputError(
                    f"source {one_line(name)!r}", "is not in the pool", did_you_mean(name, dojo.pool)
                )
        asked = dict.fromkeys(sources)
        known = {**dojo.journal.agreements, **dojo.agreements}
        new = [name for name in asked if (id, name) not in known]
        if new and dojo.remaining_budget_seconds() < SECONDS_TO_SPARE:
            raise InputError("the budget", "leaves no time for an audit", "decide without one")
        if new:
            dojo.audit(id, new)
            known.update(dojo.agreements)
        return "\n".join(
            f"{one_line(name)}: {known[id, name].text()}" for name in asked if (id, name) in known
        )

    return audit_sources


# ---- items


def _evaluated(dojo: Dojo, experiment: str) -> str:
    """The id, if the experiment's predictions on validation are there."""
    id = known_experiment(dojo.journal, experiment)
    if not _predictions(dojo, id).is_file():
        raise InputError(f"experiment {id}", "was not evaluated", "name base or an evaluated experiment")
    return id


def _predictions(dojo: Dojo, experiment: str) -> Path:
    return dojo.workspace.inside(f"experiments/{experiment}/validation.jsonl")


def _wrong_items(dojo: Dojo, experiment: str) -> list[tuple[str, Sample, dict[str, Any]]]:
    """(cluster, sample, prediction) of the wrong answers; those of the largest cluster first."""
    samples = {sample.id: sample for sample in dojo.validation}
    several = len({sample.subset for sample in dojo.validation}) > 1
    found = []
    for item in read_items(_predictions(dojo, experiment)):
        sample = samples.get(str(item["id"]))
        if sample is not None and not item["right"] and item.get("scored", True):
            name = cluster_name(item["error"], item["parsed"], sample.subset, several)
            found.append((name, sample, item))
    sizes: dict[str, int] = {}
    for name, _, _ in found:
        sizes[name] = sizes.get(name, 0) + 1
    return sorted(found, key=lambda each: (-sizes[each[0]], each[0]))


def _item(cluster: str, sample: Sample, item: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"### {sample.id}: {cluster}",
            delimited(sample.prompt, "prompt", PROMPT_CHARACTERS),
            delimited(quotation(sample.gold), "right answer", 400),
            delimited(str(item["prediction"]), "the model's answer", ANSWER_CHARACTERS),
        ]
    )


# ---- losses and logs


def _trained(journal: Journal) -> str:
    ids = dict.fromkeys(str(event.experiment) for event in journal.events if event.kind == "training")
    return ", ".join(list(ids)[-20:]) or "none"


def _curve(id: str, trained: Training, points: int) -> str:
    losses = [loss for _, loss in trained.losses]
    if not losses:
        return f"{id}: no losses were kept"
    steps = {number + 1: step for number, (step, _) in enumerate(trained.losses)}
    curve = ", ".join(f"{steps[last]}: {loss:.4g}" for last, loss in thin(losses, points))
    quarter = max(1, len(losses) // 4)
    before, after = losses[-2 * quarter : -quarter], losses[-quarter:]
    fall = f"; last quarter {sum(after) / len(after):.4g}, the one before {sum(before) / len(before):.4g}"
    early = f"; {one_line(ending, 200)}" if (ending := trained.ending()) else ""
    early += f"; {trained.held_out.in_words()}" if trained.held_out else ""
    return (
        f"{id}: {trained.steps} steps; first {losses[0]:.4g}, lowest {min(losses):.4g}, "
        f"last {losses[-1]:.4g}{fall if before else ''}{early}\nstep: loss {curve}"
    )


def _exists(dojo: Dojo, id: str, name: str) -> bool:
    return dojo.workspace.inside(f"experiments/{id}/{name}.log").is_file()


def _log(path: Path) -> str:
    """The beginning and the end of a log; empty when there is none."""
    if not path.is_file():
        return ""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(LOG_HEAD)
        if size <= LOG_HEAD + LOG_TAIL:
            return (head + file.read()).decode("utf-8", "replace")
        file.seek(size - LOG_TAIL)
        return (head + b"\n" + file.read()).decode("utf-8", "replace")
