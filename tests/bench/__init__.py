"""Measurements that developers run by hand: `python -m tests.bench.<name>`."""
