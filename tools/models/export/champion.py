"""Champion's directory, as a run leaves it: loadable as it is, with a model card."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from memory.journal.log import Journal
from tasks.base import TaskSpec
from tools.models import recorded_base
from tools.models.adapter import PARENT, base_dir, copy_adapter, is_adapter
from tools.models.export.card import BASE, model_card
from tools.workspace import Workspace

LEFT_OUT = ("training.json", "README.md", "adapter", PARENT)


def export_champion(workspace: Workspace, journal: Journal, model_dir: Path, spec: TaskSpec) -> Path:
    """Copies the champion to ``<run>/champion``, with a model card; again, it replaces the copy.

    When no experiment beat the base model there is nothing to export, and the base
    model's own directory is returned.

    Args:
        workspace: the run's folder.
        journal: says which experiment is the champion, and how it was made.
        model_dir: the champion's weights.
        spec: the task.
    """
    champion = journal.champion_id()
    if champion == BASE:
        return model_dir
    target = workspace.champion_dir
    staging = target.with_name(target.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(model_dir, staging, ignore=shutil.ignore_patterns(*LEFT_OUT))
    if is_adapter(model_dir):
        base = base_dir(model_dir)
        # The copy lies beside its final place, at the same depth: paths from here are paths from there.
        recorded_base.record(staging, copy_adapter(base, staging / PARENT) if is_adapter(base) else base)
    (staging / "README.md").write_text(model_card(journal, champion, spec), encoding="utf-8")
    if target.exists():
        old = target.with_name(target.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
        os.replace(staging, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(staging, target)
    return target
