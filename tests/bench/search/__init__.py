"""Searches on simulated runs: the Planner's rules and roles are real, the training is a response surface."""
