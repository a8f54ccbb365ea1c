"""Forecast of an experiment from all past ones: features, past journals, model, intervals, repeats."""
