"""Measure: what is asked, and what counts as good. Imports nothing of ours."""
