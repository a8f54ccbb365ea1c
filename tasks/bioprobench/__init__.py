"""BioProBench: protocols of the life sciences; the official edition alone."""
