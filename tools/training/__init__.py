"""Training: estimating memory and time, probing, launching the recipe, reading the loss curve."""
