"""Stands where flash_attn.ops stands; see the files beside this one."""
