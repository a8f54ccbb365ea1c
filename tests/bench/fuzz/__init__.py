"""Fuzzing of every parser of foreign text: ``python -m tests.bench.fuzz``."""
