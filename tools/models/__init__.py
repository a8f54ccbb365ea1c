"""Models: finding, fetching and loading a base model, its chat template, chains of adapters."""
