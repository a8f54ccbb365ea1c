"""Warm against cold: what the lessons of other tasks save on a task that they know nothing of.

    python -m tests.bench.warm_start                          simulated: hundreds of runs, no training
    python -m tests.bench.warm_start --tasks aime25,mol_edit --budget 2m --out DIR       real runs on minis

Leave one task out: every task is run cold, then again with the lessons of all other tasks, with the same
lessons of which a third is made wrong on purpose, and with those of its own cold run as well. Measured are
the experiments and seconds until the incumbent's validation score has covered 90% of the way from the base's
score to the cold run's final one, and the final scores.
"""
