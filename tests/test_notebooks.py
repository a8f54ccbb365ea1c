"""Each notebook runs from its first cell to its last, on a task and a model made for the test."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.loopback_chat import ChatServer
from tests.support.scripted_llm import scripted_reply
from tests.support.small_run import make_task_and_model, run_arguments

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
KEY = "sk-of-the-notebook-0123456789"
SECONDS = 150
"""Most that one cell may take, on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small folder task and a tiny model."""
    return make_task_and_model(tmp_path_factory.mktemp("small"))


def execute(name: str, parameters: str) -> tuple[str, int]:
    """Run a notebook with other parameters; returns what it shows as text, and its number of pictures."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source = parameters
    resources = {"metadata": {"path": str(NOTEBOOKS.parent)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND", raising=False)  # of the tests: without it, no picture is shown
        NotebookClient(notebook, timeout=SECONDS, resources=resources).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in shown]
    return "\n".join(texts), sum("image/png" in output.get("data", {}) for output in shown)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_in_the_repository_holds_no_output(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)


@pytest.mark.enable_socket  # the kernel is another process, spoken to over the loopback
@pytest.mark.filterwarnings("default")  # of the notebook's own machinery, not of ours
def test_the_quickstart_runs_and_shows_what_it_promises(
    task_and_model: tuple[Path, Path], runs_dir: Path
) -> None:
    settings = run_arguments(task_and_model, runs_dir)
    text, pictures = execute("01_quickstart.ipynb", f"SETTINGS = {settings!r}")
    for promised in ("tablebench_numerical_reasoning", "planner: ", "evaluator: ", "e01", "test_reads", "n="):
        assert promised in text
    assert pictures == 1
    assert len(list(runs_dir.glob("*/report.html"))) == 1


@pytest.mark.slow  # half a minute: it makes a run of its own
@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
def test_a_run_is_read_where_there_was_none_and_one_training_is_repeated(
    task_and_model: tuple[Path, Path], runs_dir: Path
) -> None:
    short = run_arguments(task_and_model, runs_dir)
    del short["runs_dir"]  # the notebook names it
    text, pictures = execute(
        "03_read_a_run.ipynb",
        f"RUN, RUNS_DIR, SHORT, TRY_AGAIN = None, {str(runs_dir)!r}, {short!r}, True",
    )
    (run,) = runs_dir.glob("*/report.html")
    assert run.parent.name in text
    for promised in (
        "readings: 1, same rows as at the start: True",
        "sealed test opened",
        "python -m tools.recipes.sft",
        "no language model took part",
        "decontaminate",
        "e01 wrote (",
        "forked from",
    ):
        assert promised in text
    assert pictures == 4


# ---- with a language model, at a server of the test's own


@pytest.fixture(scope="module")
def driven(
    task_and_model: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """What the notebook on language models showed, asked and left behind."""
    folder = tmp_path_factory.mktemp("driven")
    with pytest.MonkeyPatch.context() as patch, ChatServer(scripted_reply) as server:
        patch.setenv("FTDOJO_HOME", str(folder / "home"))
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("FTDOJO_MODEL", "openai:scripted")
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        own = run_arguments(task_and_model, folder / "runs", max_tokens=600_000, policy="llm")
        asked = 'dict(model=os.environ["FTDOJO_MODEL"])'
        text, _ = execute("02_drive_it_with_a_language_model.ipynb", f"SETTINGS = {own!r} | {asked}")
        yield {"text": text, "runs": folder / "runs", "requests": server.requests}


@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
def test_a_language_model_drives_and_every_decision_is_shown(driven: dict[str, Any]) -> None:
    text = driven["text"]
    for promised in (
        "openai:scripted",
        "plan by llm",
        "recipe by llm",
        "training_plan by llm",
        "verdict by llm",
        "diagnosis by llm",
        "# Rules of the house",
        "try_script",
        "steps were planned",
        "'verdict': 'edit'",
        "the cap of",
        "test_reads",
    ):
        assert promised in text
    assert len(driven["requests"]) >= 10


@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
def test_the_key_is_neither_shown_nor_written(driven: dict[str, Any]) -> None:
    assert all(request.headers["Authorization"] == f"Bearer {KEY}" for request in driven["requests"])
    assert KEY not in driven["text"]
    files = [path for path in driven["runs"].rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
def test_a_run_of_a_language_model_is_read_and_left_as_it_was(driven: dict[str, Any]) -> None:
    run = min(driven["runs"].glob("*/report.html")).parent
    before = contents(run)
    text, _ = execute(
        "03_read_a_run.ipynb",
        f"RUN, RUNS_DIR, SHORT, TRY_AGAIN = {str(run)!r}, {str(run.parent)!r}, {{}}, False",
    )
    assert contents(run) == before
    for promised in ("decisions: llm 5, playbook 0", "openai:scripted", "planner", "Predictions: "):
        assert promised in text


def contents(folder: Path) -> dict[str, str]:
    """Every file's digest by path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}
