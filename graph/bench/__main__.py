"""``python -m graph.bench``."""

import typer

from graph.bench.mini_tasks import main

typer.run(main)
