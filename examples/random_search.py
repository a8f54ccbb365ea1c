"""Random search over sources and learning rates: an agent of 40 lines, for any door of FT-Dojo.

python examples/random_search.py aime25 2m
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from typing import Any

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""From a verb and its arguments to the answer: ``ok``, ``text``, ``facts``, ``standing``."""


def play(ask: Ask, experiments: int, seed: int = 0, steps: int = 60) -> Mapping[str, Any]:
    """Try so many random experiments, as long as there is time, and submit; returns the last answer."""
    rng = random.Random(seed)
    listed = ask("list_sources", {})
    if not listed["ok"]:
        return listed  # the run could not be opened: the text says why
    names = [source["name"] for source in listed["facts"]["sources"]]
    profiles = [ask("profile_source", {"source": name})["facts"] for name in names]
    usable = [each["name"] for each in profiles if each["suggested_columns"]]
    for number in range(experiments):
        sources = rng.sample(usable, rng.randint(1, min(3, len(usable))))
        plan = {"hypothesis": f"{' and '.join(sources)} help", "sources": sources}
        planned = ask("plan_experiment", plan | ({"change": "data"} if number else {}))
        if not planned["ok"]:
            break  # no time or no experiments are left: the answer says which
        id = {"experiment": planned["facts"]["experiment"]}
        rate = 10 ** rng.uniform(-3.5, -2.3)
        training = {"learning_rate": rate, "max_steps": steps, "per_device_train_batch_size": 8}
        for verb, more in (
            ("run_data_recipe", {}),
            ("train_model", {"plan": training}),
            ("evaluate_model", {}),
        ):
            if not ask(verb, id | more)["ok"]:
                break
        ask("finish_experiment", id)
    return ask("submit", {"reason": "random search is done"})


if __name__ == "__main__":
    import ftdojo

    with ftdojo.open(sys.argv[1], budget=sys.argv[2]) as seat:
        print(play(lambda verb, given: seat.ask(verb, given).plain(), experiments=20)["text"])  # noqa: T201
