"""The class `adam_atan2.AdamATan2` becomes `adam_atan2_pytorch.AdamAtan2`, through every form of import."""

from __future__ import annotations

from bench.torture.check import NO_NEW, NO_OLD, PLAIN, RENAME, change, same

__all__ = ["CHECKS"]

BUILD = "import train; train.build('p')"

# What only looks like the job: nothing may change.
SAME = {
    "rename-not-of-the-project": (
        "same name from another module",
        """
        from optimizers import AdamATan2


        def build(params):
            return AdamATan2(params, lr=0)
        """,
    ),
    "rename-not-relative": (
        "same name from another module",
        """
        from .adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params, lr=0)
        """,
    ),
    "rename-not-vendored": (
        "same name from another module",
        """
        from vendor.adam_atan2 import AdamATan2 as Vendored


        def build(params):
            return Vendored(params, lr=0)
        """,
    ),
    "rename-not-a-module-below": (
        "import a.b as c",
        """
        import models.adam_atan2 as adam_atan2


        def build(params):
            return adam_atan2.AdamATan2(params, lr=0)
        """,
    ),
    "rename-not-a-longer-name": (
        "aliased import",
        """
        from adam_atan2 import AdamATan2Foreach as AdamATan2


        def build(params):
            return AdamATan2(params, lr=0)
        """,
    ),
    "rename-not-another-name": (
        "from import of several names",
        """
        import adam_atan2
        from adam_atan2 import warmup


        def build(params):
            return warmup(params, adam_atan2.VERSION)
        """,
    ),
    "rename-not-another-alias": (
        "aliased import",
        """
        from torch.optim import AdamW as AdamATan2


        def build(params):
            return AdamATan2(params, lr=0)
        """,
    ),
    "rename-not-the-target": (
        "second apply",
        """
        from adam_atan2_pytorch import AdamAtan2 as AdamATan2


        def build(params):
            return AdamATan2(params)
        """,
    ),
}

