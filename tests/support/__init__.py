"""Fakes, fixtures and scripted servers that several tests share."""
