"""The command line: help made from the settings, old flags, missing packages, version and completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ftdojo import __version__
from graph import extras
from graph.cli.app import app
from graph.cli.flags import FLAGS
from graph.settings import RunSettings
from tasks.errors import InputError

BLOCKED = """\
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
sys.argv = ["ftdojo", *{arguments!r}]
from graph.cli.app import main
main()
"""


def without(names: tuple[str, ...], root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in an interpreter that cannot import some packages."""
    code = BLOCKED.format(names=set(names), arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )


def help_of(*command: str) -> str:
    """A help page, wide enough that no description is broken into lines."""
    done = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "250", "TERMINAL_WIDTH": "250"})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_version_is_the_packages(root):
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"ft-dojo {__version__}\n")
    assert f'version = "{__version__}"' in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_every_setting_is_a_flag_under_a_heading_with_its_one_description():
    assert set(FLAGS) == set(RunSettings.model_fields) - {"task"}
    shown = help_of("run")
    for field, info in RunSettings.model_fields.items():
        assert str(info.description).replace("`", "") in shown, field
    for flag in FLAGS.values():
        assert flag.panel in shown
    assert "Examples" in shown


def test_commands_stand_in_groups():
    shown = help_of()
    assert all(heading in shown for heading in ("Runs", "Results", "Tasks and scores", "Installation"))


def test_a_run_gets_the_settings_that_were_typed(monkeypatch):
    asked = []
    monkeypatch.setattr("graph.run.run", lambda settings, *_, **__: asked.append(settings) or {"run": "r"})
    typed = (
        "aime25 --budget 90s --models m.toml --max-usd 1.5 --approve plan,train --seed 4 --target 80 --json"
    )
    done = CliRunner().invoke(app, ["run", *typed.split()])
    assert done.exit_code == 0, done.output
    (settings,) = asked
    assert (settings.task, settings.budget_seconds, settings.seed) == ("aime25", 90.0, 4)
    assert (settings.max_usd, settings.approve, settings.target) == (1.5, ("plan", "train"), 80.0)
    assert settings.models_file.endswith("/m.toml")
    assert settings.policy == "playbook"


def test_a_model_implies_the_llm_policy_and_the_old_flag_still_works(monkeypatch):
    asked = []
    monkeypatch.setattr("graph.run.run", lambda settings, *_, **__: asked.append(settings) or {"run": "r"})
    CliRunner().invoke(app, ["run", "aime25", "--model", "openai:x", "--json"])
    old = CliRunner().invoke(app, ["run", "aime25", "--mind", "llm", "--json"])
    assert [settings.policy for settings in asked] == ["llm", "llm"]
    assert old.stderr == "--mind is now called --policy\n"
    assert json.loads(old.stdout)["run"] == "r"
    assert "--mind" not in help_of("run")


def test_the_old_name_of_a_subset_still_works_and_says_the_new_one(monkeypatch):
    asked = []
    monkeypatch.setattr("graph.cli.score.print_scores", lambda *given: asked.append(given))
    arguments = ["score", "aime25", "--rows", "r", "--predictions", "p", "--view", "AIME25"]
    done = CliRunner().invoke(app, arguments)
    assert asked[0][4] == "AIME25"
    assert done.stderr == "--view is now called --subset\n"
    assert "--view" not in help_of("score")


def test_a_wrong_value_is_told_what_would_be_right():
    done = CliRunner().invoke(app, ["run", "aime25", "--edition", "maxi"])
    assert isinstance(done.exception, InputError)
    assert "'mini' or 'official'" in str(done.exception)
    assert "generated from the seed" in str(done.exception)


def test_scoring_needs_none_of_the_packages_of_a_run(root, tmp_path):
    rows, predictions = tmp_path / "rows.jsonl", tmp_path / "predictions.jsonl"
    rows.write_text(json.dumps({"problem": "1 + 1", "answer": "2", "id": "1"}) + "\n", encoding="utf-8")
    predictions.write_text(json.dumps({"prediction": "\\boxed{2}"}) + "\n", encoding="utf-8")
    paths = ("--rows", str(rows), "--predictions", str(predictions))
    absent = extras.EXTRAS["run"] + extras.EXTRAS["train"]
    done = without(absent, root, "score", "aime25", *paths, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"]["value"] == 100.0


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("run", "tablebench_numerical_reasoning"), "run"),
        (("memory", "words", "--memory", "here"), "run"),
        (("report", "some-run"), "run"),
    ],
)
def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(root, arguments, extra):
    done = without(extras.EXTRAS["run"], root, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert ", ".join(extras.EXTRAS["run"]) in line
    assert f"pip install 'ft-dojo[{extra}]'" in line


def test_a_package_that_fails_to_import_midway_is_named_with_its_extra(monkeypatch, capsys):
    from graph.cli import app as module

    def fails() -> None:
        raise ModuleNotFoundError("No module named 'optuna'", name="optuna.samplers")

    monkeypatch.setattr(module, "app", fails)
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: optuna.samplers: is not installed; pip install 'ft-dojo[run]'\n"


def test_the_shell_completes_task_ids_and_choices(root):
    def completed(line: str) -> str:
        asked = {"_FTDOJO_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        code = "import sys; sys.argv = ['ftdojo']; from graph.cli.app import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    assert completed("ftdojo run aim").split() == ["aime25"]
    assert completed("ftdojo run aime25 --edition ").split() == ["mini", "official"]
