"""Benchmark of whole runs that only developers run; nothing imports it and the wheel leaves it out."""
