"""The registry: a family is one folder and its name in the registry, and nothing else knows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import registry
from tasks.synthetic import SyntheticEdition

TASKS = Path(registry.__file__).parent
FAMILIES = tuple(family.__name__.removeprefix("tasks.") for family in registry.FAMILIES)
LIST = "import json; from tasks.registry import *; print(json.dumps(ids() + extension_ids()))"


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_familys_folder_and_name_the_others_still_load(family: str, tmp_path: Path) -> None:
    copy = tmp_path / "tasks"
    shutil.copytree(TASKS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(copy / family)
    text = (copy / "registry.py").read_text(encoding="utf-8")
    without, places = re.subn(rf"\b{family}\b(?:, )?", "", text)
    assert places == 2
    (copy / "registry.py").write_text(re.sub(r", (?=\)|\n)", "", without), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LIST], cwd=tmp_path, capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 0, done.stderr
    gone = next(each for each in registry.FAMILIES if each.__name__ == f"tasks.{family}")
    ids = {spec.id for spec in (*gone.TASKS, *gone.EXTENSIONS)}
    assert ids
    assert json.loads(done.stdout) == [
        name for name in (*registry.ids(), *registry.extension_ids()) if name not in ids
    ]


def test_a_synthetic_edition_speaks_for_its_task() -> None:
    for spec in registry.TASKS:
        assert isinstance(spec.mini, SyntheticEdition)
        assert (spec.mini.task_id, spec.mini.prompt, spec.mini.render) == (
            spec.id,
            spec.build_prompt,
            spec.render,
        )
