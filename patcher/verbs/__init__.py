"""The verbs of the recipe language, one file each."""

from __future__ import annotations

from patcher.verbs.base import Verb
from patcher.verbs.codemod import Codemod
from patcher.verbs.copy import Copy
from patcher.verbs.delete import Delete
from patcher.verbs.edit import Edit
from patcher.verbs.guard_import import GuardImport
from patcher.verbs.insert import Insert
from patcher.verbs.rename import Rename
from patcher.verbs.replace import Replace
from patcher.verbs.requirements import Requirements
from patcher.verbs.text import Text
from patcher.verbs.vectorize import Vectorize
from patcher.verbs.wrap import Wrap

__all__ = ["VERBS"]

VERBS: dict[str, type[Verb]] = {
    "rename": Rename,
    "edit": Edit,
    "replace": Replace,
    "insert": Insert,
    "wrap": Wrap,
    "delete": Delete,
    "guard_import": GuardImport,
    "requirements": Requirements,
    "vectorize": Vectorize,
    "text": Text,
    "copy": Copy,
    "codemod": Codemod,
}
