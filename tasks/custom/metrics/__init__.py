"""Metrics that a task folder may choose from: how its answers are written, read and compared."""
