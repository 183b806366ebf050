"""Imports of apex that nothing uses go; those that something uses, in whatever way, stay."""

from __future__ import annotations

from bench.torture.check import PLAIN, UNUSED, World, change, same

__all__ = ["CHECKS"]

WORLDS = (PLAIN, World("no apex", missing=("apex",)))

# What only looks like the job: nothing may change.
SAME = {
    "unused-not-used-above": (
        "name used above its definition",
        """
        def scale(model):
            return amp.initialize(model)


        from apex import amp  # noqa: E402
        """,
    ),
    "unused-not-in-comprehension": (
        "comprehension scopes",
        """
        from apex import parallel as ap

        GROUPS = [ap for _ in range(2)]
        """,
    ),
    "unused-not-in-all": (
        "__all__",
        """
        from apex import amp

        __all__ = ["amp"]
        """,
    ),
    "unused-not-in-all-later": (
        "__all__",
        """
        from apex import amp

        __all__ = []
        __all__ += ['amp']
        """,
    ),
    "unused-not-in-quoted-annotation": (
        "TYPE_CHECKING import and quoted annotation",
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from apex import amp


        def scale(handle: "amp.Handle") -> None:
            pass
        """,
    ),
    "unused-not-in-cast": (
        "TYPE_CHECKING import and quoted annotation",
        """
        from typing import cast

        from apex import parallel


        def scale(handle: object) -> object:
            return cast("list[parallel.Group]", handle)
        """,
    ),
    "unused-not-a-probe": (
        "two origins from try/except",
        """
        try:
            from apex import amp
            HAS_APEX = True
        except ImportError:
            HAS_APEX = False
        """,
    ),
    "unused-not-a-demand": (
        "two origins from try/except",
        """
        try:
            from apex import amp
        except ImportError:
            raise SystemExit("install apex")
        """,
    ),
    "unused-not-for-its-effect": (
        "# type: ignore",
        """
        from apex import amp  # noqa: F401  (registers the fused kernels)
        """,
    ),
    "unused-not-deleted-later": (
        "del",
        """
        from apex import amp

        del amp
        """,
    ),
    "unused-not-global": (
        "global",
        """
        from apex import amp


        def scale():
            global amp
            print(f"{amp.__name__}")
            amp = None
        """,
    ),
    "unused-not-in-class": (
        "class scope",
        """
        class Precision:
            from apex import amp

            def scale(self, model):
                return self.amp.initialize(model)
        """,
    ),
    "unused-not-as-decorator": (
        "decorator",
        """
        from apex import amp


        @amp.float_function
        def scale(model):
            return model
        """,
    ),
    "unused-not-of-the-project": (
        "same name from another module",
        """
        from .apex import amp
        from models.apex import parallel
        from apex_tools import profile
        """,
    ),
    "unused-not-a-star": (
        "star import",
        """
        from apex import *


        def scale(model):
            return amp.initialize(model)
        """,
    ),
}

CHECKS = (
    change(
        "unused-from-import",
        "from import",
        UNUSED,
        """
        import torch
        from apex import amp

        # apex.amp was used here once
        SCALE = torch.randn(1)
        """,
        [("from apex import amp\n", "")],
        worlds=WORLDS,
        twice=True,
    ),
    change(
        "unused-module",
        "import a",
        UNUSED,
        '''
        """Train with apex."""
        import apex
        import torch


        def scale(apex):
            return apex.amp
        ''',
        [("import apex\n", "")],
        worlds=WORLDS,
    ),
    change(
        "unused-alias",
        "import a.b as c",
        UNUSED,
        """
        import apex.parallel as ap
        import torch

        amp = torch.amp
        """,
        [("import apex.parallel as ap\n", "")],
        worlds=WORLDS,
    ),
    change(
        "unused-partly",
        "from import of several names",
        UNUSED,
        """
        from apex import amp, parallel


        def scale(model):
            return amp.initialize(model)
        """,
        [("import amp, parallel", "import amp")],
        drive="import train; train.scale('m'); record(bound(train, 'parallel'))",
    ),
    change(
        "unused-partly-in-parentheses",
        "comment inside the import",
        UNUSED,
        """
        from apex import (
            amp,  # mixed precision
            parallel,
        )


        def scale(model):
            return amp.initialize(model)
        """,
        [("    parallel,\n", "")],
        drive="import train; train.scale('m'); record(bound(train, 'parallel'))",
    ),
    change(
        "unused-only-statement",
        "statements joined by ;",
        UNUSED,
        """
        import os

        FP16 = False
        if FP16:
            from apex import amp


        def scale(model):
            import os; from apex import amp; return os.sep
        """,
        [("    from apex import amp\n\n", "    pass\n\n"), ("from apex import amp; ", "")],
        drive="import train; record(train.scale('m'))",
        worlds=WORLDS,
    ),
    change(
        "unused-only-line",
        "no final newline",
        UNUSED,
        {"train.py": b"x = 1\nfrom apex import amp", "other.py": b"from apex import parallel"},
        {"train.py": b"x = 1\n", "other.py": b""},
        {"train.py": b"x = 1", "other.py": b""},
        drive="import train, other; record(train.x)",
        worlds=WORLDS,
    ),
    same(
        "unused-re-export",
        "re-export from a project module",
        UNUSED,
        {
            "precision/__init__.py": "from apex import amp\n",
            "train.py": "from precision import amp\n\n\ndef scale(model):\n    return amp.initialize(model)\n",
        },
    ),
    *(same(name, hazard, UNUSED, before) for name, (hazard, before) in SAME.items()),
)
