"""A lane's process: ``python -m graph.bench.lane OUT CELL`` plays one cell and prints one JSON line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> int:
    """Pin first: a library that starts its threads before keeps them where they are."""
    from graph.bench.lanes import fixed_loop, pin
    from graph.policy_names import ANY, trust

    pin(os.environ)
    trust(ANY)  # the bench that starts a lane was typed
    if arguments == ["calibrate"]:
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        print(fixed_loop())  # noqa: T201
        return 0
    from graph.bench.play import play
    from graph.bench.results import Cell
    from tasks.errors import FtDojoError, MachineFault

    out, cell = Path(arguments[0]), Cell.model_validate_json(arguments[1])
    told: dict[str, Any]
    try:
        told = {"result": play(cell, out).model_dump(mode="json")}
    except FtDojoError as error:
        told = {"error": " ".join(str(error).split()), "machine": isinstance(error, MachineFault)}
    print(json.dumps(told), flush=True)  # noqa: T201
    return 0 if "result" in told else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
