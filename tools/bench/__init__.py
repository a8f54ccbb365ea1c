"""Benchmarks that only developers run; nothing imports them and the wheel leaves them out."""
