"""Cases of the bench: each makes runs, and says which of them have to verify.

A play is a function of the player; it returns the runs and archives to look at.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import registry
from tests.bench.verified import folders
from tests.bench.verified.player import GIVE_UP_SECONDS, Player
from tests.support.loopback_chat import ChatServer
from tests.support.scripted_judge import prefers
from tests.support.scripted_llm import scripted_reply

Play = Callable[[Player], Sequence[Path]]
POLICIES = "tests.bench.verified.policies"
SEATED = "tests.bench.verified.seated"


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    went_through: str
    play: Play


def _policy(name: str) -> tuple[str, str]:
    return ("--policy", f"{POLICIES}:{name}")


def _units(player: Player) -> Path:
    """The example that ``ftdojo init-task`` writes: numbers with units, in several sources."""
    place = player.folder / "units"
    if not place.is_dir():
        player.command("init-task", str(place))
    return place


def _plain(task: str, *options: str, experiments: int = 1) -> Play:
    return lambda player: [player.run(task, *options, experiments=experiments)]


def _own(write: Callable[[Path], Path], *options: str, experiments: int = 1) -> Play:
    def play(player: Player) -> Sequence[Path]:
        return [player.run(write(player.folder / "task"), *options, experiments=experiments)]

    return play


def _example(*options: str, experiments: int = 1) -> Play:
    return lambda player: [player.run(_units(player), *options, experiments=experiments)]


def _judged(player: Player) -> Sequence[Path]:
    def rate(question: str, answer: str) -> float:
        reference = folders.by_number(int(question.split()[-1]))
        return 2.0 if reference in answer else float("item" in answer)

    with ChatServer(prefers(rate)) as server:
        return [player.run(folders.judged(player.folder / "task"), "--base-url", server.base_url)]


def _language_model(player: Player) -> Sequence[Path]:
    with ChatServer(scripted_reply) as server:
        options = ("--model", "openai:scripted", "--base-url", server.base_url, "--budget", "4m")
        return [player.run(_units(player), *options, experiments=2)]


# -- broken off, gone on with -----------------------------------------------------------


def _stopped(kind: str, by: signal.Signals, count: int = 1) -> Play:
    def play(player: Player) -> Sequence[Path]:
        run_dir = player.broken_off(player.words(_units(player)), kind, by, count)
        player.command("resume", str(run_dir))
        return [run_dir]

    return play


def _moved_between(player: Player) -> Sequence[Path]:
    run_dir = player.broken_off(player.words(_units(player)), "card", signal.SIGINT)
    there = player.folder / "elsewhere" / run_dir.name
    shutil.move(run_dir, there)
    player.command("resume", str(there))
    return [there]


def _accepted(player: Player) -> Sequence[Path]:
    task = _units(player)
    run_dir = player.broken_off(player.words(task), "card", signal.SIGINT)
    card = sorted((task / "train").glob("*.md"))[0]
    card.write_text("Reviewed since.\n", encoding="utf-8")
    player.command("resume", str(run_dir), code=2)
    player.command("resume", str(run_dir), "--accept-changes")
    return [run_dir]


def _forked(player: Player) -> Sequence[Path]:
    first = player.run(_units(player))
    player.command("fork", str(first), "--at", "e01", "--budget", "4m", "--runs-dir", str(player.runs))
    player.command("fork", str(first), "--at", "base", "--budget", "4m", "--runs-dir", str(player.runs))
    return player.run_dirs()


def _approved(player: Player) -> Sequence[Path]:
    run_dir = player.at_a_question(player.words(_units(player), "--approve", "train"))
    player.command("approve", str(run_dir), "--edit", json.dumps({"learning_rate": 0.0005}))
    return [run_dir]


# -- trained on, pruned, read in part ----------------------------------------------------


def _from_adapter(player: Player) -> Sequence[Path]:
    task = _units(player)
    first = player.run(task, *_policy("Lora"))
    adapter = player.folder / "adapter"
    if not adapter.is_dir():
        player.command("export", str(first), "--adapter", "--to", str(adapter))
    second = player.run(task, "--base-model", str(adapter), *_policy("Lora"))
    return [first, second]


def _cached(player: Player) -> Sequence[Path]:
    task = _units(player)
    return [player.run(task), player.run(task)]


# -- taken elsewhere ----------------------------------------------------------------------


def _archived(player: Player) -> Sequence[Path]:
    run_dir = player.run(_units(player))
    file = player.folder / "run.tar.gz"
    file.unlink(missing_ok=True)
    player.command("archive", str(run_dir), str(file))
    shutil.rmtree(player.folder / "units")
    shutil.rmtree(run_dir)
    return [file]


def _held_up(player: Player) -> Sequence[Path]:
    task = folders.long_test(player.folder / "task")
    return [player.held_up(player.words(task, "--budget", "240s"), "champion_chosen", 232.0)]


def _archived_adapter(player: Player) -> Sequence[Path]:
    _, run_dir = _from_adapter(player)
    file = player.folder / "run.tar"
    player.command("archive", str(run_dir), str(file))
    shutil.rmtree(player.folder / "units")
    shutil.rmtree(player.folder / "adapter")
    shutil.rmtree(player.runs)
    return [file]


def _seated(player: Player) -> Sequence[Path]:
    """An agent from outside, through the Python door."""
    if player.start(str(_units(player)), str(player.runs), program=("-m", SEATED)).wait(GIVE_UP_SECONDS):
        raise RuntimeError("the agent left with an error")
    return player.run_dirs()


def _copied(player: Player) -> Sequence[Path]:
    run_dir = player.run(_units(player))
    copy = player.folder / "copies" / run_dir.name
    shutil.copytree(run_dir, copy)
    moved = player.folder / "moved" / "under-another-name"
    shutil.copytree(run_dir, player.folder / "moved" / "first")
    shutil.move(player.folder / "moved" / "first", moved)
    return [run_dir, copy, moved]


def _used_later(player: Player) -> Sequence[Path]:
    run_dir = player.run(_units(player))
    player.command("report", str(run_dir))
    player.command("story", str(run_dir))
    player.command("status", str(run_dir))
    player.command("export", str(run_dir), "--to", str(player.folder / "exported"))
    player.command("resume", str(run_dir), code=2)
    return [run_dir]


def cases() -> list[Case]:
    """Every case, in the order of the table."""
    found = [Case(name, "start to end", _plain(name)) for name in registry.ids()]
    writers = (
        folders.lone_csv,
        folders.conversations,
        folders.choices,
        folders.labels,
        folders.objects,
        folders.shares,
        folders.programs,
        folders.own_scorer,
    )
    for write in writers:
        found.append(Case(write.__name__.replace("_", "-"), "start to end", _own(write)))
    found.append(Case("judged", "a language model judges", _judged))
    if importlib.util.find_spec("lm_eval") is not None:
        found.append(Case("harness", "a task of lm-evaluation-harness", _harness))
    return [*found, *_histories()]


def _harness(player: Player) -> Sequence[Path]:
    return [player.run(f"lm-eval:{folders.harness(player.folder / 'task')}")]


def _histories() -> list[Case]:
    """On the example task, what a run may go through."""
    interrupt, kill = signal.SIGINT, signal.SIGKILL
    return [
        Case("full", "full trainings", _example(*_policy("OnAndOn"))),
        Case("lora", "LoRA", _example(*_policy("Lora"))),
        Case("dora", "DoRA", _example(*_policy("Dora"))),
        Case("averaged", "early stopping, averaged weights", _example(*_policy("Averaged"))),
        Case("on-and-on", "e02 trained from e01", _example(*_policy("OnAndOn"), experiments=2)),
        Case("on-and-on-lora", "e02 a LoRA over e01", _example(*_policy("OnAndOnWithLora"), experiments=2)),
        Case("from-adapter", "a run, then one on its exported adapter", _from_adapter),
        Case("base", "no training: the base is the champion", _example("--policy", "base")),
        Case("few-shot", "no training: solved rows before each question", _example("--policy", "few-shot")),
        Case("random", "drawn mixtures", _example("--policy", "random", experiments=2)),
        Case("tree", "tree search", _example("--search", "tree", "--budget", "4m", experiments=3)),
        Case("workers", "two workers", _example("--workers", "2", "--budget", "4m", experiments=3)),
        Case("interrupted", "SIGINT in the training, resumed", _stopped("training_plan", interrupt)),
        Case("interrupted-late", "SIGINT at the sealed test, resumed", _stopped("test_opened", interrupt)),
        Case("killed", "SIGKILL after the training, resumed", _stopped("training", kill)),
        Case("killed-late", "SIGKILL at the sealed test, resumed", _stopped("test_opened", kill)),
        Case("killed-at-export", "SIGKILL after the sealed test, resumed", _stopped("test_comparison", kill)),
        Case("moved-between", "SIGINT, moved, resumed", _moved_between),
        Case("forked", "a run and two forks of it", _forked),
        Case("accepted", "a card changed, --accept-changes", _accepted),
        Case("approved", "a person changed a training plan", _approved),
        Case(
            "pruned", "--max-disk-gb", _example("--max-disk-gb", "0.04", "--policy", "random", experiments=3)
        ),
        Case("read-in-part", "1,500 test items, held up before them", _held_up),
        Case("language-model", "a scripted model decides", _language_model),
        Case("cached", "two runs, the second by the first's answers", _cached),
        Case("archived", "an archive, without run and task", _archived),
        Case(
            "archived-adapter",
            "an archive of a run on an adapter, without adapter and task",
            _archived_adapter,
        ),
        Case("seated", "an agent plays through the Python door", _seated),
        Case("copied", "the run, a copy, a moved one", _copied),
        Case("used-later", "report, story, status, export, resume", _used_later),
    ]
