"""Loops over a tensor's axis: which of them can be batched, and why the others must stay."""

from patcher.syntax.loops.candidates import Candidate, batched, candidates
from patcher.syntax.loops.files import Code, Files
from patcher.syntax.loops.header import Place, places
from patcher.syntax.loops.rewrite import BATCHED, VMAP, Rewritten, rewritten
from patcher.syntax.loops.values import Refused, Unproved

__all__ = [
    "BATCHED",
    "VMAP",
    "Candidate",
    "Code",
    "Files",
    "Place",
    "Refused",
    "Rewritten",
    "Unproved",
    "batched",
    "candidates",
    "places",
    "rewritten",
]
