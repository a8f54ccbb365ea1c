"""The generality folders: tasks whose faults are where their generators say, and whose rules can be found."""

from __future__ import annotations

import functools
import itertools
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from graph.settings import BUNDLED_MODEL
from tasks.custom.folder import load_folder
from tasks.splits import answer_of
from tests.bench.generality.folder import MadeFolder
from tests.bench.generality.kinds import KINDS
from tests.bench.generality.kinds.phones import COUNTRIES
from tests.bench.generality.suite import FIXED, FOLDERS
from tools.contamination.check import Decontaminator
from tools.curation.profile import profile_source
from tools.curation.repair import find_repair
from tools.evaluation.score_answers import score_answers
from tools.models.base_model import count_tokens, resolve_base_model
from tools.sandbox.run import active

NUMBERS = re.compile(r"\d+")


@functools.cache
def first_folder(name: str) -> MadeFolder:
    """The folder of seed 0, drawn once: tests read it and change nothing in it."""
    return FOLDERS[name](0)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_a_task_whose_clean_source_teaches_what_validation_asks(name, tmp_path):
    made = first_folder(name)
    spec = load_folder(made.write(tmp_path))
    assert spec.data is not None
    assert len(spec.data.validation) == (KINDS[name].validation_items if name in KINDS else 300)
    assert len(made.clean) == 1
    sources = {source.name: source for source in spec.data.sources}
    assert set(sources) == {source.name for source in made.sources}
    clean = sources[made.clean[0]]
    assert all(spec.extract(str(row["answer"])) is not None for row in clean.rows)
    if name in FIXED:
        assert len(clean.rows) < max(len(source.rows) for source in sources.values())


@pytest.mark.parametrize("name", FOLDERS)
def test_the_same_seed_makes_the_same_folder_and_no_file_names_a_fault(name, tmp_path):
    one, other = FOLDERS[name](1), FOLDERS[name](1)
    assert one == other
    assert one != FOLDERS[name](2)
    folder = one.write(tmp_path)
    written = "".join(path.read_text(encoding="utf-8") for path in Path(folder).rglob("*") if path.is_file())
    assert not any(source.fault and source.fault in written for source in one.sources)
    names = {path.stem for path in folder.rglob("*")} | {str(path) for path in folder.rglob("*.md")}
    assert names == {"train", "task", "validation", "test", *(source.name for source in one.sources)}


def test_a_folder_that_is_written_again_keeps_no_source_of_before(tmp_path):
    made = first_folder("dates")
    made.write(tmp_path)
    fewer = replace(made, sources=made.sources[:2])
    assert len(list((fewer.write(tmp_path) / "train").iterdir())) == 2


