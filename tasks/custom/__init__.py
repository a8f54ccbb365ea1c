"""A user's own task: a folder with task.toml, its metrics, and lm-evaluation-harness tasks."""
