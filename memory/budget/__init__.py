"""Budgets: clocks of wall-clock time, and spending caps for language models."""
