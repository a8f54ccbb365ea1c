"""Child processes: the warm worker, its fork server, the prefork core, their environment, the machine."""
