"""Data curation: profiling sources, running a recipe of typed operations, writing the data card."""
