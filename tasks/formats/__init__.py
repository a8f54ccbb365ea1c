"""Row formats: what a data set's rows are, and each row as a conversation."""
