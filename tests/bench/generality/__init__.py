"""Task folders of other people's kinds, with faults that no rule was written for, and how runs do on them.

``python -m tests.bench.generality OUT`` writes the folders, runs each part on each and prints the table.
"""
