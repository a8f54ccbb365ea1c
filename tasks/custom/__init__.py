"""Custom tasks: a folder with task.toml, its metrics, and lm-evaluation-harness tasks."""
