"""Child processes: the warm worker, its fork server, their environment, and the machine they run on."""
