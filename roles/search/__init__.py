"""The search: which of the moves that the rules propose is made next."""
