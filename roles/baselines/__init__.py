"""Baseline policies: what a search has to beat, each played by the rules and the clock of every other run."""
