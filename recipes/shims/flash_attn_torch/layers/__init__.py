"""Stands where flash_attn.layers stands; see rotary.py."""
