"""flash_attn.flash_attn_interface: the attention functions of flash-attn 2 by the other name of their module.

See __init__.py. The top-level package flash_attn_interface, FlashAttention 3, has other arguments.
"""

from . import (
    __getattr__,  # noqa: F401  (finds those that have a file of their own)
    flash_attn_func,
)

__all__ = ["flash_attn_func"]
