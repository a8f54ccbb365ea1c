"""Repeats: which texts ask the same question, but for an editor's changes and a shared template."""
