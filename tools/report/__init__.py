"""The HTML report of a run: its facts, its plots, its page."""
