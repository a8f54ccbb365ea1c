"""Whole-script recipes: each module runs by itself with `python -m tools.recipes.<name>`."""
