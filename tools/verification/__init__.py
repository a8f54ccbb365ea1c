"""Verification of a run: everything that its figures rest on, computed again."""
