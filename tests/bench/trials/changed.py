"""Files changed by somebody: between a kill and the resume, before the sealed reading, and after the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memory.journal.log import Journal
from tests.bench.trials.world import ENDED, Trial, World, completed, digests, row
from tests.support.forgery import Copied, edit_json, edit_rows, flip_byte

Change = Callable[[Copied], object]


def shifted(rows: list[dict[str, Any]]) -> None:
    """Another answer in the third row."""
    rows[2]["answer"] = str(rows[2]["answer"]) + "1"


def zeroed(path: Path) -> None:
    """Weights of the same size that hold nothing; the header stays."""
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    path.write_bytes(content[:header] + bytes(len(content) - header))


def replaced(path: Path, old: str, new: str) -> None:
    """Another text in a file that has the old one."""
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def changed_before_resume(phase: str, change: Change, *words: str) -> Callable[[World, Trial], None]:
    """Something is changed while a run lies cut off; resume names it and writes nothing."""

    def do(world: World, trial: Trial) -> None:
        run = world.copy(phase, trial.folder)
        change(run)
        before = digests(run.run_dir)
        trial.told(world.do("resume", run.run_dir), 2, "is not as it was", "--accept-changes", *words)
        trial.fact(digests(run.run_dir) == before, "something was written")
        trial.kept.append("all, byte for byte")

    return do


def source(name: str) -> Callable[[Copied], Path]:
    """A file of the task's training sources."""
    return lambda run: run.task / "train" / name


BEFORE_RESUME: dict[str, tuple[str, str, Change, str]] = {
    "13": (
        "one gold answer of test.jsonl",
        "champion_chosen",
        lambda run: edit_rows(run.task / "test.jsonl", shifted),
        "rows: test",
    ),
    "14": (
        "one gold answer of validation.jsonl",
        "candidate_chosen",
        lambda run: edit_rows(run.task / "validation.jsonl", shifted),
        "rows: validation",
    ),
    "14b": (
        "one row of a training source removed",
        "training_plan",
        lambda run: edit_rows(run.task / "train" / "workshop-sheet.jsonl", lambda rows: rows[:-1]),
        "workshop-sheet",
    ),
    "15": (
        "base weights zeroed, same size",
        "plan",
        lambda run: zeroed(run.base / "model.safetensors"),
        "base: model.safetensors",
    ),
    "15b": (
        "the base's config.json",
        "candidate_chosen",
        lambda run: edit_json(run.base / "config.json", lambda config: config.update(rope_theta=1.0)),
        "base: config.json",
    ),
    "16": (
        "champion's weights zeroed before the reading",
        "champion_chosen",
        lambda run: zeroed(run.model("model.safetensors")),
        "model.safetensors",
    ),
    "16b": (
        "champion's tokenizer before the reading",
        "champion_chosen",
        lambda run: flip_byte(run.model("tokenizer_config.json")),
        "tokenizer_config.json",
    ),
    "17": (
        "tolerance of task.toml",
        "candidate_chosen",
        lambda run: replaced(run.task / "task.toml", "tolerance = 0.0", "tolerance = 0.4"),
        "task.toml",
    ),
    "17b": (
        "metric of task.toml",
        "training_plan",
        lambda run: replaced(run.task / "task.toml", 'metric = "number"', 'metric = "exact_match"'),
        "metric",
    ),
}
for _name, (_what, _phase, _change, _word) in BEFORE_RESUME.items():
    row(_name, f"{_what} changed while the run lies cut off")(changed_before_resume(_phase, _change, _word))


