"""Forks: a second run that shares the past of a first one, also when LangGraph goes back in time."""
