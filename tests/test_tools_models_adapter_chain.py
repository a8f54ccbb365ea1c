"""Training on from what was trained: every directory of a chain, loaded, is the model as it was trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import InputError
from tests.support.adapter_chain import METHODS, batch_of, loaded_loss, train_on
from tests.support.tiny_model import make_tiny_model
from tools.models.adapter import PARENT, base_dir, is_adapter, read_adapter, whole_base
from tools.models.base_model import resolve_base_model

torch = pytest.importorskip("torch")
# PEFT 0.21 asks transformers 5.23 by the old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "base")


def chain(base: Path, folder: Path, methods: list[str]) -> list[Path]:
    """Trains through the methods and holds every link against what it was in memory; the directories."""
    batch = batch_of(base)
    start, loss, folders = base, loaded_loss(base, batch), []
    for n, method in enumerate(methods):
        trained = train_on(start, folder / f"e{n}", method, batch)
        assert trained.before == pytest.approx(loss, rel=1e-5)  # it goes on from where the last one ended
        assert trained.after < 0.97 * trained.before
        if is_adapter(trained.folder):
            for name in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copyfile(base / name, trained.folder / name)
        loss = loaded_loss(trained.folder, batch)
        assert loss == pytest.approx(trained.after, rel=1e-5)
        start = trained.folder
        folders.append(start)
    return folders


@pytest.mark.parametrize("method", METHODS)
def test_three_links_of_one_method_are_loaded_as_they_were_trained(
    base: Path, tmp_path: Path, method: str
) -> None:
    chain(base, tmp_path, [method] * 3)


@pytest.mark.parametrize(
    "methods",
    [
        ["full", "lora", "dora"],
        ["lora", "full", "lora"],
        ["dora", "lora", "rslora"],
        ["lora", "dora", "full"],
        ["lora_regex", "rslora", "lora_one_layer"],
        ["embeddings", "lora", "lora"],
    ],
)
def test_links_of_different_methods_are_loaded_as_they_were_trained(
    base: Path, tmp_path: Path, methods: list[str]
) -> None:
    chain(base, tmp_path, methods)


def test_plain_adapters_add_up_and_others_keep_their_parent(base: Path, tmp_path: Path) -> None:
    plain = chain(base, tmp_path / "plain", ["lora", "rslora", "lora"])[-1]
    assert read_adapter(plain)["r"] == 4 + 8 + 4
    assert base_dir(plain) == base
    special = chain(base, tmp_path / "special", ["dora", "dora"])[-1]
    assert base_dir(special) == special / PARENT
    assert whole_base(special) == base


@pytest.mark.parametrize("methods", [["lora", "lora"], ["dora", "dora"], ["full", "lora"]])
def test_a_moved_run_still_loads(base: Path, tmp_path: Path, methods: list[str]) -> None:
    run = tmp_path / "run"
    shutil.copytree(base, run / "base")
    last = chain(run / "base", run / "experiments", methods)[-1]
    batch = batch_of(base)
    loss = loaded_loss(last, batch)
    shutil.move(run, tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / last.relative_to(run)
    assert loaded_loss(moved, batch) == loss


def test_only_the_last_directory_and_the_base_are_needed(base: Path, tmp_path: Path) -> None:
    for methods in (["lora", "lora", "lora"], ["dora", "dora", "dora"]):
        *before, last = chain(base, tmp_path / methods[0], methods)
        loss = loaded_loss(last, batch_of(base))
        for folder in before:
            shutil.rmtree(folder)
        assert loaded_loss(last, batch_of(base)) == loss


def test_a_base_that_was_trained_in_the_meantime_is_refused(base: Path, tmp_path: Path) -> None:
    (folder,) = chain(base, tmp_path, ["lora"])
    make_tiny_model(base, seed=1)
    with pytest.raises(InputError, match="holds other weights than it was trained on") as caught:
        base_dir(folder)
    assert "\n" not in str(caught.value)


def test_a_base_of_the_hub_is_recorded_by_id_and_revision(tmp_path: Path) -> None:
    commit = "0123456789" * 4
    snapshot = tmp_path / "hub" / "models--org--tiny" / "snapshots" / commit
    make_tiny_model(snapshot)
    (folder,) = chain(snapshot, tmp_path, ["lora"])
    config = read_adapter(folder)
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/tiny", commit)
    assert resolve_base_model(str(folder)).path == folder  # by the recorded path, without asking the Hub
    shutil.rmtree(snapshot)
    with pytest.raises(InputError, match="org/tiny"):
        base_dir(folder)


def test_two_states_of_one_architecture_have_different_fingerprints(base: Path) -> None:
    before = resolve_base_model(str(base)).sha
    make_tiny_model(base, seed=1)
    assert resolve_base_model(str(base)).sha != before


def test_an_adapter_of_an_earlier_version_is_read(base: Path, tmp_path: Path) -> None:
    (folder,) = chain(base, tmp_path, ["lora"])
    (folder / "base.json").unlink()
    assert base_dir(folder) == base
    (folder / "base.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        base_dir(folder)
    (folder / "base.json").write_text(json.dumps({"named": "no longer known"}))
    assert base_dir(folder) == base
