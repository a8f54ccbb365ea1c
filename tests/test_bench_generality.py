"""The generality folders: tasks whose faults are where their generators say, and whose rules can be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.custom.folder import load_folder
from tests.bench.generality.__main__ import FOLDERS, table
from tools.contamination.check import Decontaminator
from tools.curation.profile import profile_source
from tools.curation.repair import find_repair


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_a_task_whose_clean_source_teaches_what_validation_asks(name, tmp_path):
    made = FOLDERS[name](0)
    spec = load_folder(made.write(tmp_path))
    assert spec.data is not None
    assert len(spec.data.validation) == 300
    assert len(made.clean) == 1
    sources = {source.name: source for source in spec.data.sources}
    assert set(sources) == {source.name for source in made.sources}
    clean = sources[made.clean[0]]
    assert all(spec.extract(str(row["answer"])) is not None for row in clean.rows)
    assert len(clean.rows) < max(len(source.rows) for source in sources.values())


@pytest.mark.parametrize("name", FOLDERS)
def test_the_same_seed_makes_the_same_folder_and_no_file_names_a_fault(name, tmp_path):
    one, other = FOLDERS[name](1), FOLDERS[name](1)
    assert one == other
    assert one != FOLDERS[name](2)
    folder = one.write(tmp_path)
    written = "".join(path.read_text(encoding="utf-8") for path in Path(folder).rglob("*") if path.is_file())
    assert not any(source.fault and source.fault in written for source in one.sources)


def test_a_declared_column_of_worked_notes_is_trained_on(tmp_path):
    made = FOLDERS["receipts"](0)
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
    made, answer = FOLDERS[folder](0), {"dates": "iso", "tickets": "queue"}[folder]
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


def test_the_table_shows_the_last_result_of_each_part():
    row = {"folder": "dates", "seed": 0, "base_value": 0.0}
    rows = [row | {"part": "agent", "value": 31.0}, row | {"part": "agent", "value": 99.0}]
    assert table(rows).splitlines()[-1] == "| dates | 0 | 0.0 | - | - | 99.0 |"
