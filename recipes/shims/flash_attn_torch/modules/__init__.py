"""Stands where flash_attn.modules stands; see mha.py and mlp.py."""

from .. import _modules_of

__getattr__ = _modules_of(__name__)