@row("18", "experiments/e01/test-1.jsonl and test.jsonl forged before the reading: every answer right")
def forged(world: World, trial: Trial) -> None:
    run = world.copy("champion_chosen", trial.folder)
    lines = (run.task / "test.jsonl").read_text(encoding="utf-8").splitlines()
    whole = Path(world.undisturbed[ENDED]) / "experiments"
    for who in ("base", "e01"):
        items = [json.loads(line) for line in (whole / who / "test-1.jsonl").read_text().splitlines()]
        for item, line in zip(items, lines, strict=True):
            item |= {"prediction": str(json.loads(line)["answer"]), "right": True, "value": 1.0}
        for name in ("test-1", "test"):
            text = "".join(json.dumps(item) + "\n" for item in items)
            run.predictions(name, who).write_text(text, encoding="utf-8")
    ended = world.do("resume", run.run_dir)
    trial.told(ended, 0)
    notes = Journal.open(run.run_dir / "journal.jsonl", write=False).notes
    trial.said = [next((note for note in notes if "none that the run wrote" in note), "nothing")]
    trial.fact(trial.said != ["nothing"], "the journal has no note of it")
    completed(trial, world, run.run_dir, reads=2)  # the run was cut off a moment after the choice


def tampered(change: Change, *words: str) -> Callable[[World, Trial], None]:
    """A finished run is changed; ``ftdojo verify`` names it, with exit code 1."""

    def do(world: World, trial: Trial) -> None:
        run = world.copy(ENDED, trial.folder)
        change(run)
        ended = world.do("verify", run.run_dir)
        trial.told(ended, 1, "differs:", *words)
        found = [line for line in ended.out.splitlines() if line.startswith("differs:")]
        trial.said = [*(line for line in found if all(word in line for word in words)), *found][:1]
        trial.kept.append(f"{len(found)} differences named")

    return do


def without_opening(run: Copied) -> None:
    run.rewrite(lambda lines: [line for line in lines if line["kind"] != "test_opened"])


def better_score(line: dict[str, Any]) -> None:
    line["data"]["score"]["value"] = 97.5


def two_fewer(run: Copied) -> None:
    run.journal.write_bytes(b"".join(run.journal.read_bytes().splitlines(keepends=True)[:-2]))


TAMPERED: dict[str, tuple[str, Change, str]] = {
    "44": (
        "an answer in the base's test predictions",
        lambda run: edit_rows(run.predictions("test", "base"), lambda rows: rows[3].update(prediction="1")),
        "base/test.jsonl",
    ),
    "44b": (
        "champion's exported weights",
        lambda run: flip_byte(run.run_dir / "champion" / "model.safetensors"),
        "champion",
    ),
    "44c": (
        "a training row in data/",
        lambda run: edit_rows(run.data(), lambda rows: rows[5].update(answer="seven")),
        "data/",
    ),
    "44d": (
        "the p-value in summary.json",
        lambda run: edit_json(run.run_dir / "summary.json", lambda summary: summary.update(p_value=1e-30)),
        "p_value",
    ),
    "44e": (
        "a word in report.html",
        lambda run: replaced(run.run_dir / "report.html", "playbook", "an expert"),
        "report.html",
    ),
    "44f": (
        "a word in the model card",
        lambda run: replaced(run.run_dir / "champion" / "README.md", "unit-conversion", "everything"),
        "README.md",
    ),
    "45": (
        "a score of the journal, its checksum computed again",
        lambda run: run.edit_line("evaluation", better_score, sealed=True),
        "names as the one before it",
    ),
    "45b": (
        "a score of the journal, its checksum left",
        lambda run: run.edit_line("test_evaluation", better_score, sealed=False),
        "checksum",
    ),
    "46": ("`test_opened` removed, all lines numbered and chained anew", without_opening, "test"),
    "47": ("the journal's last two lines removed", two_fewer, "head"),
    "48b": (
        "the scorer's tolerance in task.toml after the end",
        lambda run: replaced(run.task / "task.toml", "tolerance = 0.0", "tolerance = 5.0"),
        "task.toml",
    ),
}
for _name, (_what, _altered, _word) in TAMPERED.items():
    row(_name, f"{_what}: altered in a finished run, then verify")(tampered(_altered, _word))


@row("47b", "the journal's last two lines removed, then resume")
def end_removed(world: World, trial: Trial) -> None:
    run = world.copy(ENDED, trial.folder)
    two_fewer(run)
    ended = world.do("resume", run.run_dir)
    trial.told(ended, (0, 2))
    checked = world.do("verify", run.run_dir)
    trial.said.append(checked.line)
    completed(trial, world, run.run_dir)
