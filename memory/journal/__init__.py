"""The journal of a run: an append-only log of events, durable and versioned."""
