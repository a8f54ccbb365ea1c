"""AIME: competition problems whose answers are whole numbers."""

from tasks.aime import task

TASKS = (task.SPEC,)
EXTENSIONS = (task.AIME24_SPEC,)
