"""Check on sources against each other: how likely a model trained on one finds the answers of the others.

Each look leaves a model trained on a single source. Read over the rows of every other source (teacher
forcing, one forward pass) these models say who explains whom; none is taken for right because it is large.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from memory.explained import Explained
from memory.journal.log import BASE
from tasks.errors import boundary
from tools.curation import audit as auditing
from tools.curation import run as curating
from tools.dojo import Dojo
from tools.evaluation import likelihood
from tools.evaluation.evaluate import TIMEOUT_SECONDS
from tools.process.placed import Link

ROWS = 24
"""Sampled rows of each source: about as many tokens in one forward pass as a look trains on in two steps."""
FILE = "explained.json"
"""In the folder of ``base``: its losses, by source and row."""
Losses = Mapping[str, Mapping[str, float]]


def measure_explained(dojo: Dojo, experiment: str, sources: Sequence[str]) -> tuple[Explained, ...]:
    """How likely an experiment's model finds the answers of these sources, beside the base; noted once.

    Raises:
        ExperimentFailed: the model cannot be asked.
    """
    if (known := dojo.journal.explained.get(experiment)) is not None:
        return tuple(known.values())
    with dojo.ledger.measure("evaluate"), boundary("diagnose", "reading sources with each other's models"):
        rows = _rows(dojo, sources)
        base, mine = _base_losses(dojo, rows), _losses(dojo, experiment, rows)
    found = tuple(_explained(name, base[name], mine[name]) for name in rows if base[name].keys() & mine[name])
    told = ", ".join(f"{each.source} {each.gain:+.2f}" for each in found)
    text = f"answers of other sources became likelier than under the base by (nats a token): {told}"
    dojo.journal.note(text, experiment, explained=[each.model_dump(mode="json") for each in found])
    return found


def asked_ahead(dojo: Dojo, model_dir: Path, experiment: str, sources: Sequence[str]) -> Link:
    """What ``measure_explained`` will ask an experiment's model, for whoever begins it ahead."""
    asked = [row for rows in _rows(dojo, sources).values() for row in rows]
    call = likelihood.asked(asked, model_dir, dojo.worker)
    return Link(call, TIMEOUT_SECONDS, _log_path(dojo, experiment), "diagnose")


def _log_path(dojo: Dojo, experiment: str) -> Path:
    return dojo.workspace.experiment_dir(experiment) / "explained.log"


def _rows(dojo: Dojo, sources: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """By source, sampled rows in the task's format."""
    profiles = {name: dojo.profiles()[name] for name in sources}
    recipes = auditing.samples(profiles, ROWS, dojo.seed)
    found = {
        name: curating.rows_of(recipe, dojo.pool, dojo.spec, dojo.decontaminator)
        for name, recipe in recipes.items()
    }
    return {
        name: [{"prompt": prompt, "answer": answer} for prompt, answer in rows]
        for name, rows in found.items()
    }


def _base_losses(dojo: Dojo, rows: Mapping[str, Sequence[dict[str, str]]]) -> Losses:
    file = dojo.workspace.experiment_dir(BASE) / FILE
    if file.is_file():
        known: dict[str, dict[str, float]] = json.loads(file.read_text(encoding="utf-8"))
        if known.keys() >= rows.keys():
            return known
    found = _losses(dojo, BASE, rows)
    dojo.workspace.write_json(file, found)
    return found


def _losses(dojo: Dojo, experiment: str, rows: Mapping[str, Sequence[dict[str, str]]]) -> Losses:
    """By source and place of the row: mean cross-entropy of its answer, in nats per token."""
    places = [(name, place) for name, some in rows.items() for place in range(len(some))]
    asked = [rows[name][place] for name, place in places]
    log_path = _log_path(dojo, experiment)
    read = likelihood.read_rows(asked, dojo.model_dir(experiment), dojo.worker, log_path, "diagnose")
    found: dict[str, dict[str, float]] = {name: {} for name in rows}
    for row in read:
        name, place = places[row["place"]]
        found[name][str(place)] = row["loss"]
    return found


def _explained(source: str, base: Mapping[str, float], mine: Mapping[str, float]) -> Explained:
    both = base.keys() & mine.keys()
    before, after = (sum(losses[place] for place in both) / len(both) for losses in (base, mine))
    return Explained(source=source, base_loss=before, loss=after, rows=len(both))
