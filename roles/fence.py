"""Fences for briefings: those of the tools' answers, so that a role learns one mark for foreign text."""

from __future__ import annotations

from tools.fenced_text import LABEL, LIMIT, TAG, clean, fenced, one_line

__all__ = ["LABEL", "LIMIT", "TAG", "clean", "fenced", "one_line"]
