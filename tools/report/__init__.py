"""Report of a run as one HTML page: its facts, its plots."""
