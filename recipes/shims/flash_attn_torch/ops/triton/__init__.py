"""Stands where flash_attn.ops.triton stands; nothing here needs triton."""
