"""An agent's run through the Python door: ``python -m tests.bench.verified.seated TASK RUNS``."""

from __future__ import annotations

import sys

import ftdojo
from examples.random_search import play

if __name__ == "__main__":
    task, runs = sys.argv[1:]
    with ftdojo.open(task, runs_dir=runs, budget="3m", max_rows=300, memory="off", max_experiments=2) as seat:
        play(lambda verb, given: seat.ask(verb, given).plain(), experiments=2)
