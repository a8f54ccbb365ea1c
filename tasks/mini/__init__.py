"""Synthetic editions: items drawn from a seed with computed truth, and their imperfect raw pool."""
