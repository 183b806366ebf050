"""Loops over a tensor's axis: which of them can be batched, and why the others must stay.

candidates    the loops of a tree, each batched or refused
rewrite       one loop: roles and sinks say what it gathers; inlined or mapped writes it, split leaves a rest
header        its turns, and what is known of every name in front of it
expressions   what one turn computes: calls, along, still (PyTorch's functions), indexing, turns (subscripts)
opened        the tree's own modules and functions, statement by statement (body)
values        what is known of a value in one turn; axes: how the loop's axis travels
fragments     a loop and its batched code by themselves, to be run beside each other
"""

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
