"""The import of flash_attn: it stays, and a second arm binds its names where the package is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.torture.check import GUARD, NO_FLASH, PLAIN, Check, Edits, Files, change, same

__all__ = ["CHECKS"]

WORLDS = (PLAIN, NO_FLASH)
FUNC = "from flash_attn import flash_attn_func"
SECOND = "except ImportError:\n    flash_attn_func = None\n"


def guarded(
    name: str, hazard: str, before: Files, *afters: Edits, names: Sequence[str] = ("flash_attn_func",), **more: Any
) -> Check:
    """Return a check whose result binds the names in every world, and the real functions where they are there."""
    drive = f"""
import sys, train
from torch import Tensor as T
names = {list(names)!r}
record(bound(train, *names))
for name in names if sys.modules["flash_attn"] else []:
    record(getattr(train, name))
    callable(getattr(train, name)) and getattr(train, name)(T("q"), T("k"), T("v"), causal=True)
"""
    return change(name, hazard, GUARD, before, *afters, drive=drive, worlds=WORLDS, fresh=True, **more)


# What only looks like the job: nothing may change.
SAME = {
    "guard-not-none": (
        "second apply",
        """
        try:
            from flash_attn import flash_attn_func
        except ImportError:
            flash_attn_func = None
        """,
    ),
    "guard-not-tuple-handler": (
        "second apply",
        """
        try:
            import flash_attn
            from flash_attn import flash_attn_func as attention
            HAS_FLASH = True
        except (ImportError, OSError) as error:
            HAS_FLASH = False
            print(f"no flash_attn: {error}")
        """,
    ),
    "guard-not-one-line": (
        "one-line if x: y",
        """
        try: from flash_attn_interface import flash_attn_func
        except Exception: flash_attn_func = None
        """,
    ),
    "guard-not-bare-handler": (
        "second apply",
        """
        try:
            from flash_attn import flash_attn_qkvpacked_func
        except:  # noqa: E722
            pass
        """,
    ),
    "guard-not-suppressed": (
        "second apply",
        """
        import contextlib

        flash_attn_func = None
        with contextlib.suppress(ImportError):
            from flash_attn import flash_attn_func
        """,
    ),
    "guard-not-relative": (
        "same name from another module",
        """
        from .flash_attn import flash_attn_func
        from . import flash_attn
        """,
    ),
    "guard-not-of-the-project": (
        "same name from another module",
        """
        from models.flash_attn import flash_attn_func
        """,
    ),
    "guard-not-a-module-below": (
        "import a.b as c",
        """
        import models.flash_attn as flash_attn


        def attend(q):
            return flash_attn.flash_attn_func(q, q, q)
        """,
    ),
    "guard-not-a-longer-name": (
        "names that only begin alike",
        """
        from flash_attn_triton import flash_attn_func
        import flash_attn_jax
        """,
    ),
    "guard-not-in-strings": (
        "implicit string concatenation",
        """
        SOURCE = "import " "flash_attn"
        MORE = f"from flash_attn import {'flash_attn_func'}"
        """,
    ),
    "guard-not-in-comments": (
        "comment inside the import",
        """
        # from flash_attn import flash_attn_func
        from math import (
            # from flash_attn import flash_attn_func
            pi,
        )
        """,
    ),
    "guard-not-a-parameter": (
        "shadowing parameter",
        """
        def attend(flash_attn, q):
            return flash_attn.flash_attn_func(q, q, q)
        """,
    ),
}

CHECKS = (
    guarded(
        "guard-plain",
        "from import",
        """
        import torch
        from flash_attn import flash_attn_func


        def attend(q, k, v):
            return flash_attn_func(q, k, v, causal=True)
        """,
        [(f"{FUNC}\n", f"try:\n    {FUNC}\n{SECOND}")],
        twice=True,
    ),
    guarded(
        "guard-alias",
        "aliased import",
        """
        from flash_attn import flash_attn_func as attention


        def attend(q, k, v):
            return attention(q, k, v, causal=True)
        """,
        [(f"{FUNC} as attention\n", f"try:\n    {FUNC} as attention\nexcept ImportError:\n    attention = None\n")],
        names=["attention"],
    ),
    guarded(
        "guard-several-names",
        "from import of several names",
        """
        from flash_attn import flash_attn_func, flash_attn_qkvpacked_func as packed


        def attend(q, k, v):
            return flash_attn_func(q, k, v), packed(q)
        """,
        [
            (
                f"{FUNC}, flash_attn_qkvpacked_func as packed\n",
                f"try:\n    {FUNC}, flash_attn_qkvpacked_func as packed\n{SECOND}    packed = None\n",
            )
        ],
        names=["flash_attn_func", "packed"],
    ),
    guarded(
        "guard-parentheses",
        "comment inside the import",
        """
        from flash_attn import (
            flash_attn_func,  # q, k, v apart
            flash_attn_kvpacked_func,
        )


        def attend(q, k, v):
            return flash_attn_func(q, k, v), flash_attn_kvpacked_func(q, k)
        """,
        [
            (
                "from flash_attn import (\n    flash_attn_func,  # q, k, v apart\n    flash_attn_kvpacked_func,\n)\n",
                "try:\n    from flash_attn import (\n        flash_attn_func,  # q, k, v apart\n"
                f"        flash_attn_kvpacked_func,\n    )\n{SECOND}    flash_attn_kvpacked_func = None\n",
            )
        ],
        names=["flash_attn_func", "flash_attn_kvpacked_func"],
    ),
    guarded(
        "guard-type-ignore",
        "# type: ignore",
        """
        from flash_attn import flash_attn_func  # type: ignore[import]
        import torch  # type: ignore[other]


        def attend(q, k, v):
            return flash_attn_func(q, k, v)
        """,
        [(f"{FUNC}  # type: ignore[import]\n", f"try:\n    {FUNC}  # type: ignore[import]\n{SECOND}")],
        together=((FUNC, "# type: ignore[import]"),),
    ),
    guarded(
        "guard-backslash",
        "backslash continuation",
        """
        from flash_attn \\
            import flash_attn_func


        def attend(q, k, v):
            return flash_attn_func(q, k, v)
        """,
        [
            (
                "from flash_attn \\\n    import flash_attn_func\n",
                f"try:\n    from flash_attn \\\n        import flash_attn_func\n{SECOND}",
            )
        ],
    ),
    guarded(
        "guard-behind-the-future",
        "from __future__",
        '''
        """Attention."""
        from __future__ import annotations
        from flash_attn import flash_attn_func


        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return flash_attn_func(q, k, v)
        ''',
        [(f"{FUNC}\n", f"try:\n    {FUNC}\n{SECOND}")],
    ),
    guarded(
        "guard-handler-import",
        "two origins from try/except",
        """
        try:
            from flash_attn_interface import flash_attn_func  # FlashAttention 3
        except ImportError:
            # FlashAttention 2
            from flash_attn import flash_attn_func


        def attend(q, k, v):
            return flash_attn_func(q, k, v)
        """,
        [
            (
                f"    {FUNC}\n",
                f"    try:\n        {FUNC}\n    except ImportError:\n        flash_attn_func = None\n",
            )
        ],
    ),
    guarded(
        "guard-try-of-something-else",
        "two origins from try/except",
        """
        try:
            from flash_attn import flash_attn_func
        except ValueError:
            flash_attn_func = None


        def attend(q, k, v):
            return flash_attn_func(q, k, v)
        """,
        [("except ValueError:", "except (ImportError, ValueError):")],
        [(f"    {FUNC}\n", f"    try:\n        {FUNC}\n    except ImportError:\n        flash_attn_func = None\n")],
        left="train.py",
    ),
    guarded(
        "guard-module",
        "import a",
        """
        import flash_attn


        def attend(q, k, v):
            return flash_attn.flash_attn_func(q, k, v)
        """,
        [("import flash_attn\n", "try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\n")],
        names=["flash_attn"],
        left="train.py",
    ),
    guarded(
        "guard-module-alias",
        "import a.b as c",
        """
        import flash_attn as fa
        import torch.nn.functional as F


        def attend(q, k, v):
            return fa.flash_attn_func(q, k, v)
        """,
        [("import flash_attn as fa\n", "try:\n    import flash_attn as fa\nexcept ImportError:\n    fa = None\n")],
        names=["fa"],
        left="train.py",
    ),
    guarded(
        "guard-semicolons",
        "statements joined by ;",
        """
        import torch; from flash_attn import flash_attn_func; import os


        def attend(q, k, v):
            return flash_attn_func(q, k, v)
        """,
        [
            (
                f"import torch; {FUNC}; import os\n",
                f"import torch\ntry:\n    {FUNC}\n{SECOND}import os\n",
            )
        ],
        names=["torch", "flash_attn_func", "os"],
        left="train.py",
    ),
    guarded(
        "guard-adjacent",
        "several imports of one package",
        """
        from flash_attn import flash_attn_func
        from flash_attn import flash_attn_qkvpacked_func
        import math


        def attend(q, k, v):
            return flash_attn_func(q, k, v), flash_attn_qkvpacked_func(q)
        """,
        [
            (
                f"{FUNC}\nfrom flash_attn import flash_attn_qkvpacked_func\n",
                f"try:\n    {FUNC}\n    from flash_attn import flash_attn_qkvpacked_func\n"
                f"{SECOND}    flash_attn_qkvpacked_func = None\n",
            )
        ],
        names=["flash_attn_func", "flash_attn_qkvpacked_func"],
    ),
    guarded(
        "guard-tabs",
        "tabs",
        "from flash_attn import flash_attn_func\n\n\nclass Attention:\n\tdef forward(self, q):\n\t\treturn flash_attn_func(q)\n",
        [(f"{FUNC}\n", f"try:\n\t{FUNC}\nexcept ImportError:\n\tflash_attn_func = None\n")],
    ),
    guarded(
        "guard-crlf",
        "CRLF",
        b"import torch\r\nfrom flash_attn import flash_attn_func\r\n\r\nATTENTION = flash_attn_func\r\n",
        [(f"{FUNC}\r\n", f"try:\r\n    {FUNC}\r\nexcept ImportError:\r\n    flash_attn_func = None\r\n")],
    ),
    guarded(
        "guard-last-line",
        "no final newline",
        b"import torch\nfrom flash_attn import flash_attn_func",
        [(FUNC, f"try:\n    {FUNC}\nexcept ImportError:\n    flash_attn_func = None")],
    ),
    guarded(
        "guard-what-no-fallback-has",
        "name that a fallback may lack",
        """
        from flash_attn import flash_attn_func
        from flash_attn.bert_padding import pad_input


        def attend(q, k, v):
            return pad_input(flash_attn_func(q, k, v))
        """,
        [
            (
                f"{FUNC}\nfrom flash_attn.bert_padding import pad_input\n",
                f"try:\n    {FUNC}\n    from flash_attn.bert_padding import pad_input\n{SECOND}    pad_input = None\n",
            )
        ],
        names=["flash_attn_func", "pad_input"],
        left="train.py",
    ),
    guarded(
        "guard-star",
        "star import",
        """
        from flash_attn import *


        def attend(q, k, v):
            return flash_attn_func(q, k, v)
        """,
        [("from flash_attn import *\n", f"try:\n    from flash_attn import *\n{SECOND}")],
        left="train.py:1",
    ),
    guarded(
        "guard-in-class-body",
        "class scope",
        """
        class Attention:
            from flash_attn import flash_attn_func

            def forward(self, q, k, v):
                return Attention.flash_attn_func(q, k, v)
        """,
        [(f"    {FUNC}\n", f"    try:\n        {FUNC}\n    except ImportError:\n        flash_attn_func = None\n")],
        names=["Attention"],
        left="train.py",
    ),
    guarded(
        "guard-under-a-flag",
        "wrong scope",
        """
        import os

        if os.environ.get("FLASH"):
            from flash_attn import flash_attn_func
        else:
            flash_attn_func = None
        """,
        [(f"    {FUNC}\n", f"    try:\n        {FUNC}\n    except ImportError:\n        flash_attn_func = None\n")],
        left="",
    ),
    guarded(
        "guard-lazy",
        "lazy import",
        """
        flash_attn_func = None


        def attend(q, k, v):
            from flash_attn import flash_attn_func
            return flash_attn_func(q, k, v)
        """,
        [(f"    {FUNC}\n", f"    try:\n        {FUNC}\n    except ImportError:\n        flash_attn_func = None\n")],
        left="",
    ),
    same(
        "guard-handler-of-handler",
        "two origins from try/except",
        GUARD,
        """
        try:
            from flash_attn_interface import flash_attn_func
        except ImportError:
            try:
                from flash_attn import flash_attn_func
            except ImportError:
                from torch.nn.functional import scaled_dot_product_attention as flash_attn_func
        """,
    ),
    same(
        "guard-type-checking",
        "TYPE_CHECKING import and quoted annotation",
        GUARD,
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from flash_attn import flash_attn_func


        def attend(function: "flash_attn_func") -> None:
            pass
        """,
    ),
    *(same(name, hazard, GUARD, before) for name, (hazard, before) in SAME.items()),
)
