"""Published files as a task's data: which rows belong where, both splits, and one line for what is wrong."""

from __future__ import annotations

import csv
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import registry
from tasks.assets import MANIFEST, Assets
from tasks.base import LoadOptions, Sample
from tasks.chemcot.assets import CHEMCOT
from tasks.errors import InputError
from tasks.financeiq.assets import FINANCEIQ
from tasks.financeiq.task import SUBJECTS
from tasks.load import load
from tasks.official import load as published
from tasks.official.files import find, git_blob_of, is_prepared, sha256_of
from tasks.official.rows import sample_rows
from tasks.panorama.assets import PANORAMA
from tasks.splits import own_split, published_split, question_id
from tasks.tablebench.assets import TABLEINSTRUCT
from tests.support.real_rows import data_root

PUBLISHED = [name for name in registry.ids() if registry.get(name).published]
SUBJECT = "经济师"


def write_csv(path: Path, rows: list[list[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["", "Question", "A", "B", "C", "D", "Answer"], *rows])


@pytest.fixture
def exams(tmp_path: Path) -> Path:
    """Ten subjects of 30 rows; one of them of 250 and one of 7."""
    for subject in SUBJECTS:
        count = {SUBJECT: 250, "税务师": 7}.get(subject, 30)
        rows = [[n, f"{subject}第{n}题？", f"甲{n}", "乙", "丙", "丁", "ABCD"[n % 4]] for n in range(count)]
        write_csv(tmp_path / "financeiq" / "data" / "test" / f"{subject}.csv", rows)
        shots = [[n, f"{subject}例{n}？", "甲", "乙", "丙", "丁", "C"] for n in range(5)]
        write_csv(tmp_path / "financeiq" / "data" / "dev" / f"{subject}.csv", shots)
    return tmp_path


def financeiq(root: Path, split: str = "published") -> Any:
    return load(registry.get("FinanceIQ_gen"), "official", 0, LoadOptions(root, split))  # type: ignore[arg-type]


def test_financeiq_keeps_the_tail_of_each_file_for_the_benchmark_and_the_rest_for_the_pool(
    exams: Path,
) -> None:
    data = financeiq(exams)
    pool = {source.name: source for source in data.sources}
    assert {name: len(pool[f"financeiq-{name}"].rows) for name in (SUBJECT, "税务师", "银行从业资格")} == {
        SUBJECT: 150,
        "税务师": 3,
        "银行从业资格": 15,
    }
    subset = [sample for sample in data.validation if sample.subset == f"FinanceIQ-{SUBJECT}"]
    asked = [sample.meta["question"].splitlines()[0] for sample in subset]
    assert asked == [f"题目：{SUBJECT}第{n}题？" for n in range(150, 200)], (
        "source order, first half of the tail"
    )
    test = [
        s.meta["question"].splitlines()[0] for s in data.load_test() if s.subset == f"FinanceIQ-{SUBJECT}"
    ]
    assert test == [f"题目：{SUBJECT}第{n}题？" for n in range(200, 250)]
    trained = {row["Question"] for source in data.sources for row in source.rows}
    assert not any(sample.prompt.count(question) for sample in subset for question in trained)


def test_financeiq_prompts_open_with_the_five_examples_of_the_subject(exams: Path) -> None:
    spec, data = registry.get("FinanceIQ_gen"), financeiq(exams)
    sample = next(sample for sample in data.validation if sample.subset == f"FinanceIQ-{SUBJECT}")
    assert [sample.prompt.count(f"{SUBJECT}例{n}？") for n in range(5)] == [1] * 5
    assert sample.prompt.count("答案是：C\n\n") == 5
    assert sample.prompt.endswith("D. 丁\n答案是：")
    row = next(source for source in data.sources if source.name.endswith(SUBJECT)).rows[0]
    prompt = spec.build_prompt(row) or ""
    assert prompt.startswith(f"以下是关于{SUBJECT}的单项选择题")
    assert "例0" not in prompt
    assert spec.scorer(sample, f"答案：{sample.gold}").right


def test_a_source_says_where_it_is_from(exams: Path) -> None:
    card = financeiq(exams).sources[0].card
    for fact in ("Duxiaoman-DI/FinanceIQ at fca1d9c", "`Question`", "CC BY-NC-SA 4.0", "No worked reasoning"):
        assert fact in card


def test_files_may_lie_under_the_owners_name(exams: Path) -> None:
    (exams / "Duxiaoman-DI").mkdir()
    (exams / "financeiq").rename(exams / "Duxiaoman-DI" / "FinanceIQ")
    assert len(financeiq(exams).validation) == len(SUBJECTS) * 7 + 50 - 7 + 2 - 7


@pytest.mark.parametrize("name", ["data/dev/经济师.csv", "data/test"])
def test_a_missing_file_is_named_with_the_command_that_gets_it(exams: Path, name: str) -> None:
    path = exams / "financeiq" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError) as caught:
        financeiq(exams)
    assert "\n" not in str(caught.value)
    assert "financeiq" in str(caught.value)
    assert "经济师" in str(caught.value) or "ftdojo prepare FinanceIQ_gen" in str(caught.value)


