"""Verified runs: short real runs of every kind of task and history, each held against its own journal."""
