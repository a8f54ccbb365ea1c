"""Pretraining of the bundled base model; run once by developers, left out of the wheel."""
