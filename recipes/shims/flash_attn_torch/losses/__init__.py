"""Stands where flash_attn.losses stands; see cross_entropy.py."""
