"""Report page ``report.html``: one run told on one page that needs nothing but itself.

The page holds its styles and pictures, loads nothing, runs no script, and reads
well on a phone, on paper, in the dark and through a screen reader. It is written for
runs in any state: unfinished, failed, or with nothing kept.
"""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory import claim
from memory.calibration import ForecastRecord, forecasts
from memory.journal.evidence import accepted_changes
from memory.journal.log import BASE, Journal
from memory.records import RunInfo
from tasks.base import Sample
from tasks.credentials import without_credentials
from tools.chat.untrusted_text import visible
from tools.report import facts, plots
from tools.report.llm_facts import policy_facts

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
NAME = "report.html"
SETTINGS = "run.json"
"""What the run was asked for, as written by the command line."""
MODEL_FLAGS = {
    "--model": "model",
    "--base-url": "base_url",
    "--models": "models_file",
    "--teacher": "teacher",
    "--max-usd": "max_usd",
    "--max-tokens": "max_tokens",
    "--approve": "approve",
}
"""Flags of the command line by the setting that they fill; repeated where they were given."""


def write_report(journal: Journal, run_dir: Path, validation: Sequence[Sample] = ()) -> Path:
    """Write ``report.html`` into the run's folder, whole or not at all.

    Args:
        journal: the run's journal; reading it is enough.
        run_dir: the run's folder, to which the journal's paths are relative.
        validation: the validation items, so that answers stand beside their questions;
            without them the report shows ids and answers alone.

    Returns:
        The page's path.

    Raises:
        OSError: the folder cannot be written.
    """
    page = render_report(journal, run_dir, validation)
    target = run_dir / NAME
    partial = target.with_suffix(".tmp")
    partial.write_text(page, encoding="utf-8")
    partial.replace(target)
    return target


def render_report(
    journal: Journal, run_dir: Path, validation: Sequence[Sample] = (), drawn: bool = True
) -> str:
    """The page as text; its pictures are empty if they are not to be ``drawn``."""
    return _environment().get_template("report.html.j2").render(_facts(journal, run_dir, validation, drawn))


def reproduce_command(info: RunInfo, run_dir: Path) -> str:
    """The command that starts the same run again, with the paths that the user gave."""
    try:
        asked = json.loads((run_dir / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        asked = {}
    asked = asked if isinstance(asked, dict) else {}
    task, base_model = str(asked.get("task", info.task)), str(asked.get("base_model", info.base_model))
    command = ["mcp", "--task", task] if info.policy == "agent" else ["run", task]
    parts = ["ftdojo", *command, "--base-model", base_model]
    if info.edition != "user":
        parts += ["--edition", info.edition]
    parts += ["--budget", f"{info.budget_seconds:.0f}s"]
    parts += [] if info.policy == "agent" else ["--policy", info.policy]
    parts += ["--seed", str(info.seed), "--max-rows", str(info.max_rows)]
    for flag, setting in MODEL_FLAGS.items():
        value = asked.get(setting)
        if value not in (None, "", []):
            parts += [flag, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return shlex.join(parts)


def _facts(journal: Journal, run_dir: Path, validation: Sequence[Sample], drawn: bool) -> dict[str, Any]:
    experiments = journal.experiments()
    champion = journal.champion_id()
    leading = journal.leading_id()
    tone, sentence = claim.claim(journal)
    base = journal.base_evaluation
    return {
        "info": journal.info,
        "tone": tone,
        "verdict": sentence,
        "ending": claim.ending(journal),
        "baselines": claim.levels_text(journal),
        "experiments": experiments,
        "champion": champion,
        "leading": leading,
        "confirmation": journal.confirmation,
        "forgetting": claim.forgetting_text(journal),
        "detectable": facts.detectable(journal),
        "counts": journal.counts(),
        "base": base,
        "champion_evaluation": journal.evaluation(champion),
        "base_test": journal.test_evaluation(BASE),
        "champion_test": journal.test_evaluation(champion),
        "final": claim.final_comparison(journal),
        "p_text": claim.p_text,
        "lineage": facts.lineage(experiments),
        "line": journal.lineage(leading) if leading != BASE else (),
        "curation": facts.curation(experiments, run_dir),
        "audit": facts.source_audit(experiments),
        "changed": facts.changed_items(journal, run_dir, validation),
        "quoted": facts.QUOTED,
        "clusters": facts.clusters(journal),
        "clocks": journal.clocks,
        "policy": policy_facts(journal),
        "forecasts": forecasts(experiments, base.paired_score) if base else ForecastRecord(),
        "lessons": facts.lessons(journal, experiments),
        "trail": facts.audit_trail(journal),
        "test_reads": journal.test_reads,
        "head": journal.head_at("run_ended"),
        "accepted": accepted_changes(journal),
        "notes": journal.notes,
        "command": reproduce_command(journal.info, run_dir),
        "score_plot": plots.score_plot(base.score if base else None, experiments, drawn),
        "loss_plot": plots.loss_plot(experiments, leading, drawn),
        "time_plot": plots.time_plot(experiments, drawn),
    }


@functools.cache  # reading the template takes a third of a page's time
def _environment() -> Environment:
    """Jinja with strict names and escaping of everything that is not marked as ours."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    environment.filters["duration"] = _duration
    environment.filters["thousands"] = lambda number: f"{number:,}"
    return environment


def _readable(value: Any) -> Any:
    """What a template prints: foreign words without credentials, what is invisible in them by its code."""
    from markupsafe import Markup

    foreign = isinstance(value, str) and not isinstance(value, Markup)
    return visible(without_credentials(value)) if foreign else value


def _duration(seconds: float) -> str:
    """``48 s``, ``4 min 05 s``, ``2 h 04 min``."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