def test_another_process_makes_the_same_folders():
    code = (
        "import hashlib; from tests.bench.generality.suite import FOLDERS;"
        "print(hashlib.sha256(repr([make(3) for make in FOLDERS.values()]).encode()).hexdigest())"
    )
    ran = [
        subprocess.run(
            (sys.executable, "-c", code),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert ran[0] == ran[1] != ""


@pytest.mark.parametrize("name", FOLDERS)
def test_rows_of_a_clean_source_are_right_by_the_tasks_own_scorer(name, tmp_path):
    """They take the place of the validation items, and answer with what the source holds."""
    made = first_folder(name)
    clean = next(source for source in made.sources if source.name in made.clean)
    rows = tuple(dict(row) for row in clean.rows[:40])
    spec = load_folder(replace(made, validation=rows, sources=(clean,)).write(tmp_path))
    assert spec.data is not None
    samples = spec.data.validation
    answers = [spec.render(answer_of(sample), "") for sample in samples]
    if spec.script is not None and active().name == "none":
        pytest.skip(f"no sandbox works here: {active().detail}")
    assert all(item.right for item in score_answers(spec, samples, answers))
    apart = score_answers(spec, samples, answers[1:] + answers[:1])
    assert not all(item.right for item in apart)


def left(row):
    start, out, into = map(int, NUMBERS.findall(row["note"]))
    return str(start - out + into)


def in_the_smaller_unit(row):
    large, unit, small = re.search(r"(\d+) ([A-Za-z]+)\.? (?:and )?(\d+) [A-Za-z]", row["amount"]).groups()
    return str(int(large) * {"m": 100, "k": 1000, "h": 60, "s": 60}[unit[0].lower()] + int(small))


def with_its_country(row):
    digits = re.sub(r"(ext|app)\. \d+", "", row["written"])
    code = next(code for country, code in COUNTRIES.items() if country in row["written"])
    return f"+{code}{''.join(NUMBERS.findall(digits)).removeprefix('0')}"


def that_is_thankful(row):
    return "A" if re.search("thanks|please", row["a"], re.IGNORECASE) else "B"


def valid_and_about_what_is_asked(row):
    """The query, where SQLite takes it and its table, names and limits are those of the question."""
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute(f"create table {row['schema']}")
        base.execute(row["sql"])
    table = re.search(r"from (\w+)", row["sql"])[1]
    limits = NUMBERS.findall(row["sql"]) == NUMBERS.findall(row["question"])
    quoted = re.findall(r"'(.*?)'", row["sql"])
    signs = {"How": "count(*)", "What": "max(", "Which": " name = ", "Names": "select name"}
    signs |= {"Average": "avg(", "Least": "min("}
    sign = signs[row["question"].split()[0]] in row["sql"]
    about = all(name in row["question"] for name in quoted) and row["schema"].startswith(table)
    return row["sql"] if limits and sign and about else ""


@pytest.mark.parametrize(
    ("name", "solve"),
    [
        ("orders", lambda row: re.search(r"[A-Z]{2}-\d{4}", row["message"]).group()),
        ("balance", left),
        ("measures", in_the_smaller_unit),
        ("phones", with_its_country),
        ("replies", that_is_thankful),
        ("queries", valid_and_about_what_is_asked),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_clean_rows_and_items_are_right_by_another_reckoning(name, solve, seed):
    made, kind = FOLDERS[name](seed), KINDS[name]
    clean = next(source for source in made.sources if source.name in made.clean)
    for row in (*clean.rows, *made.validation, *made.test):
        assert solve(row) == row[kind.answer], row


def test_code_passes_its_own_tests_and_mostly_no_other():
    rows = first_folder("functions").test[:60]

    def passes(code, tests):
        space = {}
        exec(code, space)
        try:
            exec(tests, space)
        except AssertionError:
            return False
        return True

    assert all(passes(row["code"], row["tests"]) for row in rows)
    assert sum(passes(a["code"], b["tests"]) for a, b in itertools.pairwise(rows)) <= 3


@pytest.mark.parametrize("name", KINDS)
def test_no_text_is_in_two_places_unless_a_fault_put_it_there(name):
    made, kind = first_folder(name), KINDS[name]
    clean = [row[kind.text] for s in made.sources if s.name in made.clean for row in s.rows]
    texts = [*clean, *(row[kind.text] for row in (*made.validation, *made.test))]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", KINDS)
def test_prompts_and_answers_fit_the_bundled_model(name):
    count = count_tokens(resolve_base_model(BUNDLED_MODEL))
    kind = KINDS[name]
    task = tomllib.loads(kind.toml)
    for row in first_folder(name).validation[:100]:
        assert count(task["prompt"].format(**row)) < 150
        assert count(row[kind.answer]) <= task["max_new_tokens"]


def test_a_declared_column_of_worked_notes_is_trained_on(tmp_path):
    made = first_folder("receipts")
    spec = load_folder(made.write(tmp_path))
    assert spec.data is not None
    source = next(each for each in spec.data.sources if each.name in made.clean)
    found = profile_source(source, spec, spec.data.validation, len, Decontaminator(()))
    assert found.suggested_columns["reasoning"]
    assert found.reasoning_share == 1.0


@pytest.mark.parametrize(
    ("folder", "source", "rule"),
    [
        ("dates", "ledger", "reorder"),
        ("dates", "intake", "reorder"),
        ("dates", "scans", None),
        ("tickets", "history", "relabel"),
        ("tickets", "shifts", "relabel"),
        ("tickets", "overflow", None),
    ],
)
def test_a_fault_that_one_rule_undoes_is_found_from_right_answers(folder, source, rule):
    made, answer = first_folder(folder), {"dates": "iso", "tickets": "queue"}[folder]
    faulty = next(each for each in made.sources if each.name == source)
    pairs = [(str(row[answer]), _right(folder, source, row)) for row in faulty.rows[:60]]
    repair = find_repair(source, pairs, right=0.95)
    assert (repair.rule if repair else None) == rule


def _right(folder: str, source: str, row) -> str:
    """The right answer, read from the prompt by hand."""
    if folder == "tickets":
        from tests.bench.generality.tickets import COMPLAINTS

        return next(
            queue for queue, texts in COMPLAINTS.items() if any(text in row["ticket"] for text in texts)
        )
    from tests.bench.generality.dates import MONTHS

    words = row["written"].replace(",", "").replace(".", " ").split()
    month = next((m for m in words[:2] if not m.isdigit()), None)
    if month is None:
        day, number, year = words
        return f"{year}-{number}-{day}"
    day = next(word for word in words[:2] if word.isdigit())
    place = next(i for i, name in enumerate(MONTHS, 1) if name.startswith(month))
    return f"{words[2]}-{place:02d}-{int(day):02d}"
