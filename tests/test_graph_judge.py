"""A run whose answers a language model judges: seated, calibrated, resumed, refused, told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from graph.cli.summary import summary_lines
from graph.session import reopen
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.loopback_chat import ChatServer, text
from tests.support.scripted_judge import NAME, fences, prefers
from tests.support.small_run import run_arguments
from tests.support.tiny_model import make_tiny_model
from tests.test_tasks_custom_metrics import loaded
from tests.test_tools_evaluation_judge import REFERENCES, TABLE, WORDS

ITEMS, TRAINED = 30, 120
LEARNED = "none"


@pytest.fixture
def fair() -> Iterator[ChatServer]:
    with ChatServer(prefers(by_colour)) as server:
        yield server


@pytest.fixture
def task_and_model(tmp_path: Path) -> tuple[Path, Path]:
    return colours(tmp_path / "task"), make_tiny_model(tmp_path / "model")


def colours(folder: Path, table: str = TABLE) -> Path:
    """A task whose references are all different, and whose training rows all say the same."""
    (folder / "train").mkdir(parents=True)
    prompt = 'prompt = "Please name the colour of item number {q}"\n'
    text = f'name = "t"\ndescription = "Name the colour."\n{prompt}max_new_tokens = 24\n{table}'
    (folder / "task.toml").write_text(text, encoding="utf-8")
    for name, start in (("validation", 100), ("test", 200), ("train/a", 300)):
        count = TRAINED if name == "train/a" else ITEMS
        answer = (lambda _: LEARNED) if name == "train/a" else reference
        rows = [{"q": str(n), "answer": answer(n)} for n in range(start, start + count)]
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
        )
    return folder


def reference(number: int) -> str:
    return f"item {number} is {WORDS[number % 10]}"


def by_colour(question: str, answer: str) -> float:
    """Right, wrong, or what the tiny model learns to say, which this judge is made to like best of all."""
    return 2.0 if answer and answer in LEARNED else float(reference(int(question.split()[-1])) in answer)


def run(task_and_model: tuple[Path, Path], runs: Path, server: ChatServer, **others: Any) -> Any:
    return ftdojo.run(**run_arguments(task_and_model, runs, base_url=server.base_url, **others))


def journal_of(runs: Path) -> Journal:
    (folder,) = runs.iterdir()
    return Journal.open(folder / "journal.jsonl", write=False)


def test_a_whole_run_is_judged_and_says_by_whom(
    task_and_model: tuple[Path, Path], tmp_path: Path, fair: ChatServer
) -> None:
    found = run(task_and_model, tmp_path / "runs", fair)
    journal = journal_of(tmp_path / "runs")
    lines = "\n".join(summary_lines(dict(found)))
    assert f"judge: judge {NAME}: right on 30 of 30 pairs with a known answer" in lines
    assert "majority: not defined (no right answer comes twice)" in lines
    assert "chance: 0.0" in lines
    assert found.base_test.metric == "win_rate_over_reference"
    assert (found.base_test.n, found.base_test.value, found.final_test.value) == (ITEMS, 0.0, 100.0)
    assert "It gives one answer, 'n" in found["claim"]
    assert {event.data["role"] for event in journal.events if event.kind == "usage"} == {"judge"}
    page = (found.run_dir / "report.html").read_text(encoding="utf-8")
    assert f"Judge {NAME}: right on 30 of 30" in page
    assert (found.run_dir / "judge" / "verdicts.jsonl").is_file()
    asked = [fences(request)["question"] for request in fair.requests]
    path = task_and_model[0] / "task.toml"
    path.write_text(path.read_text(encoding="utf-8") + 'criteria = "Short."\n', encoding="utf-8")
    with pytest.raises(InputError, match="task: judge has changed"):
        reopen(found.run_dir)
    notes = [note for note in journal.notes if note.startswith("judge ")]
    assert len(notes) == 1
    assert any(int(question.split()[-1]) >= 200 for question in asked), "the sealed test was judged"


def test_against_the_base_a_run_is_judged_to_its_end(tmp_path: Path, fair: ChatServer) -> None:
    """Confirmation and sealed test are answered in parts: the base's are what the champion's are held to."""
    task = colours(tmp_path / "task", TABLE + 'against = "base"\n')
    found = run((task, make_tiny_model(tmp_path / "model")), tmp_path / "runs", fair)
    assert found.base_test.metric == "win_rate_over_base"
    assert (found.base_test.n, found.final_test.n, found.final_test.value) == (ITEMS, ITEMS, 100.0)
    confirmation = journal_of(tmp_path / "runs").confirmation
    assert confirmation is not None and confirmation.confirmed


def test_a_poor_judge_starts_no_run(task_and_model: tuple[Path, Path], tmp_path: Path) -> None:
    with (
        ChatServer(lambda request: text('{"better": "first"}')) as server,
        pytest.raises(InputError, match="right on 0 of 30 pairs with a known answer") as caught,
    ):
        run(task_and_model, tmp_path / "runs", server)
    assert "\n" not in str(caught.value)
    journal = journal_of(tmp_path / "runs")
    assert journal.base_evaluation is None, "nothing was generated for it"


def test_a_judge_without_a_key_is_one_line_and_leaves_no_run(
    task_and_model: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=f"OPENAI_API_KEY: is not set, and {NAME} needs its key"):
        ftdojo.run(**run_arguments(task_and_model, tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_another_judge_in_the_models_file_is_refused(
    task_and_model: tuple[Path, Path], tmp_path: Path, fair: ChatServer
) -> None:
    path = tmp_path / "models.toml"
    path.write_text('[judge]\nmodel = "openai:another"\n', encoding="utf-8")
    with pytest.raises(InputError, match=f"openai:another, and the task is judged by {NAME}"):
        run(task_and_model, tmp_path / "runs", fair, models_file=str(path))


def test_a_cap_in_dollars_needs_a_price(tmp_path: Path, fair: ChatServer) -> None:
    settings = TABLE + "max_usd = 1.0\n"
    task = colours(tmp_path / "task", settings)
    both = task, make_tiny_model(tmp_path / "model")
    with pytest.raises(InputError, match=f"model {NAME}: has no price"):
        run(both, tmp_path / "runs", fair)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('metric = "judge"', r'needs to know who judges; add \[judge\] and model = "provider:model"'),
        ('metric = "exact_match"\n[judge]\nmodel = "openai:x"', "there is a table"),
        ('metric = "judge"\n[judge]\nagainst = "base"', "the line judge.model = ... is missing"),
        ('metric = "judge"\n[judge]\nmodel = "gpt"', "judge.model = 'gpt'"),
        (TABLE + "modle = 1", r"no setting 'judge\.modle'; did you mean model"),
        (TABLE + 'against = "gold"', "judge.against = 'gold'"),
        (TABLE + "least_right = 0.4", "judge.least_right = 0.4"),
    ],
)
def test_what_is_wrong_with_the_table_is_one_line(tmp_path: Path, lines: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        loaded(tmp_path, lines, REFERENCES)
