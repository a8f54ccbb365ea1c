"""The skill curriculum: every answer is right, every molecule exists, every document fits."""

from __future__ import annotations

import re
from random import Random

import pytest

from tools.pretraining.skills import sets, smiles, tables
from tools.pretraining.skills.core import near_numbers, options, turn
from tools.pretraining.skills.mixture import MIXTURE, documents, probe_documents
from tools.pretraining.skills.numeric import running_sum

EQUATION = re.compile(r"(?<![\w.+*/=-])(\d+)([-+*])(\d+)=(\d+)(?=[.。\s]|$)")


def test_same_seed_gives_the_same_documents() -> None:
    assert list(documents(3, 0.5, 50)) == list(documents(3, 0.5, 50))
    assert list(documents(3, 0.5, 50)) != list(documents(4, 0.5, 50))


def test_every_written_sum_is_right() -> None:
    work = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
    found = 0
    for document in documents(1, 1.0, 4000):
        for item in document.turns:
            for a, sign, b, result in EQUATION.findall(item.answer):
                assert work[sign](int(a), int(b)) == int(result), item
                found += 1
    assert found > 1000


@pytest.mark.parametrize("name", MIXTURE)
def test_every_skill_answers_every_turn(name: str) -> None:
    made = probe_documents(name, 0, 40)
    assert all(t.prompt.strip() and t.answer.strip() for d in made for t in d.turns)
    assert len({d.turns[0].prompt for d in made}) > 20


def test_easy_tables_are_smaller() -> None:
    def rows(level: float) -> int:
        rng = Random(2)
        return sum(len(tables.make_table(rng, level).rows) for _ in range(500))

    assert rows(0.0) < 0.9 * rows(1.0)


def test_molecules_are_valid() -> None:
    chem = pytest.importorskip("rdkit.Chem")
    rng = Random(0)
    names = list(smiles.FRAGMENTS)
    for _ in range(300):
        before, after = smiles._carrier(rng, 1.0, *rng.sample(names, 2))
        for text in (before, after, smiles.molecule(rng, 1.0)):
            assert chem.MolFromSmiles(text) is not None, text


def test_append_ends_with_the_fragment() -> None:
    rng = Random(1)
    for _ in range(100):
        for item in smiles.append(rng, 1.0).turns:
            match = re.fullmatch(r"append (\S+) to (\S+)", item.prompt)
            if match and match[1] in smiles.FRAGMENTS.values():
                assert item.answer == match[2] + match[1]


def test_cover_agrees_with_set_logic() -> None:
    rng = Random(2)
    states = set()
    for _ in range(200):
        order, first, second = sets._case(rng, 1.0)
        wanted = set(order)
        alone = wanted <= set(first) or wanted <= set(second)
        states.add((alone, wanted <= set(first) | set(second)))
    assert states == {(True, True), (False, True), (False, False)}


def test_table_extremes_are_read_from_the_column() -> None:
    rng = Random(3)
    for _ in range(100):
        pairs = [(n, rng.randint(1, 50)) for n in ("Ann", "Bob", "Eve")]
        question, answer, _ = tables._extreme(rng, "wins", pairs)
        values = [v for _, v in pairs]
        assert answer in {*map(str, values), *(n for n, _ in pairs), str(max(values) - min(values))}, question


def test_running_sum_writes_each_step() -> None:
    assert running_sum([12, 7, 30]) == ("12+7=19. 19+30=49.", 49)


def test_options_hold_the_right_value_under_its_letter() -> None:
    rng = Random(4)
    for _ in range(20):
        table, letter = options(rng, "7", near_numbers(rng, 7))
        assert table[letter] == "7"
        assert len(set(table.values())) == 4


def test_requested_format_is_kept() -> None:
    rng = Random(5)
    seen = set()
    for _ in range(300):
        item = turn(rng, "How many?", "12", "", formatted=1.0)
        if "\\boxed" in item.prompt:
            assert item.answer == "\\boxed{12}"
            seen.add("boxed")
        elif "Final Answer" in item.prompt:
            assert item.answer == "Final Answer: 12"
            seen.add("final")
        elif "JSON" in item.prompt:
            assert item.answer.startswith('{"')
            seen.add("json")
    assert seen == {"boxed", "final", "json"}
