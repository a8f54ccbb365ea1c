"""Training recipes: whole scripts that run by themselves with `python -m tools.recipes.<name>`."""
