"""Hostile and broken things that a user may be given: rows, files, cards, models, keys in the environment."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.budgets import write_task
from tests.bench.trials.world import ENDED, Ended, Trial, World, completed, family, only_run, row
from tests.support.forgery import edit_json, edit_rows

SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n"
PLANT = '<script>alert(1)</script><img src=x onerror="alert(2)">'
KEYS = {
    "MY_GH": "ghp_" + "a1B2c3D4e5" * 4,
    "CORP_LICENSE": "sk-proj-" + "Zz9Yy8Xx7W" * 4,
    "SESSION_SID": "AKIA" + "QWERTY1234567890",
    "DB_URL": "postgres://bob:hunter2secret@db.example/x",
}


def task_copy(world: World, trial: Trial, change: Callable[[Path], object]) -> Path:
    """The task in a folder of the trial, changed."""
    task = trial.folder / "units"
    shutil.copytree(world.task, task)
    change(task)
    return task


def ran(world: World, trial: Trial, task: object, *others: object) -> Ended:
    """A run on another task."""
    return world.do(*world.run_arguments(trial.folder / "runs", *others, task=task))  # type: ignore[arg-type]


def appended(name: str, *rows: str) -> Callable[[Path], None]:
    """These lines behind a file of the task."""

    def do(task: Path) -> None:
        with (task / name).open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in rows)

    return do


@row("23", "test prompts ten times as long as those of validation, budget 60 s")
def long_prompts(world: World, trial: Trial) -> None:
    task = write_task(trial.folder / "units", longer=True)
    ended = ran(world, trial, task, "--budget", "60s")
    trial.told(ended, 0)
    trial.fact(ended.seconds < 65.0, f"{ended.seconds:.0f} s of 60")
    trial.said = [f"{ended.seconds:.0f} of 60 s"]
    completed(trial, world, only_run(trial.folder / "runs"), same=False)


@row("24", "a budget of 31 s with 3,000 items of validation and of test")
def hopeless(world: World, trial: Trial) -> None:
    def many(task: Path) -> None:
        for name in ("validation.jsonl", "test.jsonl"):
            first = [json.loads(line) for line in (task / name).read_text().splitlines()]
            rows = [
                {
                    **first[n % len(first)],
                    "question": f"How many minutes are {n + len(name)} hours and {n} minutes?",
                }
                for n in range(3000)
            ]
            (task / name).write_text("".join(json.dumps(each) + "\n" for each in rows))

    ended = ran(world, trial, task_copy(world, trial, many), "--budget", "31s")
    trial.told(ended, (0, 2))
    trial.fact(ended.seconds < 36.0, f"{ended.seconds:.0f} s of 31")
    begun = only_run(trial.folder / "runs")
    trial.fact(begun is not None or ended.code == 2, "ended well, and there is no run")
    trial.kept.append("no run's folder" if begun is None else "a run in order")


@row("26", "one row of 100 MB among the training rows, budget 60 s")
def huge_row(world: World, trial: Trial) -> None:
    huge = json.dumps({"question": "How many? " + "word " * 20_000_000, "answer": "7"})
    task = task_copy(world, trial, appended("train/old-forum.jsonl", huge))
    ended = ran(world, trial, task, "--budget", "60s")
    trial.told(ended, (0, 2))
    trial.fact(ended.seconds < 65.0, f"{ended.seconds:.0f} s of 60")
    trial.said.append(f"{ended.seconds:.0f} of 60 s")


HALF = '{"question": "How many \\ud800 metres?", "answer": "1\\udfff"}'


@row("27", "a lone surrogate in a training row")
def surrogate(world: World, trial: Trial) -> None:
    task = task_copy(world, trial, appended("train/workshop-sheet.jsonl", HALF))
    ended = world.do("inspect", task)
    trial.told(ended, 0)
    trial.said = [line.strip() for line in ended.out.splitlines() if "half a" in line][:2]
    trial.fact(trial.said, "nothing says that a row was set aside")
    trial.kept.append("every other row")


@row("27b", "a lone surrogate in a row of validation, which decides")
def surrogate_in_validation(world: World, trial: Trial) -> None:
    ended = ran(world, trial, task_copy(world, trial, appended("validation.jsonl", HALF)))
    trial.told(ended, 2, "validation.jsonl line 25", "half a character")
    trial.fact(only_run(trial.folder / "runs") is None, "a run's folder is left")
    trial.kept.append("nothing was spent")


@row("28", "nesting of 100,000, 20,000 columns, NaN, NUL, `..` as a name, an empty source")
def odd_rows(world: World, trial: Trial) -> None:
    def many(task: Path) -> None:
        deep = '{"question": ' + "[" * 100_000 + "]" * 100_000 + ', "answer": "1"}'
        wide = json.dumps({f"c{n}": n for n in range(20_000)})
        odd = '{"question": "a\\u0000b", "answer": NaN, "..": 1}'
        appended("train/old-forum.jsonl", deep, wide, odd, '{"question": ')(task)
        (task / "train" / "empty.jsonl").write_text("")

    ended = world.do("inspect", task_copy(world, trial, many))
    trial.told(ended, (0, 2))
    trial.said = [line for line in ended.out.splitlines() if "set aside" in line or "empty" in line][:2]
    trial.fact(trial.said, "nothing is said of what was set aside")
    trial.kept.append("every other row")


@row("29", "links to /etc/passwd, a FIFO, /dev/zero, a name with ../ and a directory loop as data")
def odd_files(world: World, trial: Trial) -> None:
    folder = trial.folder
    (folder / "a.jsonl").symlink_to("/etc/passwd")
    os.mkfifo(folder / "b.jsonl")
    (folder / "c.jsonl").symlink_to("/dev/zero")
    (folder / "loop").mkdir()
    (folder / "loop" / "d").symlink_to(folder / "loop")
    for name in ("a.jsonl", "b.jsonl", "c.jsonl", "loop", "x/../../../etc/shadow"):
        ended = world.do("inspect", folder / name)
        trial.told(ended, 2, "error:")
        trial.fact(ended.seconds < 60.0, f"{name} took {ended.seconds:.0f} s")
    trial.kept.append("nothing was spent")


@row("30", "a card and a source that are links to a private key")
def linked_key(world: World, trial: Trial) -> None:
    key = trial.folder / "id_ed25519"
    key.write_text(SECRET)

    def links(task: Path) -> None:
        (task / "train" / "helper-notes.md").unlink()
        (task / "train" / "helper-notes.md").symlink_to(key)
        (task / "train" / "more.jsonl").symlink_to(key)

    ended = world.do("inspect", task_copy(world, trial, links))
    trial.told(ended, (0, 2))
    trial.said = [line.strip() for line in ended.out.splitlines() if "link" in line][:2]
    trial.fact(trial.said, "nothing is said of the links")
    trial.fact("b3BlbnNzaC1" not in ended.out, "the key is shown")
    trial.kept.append("the key's text appears nowhere")


@row("35", "every training row is a row of the sealed test")
def all_leaked(world: World, trial: Trial) -> None:
    def leaks(task: Path) -> None:
        for path in (task / "train").glob("*.jsonl"):
            shutil.copy(task / "test.jsonl", path)

    ended = ran(world, trial, task_copy(world, trial, leaks), "--budget", "60s")
    trial.told(ended, (0, 2))
    run_dir = only_run(trial.folder / "runs")
    rows = (
        [] if run_dir is None else [p for p in (run_dir / "data").glob("*.jsonl") if "removed" not in p.name]
    )
    taught = [line for path in rows for line in path.read_text().splitlines()]
    trial.fact(not taught, f"{len(taught)} rows of the test were kept for training")
    trial.kept.append("no row of the test among the training rows")


@row("40", "script tags and a right-to-left mark in questions, answers and a card")
def markup(world: World, trial: Trial) -> None:
    def planted(rows: list[dict[str, Any]]) -> None:
        for each in rows:
            each["question"] += f" {PLANT}\u202e"

    def everywhere(task: Path) -> None:
        for path in (*(task / "train").glob("*.jsonl"), task / "validation.jsonl"):
            edit_rows(path, planted)
        (task / "train" / "old-forum.md").write_text(f"# {PLANT}\u202e")

    ended = ran(world, trial, task_copy(world, trial, everywhere), "--budget", "90s")
    trial.told(ended, 0)
    run_dir = only_run(trial.folder / "runs")
    assert run_dir is not None
    for path in (run_dir / "report.html", run_dir / "champion" / "README.md"):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for bad in ("<script>alert", "<img src=x", "\u202e"):
            trial.fact(bad not in text, f"{path.name} holds {bad!r}")
    trial.kept.append("escaped in the report and in the card")


# ---- models


def header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Another header before the same weights."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + size])
    change(head)
    text = json.dumps(head).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])


def pickled(model: Path) -> None:
    """Weights that run a program when they are unpickled."""
    (model / "model.safetensors").unlink()
    target = str(model.parent / "executed")
    code = b"cos\nsystem\n(S'touch " + target.encode() + b"'\ntR."
    (model / "pytorch_model.bin").write_bytes(code)


def custom_code(model: Path) -> None:
    """Code beside the model that its configuration names."""
    target = str(model.parent / "executed")
    (model / "modeling_evil.py").write_text(f"open({target!r}, 'w').write('x')\n")
    names = {"AutoModelForCausalLM": "modeling_evil.Evil", "AutoConfig": "modeling_evil.Config"}
    edit_json(model / "config.json", lambda config: config.update(model_type="evil", auto_map=names))


def template(model: Path) -> None:
    """A chat template that reaches for the interpreter."""
    target = str(model.parent / "executed")
    text = (
        "{{ ''.__class__.__mro__[1].__subclasses__()[0].__init__.__globals__['os'].system('touch "
        + target
        + "') }}"
    )
    (model / "chat_template.jinja").write_text(text)


def not_numbers(model: Path) -> None:
    """Weights that are all NaN: 0xFF in every byte is one in each float format."""
    path = model / "model.safetensors"
    content = path.read_bytes()
    size = 8 + int.from_bytes(content[:8], "little")
    path.write_bytes(content[:size] + b"\xff" * (len(content) - size))


def config(**changes: Any) -> Callable[[Path], None]:
    """Another configuration."""
    return lambda model: edit_json(model / "config.json", lambda values: values.update(changes))


def cut(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100_000])


def shapeless(model: Path) -> None:
    header(model / "model.safetensors", lambda head: [head[n].pop("shape", None) for n in list(head)[-1:]])


MODELS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "31": ("weights that are a pickle with a command", pickled),
    "31b": ("code beside the model, named by auto_map", custom_code),
    "31c": ("a chat template that reaches for os.system", template),
    "32": ("weights cut by 100 KB", cut),
    "32b": ("a weight without its shape", shapeless),
    "32c": ("null as the number of layers", config(num_hidden_layers=None)),
    "32d": (
        "a tokenizer of rubbish",
        lambda model: (model / "tokenizer.json").write_bytes(b"\x00\xff rubbish"),
    ),
    "32e": ("a hidden size that does not divide by its heads", config(num_attention_heads=7)),
    "33": ("weights that are all NaN", not_numbers),
    "33b": ("no layers", config(num_hidden_layers=0)),
}


def broken_model(change: Callable[[Path], object]) -> Callable[[World, Trial], None]:
    """A run with such a base model: one line, no code executed, no folder of a run."""

    def do(world: World, trial: Trial) -> None:
        model = trial.folder / "model"
        shutil.copytree(world.base, model)
        change(model)
        ended = world.do(*world.run_arguments(trial.folder / "runs", "--base-model", model))
        trial.told(ended, 2, "error:")
        trial.fact(not (trial.folder / "executed").exists(), "code was executed")
        trial.fact(only_run(trial.folder / "runs") is None, "a run's folder is left")
        trial.kept.append("nothing was spent")

    return do


for _name, (_what, _change) in MODELS.items():
    row(_name, f"base model: {_what}")(broken_model(_change))


# ---- secrets and rights


@row("41", "keys under innocent names in the environment of a run")
def keys(world: World, trial: Trial) -> None:
    process = world.start(*world.run_arguments(trial.folder / "runs", "--budget", "90s"), own=KEYS)
    run_dir = world.reached(process, trial.folder / "runs", "training_plan")
    told = [Path(f"/proc/{each.pid}/environ").read_bytes() for each in family(process)[1:]]
    ended = world.end(process)
    trial.told(ended, 0)
    trial.fact(told, "there was no child")
    for name, value in KEYS.items():
        trial.fact(not any(value.encode() in each for each in told), f"a child was told {name}")
        files = [p.name for p in run_dir.rglob("*") if p.is_file() and value.encode() in p.read_bytes()]
        trial.fact(not files, f"{name} stands in {files}")
    trial.kept.append(f"{len(KEYS)} keys in no child of {len(told)} and in no file")


@row("43", "rights of a run's folder, with umask 000")
def rights(world: World, trial: Trial) -> None:
    run_dir = world.undisturbed[ENDED]
    mode = stat.S_IMODE(run_dir.stat().st_mode)
    trial.fact(mode & 0o077 == 0, f"its rights are {mode:o}")
    before = os.umask(0)
    try:
        process = world.start(*world.run_arguments(trial.folder / "runs"))
    finally:
        os.umask(before)
    made = world.reached(process, trial.folder / "runs", "run_started")
    mode = stat.S_IMODE(made.stat().st_mode)
    os.kill(process.pid, 15)
    world.end(process)
    trial.fact(mode & 0o077 == 0, f"with umask 000 its rights are {mode:o}")
    trial.said = [f"rights {mode:o}"]
