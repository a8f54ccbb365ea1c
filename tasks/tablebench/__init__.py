"""TableBench: fact checking, numerical reasoning, data analysis and charts over tables."""

from tasks.tablebench import data_analysis, fact_checking, numerical, visualization

TASKS = (data_analysis.SPEC, fact_checking.SPEC, numerical.SPEC, visualization.SPEC)
EXTENSIONS = ()
