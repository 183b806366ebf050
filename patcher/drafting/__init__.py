"""A recipe that is drafted from a hand-made patch: what is general becomes a step with holes, the rest is literal."""

from __future__ import annotations

from patcher.drafting.drafter import Drafted, draft_recipe
from patcher.drafting.patched import Patched, patched

__all__ = ["Drafted", "Patched", "draft_recipe", "patched"]
