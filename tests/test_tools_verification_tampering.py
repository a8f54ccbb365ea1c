"""``ftdojo verify`` names each of these changes to a finished run, and nothing in an untouched one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from graph.verify import Wish, verify
from tests.support.claimed_run import Claimed
from tests.support.forgery import Copied, copied, edit_json, edit_rows, flip_byte, heads
from tests.support.tiny_model import make_tiny_model
from tools.verification import foundations

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def run(finished: Claimed, tmp_path: Path) -> Copied:
    return copied(*finished, tmp_path)


def found(run: Copied, **wish: Any) -> tuple[str, ...]:
    return verify(run.run_dir, Wish(**wish)).differences


def test_an_untouched_run_verifies_where_it_was_made_and_where_it_was_moved(
    finished: Claimed, run: Copied
) -> None:
    made = verify(finished.run_dir, Wish())
    assert made.differences == ()
    told = {finding.check: finding.told for finding in made.findings}
    checks = "chain files foundations predictions figures data descent documents signature"
    assert " ".join(told) == checks
    assert f"head {heads(finished.run_dir / 'journal.jsonl')[-1]}" in told["chain"]
    assert "merges made again" in told["descent"]
    assert found(run) == ()


# ---- what is changed, and what is said of it

Change = Callable[[Copied], object]


def score(value: float) -> Callable[[dict[str, Any]], None]:
    def change(line: dict[str, Any]) -> None:
        line["data"]["score"]["value"] = value

    return change


def every(kind: str, **changes: Any) -> Callable[[Copied], None]:
    """The data of all lines of a kind changed, and the chain written anew."""

    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["kind"] == kind:
                line["data"] |= changes

    return lambda run: run.rewrite(change)


def without(kind: str) -> Callable[[Copied], None]:
    return lambda run: run.rewrite(lambda lines: [line for line in lines if line["kind"] != kind])


def cut(run: Copied, lines: int) -> None:
    """The last lines removed."""
    kept = run.journal.read_bytes().splitlines(keepends=True)[:-lines]
    run.journal.write_bytes(b"".join(kept))


def swapped(run: Copied) -> None:
    texts = run.journal.read_bytes().splitlines(keepends=True)
    texts[5], texts[6] = texts[6], texts[5]
    run.journal.write_bytes(b"".join(texts))


def deleted(run: Copied) -> None:
    texts = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(b"".join(texts[:5] + texts[6:]))


def inserted(run: Copied) -> None:
    texts = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(b"".join(texts[:5] + texts[4:]))


def unchained(run: Copied) -> None:
    from dataclasses import replace

    from memory.journal.events import decode, encode

    events = [replace(decode(line), prev=None) for line in run.journal.read_bytes().splitlines()]
    run.journal.write_bytes(b"".join(map(encode, events)))


def better_answer(run: Copied) -> None:
    """The answer to a test item becomes the right one, in other words than the model's."""
    golds = [json.loads(line)["answer"] for line in (run.task / "test.jsonl").read_text().splitlines()]

    def change(items: list[dict[str, Any]]) -> None:
        place = next((n for n, item in enumerate(items) if not item["right"]), 0)
        gold = str(golds[place])
        items[place] |= {"prediction": f"It is {gold}", "parsed": gold, "right": True, "value": 1.0}

    edit_rows(run.predictions(), change)


def called_right(run: Copied) -> None:
    """Wrong answers called right, and the file's digest written into a chain that fits."""

    def change(items: list[dict[str, Any]]) -> None:
        for item in items:
            item |= {"right": not item["right"], "value": float(not item["right"])}

    edit_rows(run.predictions(), change)
    run.record(run.predictions())


