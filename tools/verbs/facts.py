"""Facts of an answer: what a program may read of it without parsing the text: figures, ids, names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tools.dojo import Dojo
from tools.toolkit.training import estimated

Arguments = Mapping[str, Any]
Facts = Callable[[Dojo, Arguments], Mapping[str, Any]]


def facts_of(verb: str, dojo: Dojo, arguments: Arguments) -> Mapping[str, Any]:
    """The facts beside the text of a verb that only looks; empty for those whose text is all there is."""
    return FACTS[verb](dojo, arguments) if verb in FACTS else {}


def _sources(dojo: Dojo, arguments: Arguments) -> Mapping[str, Any]:
    profiles = dojo.profiles()
    return {
        "sources": [
            {"name": name, "rows": profile.rows, "licence": profile.licence}
            for name, profile in profiles.items()
        ]
    }


def _profile(dojo: Dojo, arguments: Arguments) -> Mapping[str, Any]:
    profile = dojo.profiles()[str(arguments["source"])]
    return profile.model_dump(mode="json", exclude={"samples", "card_excerpt"})


def _experiment(dojo: Dojo, arguments: Arguments) -> Mapping[str, Any]:
    id = str(arguments["experiment"])
    evaluation, comparison = dojo.journal.evaluation(id), dojo.journal.comparison(id)
    done = dojo.journal.experiment(id)
    return {
        "experiment": id,
        "outcome": done.outcome if done else None,
        "score": evaluation.score.model_dump(mode="json") if evaluation else None,
        "comparison": comparison.model_dump(mode="json") if comparison else None,
    }


def _comparison(dojo: Dojo, arguments: Arguments) -> Mapping[str, Any]:
    return dojo.compare(str(arguments["challenger"]), str(arguments["champion"])).model_dump(mode="json")


def _estimate(dojo: Dojo, arguments: Arguments) -> Mapping[str, Any]:
    return estimated(dojo, str(arguments["experiment"]), arguments["plan"]).model_dump(mode="json")


def _lessons(dojo: Dojo, arguments: Arguments) -> Mapping[str, Any]:
    found = dojo.recall(str(arguments["query"]))
    return {
        "lessons": [
            {"id": each.lesson.id, "gain": each.lesson.gain, "outcome": each.lesson.outcome} for each in found
        ]
    }


FACTS: Mapping[str, Facts] = {
    "list_sources": _sources,
    "profile_source": _profile,
    "read_experiment": _experiment,
    "compare_models": _comparison,
    "estimate_training": _estimate,
    "recall_experience": _lessons,
}
