"""The targets that are not Python: text in, byte spans out."""
