"""``python -m graph.bench``: the same as ``ftdojo bench``."""

import sys

from graph.cli.app import main

sys.argv.insert(1, "bench")
main()
