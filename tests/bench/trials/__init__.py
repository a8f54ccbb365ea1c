"""Trials to break a run, done again by a program: what is seen and what is kept, a row a trial."""
