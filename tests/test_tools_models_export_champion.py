"""The champion leaves as a model directory that loads, with a card that says where it comes from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.journal.log import Journal
from memory.records import TrainingPlan
from tests.support.adapter_chain import batch_of, loaded_loss, train_on
from tests.support.copy_word_task import copy_spec, data_card
from tests.support.run_records import comparison, evaluation, run_info, training, write_experiment
from tests.support.tiny_model import make_tiny_model
from tools.models.base_model import resolve_base_model
from tools.models.export.card import metadata
from tools.models.export.champion import export_champion
from tools.workspace import Workspace


@pytest.fixture
def space(runs_dir: Path) -> Workspace:
    return Workspace.create(runs_dir, "run")


@pytest.fixture
def journal(space: Workspace) -> Iterator[Journal]:
    with Journal.create(space.journal_path, run_info(task="copy")) as opened:
        yield opened


def champion(journal: Journal, space: Workspace) -> Path:
    folder = make_tiny_model(space.experiment_dir("e01") / "model")
    (folder / "training.json").write_text("{}")
    (folder / "adapter").mkdir()
    journal.append("evaluation", evaluation(20.0), "base")
    journal.append("card", data_card(space), "e01")
    journal.append("training_plan", TrainingPlan(method="lora", learning_rate=2e-3), "e01")
    command = "python -m tools.recipes.sft plan.json"
    journal.append("training", training("experiments/e01/model", method="lora", command=command), "e01")
    write_experiment(journal, "e01", "kept", 55.0)
    journal.append("champion_chosen", {"champion": "e01"})
    journal.append("test_evaluation", evaluation(19.0), "base")
    journal.append("test_evaluation", evaluation(54.0), "e01")
    journal.append("test_comparison", comparison("e01", "base", 35.0), "e01")
    return folder


def test_the_champion_is_a_model_directory_with_its_history(journal: Journal, space: Workspace) -> None:
    target = export_champion(space, journal, champion(journal, space), copy_spec())
    assert target == space.champion_dir
    assert resolve_base_model(str(target)).hidden_size == 32
    assert not (target / "training.json").exists()
    assert not (target / "adapter").exists()
    card = (target / "README.md").read_text()
    for words in (
        "base_model: ftdojo-mini",
        "experiment `e01`",
        evaluation(54.0).score.text(),
        "+35.0 points",
        "| made | 64 |",
        "| learning_rate | 0.002 |",
        "| lora_r | 16 |",
        "python -m tools.recipes.sft plan.json",
        "licence of the base model",
    ):
        assert words in card


def test_a_second_export_replaces_the_first(journal: Journal, space: Workspace) -> None:
    folder = champion(journal, space)
    target = export_champion(space, journal, folder, copy_spec())
    (target / "stray.txt").write_text("from an export that was killed")
    export_champion(space, journal, folder, copy_spec())
    assert not (target / "stray.txt").exists()
    assert sorted(path.name for path in space.run_dir.iterdir() if "champion" in path.name) == ["champion"]


def test_what_was_kept_and_not_confirmed_is_not_exported(
    journal: Journal, space: Workspace, tmp_path: Path
) -> None:
    write_experiment(journal, "e01", "kept", 55.0)
    journal.append("champion_chosen", {"champion": "base"})
    base = make_tiny_model(tmp_path / "base")
    assert export_champion(space, journal, base, copy_spec()) == base
    assert not space.champion_dir.exists()


def test_without_a_gain_the_base_is_what_one_gets(journal: Journal, space: Workspace, tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base")
    assert export_champion(space, journal, base, copy_spec()) == base
    assert not space.champion_dir.exists()


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize("methods", [("lora", "lora"), ("dora", "dora")])
def test_a_champion_that_is_an_adapter_loads_without_the_experiments_before_it(
    journal: Journal, space: Workspace, tmp_path: Path, methods: tuple[str, str]
) -> None:
    champion(journal, space)
    base = make_tiny_model(tmp_path / "base")
    start, batch = base, batch_of(base)
    for n, method in enumerate(methods):
        start = train_on(start, space.experiment_dir(f"x{n}") / "model", method, batch).folder
    loss = loaded_loss(start, batch)
    target = export_champion(space, journal, start, copy_spec())
    for n in range(len(methods)):
        shutil.rmtree(space.experiment_dir(f"x{n}"))
    assert loaded_loss(target, batch) == loss


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ("org/name@0123abc", "base_model: org/name\n"),
        ("smollm2-135m", "base_model: HuggingFaceTB/SmolLM2-135M-Instruct\n"),
        ("my-folder", ""),
        ("/home/me/my-folder", ""),
    ],
)
def test_the_card_names_a_base_as_the_hub_does_or_not_at_all(space: Workspace, base: str, named: str) -> None:
    info = run_info(task="copy").model_copy(update={"base_model": base})
    with Journal.create(space.journal_path, info) as opened:
        found = metadata(opened, "base", copy_spec(), "champion")
    assert [line + "\n" for line in found.splitlines() if "base_model" in line] == ([named] if named else [])
