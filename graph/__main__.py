"""``python -m graph`` is ``ftdojo``."""

from graph.cli.app import main

if __name__ == "__main__":
    main()
