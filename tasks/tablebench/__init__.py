"""TableBench: fact checking, numerical reasoning, data analysis and charts over tables."""
