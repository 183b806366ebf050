"""Every check, job by job."""

from __future__ import annotations

from bench.torture.cases import (
    contiguous,
    device,
    files,
    guard,
    keyword,
    later,
    layout,
    rename,
    requirements,
    scopes,
    set_device,
    unused,
    uses,
    whole,
)
from bench.torture.check import Check

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    *rename.CHECKS,
    *uses.CHECKS,
    *scopes.CHECKS,
    *keyword.CHECKS,
    *guard.CHECKS,
    *device.CHECKS,
    *contiguous.CHECKS,
    *unused.CHECKS,
    *set_device.CHECKS,
    *requirements.CHECKS,
    *layout.CHECKS,
    *files.CHECKS,
    *whole.CHECKS,
    *later.CHECKS,
)
