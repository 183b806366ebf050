"""Stands where flash_attn.modules stands; see mha.py and mlp.py."""
