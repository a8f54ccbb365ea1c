"""Single checks of a verification: what is recorded of a run, and how its parts are held against it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from memory.journal.evidence import ACCEPTED
from memory.journal.log import Journal
from tasks import registry
from tasks.official.files import sha256_of
from tests.support.run_records import comparison, lesson, run_info, training, write_experiment
from tests.support.tiny_model import make_tiny_model
from tools.evidence import Evidence, weights_on_record
from tools.models.base_model import resolve_base_model
from tools.verification import file_digests
from tools.verification.course import course_differences
from tools.verification.descent import merge_differences, weight_differences
from tools.verification.file_digests import FileDigests
from tools.verification.files import changed_files, pruned_models
from tools.verification.foundations import Foundation, code_files, differences, packages, scorer_files
from tools.workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path, "run")


@pytest.fixture
def journal(space: Workspace) -> Journal:
    return Journal.create(space.journal_path, run_info())


# ---- evidence


def test_a_file_counts_only_as_the_journal_names_it(space: Workspace, journal: Journal) -> None:
    evidence, file = Evidence(journal, space), space.run_dir / "a.jsonl"
    assert not evidence.holds(file)
    assert not journal.notes
    evidence.write_jsonl(file, [{"x": 1}], "predictions")
    assert evidence.holds(file)
    file.write_text('{"x": 2}\n')
    assert not evidence.holds(file)
    assert journal.notes[-1] == "a.jsonl is another one than the run wrote, and is not used"
    (space.run_dir / "b.jsonl").write_text("{}\n")
    assert not evidence.holds(space.run_dir / "b.jsonl")
    assert journal.notes[-1] == "b.jsonl is none that the run wrote, and is not used"


def test_a_file_is_recorded_before_it_is_written(
    space: Workspace, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in between leaves a record without a file, which nobody takes for answers."""

    def killed(path: object, text: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(space, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        Evidence(journal, space).write_jsonl(space.run_dir / "a.jsonl", [{"x": 1}], "predictions")
    assert journal.events[-1].data["files"].keys() == {"a.jsonl"}
    assert not Evidence(journal, space).holds(space.run_dir / "a.jsonl")


def test_what_is_known_is_not_said_twice(space: Workspace, journal: Journal) -> None:
    evidence = Evidence(journal, space)
    (space.run_dir / "a").write_text("1")
    evidence.vouch("report", "a")
    count = len(journal.events)
    evidence.vouch("report", "a")
    assert len(journal.events) == count


# ---- the course of a run


def test_a_run_in_its_order_has_no_difference_and_an_agents_lesson_may_come_last(
    space: Workspace, journal: Journal
) -> None:
    write_experiment(journal, "e01", "kept", 60.0)
    journal.append("lesson", lesson(), "e01")
    assert course_differences(journal, 0) == []
    journal.append("comparison", comparison("e02", "e01", 1.0), "e02")
    assert course_differences(journal, 0) == [
        f"line {len(journal.events)}: comparison of e02, which was never planned"
    ]


def test_what_a_run_rests_on_is_recorded_again_only_where_a_person_accepted_it(
    space: Workspace, journal: Journal
) -> None:
    journal.append("evidence", Foundation("rows", {"test": "1"}).data())
    journal.append("note", {"text": "gone on", ACCEPTED: ["rows: test has changed"]})
    journal.append("evidence", Foundation("rows", {"test": "2"}).data())
    assert course_differences(journal, 0) == []
    del journal.events[-2]
    assert "recorded again as something else" in course_differences(journal, 0)[0]


# ---- weights


def trained(space: Workspace, journal: Journal, name: str, seed: int) -> None:
    make_tiny_model(space.experiment_dir(name) / "model", seed=seed)
    Evidence(journal, space).vouch_model(f"experiments/{name}/model", name, "base")
    journal.append("training", training(f"experiments/{name}/model"), name)


def test_weights_that_are_gone_as_a_whole_are_pruned_and_others_are_missed(
    space: Workspace, journal: Journal
) -> None:
    trained(space, journal, "e01", 1)
    assert changed_files(journal, space) == []
    (space.run_dir / "experiments/e01/model/config.json").unlink()
    assert changed_files(journal, space) == ["experiments/e01/model/config.json: is gone"]
    for file in (space.run_dir / "experiments/e01/model").iterdir():
        file.unlink()
    (space.run_dir / "experiments/e01/model").rmdir()
    assert pruned_models(journal, space) == ["experiments/e01/model"]
    assert changed_files(journal, space) == []


def test_a_training_names_the_weights_that_it_began_from(space: Workspace, journal: Journal) -> None:
    before = weights_on_record(journal, "base")
    journal.append("evidence", Foundation("base", {"model.safetensors": "1"}).data())
    assert weights_on_record(journal, "base") != before
    trained(space, journal, "e01", 1)
    began = next(event.data for event in journal.events if event.data.get("about") == "model")
    assert began["parent_digest"] == weights_on_record(journal, "base")
    assert weights_on_record(journal, "e01") != weights_on_record(journal, "base")


def test_a_merge_is_made_again_within_rounding(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from tools.models.adapter import merged, save_adapter
    from tools.models.load import load_model

    base, folder = make_tiny_model(tmp_path / "base"), tmp_path / "model"
    model = get_peft_model(
        load_model(base), LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                weights.normal_()
    save_adapter(model, base, folder / "adapter")
    merged(model).save_pretrained(str(folder))
    assert merge_differences(base, folder / "adapter", folder) == []
    found = merge_differences(make_tiny_model(tmp_path / "other", seed=3), folder / "adapter", folder)
    assert "base and adapter merged again differ from it by up to" in found[0]
    assert len(found) == 4
    assert "more tensors differ" in found[-1]


def test_a_merge_over_an_adapter_is_made_again_from_the_base_of_both(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from tools.models.adapter import merged, save_adapter
    from tools.models.load import load_model
    from tools.verification.descent import _merge_of

    def trained(start: Path, folder: Path) -> Any:
        model = get_peft_model(
            load_model(start), LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
        )
        with torch.no_grad():
            for name, weights in model.named_parameters():
                if "lora_B" in name:
                    weights.normal_()
        save_adapter(model, start, folder)
        return model

    base, first, folder = make_tiny_model(tmp_path / "base"), tmp_path / "first", tmp_path / "model"
    trained(base, first)
    merged(trained(first, folder / "adapter")).save_pretrained(str(folder))
    model = resolve_base_model(str(first))
    assert _merge_of(folder, first, model) == []
    trained(base, other := tmp_path / "other")
    assert any("does not hold the parent's change" in line for line in _merge_of(folder, other, model))


def test_tensors_that_one_model_lacks_or_shapes_otherwise_are_named() -> None:
    import torch

    one, other = {"a": torch.ones(2), "b": torch.ones(2)}, {"a": torch.ones(3), "c": torch.ones(1)}
    found = weight_differences(one, other)
    assert found[:2] == ["b: only one of the two models has it", "c: only one of the two models has it"]
    assert found[2] == "a: shapes (2,) and (3,)"
    nan = torch.tensor([float("nan"), 1.0])
    assert weight_differences({"a": nan}, {"a": torch.ones(2)}) != []


# ---- foundations


def test_differences_name_subject_and_part() -> None:
    recorded = {"rows": Foundation("rows", {"test": "a" * 64, "old": "b" * 64}).data()}
    now = [Foundation("rows", {"test": "c" * 64, "new": "d" * 64}), Foundation("base", {})]
    assert differences(recorded, now) == [
        "rows: new is new since the run began",
        "rows: old is gone",
        f"rows: test has changed ({'c' * 12}, was {'a' * 12})",
        "base: the journal has no record of it",
    ]
    recorded["rows"]["parts"]["test"] = "c" * 64
    assert "not the one that its own digest was made of" in differences(recorded, now)[0]


@pytest.mark.parametrize("task", ["aime25", "tablebench_visualization"])
def test_the_scorers_code_holds_the_modules_that_judge(task: str) -> None:
    files = scorer_files(registry.get(task))
    family = "tasks/aime/task.py" if task == "aime25" else "tasks/tablebench/visualization.py"
    assert {
        family,
        "tasks/base.py",
        "tools/evaluation/paired_test.py",
        "tools/sealed_test.py",
    } <= files.keys()
    other = "tasks/aime" if task != "aime25" else "tasks/tablebench"
    assert not [name for name in files if name.startswith(other)]
    assert scorer_files(registry.get(task)) == files


def test_every_library_and_package_has_its_version_or_digest() -> None:
    assert {"torch", "transformers", "pydantic", "python"} <= packages().keys()
    assert {"graph", "tools", "tasks", "version"} <= code_files().keys()


def test_large_files_are_read_once_and_again_when_anything_about_them_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr(file_digests, "sha256_of", counted)
    monkeypatch.setattr(file_digests, "LARGE_BYTES", 4)
    file, memory = tmp_path / "w", tmp_path / "known" / "digests.json"
    file.write_bytes(b"12345678")
    first = FileDigests(memory).of(file)
    assert FileDigests(memory).of(file) == first
    assert len(read) == 1
    state = file.stat()
    file.write_bytes(b"12345679")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))  # size and time as they were
    assert FileDigests(memory).of(file) != first
    assert FileDigests(None).of(file) == sha256_of(file)
    assert len(read) == 3
    memory.write_text("[]")
    assert FileDigests(memory).of(file) == sha256_of(file)
