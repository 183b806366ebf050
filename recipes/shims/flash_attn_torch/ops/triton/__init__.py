"""Stands where flash_attn.ops.triton stands; nothing here needs triton."""

from ... import _modules_of

__getattr__ = _modules_of(__name__)
