"""ChemCoTBench: molecules understood, edited, optimised, and reactions."""
