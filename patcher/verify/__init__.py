"""Training the patched tree and comparing it with golden outputs."""