def test_a_malformed_row_is_named(exams: Path) -> None:
    write_csv(
        exams / "financeiq" / "data" / "test" / f"{SUBJECT}.csv", [[0, "问？", "1", "2", "3", "4", "E"]]
    )
    with pytest.raises(InputError, match=r"经济师\.csv, row 1: `Answer` is 'E'"):
        financeiq(exams)


def test_without_a_data_root_the_error_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"no data root.*ftdojo prepare aime25.*use --edition mini"):
        load(registry.get("aime25"), "official", 0)


def test_an_unfinished_download_is_refused(exams: Path) -> None:
    folder = exams / "financeiq"
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.csv")]
    files = {
        name: {"size": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)} for name in names
    }
    manifest: dict[str, Any] = {"commit": "fca1d9c", "patterns": list(FINANCEIQ.files), "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert is_prepared(FINANCEIQ, exams)
    assert len(find(FINANCEIQ, exams, "fix")) == 20
    (folder / MANIFEST).write_text(json.dumps({**manifest, "patterns": []}))
    assert not is_prepared(FINANCEIQ, exams)
    with pytest.raises(InputError, match="not finished"):
        find(FINANCEIQ, exams, "fix")


def test_git_and_sha256_hashes_are_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello\n")
    assert git_blob_of(path) == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert sha256_of(path) == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"


# -- pools and formats ------------------------------------------------------------------------------


def sources_of(repository: Assets, root: Path) -> dict[str, tuple[Any, ...]]:
    return {source.name: source.rows for source in published._sources(repository, root, 0, "fix")}


def test_the_patent_pool_is_the_training_files_alone(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    for split in ("train", "validation", "test"):
        rows = [{"application_number": f"{split}-{n}", "context": '{"title": "t"}'} for n in range(3)]
        path = tmp_path / "panorama" / "NOC4PC" / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(arrow.Table.from_pylist(rows), path)
    only = PANORAMA.only("noc4pc")
    assert only.files == ("NOC4PC/*.parquet",)
    assert only.also == ("noc4pc/*.json",)
    [(name, rows)] = sources_of(only, tmp_path).items()
    assert name == "panorama-NOC4PC"
    assert [row["application_number"] for row in rows] == ["train-0", "train-1", "train-2"]
    kept = [row["application_number"] for _, _, row in published._benchmark(only, tmp_path, "fix")]
    assert kept == ["test-0", "test-1", "test-2"]


def test_chemistry_rows_of_another_writing_get_the_common_columns(tmp_path: Path) -> None:
    folder = tmp_path / "chemcot" / "chemcotbench-cot" / "rxn"
    folder.mkdir(parents=True)
    row = {"id": "1", "query": "q", "gt": "CCO", "cot_result": "steps", "meta": '{"a": 1}'}
    (folder / "rcr.json").write_text(json.dumps([row]))
    [plain] = sources_of(CHEMCOT, tmp_path)["chemcot-rxn-rcr"]
    assert plain["struct_cot"] == "steps"
    assert json.loads(plain["meta"]) == {"a": 1, "gt": "CCO"}
    assert "gt" not in plain
    assert "cot_result" not in plain


def test_table_instructions_are_a_source_for_each_kind_of_response(tmp_path: Path) -> None:
    folder = tmp_path / "tableinstruct"
    folder.mkdir()
    lines = [json.dumps({"id": n, "instruction_type": "DP" if n % 3 else "TCoT"}) + "\n" for n in range(9)]
    (folder / "TableInstruct_instructions.jsonl").write_text("".join(lines))
    found = sources_of(TABLEINSTRUCT, tmp_path)
    assert {name: len(rows) for name, rows in found.items()} == {
        "tableinstruct-DP": 6,
        "tableinstruct-TCoT": 3,
    }


def test_of_a_large_parquet_file_a_sample_is_read_in_order(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = tmp_path / "train.parquet"
    rows = [{"n": n, "text": f"{n} " * 50} for n in range(5000)]
    parquet.write_table(arrow.Table.from_pylist(rows), path, row_group_size=500)
    every, total = sample_rows(path, 1 << 30, random.Random(0))
    assert (every, total) == (rows, 5000)
    size = sum(parquet.ParquetFile(path).metadata.row_group(n).total_byte_size for n in range(10))
    some, total = sample_rows(path, size // 10 + 1, random.Random(0))
    places = [row["n"] for row in some]
    assert total == 5000
    assert len(places) == 500
    assert places == sorted(places)
    assert max(places) > 4000


# -- splits -----------------------------------------------------------------------------------------


def made(count: int, subset: str = "v", start: int = 0) -> list[Sample]:
    return [
        Sample(f"{n}", subset, f"What is {n} times {n + 3}?", str(n)) for n in range(start, start + count)
    ]


@pytest.mark.parametrize(("count", "rows"), [(30, 15), (31, 15), (200, 100), (999, 100), (1, 0), (0, 0)])
def test_published_split_takes_the_first_and_the_last_rows(count: int, rows: int) -> None:
    validation, test = published_split(range(count), shuffled=False)
    assert validation == list(range(rows))
    assert test == list(range(count))[count - rows :]
    shuffled = published_split(range(count), shuffled=True)
    assert (len(shuffled[0]), len(shuffled[1])) == (rows, rows)
    assert not set(shuffled[0]) & set(shuffled[1])


def test_the_published_shuffle_is_that_of_datasets() -> None:
    from datasets import Dataset

    order = Dataset.from_dict({"n": list(range(57))}).shuffle(seed=42)["n"]
    validation, test = published_split(range(57), shuffled=True)
    assert (validation, test) == (list(order[:28]), list(order[-28:]))
    assert validation != list(range(28))


def test_our_split_is_by_content_alone() -> None:
    samples = made(400)
    before = own_split(samples, ("v",))
    shuffled = samples.copy()
    random.Random(1).shuffle(shuffled)
    assert own_split(shuffled, ("v",)) == before
    sides = [{sample.id for sample in part} for part in before]
    assert sorted(len(side) for side in sides) == pytest.approx([200, 200], abs=40)
    added = [*made(50, start=1000), *samples]
    after = [{sample.id for sample in part} for part in own_split(added, ("v",))]
    assert sides[0] <= after[0]
    assert sides[1] <= after[1]


def test_our_split_holds_every_question_once() -> None:
    samples = made(60)
    again = [
        replace(sample, subset="w", prompt=sample.prompt.upper() + "!", id=f"w{sample.id}")
        for sample in samples
    ]
    validation, test = own_split([*again, *samples, *made(20, "w", 500)], ("v", "w"))
    both = [question_id(sample) for sample in (*validation, *test)]
    assert len(both) == len(set(both)) == 80
    assert sum(sample.subset == "w" for sample in (*validation, *test)) == 20


@pytest.mark.parametrize("count", [4, 5, 6, 9])
def test_a_small_view_has_rows_in_both_splits(count: int) -> None:
    for start in range(0, 600, 7):
        parts = own_split(made(count, start=start), ("v",))
        assert min(len(part) for part in parts) >= 1
        assert sum(len(part) for part in parts) == count


def test_a_large_benchmark_is_capped_without_moving_rows() -> None:
    samples = made(3000)
    validation, test = own_split(samples, ("v",))
    assert (len(validation), len(test)) == (500, 500)
    more = own_split([*samples, *made(500, start=5000)], ("v",))
    assert not {s.id for s in validation} & {s.id for s in more[1]}
    assert not {s.id for s in test} & {s.id for s in more[0]}


def test_equal_rows_of_the_published_split_keep_ids_of_their_own() -> None:
    twice = [*made(3), *made(3)]
    assert len({sample.id for sample in published._told_apart(twice)}) == 6


# -- real rows --------------------------------------------------------------------------------------


def real_items(name: str, root: Path) -> dict[str, list[Sample]]:
    return published.items(registry.get(name), LoadOptions(root))


@pytest.mark.parametrize("split", ["own", "published"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_rows_become_items_of_both_splits(name: str, split: str) -> None:
    spec, root = registry.get(name), data_root()
    try:
        find(spec.published.benchmark, root, "")  # type: ignore[union-attr]
    except InputError:
        pytest.skip(f"no real rows of {name} here")
    validation, test = published.splits(spec, LoadOptions(root, split))  # type: ignore[arg-type]
    assert validation
    assert test
    every = [*validation, *test]
    assert {sample.subset for sample in every} <= set(spec.subsets)
    if split == "own":
        assert len({question_id(sample) for sample in every}) == len(every)
        sizes = {subset: len(samples) for subset, samples in real_items(name, root).items()}
        for subset, size in sizes.items():
            held = [sum(sample.subset == subset for sample in part) for part in (validation, test)]
            assert size < 8 or min(held) >= 1 or sum(held) < 4, subset
    else:
        for subset, samples in real_items(name, root).items():
            rows = min(100, len(samples) // 2)
            assert sum(sample.subset == subset for sample in validation) == rows
            assert sum(sample.subset == subset for sample in test) == rows


def test_a_reordered_real_file_gives_the_same_split(tmp_path: Path) -> None:
    spec, root = registry.get("aime25"), data_root()
    shutil.copytree(root / "aime25", tmp_path / "aime25", copy_function=shutil.copyfile)
    before = published.splits(spec, LoadOptions(tmp_path))
    for path in (tmp_path / "aime25").glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines()
        path.chmod(0o644)
        path.write_text(
            "\n".join(np.random.default_rng(3).permutation(lines).tolist()) + "\n", encoding="utf-8"
        )
    after = published.splits(spec, LoadOptions(tmp_path))
    assert before == after


def test_whole_real_tasks_load_where_pool_and_benchmark_are_there() -> None:
    root = data_root()
    for name in ("aime25", "FinanceIQ_gen"):
        data = load(registry.get(name), "official", 0, LoadOptions(root))
        assert data.validation
        assert data.load_test()
        assert sum(len(source.rows) for source in data.sources) >= 100
        spec = registry.get(name)
        assert all(spec.build_prompt(row) for source in data.sources for row in source.rows)


def test_a_leaked_real_exam_question_is_found_behind_its_worked_examples() -> None:
    from tools.contamination.check import Decontaminator
    from tools.sealed_test import SealedTest

    spec = registry.get("FinanceIQ_gen")
    data = load(spec, "official", 0, LoadOptions(data_root()))
    items = [*data.validation, *data.load_test()][::4]
    decontaminator = Decontaminator.build(items[::2], SealedTest.seal(lambda: tuple(items[1::2])))
    leaked = [
        f"以下是关于{s.meta['subject']}的单项选择题，请直接给出正确答案的选项。\n{s.meta['question']}"
        for s in items
    ]
    found = [decontaminator.check(prompt) is not None for prompt in leaked]
    clean = [
        decontaminator.check(spec.build_prompt(row) or "")
        for source in data.sources
        for row in source.rows[:8]
    ]
    assert np.mean(found) > 0.97, "missed leaks"
    assert np.mean([match is not None for match in clean]) < 0.03
