"""The official edition from the command line's side: settings, sessions, and the table of tasks."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from graph import session as sessions
from graph import task_names
from graph.cli.tasks import assets_of, print_task_card, print_tasks
from graph.settings import make_settings
from tasks import registry
from tasks.base import LoadOptions
from tasks.errors import InputError
from tests.support.real_rows import data_root
from tests.support.tiny_model import make_tiny_model


def settings_for(tmp_path: Path, **fields: object) -> Any:
    plain = {
        "task": "FinanceIQ_gen",
        "edition": "official",
        "base_model": str(make_tiny_model(tmp_path / "model")),
        "memory": "off",
        "runs_dir": str(tmp_path / "runs"),
        "budget_seconds": "2m",
    }
    return make_settings(**(plain | fields))


def test_the_data_folder_of_the_home_is_the_default_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FTDOJO_HOME", str(tmp_path))
    settings = make_settings(task="aime25")
    assert task_names.load_options(settings) == LoadOptions(tmp_path / "data", "own")
    with pytest.raises(InputError, match="split"):
        make_settings(task="aime25", split="random")


def test_the_official_edition_has_the_published_answer_budget() -> None:
    assert task_names.load_task("aime25", "mini").max_new_tokens == registry.get("aime25").max_new_tokens
    assert task_names.load_task("aime25", "official").max_new_tokens == 8192


def test_a_session_opens_and_opens_again_on_real_rows(tmp_path: Path) -> None:
    split = "published"
    settings = settings_for(tmp_path, data_root=str(data_root()), split=split)
    session = sessions.start(settings)
    dojo = session.dojo
    info, run_dir, digest = dojo.journal.info, dojo.workspace.run_dir, dojo.test.digest
    assert (info.edition, info.split, info.data_root) == ("official", split, str(data_root()))
    assert dojo.spec.max_new_tokens == 128, "half of the model's 256 positions"
    assert len(dojo.pool) == 10
    assert {sample.subset for sample in dojo.validation} == set(dojo.spec.subsets)
    session.close()
    again = sessions.reopen(run_dir)
    assert again.dojo.test.digest == digest
    assert [sample.id for sample in again.dojo.validation] == [sample.id for sample in dojo.validation]
    again.close()


def test_a_run_without_the_files_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ftdojo prepare FinanceIQ_gen"):
        sessions.start(settings_for(tmp_path, data_root=str(tmp_path / "none")))
    assert not (tmp_path / "runs").exists()


def shown(show: Any, *arguments: Any) -> str:
    file = io.StringIO()
    show(Console(file=file, width=200), *arguments)
    return file.getvalue()


def test_the_table_lists_every_task_with_its_editions_and_rows(tmp_path: Path) -> None:
    facts = {fact["id"]: fact for fact in json.loads(shown(print_tasks, tmp_path, True))}
    assert set(facts) == {*registry.ids(), *registry.extension_ids()}
    assert {name for name in facts if facts[name]["extension"]} == set(registry.extension_ids())
    assert facts["aime24"]["editions"] == ["official"]
    aime = facts["aime25"]
    assert (aime["editions"], aime["rows"]) == (["mini", "official"], {"mini": [300, 500], "official": None})
    assert (aime["gated"], aime["prepared"]) == (False, False)
    assert facts["chemcotbench_mol_edit"]["gated"] is True
    text = shown(print_tasks, tmp_path, False)
    for heading in ("task", "domain", "editions", "official", "metric", "licence", "gated", "prepared"):
        assert heading in text.splitlines()[0]
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    order = [line.split()[0] for line in text.splitlines() if line.strip()]
    assert order.index(registry.ids()[-1]) < order.index("extensions") < order.index("aime24")
    for name in registry.ids():
        mini = registry.synthetic(name)
        assert f" {mini.validation_rows}/{mini.test_rows} " in lines[name]


def test_a_local_copy_counts_as_prepared() -> None:
    facts = {fact["id"]: fact for fact in json.loads(shown(print_tasks, data_root(), True))}
    assert facts["aime25"]["prepared"] is True


@pytest.mark.parametrize("name", registry.ids())
def test_a_card_shows_an_example_its_pitfall_and_its_files(name: str, tmp_path: Path) -> None:
    spec = registry.get(name)
    facts = json.loads(shown(print_task_card, name, tmp_path, True))
    assert facts["example"]["prompt"].strip()
    assert facts["example"]["subset"] in spec.subsets
    assert facts["pitfall"] == spec.pitfall
    assert [each["repo_id"] for each in facts["assets"]] == [each.repo_id for each in assets_of(spec)]
    text = shown(print_task_card, name, tmp_path, False)
    for each in assets_of(spec):
        assert f"{each.repo_id} at {each.revision}" in " ".join(text.split())
    assert "pitfall:" in text


@pytest.mark.parametrize("name", registry.extension_ids())
def test_the_card_of_an_extension_has_an_example_once_its_files_are_here(name: str, tmp_path: Path) -> None:
    facts = json.loads(shown(print_task_card, name, tmp_path, True))
    assert (facts["example"], facts["max_new_tokens"].keys()) == (None, {"official"})
    assert f"ftdojo prepare {name}" in shown(print_task_card, name, tmp_path, False)
    assert json.loads(shown(print_task_card, name, data_root(), True))["example"]["prompt"].strip()
