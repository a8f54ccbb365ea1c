"""Generators behind the mini editions: rows from a seed, truth computed, in the published columns."""
