"""Stands where flash_attn.ops stands; see the files beside this one."""

from .. import _modules_of

__getattr__ = _modules_of(__name__)
