"""Chat models: building them, reading replies, bounding HTTP, redacting keys, delimiting untrusted text."""
