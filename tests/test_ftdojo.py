"""The public package: a typed result, keywords that an editor knows, and types that reach a user's code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import ftdojo
from graph.settings import Options, RunSettings
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.run_folder import make_run

PACKAGES = ("ftdojo", "graph", "roles", "tools", "memory", "tasks")
SUMMARY = {
    "run": "example-s0",
    "task": "tablebench_numerical_reasoning",
    "base_model": "ftdojo-mini",
    "policy": "playbook",
    "seed": 3,
    "outcome": "out_of_budget",
    "reason": "no time for another experiment",
    "base_test": {"metric": "exact", "value": 9.4, "low": 7.1, "high": 12.3, "n": 500},
    "final_test": {"metric": "exact", "value": 68.8, "low": 64.6, "high": 72.7, "n": 500},
    "gain": 59.4,
    "p_value": 4.48e-68,
    "kept": 4,
    "discarded": 3,
    "failed": 1,
    "wall_seconds": 290.1,
    "clocks": {"think": 0.2, "train": 255.8},
    "test_reads": 1,
    "champion": "/somewhere/champion",
    "report": "/somewhere/report.html",
}
USER_SCRIPT = """\
import ftdojo

run = ftdojo.run("aime25", budget="5m", seed=1, base_model="ftdojo-mini", max_experiments=2)
gain: float = run.gain
print(f"{gain:+.1f} points", run.p_value, run.final_test.low, run.generate(["2 + 2?"])[0])
"""
WRONG_SCRIPT = """\
import ftdojo

run = ftdojo.run("aime25", sede=1)
gain: str = run.gain
"""


def test_a_run_has_figures_with_types():
    run = ftdojo.Run(SUMMARY, Path("/somewhere"))
    assert (run.gain, run.p_value, run.seed, run.outcome) == (59.4, 4.48e-68, 3, "out_of_budget")
    assert run.final_test.value - run.base_test.value == pytest.approx(run.gain)
    assert (run.kept, run.discarded, run.failed, run.test_reads) == (4, 3, 1, 1)
    assert run.clock_seconds["train"] == 255.8
    assert run.usd == 0.0
    assert run.report == Path("/somewhere/report.html")
    assert repr(run) == "Run('example-s0', out_of_budget, gain=+59.4)"


def test_a_run_is_still_the_mapping_that_it_was():
    run = ftdojo.Run(SUMMARY, Path("/somewhere"))
    assert run["gain"] == 59.4
    assert dict(run) == SUMMARY
    assert "question" not in run


def test_a_run_that_waits_says_so_instead_of_giving_a_figure():
    run = ftdojo.Run({"run": "r", "run_dir": "/r", "outcome": "waiting", "question": {"ask": 1}}, Path("/r"))
    assert run.waiting
    assert run.question == {"ask": 1}
    assert repr(run) == "Run('r', waiting)"
    with pytest.raises(InputError, match=r"no gain yet.*ftdojo approve r"):
        _ = run.gain


def test_a_run_that_ended_is_opened_from_its_folder(tmp_path):
    make_run(tmp_path / "run").close()
    with pytest.raises(InputError, match="holds no finished run"):
        ftdojo.Run.open(tmp_path / "run")
    (tmp_path / "run" / "summary.json").write_text('{"run": "example-s0", "outcome": "stuck", "gain": 1.5}')
    run = ftdojo.Run.open(tmp_path / "run")
    assert run.gain == 1.5
    assert isinstance(run.journal, Journal)
    assert run.journal.info.run == "example-s0"


def test_the_champion_answers_prompts(tmp_path):
    """Nothing was kept, so the bundled base model is the one that answers, in a real worker."""
    settings = ftdojo.settings("tablebench_numerical_reasoning", runs_dir=str(tmp_path))
    (tmp_path / "run.json").write_text(settings.model_dump_json(), encoding="utf-8")
    run = ftdojo.Run(SUMMARY | {"champion": "base"}, tmp_path)
    assert run.champion.name == "ftdojo-mini"
    answers = run.generate(["How many rows?", "What is 2 + 2?"], max_new_tokens=4)
    assert len(answers) == 2
    assert run.generate(["How many rows?"], max_new_tokens=4) == answers[:1]
    with pytest.raises(InputError, match="list of strings"):
        run.generate("How many rows?")


def test_an_editor_completes_every_setting():
    fields = dict(RunSettings.model_fields)
    for own in ("task", "budget_seconds", "policy"):
        del fields[own]
    hints = typing.get_type_hints(Options)
    assert hints == {name: field.annotation for name, field in fields.items()}


def test_every_package_is_typed(root):
    assert [name for name in PACKAGES if not (root / name / "py.typed").is_file()] == []


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """The project as a wheel of it is installed: unpacked into a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    skipped = shutil.ignore_patterns("__pycache__", "*.safetensors", "pretraining")
    for name in PACKAGES:
        shutil.copytree(root / name, source / name, ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source / name)
    build = (
        "import os, sys, zipfile\nfrom setuptools import build_meta\n_, source, target = sys.argv\n"
        "os.chdir(source)\nwheel = build_meta.build_wheel(target)\n"
        "zipfile.ZipFile(os.path.join(target, wheel)).extractall(target)"
    )
    command = [sys.executable, "-c", build, str(source), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    return folder


UNFOLLOWED = """\
[mypy]
[mypy-langgraph.*,langchain.*,langchain_core.*,langchain_openai.*,numpy.*,scipy.*,torch.*,transformers.*]
follow_imports = skip
[mypy-chromadb.*,optuna.*,matplotlib.*,datasets.*,rich.*,typer.*,httpx.*,pandas.*,rdkit.*,psutil.*,jinja2.*]
follow_imports = skip
"""
"""Libraries behind ours, left out of the check for speed: two minutes become seconds, and the user's script
names none of them. Without this the result is the same."""


def strictly_checked(script: str, installed: Path, folder: Path) -> str:
    """What ``mypy --strict`` says about a script in a folder that knows nothing of the project."""
    (folder / "mine.py").write_text(script, encoding="utf-8")
    (folder / "mypy.ini").write_text(UNFOLLOWED, encoding="utf-8")
    cache = ["--cache-dir", str(installed / "mypy_cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *cache, "mine.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "MYPYPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_users_script_is_checked_strictly_without_an_error_or_a_cast(installed, tmp_path):
    assert "Success: no issues found in 1 source file" in strictly_checked(USER_SCRIPT, installed, tmp_path)


def test_a_wrong_keyword_and_a_wrong_type_are_found_in_a_users_script(installed, tmp_path):
    found = strictly_checked(WRONG_SCRIPT, installed, tmp_path)
    assert 'Unexpected keyword argument "sede"' in found
    assert 'expression has type "float", variable has type "str"' in found
