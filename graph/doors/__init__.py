"""Doors: how an agent that is not our graph takes a seat at a run: Python, Gymnasium, MCP."""
