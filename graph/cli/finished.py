"""Finished run, opened for reading: what ``ftdojo export`` and ``ftdojo chat`` need of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.session import read_settings
from graph.settings import RunSettings
from graph.task_names import load_options, load_task
from memory.journal.log import BASE, Journal
from tasks.base import Sample, TaskSpec
from tasks.errors import InputError
from tasks.load import load
from tools.evaluation.evaluate import read_items
from tools.models.base_model import BaseModel, resolve_base_model


@dataclass(frozen=True)
class FinishedRun:
    """A run that has a champion, or that ended with its base model."""

    run_dir: Path
    journal: Journal
    settings: RunSettings
    spec: TaskSpec
    """Its answers as long as the run settled them."""
    champion: str
    """An experiment's id, or ``base``."""
    base: BaseModel

    @classmethod
    def open(cls, run_dir: Path) -> FinishedRun:
        """Reads a run's folder.

        Raises:
            InputError: it has not ended, or its base model cannot be found.
        """
        journal = Journal.open(run_dir / "journal.jsonl", write=False)
        if journal.ended is None:
            raise InputError(f"run {run_dir.name}", "has not ended", "`ftdojo resume` ends it")
        settings = read_settings(run_dir)
        spec = load_task(settings.task, settings.edition)
        if journal.lengths is not None:
            spec = replace(spec, max_new_tokens=journal.lengths.max_new_tokens)
        base = resolve_base_model(settings.base_model, settings.allow_pickle)
        return cls(run_dir, journal, settings, spec, journal.champion_id(), base)

    @property
    def model_dir(self) -> Path:
        """The champion's weights: its experiment's, or the export that the run left."""
        if self.champion == BASE:
            return self.base.path
        trained = self.journal.training(self.champion)
        inside = self.run_dir.resolve() / trained.model_dir if trained else None
        exported = self.run_dir.resolve() / "champion"
        for place in (inside, exported):
            if place is not None and place.is_dir():
                return place
        raise InputError(f"run {self.run_dir.name}", "its champion's weights are gone", "train it again")

    def validation(self) -> tuple[Sequence[Sample], list[dict[str, Any]]]:
        """The validation items of the search, and the champion's recorded answers to them.

        Raises:
            InputError: the predictions are gone.
        """
        edition = self.journal.info.edition
        data = load(self.spec, edition, self.journal.info.seed, load_options(self.settings))  # type: ignore[arg-type]
        file = self.run_dir / "experiments" / self.champion / "validation.jsonl"
        try:
            items = read_items(file)
        except (OSError, ValueError) as error:
            raise InputError(str(file), "the champion's answers cannot be read", "run it again") from error
        # A run answers a part of them in its search, and keeps the others apart.
        samples = {sample.id: sample for sample in data.validation}
        known = [item for item in items if item["id"] in samples]
        return [samples[item["id"]] for item in known], known
