"""Trial of one target by one engine, in a process of its own: ``python -m tests.bench.fuzz.trial``."""

from __future__ import annotations

import importlib
import json
import os
import random
import resource
import sys
import tempfile
import time
import warnings
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.fuzz.target import Finding, Guard, Target, attempt, timed
from tests.bench.fuzz.watched import Watched

MOST_MEMORY = 8 << 30
"""Bytes of address space."""
PACKAGES = ["tasks", "tools.chat", "tools.models", "tools.verification", "memory.journal", "graph.settings"]
"""What atheris looks into, so as to know which inputs reach something new."""
MINIMISE_SECONDS = 3.0


@dataclass
class Trial:
    """What came of the inputs so far.

    Attributes:
        folder: the target's, to write in.
        kept: where inputs that break a promise are kept.
        ends: ``time.monotonic`` at which the trial is over.
        result: the file that the parent reads.
    """

    target: Target
    folder: Path
    kept: Path
    ends: float
    result: Path
    watched: Watched
    guard: Guard = field(default_factory=Guard)
    count: int = 0
    slowest: float = 0.0
    found: dict[str, str] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    written: float = 0.0

    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.ends

    def warm(self) -> None:
        """Take every seed once, unguarded: what a first call imports and builds is no act of the text's."""
        for seed in self.target.seeds:
            attempt(self.target, self.folder, seed)
        self.guard.folder = tempfile.gettempdir()
        self.guard.install()

    def take(self, content: bytes) -> None:
        """Try one input."""
        self.count += 1
        self.watched.put(self.count, content)
        found, took = timed(self.target, self.folder, content, self.guard)
        self.slowest = max(self.slowest, took)
        if found is not None and found.key not in self.found:
            self._keep(found, content)
        if time.monotonic() - self.written > 1:
            self.write()

    def write(self) -> None:
        """Write down what came of it."""
        self.written = time.monotonic()
        told = {
            "count": self.count,
            "seconds": self.written - self.begun,
            "slowest": self.slowest,
            "found": self.found,
        }
        part = self.result.with_suffix(".part")
        part.write_text(json.dumps(told), encoding="utf-8")
        part.replace(self.result)

    def _keep(self, found: Finding, content: bytes) -> None:
        content = self._smaller(found.key, content)
        name = f"{self.target.name.replace('/', '_').replace(' ', '_')}--{found.key}"
        self.found[found.key] = name
        self.kept.mkdir(parents=True, exist_ok=True)
        (self.kept / f"{name}.bin").write_bytes(content)
        told = found.told.encode("utf-8", "backslashreplace").decode()
        (self.kept / f"{name}.txt").write_text(told, encoding="utf-8")
        self.write()

    def _smaller(self, key: str, content: bytes) -> bytes:
        """The input without pieces that the finding does not need."""
        ends, width = time.monotonic() + MINIMISE_SECONDS, len(content) // 2
        if key == "slow":
            return content
        while width and time.monotonic() < ends:
            place = 0
            while place < len(content) and time.monotonic() < ends:
                shorter = content[:place] + content[place + width :]
                again = attempt(self.target, self.folder, shorter, self.guard)
                if again is not None and again.key == key:
                    content = shorter
                else:
                    place += width
            width //= 2
        return content


class _Enough(BaseException):
    """Ends a search of hypothesis."""


def _drawn(target: Target, count: int, seed: int, seconds: float) -> list[bytes]:
    """Inputs that the target's strategy draws, in at most so many seconds."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import seed as seeded

    held: list[bytes] = []
    ends = time.monotonic() + seconds
    if target.inputs is not None:

        @seeded(seed)
        @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(target.inputs)
        def draw(content: bytes) -> None:
            if time.monotonic() > ends:
                raise _Enough
            held.append(content)

        with suppress(_Enough):
            draw()
    return held


def by_mutation(trial: Trial, seed: int) -> None:
    """Changed seeds and changed draws."""
    from tests.bench.fuzz.mutation import mutated

    for content in trial.target.seeds:
        trial.take(content)
    rng = random.Random(seed)
    seeds = [*trial.target.seeds, *_drawn(trial.target, 200, seed, (trial.ends - trial.begun) / 10)]
    weighted = [*trial.target.seeds] * max(1, len(seeds) // (2 * len(trial.target.seeds)))
    seeds = [*weighted, *seeds]
    while not trial.over():
        trial.take(mutated(rng, seeds))


def by_hypothesis(trial: Trial, seed: int) -> None:
    """Draws of the target's strategy, some of them spoilt; of its seeds, where it has none."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    from tests.support.foreign_texts import spoilt

    inputs = trial.target.inputs or st.sampled_from(trial.target.seeds)
    with suppress(_Enough):
        for more in range(sys.maxsize):

            @seeded(seed + more)
            @settings(
                max_examples=1000, database=None, deadline=None, suppress_health_check=list(HealthCheck)
            )
            @given(spoilt(inputs))
            def tried(content: bytes) -> None:
                if trial.over():
                    raise _Enough
                trial.take(content)

            tried()


def by_atheris(trial: Trial, seed: int) -> None:
    """Inputs that reach new branches are changed further."""
    import atheris

    corpus = trial.folder.parent / "corpus"
    corpus.mkdir()
    for number, content in enumerate([*trial.target.seeds, *_drawn(trial.target, 100, seed, 2.0)]):
        (corpus / f"{number:04}").write_bytes(content)
    seconds = max(1, round(trial.ends - time.monotonic()))
    flags = [f"-max_total_time={seconds}", f"-seed={seed}", "-verbosity=0", "-max_len=4096", "-timeout=600"]
    trial.ends += 600  # libFuzzer keeps the time
    atheris.Setup([sys.argv[0], *flags, str(corpus)], trial.take)
    atheris.Fuzz()


def _instrumented() -> AbstractContextManager[None]:
    import atheris

    whole: AbstractContextManager[None] = atheris.instrument_imports(include=PACKAGES)
    return whole


ENGINES = {"mutation": by_mutation, "hypothesis": by_hypothesis, "atheris": by_atheris}


def main(request: dict[str, Any]) -> None:
    """Run one trial as the parent asks for it, and write its result."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    warnings.simplefilter("ignore")
    os.environ["HF_HUB_OFFLINE"] = "1"
    with _instrumented() if request["engine"] == "atheris" else nullcontext():
        found = importlib.import_module(request["part"]).TARGETS
    target = next(each for each in found if each.name == request["target"])
    home = Path(request["folder"])
    folder = home / "work"
    folder.mkdir()
    tempfile.tempdir = str(home)
    trial = Trial(
        target,
        folder,
        Path(request["kept"]),
        float("inf"),
        home / "result.json",
        Watched(home / "input"),
    )
    trial.warm()
    trial.begun = time.monotonic()
    trial.ends = trial.begun + request["seconds"]
    trial.write()
    ENGINES[request["engine"]](trial, request["seed"])
    trial.write()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
