"""The command line: commands, the live view, and what is printed."""
