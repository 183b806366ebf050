"""The command line: one file a command, each with options, one call, the printing and the exit code."""
