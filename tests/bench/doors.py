"""The same agent through every door, at real runs: what it played, what it was refused, what came of it.

    python -m tests.bench.doors --tasks aime25,FinanceIQ_gen,tablebench_fact_checking --budget 1m

Random search over sources and rates (``examples/random_search.py``) in Python, as a Gymnasium environment,
and through the official MCP client over streams and over HTTP, each at a run of its own. Prints a table from
the journals and, with ``--check``, what Gymnasium's checker says of the environment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ftdojo
from examples.random_search import play
from graph.bench.program import play_program
from graph.bench.table import markdown
from memory.journal.log import BASE
from tests.conftest import ROOT
from tools.verbs.calls import read_calls

AGENT = str(ROOT / "examples" / "random_search_mcp.py")
Settings = Mapping[str, Any]


def python(task: str, given: Settings) -> None:
    with ftdojo.open(task, **given) as seat:
        play(lambda verb, arguments: seat.ask(verb, arguments).plain(), experiments=20)


def gymnasium(task: str, given: Settings) -> None:
    env = ftdojo.make(task, **given)
    _, info = env.reset()
    over = False

    def ask(verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal over, info
        if over:  # the time was over, and what was there was submitted for the agent
            return {"ok": False, "text": "the episode is over", "facts": {}, "standing": info["standing"]}
        action = {"verb": verb, "arguments": json.dumps(arguments)}
        seen, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        return {
            "ok": info["ok"],
            "text": seen["text"],
            "facts": json.loads(seen["facts"]),
            "standing": info["standing"],
        }

    play(ask, experiments=20)
    env.close()


def streams(task: str, given: Settings) -> None:
    own = [sys.executable, "-m", "graph", "mcp", "--task", task, "--budget", given["budget"]]
    door = [*own, "--seed", str(given["seed"]), "--memory", "off", "--runs-dir", given["runs_dir"]]
    subprocess.run([sys.executable, AGENT, *door], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def http(task: str, given: Settings) -> None:
    settings = ftdojo.settings(task, **given)
    play_program(f"{sys.executable} {AGENT}", settings, None)


DOORS: Mapping[str, Callable[[str, Settings], None]] = {
    "Python": python,
    "Gymnasium": gymnasium,
    "MCP, streams": streams,
    "MCP, HTTP": http,
}
HEAD = ("task", "door", "calls", "refused", "experiments", "kinds of lines", "reads", "base", "champion", "s")


def row(task: str, door: str, run_dir: Path, seconds: float) -> tuple[str, ...]:
    """What the journal and the calls of a run say."""
    journal, calls = ftdojo.journal(run_dir), list(read_calls(run_dir))
    base, final = journal.test_evaluation(BASE), journal.test_evaluation(journal.champion_id())
    kinds = {event.kind for event in journal.events}
    outcomes = [done.outcome for done in journal.experiments()]
    return (
        task,
        door,
        str(len(calls)),
        str(sum(not call["ok"] for call in calls)),
        " ".join(outcomes) or "none",
        str(len(kinds)),
        str(journal.test_reads),
        base.text() if base else "not read",
        f"{journal.champion_id()}: {final.text()}" if final else "not read",
        f"{seconds:.0f}",
    )


def checked(task: str, given: Settings) -> str:
    """What Gymnasium's checker says."""
    from gymnasium.utils.env_checker import check_env

    env = ftdojo.make(task, **given)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()
    return "\n".join(str(each.message) for each in said) or "it says nothing: nothing was found"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", default="aime25,FinanceIQ_gen,tablebench_fact_checking")
    parser.add_argument("--budget", default="1m", help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--doors", default=",".join(DOORS))
    parser.add_argument("--check", action="store_true", help="also run Gymnasium's checker")
    asked = parser.parse_args()
    place, rows = Path(mkdtemp(prefix="doors-")), []
    usual = {"budget": asked.budget, "seed": asked.seed, "memory": "off"}
    for task in asked.tasks.split(","):
        for door in (each for each in DOORS if each in asked.doors):
            runs, began = place / task / door.replace(", ", "-"), time.monotonic()
            runs.mkdir(parents=True)
            DOORS[door](task, usual | {"runs_dir": str(runs)})
            opened = [path.parent for path in runs.glob("*/run.json")]
            took = time.monotonic() - began
            none = (task, door, "the run did not open", *[""] * (len(HEAD) - 3))
            rows.append(row(task, door, opened[0], took) if opened else none)
            print("\t".join(rows[-1]), flush=True)  # noqa: T201
    print(markdown(HEAD, rows))  # noqa: T201
    if asked.check:
        first = asked.tasks.split(",")[0]
        found = checked(first, usual | {"runs_dir": str(place / "checked")})
        print(f"check_env: {found}")  # noqa: T201


if __name__ == "__main__":
    main()
