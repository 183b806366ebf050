"""The nouns: frozen records that pass between the layers, one for each word of the glossary.

Nothing here reads, writes or parses. Paths are POSIX strings relative to the checkout's root. Offsets are bytes of
the UTF-8 text without a byte-order mark, in the text that the step saw. Lines and columns count from one; columns
count characters.
"""

from __future__ import annotations

from patcher.model.plan import Change, Edit, Hunk, Key, Layer, Outcome, Place, Plan, Site, Skipped, Status
from patcher.model.recipe import (
    Check,
    Condition,
    Effect,
    EffectKind,
    Expect,
    Flaw,
    Hint,
    Parameter,
    Proof,
    Range,
    Recipe,
    Scope,
    Sizing,
    Step,
    Upstream,
)

__all__ = [
    "Change",
    "Check",
    "Condition",
    "Edit",
    "Effect",
    "EffectKind",
    "Expect",
    "Flaw",
    "Hint",
    "Hunk",
    "Key",
    "Layer",
    "Outcome",
    "Parameter",
    "Place",
    "Plan",
    "Proof",
    "Range",
    "Recipe",
    "Scope",
    "Site",
    "Sizing",
    "Skipped",
    "Status",
    "Step",
    "Upstream",
]
