"""Stands for flash_attn.ops.triton.cross_entropy; the function is in losses/cross_entropy.py."""

from ...losses.cross_entropy import cross_entropy_loss

__all__ = ["cross_entropy_loss"]
