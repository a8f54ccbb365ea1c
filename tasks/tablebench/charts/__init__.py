"""Charts: running a model's chart code and comparing what it drew."""
