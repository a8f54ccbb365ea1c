"""Verbs: what any agent may do in a run, and the referee who lets it, keeps the caps and writes it down."""
