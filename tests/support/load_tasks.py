"""Program that loads tasks by name, as a run does, and prints what came of each as a line of JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from graph.task_names import load_task
from tasks.errors import InputError


def loaded(name: str) -> dict[str, Any]:
    """The sizes and texts of a task, or its error."""
    try:
        spec = load_task(name, "user")
    except InputError as error:
        return {"error": str(error)}
    data = spec.data
    assert data is not None
    return {
        "id": spec.id,
        "source": spec.source,
        "licence": spec.licence,
        "train": {source.name: [row["prompt"] for row in source.rows] for source in data.sources},
        "validation": [sample.prompt for sample in data.validation],
        "test": [sample.prompt for sample in data.load_test()],
        "understood": list(data.understood),
    }


if __name__ == "__main__":
    for each in sys.argv[1:]:
        sys.stdout.write(json.dumps(loaded(each)) + "\n")
