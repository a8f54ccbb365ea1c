"""The few-shot baseline: the untouched model, shown solved rows of the pool before every question.

Examples come from any source that can be read, as for someone who does not know which are good: drawn by the
run's seed, without what validation and test hold, as many as the model's positions leave room for. They go
before the question as earlier turns of the conversation, in every answer of the run: what its sealed test
says of the base is what prompting comes to (Brown et al. 2020, arXiv 2005.14165).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from roles.baselines.all_data import everything
from roles.stopping import Stop
from tasks.base import Sample
from tools.curation.run import dry_run
from tools.dojo import Dojo

SHOTS = 4
"""Examples at most; the prompts that the tasks were published with show three to five where they show any."""
TURN_TOKENS = 8
"""What a chat template adds to a turn, about."""
POOL_ROWS = 2000
"""Raw rows that the examples are drawn from, a sample of every source."""
Shot = tuple[str, str]
"""A question and its answer."""


class FewShot:
    """Trains nothing, and shows examples."""

    def __init__(self) -> None:
        self._shots: list[Shot] | None = None

    def plan(self, dojo: Dojo, experiment: str) -> Stop:
        """The end of the run, before a first experiment."""
        shown = len(self._drawn(dojo))
        return Stop(f"this baseline shows {shown} solved examples before each question and trains nothing")

    def prompted(self, dojo: Dojo, samples: Sequence[Sample]) -> Sequence[Sample]:
        """The items with the examples before their question."""
        shots = self._drawn(dojo)
        return [with_shots(sample, shots) for sample in samples] if shots else samples

    def _drawn(self, dojo: Dojo) -> list[Shot]:
        """The examples; the same after a kill, for they follow from the run's data and seed."""
        if self._shots is None:
            rows, _ = dry_run(
                everything(dojo, POOL_ROWS),
                dojo.pool,
                dojo.spec,
                dojo.decontaminator,
                dojo.count_tokens,
                most_rows=POOL_ROWS,
            )
            solved = [(row.prompt, row.answer) for row in rows if not row.tools]
            random.Random(f"few-shot {dojo.seed}").shuffle(solved)
            self._shots = fitting(solved, room_tokens(dojo), dojo.count_tokens)
        return self._shots


def room_tokens(dojo: Dojo) -> int:
    """Tokens that the longest validation prompt and its answer leave of the model's positions."""
    longest = max(dojo.count_tokens(sample.prompt) for sample in dojo.validation)
    return dojo.base_model.max_positions - longest - 2 * TURN_TOKENS - dojo.spec.max_new_tokens


def fitting(rows: Sequence[Shot], room: int, count_tokens: Callable[[str], int]) -> list[Shot]:
    """The first rows that fit into the room together, ``SHOTS`` at most."""
    found: list[Shot] = []
    for prompt, answer in rows:
        needed = count_tokens(prompt) + count_tokens(answer) + 2 * TURN_TOKENS
        if len(found) < SHOTS and needed <= room:
            found.append((prompt, answer))
            room -= needed
    return found


def with_shots(sample: Sample, shots: Sequence[Shot]) -> Sample:
    """The item with the examples as earlier turns, behind its system turn where it has one."""
    asked = sample.turns or ({"role": "user", "content": sample.prompt},)
    system = [turn for turn in asked[:1] if turn.get("role") == "system"]
    shown = [
        {"role": role, "content": text}
        for shot in shots
        for role, text in zip(("user", "assistant"), shot, strict=True)
    ]
    return replace(sample, turns=(*system, *shown, *asked[len(system) :]))