CHECKS = (
    change(
        "rename-from-import",
        "from import",
        RENAME,
        """
        import torch
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params, lr=1e-3)
        """,
        [
            ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
            ("AdamATan2(p", "AdamAtan2(p"),
        ],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
        twice=True,
    ),
    change(
        "rename-alias",
        "aliased import",
        RENAME,
        """
        from adam_atan2 import AdamATan2 as Atan


        def build(params):
            return Atan(params, lr=1e-3)
        """,
        [("from adam_atan2 import AdamATan2 as", "from adam_atan2_pytorch import AdamAtan2 as")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-alias-two-spellings",
        "aliased import",
        RENAME,
        """
        from adam_atan2 import AdamATan2
        from adam_atan2 import AdamATan2 as Atan


        def build(params):
            return AdamATan2(params), Atan(params)
        """,
        [
            ("import AdamATan2\n", "import AdamAtan2\n"),
            ("from adam_atan2 import AdamAtan2", "from adam_atan2_pytorch import AdamAtan2"),
            ("from adam_atan2 import AdamATan2 as", "from adam_atan2_pytorch import AdamAtan2 as"),
            ("return AdamATan2", "return AdamAtan2"),
        ],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-module-import",
        "import a",
        RENAME,
        """
        import adam_atan2


        def build(params):
            return adam_atan2.AdamATan2(params)
        """,
        [("import adam_atan2", "import adam_atan2_pytorch"), ("adam_atan2.AdamATan2", "adam_atan2_pytorch.AdamAtan2")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-module-alias",
        "import a.b as c",
        RENAME,
        """
        import adam_atan2 as atan


        def build(params):
            return atan.AdamATan2(params)
        """,
        [("import adam_atan2 as", "import adam_atan2_pytorch as"), ("atan.AdamATan2", "atan.AdamAtan2")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-module-still-used",
        "import a",
        RENAME,
        """
        import adam_atan2

        print(adam_atan2.VERSION)


        def build(params):
            adam_atan2.warmup(params)
            return adam_atan2.AdamATan2(params)
        """,
        [
            ("import adam_atan2\n", "import adam_atan2\nimport adam_atan2_pytorch\n"),
            ("adam_atan2.AdamATan2", "adam_atan2_pytorch.AdamAtan2"),
        ],
        [
            ("import adam_atan2\n", "import adam_atan2; import adam_atan2_pytorch\n"),
            ("adam_atan2.AdamATan2", "adam_atan2_pytorch.AdamAtan2"),
        ],
        drive=BUILD,
    ),
    change(
        "rename-module-alias-still-used",
        "import a.b as c",
        RENAME,
        """
        import adam_atan2 as atan


        def build(params):
            atan.warmup(params)
            return atan.AdamATan2(params)
        """,
        [
            ("import adam_atan2 as atan\n", "import adam_atan2 as atan\nimport adam_atan2_pytorch\n"),
            ("atan.AdamATan2", "adam_atan2_pytorch.AdamAtan2"),
        ],
        [
            ("import adam_atan2 as atan\n", "import adam_atan2 as atan; import adam_atan2_pytorch\n"),
            ("atan.AdamATan2", "adam_atan2_pytorch.AdamAtan2"),
        ],
        drive=BUILD,
    ),
    change(
        "rename-one-of-several",
        "from import of several names",
        RENAME,
        """
        from adam_atan2 import AdamATan2, warmup


        def build(params):
            warmup(params)
            return AdamATan2(params)
        """,
        [
            (
                "from adam_atan2 import AdamATan2, warmup",
                "from adam_atan2 import warmup\nfrom adam_atan2_pytorch import AdamAtan2",
            ),
            ("return AdamATan2", "return AdamAtan2"),
        ],
        drive=BUILD,
    ),
    change(
        "rename-several-in-parentheses",
        "comment inside the import",
        RENAME,
        """
        from adam_atan2 import (
            warmup,  # the first 2000 steps
            AdamATan2,
            VERSION as ATAN_VERSION,  # logged below
        )


        def build(params):
            warmup(params, ATAN_VERSION)
            return AdamATan2(params)
        """,
        [
            ("    AdamATan2,\n", ""),
            (" below\n)\n", " below\n)\nfrom adam_atan2_pytorch import AdamAtan2\n"),
            ("return AdamATan2", "return AdamAtan2"),
        ],
        [
            ("from adam_atan2 import (", "from adam_atan2_pytorch import AdamAtan2; from adam_atan2 import ("),
            ("    AdamATan2,\n", ""),
            ("return AdamATan2", "return AdamAtan2"),
        ],
        drive=BUILD,
    ),
    change(
        "rename-with-other-modules",
        "import of several modules",
        RENAME,
        """
        import os, adam_atan2, sys


        def build(params):
            return adam_atan2.AdamATan2(params, name=os.sep)
        """,
        [("os, adam_atan2,", "os, adam_atan2_pytorch,"), ("adam_atan2.AdamATan2", "adam_atan2_pytorch.AdamAtan2")],
        drive="import train; train.build('p'); train.sys",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-lazy",
        "lazy import",
        RENAME,
        """
        def build(params, fast=True):
            if fast:
                from adam_atan2 import AdamATan2

                return AdamATan2(params)
            return None
        """,
        [
            ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
            ("return AdamATan2", "return AdamAtan2"),
        ],
        drive="import train; record(train.build('p', False)); train.build('p')",
        worlds=(PLAIN, NO_NEW, NO_OLD),
    ),
    change(
        "rename-type-checking",
        "TYPE_CHECKING import and quoted annotation",
        RENAME,
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from adam_atan2 import AdamATan2


        def step(optimizer: "AdamATan2", scale: float = 1.0) -> "list[AdamATan2]":
            return [optimizer]
        """,
        [
            ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
            ('"AdamATan2"', '"AdamAtan2"'),
            ('"list[AdamATan2]"', '"list[AdamAtan2]"'),
        ],
        drive="record(repr(typed('train', 'step')))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-future-annotations",
        "TYPE_CHECKING import and quoted annotation",
        RENAME,
        """
        from __future__ import annotations

        import typing as t

        if t.TYPE_CHECKING:
            import adam_atan2


        def step(optimizer: adam_atan2.AdamATan2) -> t.Optional[adam_atan2.AdamATan2]:
            return optimizer
        """,
        [
            ("import adam_atan2\n", "import adam_atan2_pytorch\n"),
            ("optimizer: adam_atan2.AdamATan2", "optimizer: adam_atan2_pytorch.AdamAtan2"),
            ("Optional[adam_atan2.AdamATan2]", "Optional[adam_atan2_pytorch.AdamAtan2]"),
        ],
        drive="record(repr(typed('train', 'step')))",
        worlds=(PLAIN, NO_OLD),
    ),
    same(
        "rename-try-target-first",
        "two origins from try/except",
        RENAME,
        """
        try:
            from adam_atan2_pytorch import AdamAtan2 as Atan
        except ImportError:
            from adam_atan2 import AdamATan2 as Atan


        def build(params):
            return Atan(params)
        """,
    ),
    change(
        "rename-try-other-fallback",
        "two origins from try/except",
        RENAME,
        """
        try:
            from adam_atan2 import AdamATan2
        except ImportError:
            from torch.optim import AdamW as AdamATan2


        def build(params):
            return AdamATan2(params)
        """,
        [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD, NO_NEW),
        left="train.py",
    ),
    change(
        "rename-try-none-fallback",
        "two origins from try/except",
        RENAME,
        """
        try:
            from adam_atan2 import AdamATan2
        except ImportError:
            AdamATan2 = None


        def build(params):
            return AdamATan2(params) if AdamATan2 is not None else None
        """,
        [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")],
        drive="import train; record(train.build('p'))",
        worlds=(PLAIN, NO_OLD, NO_NEW),
        left="train.py",
    ),
    change(
        "rename-conditional-arms",
        "two origins from if/else",
        RENAME,
        """
        import os

        if os.environ.get("PLAIN_ADAM"):
            from torch.optim import AdamW as Optimizer
        else:
            from adam_atan2 import AdamATan2 as Optimizer


        def build(params):
            return Optimizer(params)
        """,
        [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
        left="train.py",
    ),
    change(
        "rename-re-export",
        "re-export from a project module",
        RENAME,
        {
            "optim/__init__.py": "from adam_atan2 import AdamATan2\nfrom torch.optim import AdamW\n",
            "train.py": """
                from optim import AdamATan2, AdamW


                def build(params):
                    AdamW(params)
                    return AdamATan2(params)
                """,
        },
        {
            "optim/__init__.py": [
                ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")
            ]
        },
        {
            "optim/__init__.py": [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2")],
            "train.py": [("import AdamATan2", "import AdamAtan2"), ("return AdamATan2", "return AdamAtan2")],
        },
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
        left="optim/__init__.py",
    ),
    change(
        "rename-re-export-listed",
        "__all__",
        RENAME,
        {
            "optim.py": """
                from adam_atan2 import AdamATan2

                __all__ = ["AdamATan2", "NAME"]
                NAME = "atan2"
                """,
            "train.py": """
                from optim import *


                def build(params):
                    return AdamATan2(params, name=NAME)
                """,
        },
        {"optim.py": [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")]},
        {
            "optim.py": [
                ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
                ('["AdamATan2"', '["AdamAtan2"'),
            ],
            "train.py": [("return AdamATan2", "return AdamAtan2")],
        },
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
        left="optim.py",
    ),
    change(
        "rename-all-in-one-file",
        "__all__",
        RENAME,
        """
        from adam_atan2 import AdamATan2

        __all__ = ["AdamATan2", "build"]


        def build(params):
            return AdamATan2(params)
        """,
        [
            ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
            ('["AdamATan2"', '["AdamAtan2"'),
            ("return AdamATan2", "return AdamAtan2"),
        ],
        drive="import train; record(all(bound(train, *train.__all__))); train.build('p')",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-star-import",
        "star import",
        RENAME,
        """
        from adam_atan2 import *


        def build(params):
            return AdamATan2(params)
        """,
        [
            ("from adam_atan2 import *\n", "from adam_atan2 import *\nfrom adam_atan2_pytorch import AdamAtan2\n"),
            ("return AdamATan2", "return AdamAtan2"),
        ],
        drive=BUILD,
        left="train.py:1",
    ),
    change(
        "rename-both-imported",
        "target imported already",
        RENAME,
        """
        from adam_atan2 import AdamATan2
        from adam_atan2_pytorch import AdamAtan2


        def build(params, new=True):
            return AdamAtan2(params) if new else AdamATan2(params)
        """,
        [("from adam_atan2 import AdamATan2\n", ""), ("else AdamATan2", "else AdamAtan2")],
        [
            ("from adam_atan2 import AdamATan2\n", "from adam_atan2_pytorch import AdamAtan2\n"),
            ("else AdamATan2", "else AdamAtan2"),
        ],
        drive="import train; train.build('p'); train.build('q', False)",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "rename-collision",
        "local class of the new name",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        class AdamAtan2:
            def __init__(self, inner):
                self.inner = inner


        def build(params):
            return AdamAtan2(AdamATan2(params)).inner
        """,
        [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
        left="train.py",
    ),
    change(
        "rename-collision-in-function",
        "shadowing local of the new name",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params, AdamAtan2=None):
            return AdamATan2(params, name=AdamAtan2)
        """,
        [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
        left="train.py",
    ),
    *(same(name, hazard, RENAME, before) for name, (hazard, before) in SAME.items()),
)
