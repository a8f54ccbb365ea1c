"""Models: finding and loading a base model, its chat template, and the export of a champion."""
