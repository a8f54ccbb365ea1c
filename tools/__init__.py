"""Act: everything that touches the disk, a process, the network or a model. Returns records."""
