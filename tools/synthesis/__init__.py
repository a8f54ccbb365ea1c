"""Synthetic data: a teacher model generates, solves, rephrases and checks rows."""
