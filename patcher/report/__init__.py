"""Plans and verdicts as text, patches and data; never decides and never writes a file."""