def leaked_row(run: Copied) -> None:
    """A test item among the training rows, in a file that the journal and its card know."""
    item = json.loads((run.task / "test.jsonl").read_text().splitlines()[0])
    file, name = run.data(), run.first("card", run.champion)["data"]["path"]

    def change(rows: list[dict[str, Any]]) -> None:
        rows[0] |= {"prompt": f"{item['question']} Answer with the number.", "answer": str(item["answer"])}

    edit_rows(file, change)
    run.record(file)
    digest = sha256(file.read_bytes()).hexdigest()

    def recard(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["kind"] == "card" and line["data"]["path"] == name:
                line["data"]["data_sha256"] = digest

    run.rewrite(recard)


def moved_row(run: Copied) -> None:
    """A test row becomes a validation row."""
    validation, test = run.task / "validation.jsonl", run.task / "test.jsonl"
    lines = test.read_text().splitlines(keepends=True)
    test.write_text("".join(lines[1:]))
    validation.write_text(validation.read_text() + lines[0])


def other_gold(rows: list[dict[str, Any]]) -> None:
    rows[0]["answer"] = "12345"


def other_source(run: Copied) -> None:
    file = sorted((run.task / "train").glob("*.jsonl"))[0]
    file.write_text(file.read_text() + file.read_text().splitlines()[0] + "\n")


def other_base(run: Copied) -> None:
    """Other weights under the same name, of the same size."""
    flip_byte(run.base / "model.safetensors", place=-1000)


def remade_base(run: Copied) -> None:
    """Another model altogether in the folder of the same name."""
    shutil.rmtree(run.base)
    make_tiny_model(run.base)


def champion_is_the_base(run: Copied) -> None:
    """The exported model is the base's, and the journal knows its file."""
    file = run.run_dir / "champion" / "model.safetensors"
    shutil.copyfile(run.base / "model.safetensors", file)
    run.record(file)


def in_task(old: str, new: str) -> Callable[[Copied], None]:
    def change(run: Copied) -> None:
        text = (run.task / "task.toml").read_text()
        assert old in text
        (run.task / "task.toml").write_text(text.replace(old, new))

    return change


def text_in(name: str, old: Callable[[Copied], str], new: str) -> Callable[[Copied], None]:
    def change(run: Copied) -> None:
        text = (run.run_dir / name).read_text()
        assert old(run) in text
        (run.run_dir / name).write_text(text.replace(old(run), new))

    return change


def test_value(run: Copied) -> str:
    return f"{run.first('test_evaluation', run.champion)['data']['score']['value']:.1f}"


test_value.__test__ = False  # type: ignore[attr-defined]


def in_summary(**changes: Any) -> Callable[[Copied], None]:
    return lambda run: edit_json(run.run_dir / "summary.json", lambda summary: summary.update(changes))


CHANGES: dict[str, tuple[Change, str]] = {
    # The journal, line by line.
    "a score, its checksum kept": (
        lambda run: run.edit_line("evaluation", score(99.0), sealed=False),
        "cannot be read (checksum differs)",
    ),
    "a score with its checksum": (
        lambda run: run.edit_line("evaluation", score(99.0), sealed=True),
        "names as the one before it",
    ),
    "a line deleted": (deleted, "where 5 comes next"),
    "a line inserted": (inserted, "numbered 4, where 5 comes next"),
    "two lines swapped": (swapped, "where 5 comes next"),
    "the last line removed": (lambda run: cut(run, 1), "summary.json: names the head"),
    "the end removed": (lambda run: cut(run, 4), "summary.json: names the head"),
    "the chain taken out": (unchained, "no chain"),
    # The journal, written anew with a chain that fits.
    "the test's opening removed": (without("test_opened"), "no opening of it stands in the journal"),
    "a test score": (
        lambda run: run.rewrite(lambda lines: [*map(_hundred, lines)]),
        "the score's value of base on test comes to",
    ),
    "the gain on the test": (every("test_comparison", delta=50.0), "test_comparison of"),
    "a validation comparison": (every("comparison", p_value=1e-9), "p_value comes to"),
    "what confirmed the gain": (every("confirmation", confirmed=False), "confirmed comes to True"),
    "the candidate": (every("candidate_chosen", candidate="base"), "candidate: the records lead to"),
    "the champion": (every("champion_chosen", champion="base"), "champion: the records lead to"),
    "an outcome": (every("finished", outcome="failed"), "its records make it"),
    "the seed in the journal": (every("run_started", seed=7), "seed is 7"),
    "the test's digest in the journal": (every("run_started", test_digest="0" * 64), "test_digest is 000"),
    # The run's files.
    "a test answer": (better_answer, "test.jsonl: is not the file that the run wrote"),
    "verdicts on test answers": (called_right, "by the scorer"),
    "a validation answer": (
        lambda run: edit_rows(run.predictions("validation"), lambda rows: rows[0].update(prediction="7")),
        "validation.jsonl: is not the file that the run wrote",
    ),
    "the base's answers": (
        lambda run: edit_rows(run.predictions("test", "base"), lambda rows: rows[0].update(parsed="7")),
        "base/test.jsonl: is not the file that the run wrote",
    ),
    "an answer kept apart": (
        lambda run: flip_byte(sorted(run.predictions().parent.glob("confirmation-*.jsonl"))[0], 12),
        "confirmation-",
    ),
    "predictions deleted": (lambda run: run.predictions().unlink(), "test.jsonl: is gone"),
    "trained weights": (
        lambda run: flip_byte(run.model("model.safetensors")),
        "model/model.safetensors: is not the file",
    ),
    "a file beside the weights": (
        lambda run: run.model("extra.safetensors").write_bytes(b"x"),
        "extra.safetensors: is none of the files that the training wrote",
    ),
    "the exported model": (champion_is_the_base, "is another than that of"),
    "a file beside the export": (
        lambda run: (run.run_dir / "champion" / "pytorch_model.bin").write_bytes(b"x"),
        "pytorch_model.bin: was not exported by the run",
    ),
    "the export deleted": (lambda run: shutil.rmtree(run.run_dir / "champion"), "the exported model is gone"),
    "a data row added": (
        lambda run: edit_rows(run.data(), lambda rows: [*rows, rows[0]]),
        "its rows are not those of its card",
    ),
    "a test item among the rows": (leaked_row, "row 1 is a test item"),
    # What the run rests on.
    "a gold answer": (lambda run: edit_rows(run.task / "test.jsonl", other_gold), "rows: test has changed"),
    "a row moved between splits": (moved_row, "rows: validation has changed"),
    "a source file": (other_source, "rows: source"),
    "a source's card": (
        lambda run: sorted((run.task / "train").glob("*.md"))[0].write_text("Other words."),
        "task: file train/",
    ),
    "the metric": (in_task('metric = "number"', 'metric = "exact_match"'), "task: metric has changed"),
    "the tolerance": (in_task("tolerance = 0.0", "tolerance = 100.0"), "task: file task.toml has changed"),
    "the base's weights": (other_base, "base: model.safetensors has changed"),
    "the base's tokenizer": (
        lambda run: edit_json(run.base / "tokenizer_config.json", lambda config: config.update(x=1)),
        "base: tokenizer_config.json has changed",
    ),
    "another base model of the same name": (
        remade_base,
        "base: model.safetensors has changed",
    ),
    "the seed in the settings": (lambda run: run.settings(seed=9), "settings: seed is 9"),
    "the budget in the settings": (lambda run: run.settings(budget_seconds=9e3), "budget_seconds is"),
    # What people read.
    "the summary's score": (
        lambda run: edit_json(
            run.run_dir / "summary.json", lambda summary: summary["final_test"].update(value=99.9)
        ),
        "summary.json: final_test is",
    ),
    "the summary's gain": (in_summary(gain=77.0), "summary.json: gain is 77.0"),
    "the summary's head": (in_summary(journal_head="0" * 64), "no line of the journal has it"),
    "the summary deleted": (lambda run: (run.run_dir / "summary.json").unlink(), "summary.json: is gone"),
    "a number in the report": (
        text_in("report.html", test_value, "99.9"),
        "report.html: is neither the page",
    ),
    "a number in the model card": (
        text_in("champion/README.md", test_value, "99.9"),
        "champion/README.md: is not the file",
    ),
}


def _hundred(line: dict[str, Any]) -> dict[str, Any]:
    if line["kind"] == "test_evaluation":
        line["data"]["score"]["value"] = 100.0
    return line


@pytest.mark.parametrize("change", CHANGES)
def test_each_kind_of_tampering_is_named(run: Copied, change: str) -> None:
    make, told = CHANGES[change]
    make(run)
    lines = found(run)
    assert any(told in line for line in lines), lines
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("part", ["scorer", "code", "packages"])
def test_other_code_and_other_libraries_are_named(
    run: Copied, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if part == "packages":
        monkeypatch.setattr(foundations, "packages", lambda: {"torch": "1.0"})
        assert any(line.startswith("packages: torch is 1.0, and was ") for line in found(run))
        return
    digest_of, changed = (
        foundations._digest_of,
        foundations.ROOT / "tasks" / "custom" / "metrics" / "numbers.py",
    )
    monkeypatch.setattr(
        foundations, "_digest_of", lambda file: "0" * 64 if file == changed else digest_of(file)
    )
    told = {
        "scorer": "scorer: tasks/custom/metrics/numbers.py has changed",
        "code": "code: tasks has changed",
    }
    assert any(line.startswith(told[part]) for line in found(run))
