"""State of a row's review (draft, approved, rejected): rows that nobody has approved are not trained on.

A state is told by its values: a column of nothing but states, some of them done and some not, that neither
asks nor answers. A prompt that names the column keeps every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tasks.custom.rival_answers import LOOKED_AT, Rival, Settled, judging
from tasks.formats.conversation import SetAside
from tasks.formats.values import text_of

DONE = frozenset({"approved", "accepted", "reviewed", "published", "final", "finished", "done", "verified",
                  "complete", "completed", "released", "signed off", "validated", "live"})  # fmt: skip
NOT_DONE = frozenset({"draft", "pending", "in review", "under review", "needs review", "to review",
                      "unreviewed", "not reviewed", "to do", "todo", "in progress", "rejected", "declined",
                      "deleted", "obsolete", "deprecated", "unverified", "withdrawn"})  # fmt: skip
LEAST_ROWS = 8


def unfinished(rivals: Sequence[Rival], used: Iterable[str]) -> Settled:
    """The rows whose state says that they are not done, where others' says that they are."""
    if len(rivals) < LEAST_ROWS:
        return Settled({})
    for name in judging(rivals, {*used}):
        if not {_state(rival, name) for rival in rivals[:LOOKED_AT]} <= DONE | NOT_DONE | {""}:
            continue
        states = [_state(rival, name) for rival in rivals]
        counts = Counter(states)
        held = {*counts} - {""}
        if held <= DONE | NOT_DONE and held & DONE and held & NOT_DONE:
            aside = {
                place: SetAside(f"it is not done: its {name!r} is {state}", rivals[place].answer[:60])
                for place, state in enumerate(states)
                if state in NOT_DONE
            }
            told = f"rows are used whose {name!r} says that they are done; a `--prompt` with it keeps all"
            return Settled(aside, told)
    return Settled({})


def _state(rival: Rival, name: str) -> str:
    return " ".join(text_of(rival.raw.get(name)).replace("_", " ").replace("-", " ").casefold().split())
