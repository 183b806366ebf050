"""Stands where flash_attn.layers stands; see rotary.py."""

from .. import _modules_of

__getattr__ = _modules_of(__name__)
