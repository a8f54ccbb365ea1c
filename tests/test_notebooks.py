"""The notebook runs from its first cell to its last, on a task and a model made for the test."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tiny_model import make_tiny_model

from tasks.custom import write_example

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "01_quickstart.ipynb"


def test_the_notebook_in_the_repository_holds_no_output() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)


@pytest.mark.enable_socket  # the kernel is another process, spoken to over the loopback
@pytest.mark.filterwarnings("default")  # of the notebook's own machinery, not of ours
def test_the_quickstart_runs_and_shows_what_it_promises(
    tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MPLBACKEND", raising=False)
    write_example(tmp_path / "task")
    settings = {
        "task": str(tmp_path / "task"),
        "base_model": str(make_tiny_model(tmp_path / "model")),
        "budget": "150s",
        "max_experiments": 1,
        "memory": "off",
        "runs_dir": str(runs_dir),
    }
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source = f"SETTINGS = {settings!r}"
    NotebookClient(
        notebook, timeout=150, resources={"metadata": {"path": str(NOTEBOOK.parents[1])}}
    ).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in shown
    )
    for promised in ("tablebench_numerical_reasoning", "planner: ", "evaluator: ", "e01", "test_reads", "n="):
        assert promised in text
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert len(list(runs_dir.glob("*/report.html"))) == 1
