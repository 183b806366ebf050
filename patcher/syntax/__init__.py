"""Python text <-> edits; the only part that imports libcst."""
