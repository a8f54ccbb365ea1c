"""The released evaluators, defects included, for comparison with printed numbers; never the headline."""
