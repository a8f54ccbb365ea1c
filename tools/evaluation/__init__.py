"""Evaluation: generating answers, scoring them, and testing one model against another."""
