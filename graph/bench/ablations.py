"""Ablations: the parts of the agent that a benchmark can run without, one at a time.

A run notes what it goes without as the second thing in its journal, from which the rules read it; no flag
of a user's switches any of it off. Decontamination, the sealed test and confirmation are no such parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import InputError, did_you_mean

PARTS = {
    "valuation": "no looks at sources, no mixtures, no source distrusted after an audit",
    "repair": "rules that an audit found are not applied",
    "gates": "no steps are tried before a training",
    "early-stopping": "trainings, answers and looks go on to their end, however they stand",
    "tpe": "hyperparameters are the default, or those that did best so far",
}
"""By name: what a run does without it."""
TRAININGS = "trainings:"
"""Begins the name of another part: a share of the trainings, which is made to fail (``trainings:0.3``)."""


def check_parts(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once.

    Raises:
        InputError: there is no such part.
    """
    for name in names:
        if name not in PARTS and failing_share(name) is None:
            wrong = "is no part that can be left out"
            raise InputError(f"--without {name}", wrong, did_you_mean(name, [*PARTS, f"{TRAININGS}SHARE"]))
    return tuple(dict.fromkeys(names))


def failing_share(part: str) -> float | None:
    """The share of trainings (0.0 to 1.0, neither included) that a part's name has fail; None for another."""
    if not part.startswith(TRAININGS):
        return None
    try:
        share = float(part.removeprefix(TRAININGS))
    except ValueError:
        return None
    return share if 0.0 < share < 1.0 else None
