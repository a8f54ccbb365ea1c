"""Checks: what may be done in a run, for a language model, a person and an agent from outside alike."""
