"""Forgetting: what a training cost beside its task, measured on the base model's own general answers."""
