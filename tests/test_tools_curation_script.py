"""Scripts: what they may do, what their failures say, and what they never get to see."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from memory.recipe import DataRecipe, Decontaminate, Filter, Map, Script, Select
from tasks.base import ScriptResult, Source
from tasks.errors import ExperimentFailed
from tasks.registry import get
from tools.contamination.check import Decontaminator
from tools.curation import script as script_operation
from tools.curation.operations import Context, Example, Kept
from tools.curation.run import dry_run, run_recipe
from tools.curation.script import some, transform_rows, try_script
from tools.sandbox import run as sandbox
from tools.workspace import Workspace

SPEC = get("aime25")
SEALED = "A shop sells 14 pens on Monday and 23 on Tuesday. How many is that?"
GUARD = Decontaminator([("test:x", SEALED, "37")])
LEAKS = (SEALED, "please, A SHOP sells 14 pens on Monday and 23 on Tuesday. How many is that")
THINGS = ("pens", "cups", "keys", "maps", "eggs")


def example(n: int, **changes: Any) -> Example:
    text = f"Tom has {n} {THINGS[n % 5]} and finds {n + 3} more. How many does he have?"
    return Example(text, str(2 * n + 3), "", "s", n)._replace(**changes)


ROWS = [example(n) for n in range(250)]


@pytest.fixture(autouse=True)
def _sandbox_works() -> None:
    if sandbox.active().name == "none":
        pytest.skip(sandbox.active().detail)


def run(body: str, rows: list[Example] = ROWS, seed: int = 0) -> Kept:
    context = Context(SPEC, GUARD, len, (), 2000, random.Random(seed))
    return transform_rows(rows, Script(purpose="test", code=body), context)


def cause(body: str, rows: list[Example] = ROWS) -> str:
    with pytest.raises(ExperimentFailed) as failed:
        run(body, rows)
    assert (failed.value.stage, failed.value.code) == ("data", "bad_script")
    assert "Traceback" not in failed.value.message and len(failed.value.message) <= 600
    return failed.value.message


def test_rows_are_rewritten_split_and_dropped_and_keep_their_place():
    kept = run(
        "def transform(row):\n"
        "    n = int(row['answer'])\n"
        "    if n % 3 == 0:\n"
        "        return None\n"
        "    if n % 3 == 1:\n"
        "        return row\n"
        "    return [{'prompt': row['prompt'] + ' ' + w, 'answer': row['answer']} for w in ('Now', 'So')]\n"
    )
    by_rest = [[row for row in ROWS if int(row.answer) % 3 == rest] for rest in range(3)]
    assert len(kept.rows) == len(by_rest[1]) + 2 * len(by_rest[2])
    assert [row for row in kept.rows if row.row == by_rest[1][0].row] == [by_rest[1][0]]
    first = by_rest[2][0]
    made = [row for row in kept.rows if row.row == first.row]
    assert [row.prompt.removeprefix(first.prompt) for row in made] == [" Now", " So"]
    assert [row.row for row in kept.rows] == sorted(row.row for row in kept.rows)
    assert kept.note == f"test: {len(by_rest[2])} changed, {len(by_rest[0])} dropped"


def test_reasoning_stays_where_the_answer_still_holds_it():
    worked = [example(n, reasoning="Add.", answer=f"Add. \\boxed{{{n}}}") for n in (1, 2)]
    kept = run(
        "def transform(row):\n"
        "    return row if '1}' in row['answer'] else {'prompt': row['prompt'], 'answer': '2'}\n",
        worked,
    )
    assert [row.reasoning for row in kept.rows] == ["Add.", ""]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            "def transform(row:\n  pass",
            ("SyntaxError: '(' was never closed", "line 1 (`def transform(row:`)"),
        ),
        ("import nothing_there\n", ("ModuleNotFoundError: No module named 'nothing_there'", "line 1")),
        ("x = 1", ("the code defines no function transform(row)",)),
        (
            "def transform(row):\n    x = row['prompt']\n    return row['anwser']",
            ("KeyError: 'anwser' at line 3 (`return row['anwser']`)", "source 's', row 0"),
        ),
        (
            "def inner(row):\n    return int('x')\n\ndef transform(row):\n    try:\n"
            "        return inner(row)\n    except ValueError as e:\n        raise RuntimeError('no') from e",
            ("ValueError: invalid literal", "at line 2 (`return int('x')`)", "it led to RuntimeError: no"),
        ),
        ("def transform(row):\n    raise SystemExit(0)", ("SystemExit: 0 at line 2",)),
        ("def transform(row):\n    return transform(row)", ("RecursionError", "at line 2")),
        ("def transform(row):\n    return 'x' * 10**12", ("MemoryError", "at line 2")),
        ("def transform(row):\n    return 3", ("returned an int, not a dict", "row 0")),
        ("def transform(row):\n    return 'text'", ("returned a str, not a dict",)),
        ("def transform(row):\n    return [row, 3]", ("a list with an int in it",)),
        ("def transform(row):\n    yield row", ("generator is not JSON serializable",)),
        ("def transform(row):\n    return {'prompt': 'a'}", ("has no 'answer'",)),
        ("def transform(row):\n    return row | {'anser': 'x'}", ("key 'anser'", "did you mean answer")),
        ("def transform(row):\n    return row | {'answer': 7}", ("'answer' is an int, not a text",)),
        ("def transform(row):\n    return row | {'answer': ' '}", ("blank: return None",)),
        (
            "def transform(row):\n    return row | {'answer': 'y' * 30_000}",
            ("30,000 characters, over 20,000",),
        ),
        ("def transform(row):\n    return [row] * 21", ("21 rows for one, over 20",)),
        (
            "import os\ndef transform(row):\n    os._exit(0)",
            ("ended its process or replaced its result, on source 's', row 0",),
        ),
        (
            "import os, signal\ndef transform(row):\n    os.kill(os.getpid(), signal.SIGKILL)",
            ("it was ended: ended by SIGKILL",),
        ),
        (
            "class E(Exception):\n    def __str__(self):\n        raise ValueError('again')\n"
            "def transform(row):\n    raise E()",
            ("E: (its message raises ValueError) at line 5",),
        ),
    ],
    ids=lambda value: value[-24:] if isinstance(value, str) else "",
)
def test_a_failure_names_its_first_cause_its_line_and_its_row(code: str, told: tuple[str, ...]):
    message = cause(code)
    for part in told:
        assert part in message, message


def test_the_offending_row_is_named_beyond_the_trial_too():
    tried = {row.row for row in some(ROWS)}
    late = next(n for n in reversed(range(250)) if n not in tried)
    message = cause(
        f"def transform(row):\n    assert 'has {late} ' not in row['prompt'], 'late'\n    return row"
    )
    assert message == (
        "AssertionError: late at line 2 "
        f"(`assert 'has {late} ' not in row['prompt'], 'late'`), on source 's', row {late}"
    )


def test_a_script_without_end_is_stopped_where_it_stands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(script_operation, "ROW_SECONDS", 0.2)
    message = cause("def transform(row):\n    n = 0\n    while True:\n        n += 1")
    assert "takes too long at line" in message
    message = cause("n = 0\nwhile True:\n    n += 1")
    assert "takes too long at line" in message


def test_a_script_that_catches_everything_is_ended_by_the_sandbox(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(script_operation, "LIMITS", sandbox.ScriptLimits(wall_seconds=4.0, cpu_seconds=20))
    body = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\ndef transform(row):\n"
    message = cause(body + "    if ' 2 ' not in row['prompt']: return row\n    while True: pass", ROWS[:9])
    assert message == "it was ended after 4 s, on source 's', row 2"


def test_printing_without_end_is_told_as_such(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(script_operation, "LIMITS", sandbox.ScriptLimits(file_bytes=200_000))
    message = cause("def transform(row):\n    while True: print('x' * 1000)", ROWS[:3])
    assert "it prints without end" in message and "print nothing" in message and "row 0" in message


def test_results_do_not_depend_on_where_the_cuts_fall(monkeypatch: pytest.MonkeyPatch):
    body = (
        "import random\ndef transform(row):\n"
        "    return [row | {'answer': str(random.random()) + str(hash(row['prompt']))} for _ in range(3)]"
    )
    whole = run(body).rows
    assert len({row.answer for row in whole}) == 750
    assert run(body).rows == whole != run(body, seed=1).rows
    asked: list[int] = []
    ask = sandbox.run_many

    def counting(scripts: Any, **options: Any) -> list[ScriptResult]:
        asked.append(len(scripts))
        return ask(scripts, **options)

    monkeypatch.setattr(sandbox, "run_many", counting)
    monkeypatch.setattr(script_operation, "CHUNK_ROWS", 60)
    monkeypatch.setattr(script_operation, "ENOUGH_CHARACTERS", 9_000)
    assert run(body).rows == whole
    assert len(asked) > 3  # processes stopped early and were asked for the rest


def test_totals_and_time_are_bounded(monkeypatch: pytest.MonkeyPatch):
    double = "def transform(row):\n    return [row, row]"
    for name, value, told in (
        ("MOST_OUTPUTS", 300, "it makes more than 300 rows"),
        ("MOST_CHARACTERS", 9_000, "it makes more than 9,000 characters"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(script_operation, name, value)
            assert told in cause(double)
    monkeypatch.setattr(script_operation, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(script_operation, "CHUNK_ROWS", 20)
    assert "not done after 0 s, with 80 of 100 rows transformed" in cause(double)


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "[]",
        "nonsense",
        '{"outputs": []}',
        '{"outputs": [[], [], []]}',
        '{"outputs": [3, 4]}',
        '{"failed": {"error": {"a": 1}, "line": "x", "row": 99, "text": 4}}',
        '{"at": -5}',
        "[" * 100_000,
    ],
)
def test_a_forged_result_is_a_claim_and_no_more(monkeypatch: pytest.MonkeyPatch, claim: str):
    monkeypatch.setattr(sandbox, "run_many", lambda s, **o: [ScriptResult("ok", returned=claim) for _ in s])
    assert cause("forged", ROWS[:2])


def test_where_no_isolation_works_nothing_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sandbox, "active", lambda: sandbox.Isolation("none", "no bwrap here"))
    monkeypatch.setattr(sandbox, "DriverProcess", None)
    message = cause("def transform(row):\n    return row")
    assert "scripts cannot run here: no bwrap here" in message and "install bubblewrap" in message


# ---- what a script never sees


def secret_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    folder = tmp_path / "runs" / "r"
    folder.mkdir(parents=True)
    for path in (tmp_path, folder.parent, folder):
        path.chmod(0o755)
    (folder / "journal.jsonl").write_text("JOURNAL-SECRET")
    monkeypatch.setenv("OPENAI_API_KEY", "KEY-SECRET")
    return folder, "KEY-SECRET"


def test_a_script_gets_nothing_of_the_run_the_environment_and_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, _ = secret_run(tmp_path, monkeypatch)
    body = f"""
