"""The sandbox: running code that nobody trusts, by bubblewrap or by Landlock and seccomp."""
