"""Prompt context: what each role is told about the data, the history and the results."""