import glob, json, os, socket, subprocess, urllib.request

def attempt(action):
    try:
        return repr(action())[:300]
    except BaseException as error:
        return "no: " + type(error).__name__

def transform(row):
    found = {{
        "journal": attempt(lambda: open({str(folder / "journal.jsonl")!r}).read()),
        "listing": attempt(lambda: os.listdir({str(folder.parent)!r})),
        "environment": attempt(lambda: sorted(os.environ.items())),
        "parents": attempt(lambda: open(f"/proc/{{os.getppid()}}/environ").read()),
        "socket": attempt(lambda: socket.socket()),
        "web": attempt(lambda: urllib.request.urlopen("http://127.0.0.1:1/").read()),
        "code": attempt(lambda: os.listdir({str(Path(__file__).parent)!r})),
        "write": attempt(lambda: open({str(folder / "new")!r}, "w")),
    }}
    return {{"prompt": "found", "answer": json.dumps(found)}}
"""
    found = json.loads(run(body, ROWS[:1]).rows[0].answer)
    assert "SECRET" not in json.dumps(found)
    for name in ("journal", "listing", "parents", "socket", "web", "code", "write"):
        assert found[name].startswith("no: "), (name, found[name])
    assert "OPENAI_API_KEY" not in found["environment"]
    assert not (folder / "new").exists()


def test_rows_that_match_a_guarded_item_never_enter(tmp_path: Path):
    rows = [*ROWS[:5], *(Example(text, "37", "", "s", 90 + n) for n, text in enumerate(LEAKS))]
    kept = run(
        "seen = []\ndef transform(row):\n    seen.append(row['prompt'])\n"
        "    return row | {'answer': ' '.join(seen)}",
        rows,
    )
    assert {row.row for row in kept.rows} == {0, 1, 2, 3, 4}
    assert not any("14 pens" in row.answer or "Tuesday" in row.answer for row in kept.rows)
    assert {place: match.item for place, match in kept.matches.items()} == {
        ("s", 90): "test:x",
        ("s", 91): "test:x",
    }
    assert "2 matched a guarded item" in kept.note


def pool() -> dict[str, Source]:
    rows = [{"q": row.prompt, "a": row.answer} for row in ROWS[:30]]
    rows += [{"q": text, "a": "37"} for text in LEAKS]
    return {"s": Source("s", "", tuple(rows))}


def recipe(*operations: Any) -> DataRecipe:
    return DataRecipe(
        operations=(Select(sources=("s",)), Map(columns={"s": {"prompt": "q", "answer": "a"}}), *operations)
    )


def script(code: str) -> Script:
    return Script(purpose="test", code=code)


def test_a_planted_leak_comes_out_of_no_script(runs_dir: Path):
    workspace = Workspace.create(runs_dir, "r")
    keep = script("def transform(row):\n    return row | {'prompt': row['prompt'].lower()}")
    card = run_recipe(recipe(keep, Decontaminate()), pool(), SPEC, GUARD, workspace, len)
    assert card.rows == 30
    assert "2 matched a guarded item" in card.steps[2].note
    assert card.steps[2].removed_by_source == {"s": 2}
    written = "".join(path.read_text() for path in workspace.inside("data").iterdir())
    assert "tuesday" not in written.lower()
    # A script that knows an item by heart: decontamination drops it, for it comes last.
    forger = script(f"def transform(row):\n    return [row, {{'prompt': {SEALED!r}, 'answer': '37'}}]")
    forged = run_recipe(recipe(forger, Decontaminate()), pool(), SPEC, GUARD, workspace, len)
    assert forged.rows == 30
    assert "30 near test" in forged.steps[-1].note
    assert "Tuesday" not in workspace.inside(forged.path).read_text()


def test_a_recipe_decontaminates_after_its_last_script(runs_dir: Path):
    keep = script("def transform(row):\n    return row")
    for made in (recipe(keep), recipe(Decontaminate(), keep), recipe(keep, Decontaminate(), keep)):
        with pytest.raises(ExperimentFailed, match="bad_recipe: a decontaminate comes after the last script"):
            dry_run(made, pool(), SPEC, GUARD)
    assert len(dry_run(recipe(keep, Decontaminate()), pool(), SPEC, GUARD)[0]) == 30


def test_a_script_that_drops_everything_empties_the_data():
    nothing = script("def transform(row):\n    return None")
    with pytest.raises(ExperimentFailed, match="empty_data: script removed the last 32 rows"):
        dry_run(recipe(nothing, Decontaminate()), pool(), SPEC, GUARD)


def test_rows_made_of_one_row_are_counted_as_rows():
    twice = script("def transform(row):\n    return [row, row | {'answer': 'no idea'}]")
    rows, steps = dry_run(recipe(twice, Filter(rule="parseable"), Decontaminate()), pool(), SPEC, GUARD)
    assert [(step.op, step.rows_in, step.rows_out) for step in steps[2:4]] == [
        ("script", 32, 60),
        ("filter parseable", 60, 30),
    ]
    assert steps[3].removed_by_source == {"s": 30}
    assert len(rows) == 30


def test_a_trial_shows_counts_and_rows_or_the_cause():
    body = "def transform(row):\n    return None if '7' in row['prompt'] else row | {'answer': 'x'}"
    trial = try_script(body, ROWS)
    assert (trial.rows_in, trial.problem) == (100, "")
    assert trial.rows_out == trial.changed == 100 - trial.dropped and trial.dropped > 0
    before, after = trial.examples[0]
    assert len(trial.examples) == 3 and after[0].prompt == before.prompt and after[0].answer == "x"
    assert "at line 1" in try_script("1/0", ROWS).problem
    assert try_script("def transform(row): return None", ROWS).problem == "it drops all 100 rows"
    assert "no rows" in try_script(body, []).problem


def test_a_very_long_row_stays_outside():
    kept = run("def transform(row):\n    return row", [*ROWS[:3], example(3, prompt="x " * 60_000)])
    assert len(kept.rows) == 3 and kept.note.endswith("1 too long")
