"""Stands where flash_attn.losses stands; see cross_entropy.py."""

from .. import _modules_of

__getattr__ = _modules_of(__name__)
