"""The bench: policies by tasks and seeds under equal budgets, its results file, tables, plots and studies."""
