"""The bench itself: cells of policies by tasks and seeds, played one after the other or on lanes.

Every result is in the file before the next run begins, and what stands there is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.bench.ablations import check_parts
from graph.bench.lanes import interference, lanes, play_all
from graph.bench.play import play, settings_of
from graph.bench.program import require_door
from graph.bench.results import RESULTS_FILE, Cell, Result, append, missing, read
from graph.policies import require_policy
from graph.policy_names import check_policy, kind_of, trust
from tasks.errors import ExperimentFailed, HarnessFault, InputError, MachineFault, or_fault

Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """What is played, and where.

    Args:
        cells: in the order in which they are played.
        out: the folder of the results file, of runs and of memories.
        parallel: runs at a time.
        say: told a line for each run that begins, ends or fails.
    """

    cells: Sequence[Cell]
    out: Path
    parallel: int = 1
    say: Say = print

    @property
    def results_file(self) -> Path:
        """Where results are appended."""
        return self.out / RESULTS_FILE

    def check(self) -> None:
        """Refuse what can be known to be wrong before the first run.

        Raises:
            InputError: a policy, a part or a setting is none.
        """
        for cell in dict.fromkeys(self.cells):
            trust(check_policy(cell.plays))
            if kind_of(cell.plays) == "command":
                require_door()
            else:
                require_policy(cell.plays)
            check_parts(cell.without)
            settings_of(cell, self.out.absolute())

    def play(self) -> list[Result]:
        """Play what has no result yet; all results of the file, the new ones last.

        Raises:
            InputError: as ``check``.
        """
        self.check()
        waiting = missing(self.cells, read(self.results_file))
        if len(waiting) < len(set(self.cells)):
            self.say(f"{len(set(self.cells)) - len(waiting)} of {len(set(self.cells))} runs are done already")
        if waiting and self.parallel > 1:
            self._on_lanes(waiting)
        else:
            self._in_turn(waiting)
        return read(self.results_file)

    def _in_turn(self, cells: Sequence[Cell]) -> None:
        for number, cell in enumerate(cells, start=1):
            self.say(f"{number} of {len(cells)}: {cell.text()}")
            try:
                result = play(cell, self.out.absolute())
            except MachineFault:
                raise  # the next run would meet it as well
            except (ExperimentFailed, HarnessFault, InputError) as error:
                self._failed(cell, str(error))
                continue
            self._done(cell, result)

    def _on_lanes(self, cells: Sequence[Cell]) -> None:
        places = lanes(self.parallel)
        factor = interference(places)
        self.say(
            f"{len(places)} lanes, {len(places[0])} of the cores each; with all of them busy a fixed loop "
            f"takes {factor:.2f} times as long as alone"
        )

        def done(cell: Cell, result: Result) -> None:
            told = {"lanes": len(places), "interference": round(factor, 3)}
            self._done(cell, result.model_copy(update=told))

        play_all(in_order(cells), self.out.absolute(), places, done, self._failed)

    def _done(self, cell: Cell, result: Result) -> None:
        with or_fault("the results file"):
            append(self.results_file, result)
        self.say(f"{cell.text()}: {result.score.text()} in {result.seconds:.0f} s")

    def _failed(self, cell: Cell, reason: str) -> None:
        self.say(f"{cell.text()}: not played ({' '.join(reason.split())}); the next call tries it again")


def cells_of(
    tasks: Sequence[str],
    policies: Sequence[str],
    seeds: Sequence[int],
    budget_seconds: float,
    base_models: Sequence[str],
    max_rows: int = 2000,
    edition: str = "mini",
) -> list[Cell]:
    """Every combination; policies change fastest, so that a bench that is broken off still compares."""
    return [
        Cell(
            task=task,
            seed=seed,
            policy=policy,
            base_model=base_model,
            budget_seconds=budget_seconds,
            max_rows=max_rows,
            edition=edition,
        )
        for base_model in base_models
        for seed in seeds
        for task in tasks
        for policy in policies
    ]


def in_order(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells of one memory together, for each learns from those before; every other cell alone."""
    found: dict[object, list[Cell]] = {}
    for cell in cells:
        key: object = cell.memory if cell.remembers else cell
        found.setdefault(key, []).append(cell)
    return list(found.values())
