"""``Run``: what ``ftdojo.run`` and ``ftdojo.resume`` return, with types and units."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.base import Score
from tasks.errors import InputError

if TYPE_CHECKING:
    from memory.journal.log import Journal
    from tools.process.worker import Worker

ANSWER_SECONDS = 3600.0
"""Longest time for one call of ``Run.generate``."""


class Run(Mapping[str, Any]):
    """A run that has ended, or that waits for a person's answer (``waiting``).

    It is also the mapping behind the printed summary: ``run["gain"]`` gives JSON-plain values.

    Args:
        summary: the keys of the printed block.
        run_dir: the run's folder.
    """

    def __init__(self, summary: Mapping[str, Any], run_dir: Path) -> None:
        self._summary = dict(summary)
        self._worker: Worker | None = None
        self.run_dir = run_dir
        """The run's folder: journal, models, data, predictions, report."""

    @classmethod
    def open(cls, run_dir: str | Path) -> Run:
        """A run that ended earlier, from its folder.

        Raises:
            InputError: the folder holds no finished run.
        """
        path = Path(run_dir).expanduser().resolve() / "summary.json"
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(summary, dict) or not {"run", "outcome"} <= summary.keys():
                raise ValueError("no summary of a run")
            return cls(summary, path.parent)
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(
                str(run_dir),
                "holds no finished run",
                "`ftdojo status` lists the runs, `ftdojo resume` ends one",
            ) from error

    def __getitem__(self, key: str) -> Any:
        return self._summary[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._summary)

    def __len__(self) -> int:
        return len(self._summary)

    def __repr__(self) -> str:
        if self.waiting:
            return f"Run({self.name!r}, waiting)"
        return f"Run({self.name!r}, {self.outcome}, gain={self.gain:+.1f})"

    @property
    def name(self) -> str:
        """The run's name, which is its folder's."""
        return str(self._summary["run"])

    @property
    def outcome(self) -> str:
        """``solved``, ``out_of_budget``, ``max_experiments``, ``stuck``, ``submitted`` or ``waiting``."""
        return str(self._summary["outcome"])

    @property
    def reason(self) -> str:
        """Why it ended, in one sentence."""
        return str(self._of_ended("reason"))

    @property
    def waiting(self) -> bool:
        """Whether it stopped at a question (``approve=...``); then it was not tested yet."""
        return "question" in self._summary

    @property
    def question(self) -> dict[str, Any] | None:
        """What a waiting run asks; see ``graph.approval.gates``."""
        return dict(self._summary["question"]) if self.waiting else None

    @property
    def task(self) -> str:
        """The task's id."""
        return str(self._of_ended("task"))

    @property
    def base_model(self) -> str:
        """Name of the model that it started from."""
        return str(self._of_ended("base_model"))

    @property
    def policy(self) -> str:
        """Who decided: ``playbook`` or ``llm``."""
        return str(self._of_ended("policy"))

    @property
    def seed(self) -> int:
        """Seed of the generated rows, the samples and the training."""
        return int(self._of_ended("seed"))

    @property
    def base_test(self) -> Score:
        """The base model on the sealed test, with n and the 95% interval."""
        return Score.model_validate(self._of_ended("base_test"))

    @property
    def final_test(self) -> Score:
        """The champion on the same items of the sealed test."""
        return Score.model_validate(self._of_ended("final_test"))

    @property
    def gain(self) -> float:
        """Champion minus base on the sealed test, in points (0.0 where no gain was confirmed)."""
        return float(self._of_ended("gain"))

    @property
    def p_value(self) -> float | None:
        """Two-sided, paired by item; None where no gain was confirmed."""
        value = self._of_ended("p_value")
        return None if value is None else float(value)

    @property
    def confirmed(self) -> bool:
        """Whether validation items kept apart confirmed a gain; without that the base model stands."""
        return bool((self._summary.get("confirmation") or {}).get("confirmed"))

    @property
    def kept(self) -> int:
        """Experiments that the search went on from."""
        return int(self._of_ended("kept"))

    @property
    def discarded(self) -> int:
        """Experiments that did not beat the best of their time."""
        return int(self._of_ended("discarded"))

    @property
    def failed(self) -> int:
        """Experiments that could not go on."""
        return int(self._of_ended("failed"))

    @property
    def wall_seconds(self) -> float:
        """Time of the run, wall-clock, without the time it was not running."""
        return float(self._of_ended("wall_seconds"))

    @property
    def clock_seconds(self) -> dict[str, float]:
        """``wall_seconds`` by clock: think, data, train, evaluate, other."""
        return {str(name): float(seconds) for name, seconds in self._of_ended("clocks").items()}

    @property
    def usd(self) -> float:
        """Spent on language models, in US dollars by the price table; 0.0 when none was asked."""
        return float(self._summary.get("model_usd") or 0.0)

    @property
    def test_reads(self) -> int:
        """How often the sealed test was opened; 1."""
        return int(self._of_ended("test_reads"))

    @property
    def report(self) -> Path:
        """The HTML report."""
        return Path(self._of_ended("report"))

    @property
    def champion(self) -> Path:
        """Folder of the confirmed model, in the Hub's format; the base model's where none was confirmed."""
        self._of_ended("champion")
        exported = self.run_dir / "champion"
        if exported.is_dir():
            return exported
        from graph.session import read_settings
        from tools.models.base_model import resolve_base_model

        settings = read_settings(self.run_dir)
        return resolve_base_model(settings.base_model, settings.allow_pickle).path

    @property
    def journal(self) -> Journal:
        """Every record of the run, typed, opened for reading."""
        from memory.journal.log import Journal

        return Journal.open(self.run_dir / "journal.jsonl", write=False)

    def generate(self, prompts: Sequence[str], max_new_tokens: int | None = None) -> list[str]:
        """The champion's greedy answers, from a child process that keeps its libraries loaded.

        Args:
            prompts: questions as the task puts them; the model's chat template is applied here.
            max_new_tokens: longest answer, in tokens; the task's own limit when None.

        Raises:
            InputError: the run was not finished, ``prompts`` is a single string, or one is too long.
            ExperimentFailed: the model could not answer: out of memory, or longer than an hour.
        """
        if isinstance(prompts, str):
            raise InputError("prompts", "is a single string", "give a list of strings")
        from tools.evaluation.evaluate import Asking, answer_sets
        from tools.process.worker import Worker

        champion, limit = self.champion, max_new_tokens or self._answer_tokens()
        self._worker = self._worker or Worker()
        log_path = self.run_dir / "generate.log"
        asking = Asking({"prompts": list(prompts)}, champion, limit)
        reply, _ = answer_sets(asking, self._worker, log_path, ANSWER_SECONDS)
        long = [n for n, met in enumerate(reply["limits"]["prompts"]) if met == "prompt_too_long"]
        if long:
            wrong = f"is too long for this model beside an answer of {limit} tokens"
            raise InputError(f"prompt {long[0]}", wrong, "shorten it, or ask for fewer max_new_tokens")
        return [str(answer) for answer in reply["answers"]["prompts"]]

    def _answer_tokens(self) -> int:
        from graph.session import read_settings
        from graph.task_names import load_task

        if (lengths := self.journal.lengths) is not None:
            return lengths.max_new_tokens
        settings = read_settings(self.run_dir)
        return load_task(settings.task, settings.edition).max_new_tokens

    def _of_ended(self, key: str) -> Any:
        """A figure that only a run that ended has."""
        if self.waiting:
            raise InputError(
                f"run {self.name}",
                f"has no {key} yet: it waits for an answer",
                f"answer with `ftdojo approve {self.name}`, or pass answer= to ftdojo.resume",
            )
        if key not in self._summary:
            raise InputError(f"run {self.name}", f"its summary says no {key}", "look into its journal")
        return self._summary[key]
