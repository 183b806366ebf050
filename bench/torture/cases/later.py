"""Checks that were written when the rules of every tool were finished, and that none of them was changed for."""

from __future__ import annotations

from bench.torture.check import (
    CONTIGUOUS,
    CPU,
    DEVICE,
    GUARD,
    KEYWORD,
    NO_FLASH,
    NO_OLD,
    PLAIN,
    RENAME,
    REQUIREMENTS,
    SET_DEVICE,
    UNUSED,
    change,
    same,
)

__all__ = ["CHECKS"]

BOTH = (RENAME, KEYWORD)
BUILD = "import train; train.build('p')"
IMPORT = ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2")
PICK = '"cuda" if torch.cuda.is_available() else "cpu"'

CHECKS = (
    change(
        "later-lazy-module-alias",
        "lazy import",
        BOTH,
        """
        class Trainer:
            def build(self, params):
                import adam_atan2 as A
                self.optimizer = A.AdamATan2(params, lr=0)

            def rebuild(self, params, A):
                return A.AdamATan2(params, lr=0)
        """,
        [
            ("import adam_atan2 as", "import adam_atan2_pytorch as"),
            ("self.optimizer = A.AdamATan2(params, lr=0)", "self.optimizer = A.AdamAtan2(params, lr=1e-8)"),
        ],
        drive="""
import train, types
train.Trainer().build('p')
train.Trainer().rebuild('q', types.SimpleNamespace(AdamATan2=lambda params, lr: record('other', lr)))
""",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "later-two-aliases-in-parentheses",
        "aliased import",
        BOTH,
        """
        from adam_atan2 import (AdamATan2 as Opt, warmup as wu)


        def build(params):
            wu(params)
            return Opt(params, lr=0)
        """,
        [
            (
                "from adam_atan2 import (AdamATan2 as Opt, warmup as wu)",
                "from adam_atan2 import (warmup as wu)\nfrom adam_atan2_pytorch import AdamAtan2 as Opt",
            ),
            ("lr=0", "lr=1e-8"),
        ],
        drive=BUILD,
    ),
    change(
        "later-annotated-assignment",
        "TYPE_CHECKING import and quoted annotation",
        BOTH,
        """
        import adam_atan2


        def build(params):
            optimizer: "adam_atan2.AdamATan2" = adam_atan2.AdamATan2(params, lr=0)
            return optimizer
        """,
        [
            ("import adam_atan2\n", "import adam_atan2_pytorch\n"),
            (
                '"adam_atan2.AdamATan2" = adam_atan2.AdamATan2(params, lr=0)',
                '"adam_atan2_pytorch.AdamAtan2" = adam_atan2_pytorch.AdamAtan2(params, lr=1e-8)',
            ),
        ],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "later-unpacked-local",
        "shadowing local",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            best = optimizer = AdamATan2(params, lr=0) if params else None
            return best, optimizer


        def build_as(registry, params):
            AdamATan2, rate = registry
            return AdamATan2(params, lr=0)


        def read(path):
            with open(path) as AdamATan2, path as (a, *AdamATan2):
                return AdamATan2
        """,
        [IMPORT, ("optimizer = AdamATan2(params, lr=0)", "optimizer = AdamAtan2(params, lr=1e-8)")],
        drive="import train; train.build('p'); train.build_as((lambda params, lr: record('other', lr), 1), 'q')",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "later-odd-parameters",
        "shadowing parameter",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params, lr=0)


        def first(AdamATan2, /):
            return AdamATan2


        def rest(*AdamATan2):
            return AdamATan2


        def more(**AdamATan2):
            return AdamATan2
        """,
        [IMPORT, ("return AdamATan2(params, lr=0)", "return AdamAtan2(params, lr=1e-8)")],
        drive="import train; train.build('p'); record(train.first(1)); record(train.rest(1)); record(train.more(a=1))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "later-dataclass-field",
        "bare reference",
        BOTH,
        """
        from dataclasses import dataclass, field
        from typing import Type

        from adam_atan2 import AdamATan2


        @dataclass
        class Config:
            cls: Type[AdamATan2] = AdamATan2
            made: object = field(default_factory=lambda: AdamATan2("p", lr=0))
        """,
        [
            IMPORT,
            ("Type[AdamATan2] = AdamATan2", "Type[AdamAtan2] = AdamAtan2"),
            ('AdamATan2("p", lr=0)', 'AdamAtan2("p", lr=1e-8)'),
        ],
        drive="import train; record(train.Config().cls)",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "later-in-f-string",
        "f-strings",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            assert isinstance(params, (str, AdamATan2)), "no AdamATan2"
            return f'lr={AdamATan2(params, lr=0).lr!r:>{len("AdamATan2")}}'
        """,
        [IMPORT, ("(str, AdamATan2)", "(str, AdamAtan2)"), ("{AdamATan2(params, lr=0)", "{AdamAtan2(params, lr=1e-8)")],
        drive="import train; record(train.build('p'))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "later-options-in-place",
        "*args/**kwargs in the call",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        async def build(params, *more):
            yield AdamATan2(params, **dict(lr=0))
            yield AdamATan2(*[params], *more, lr=0)
        """,
        [
            IMPORT,
            ("yield AdamATan2(params", "yield AdamAtan2(params"),
            ("AdamATan2(*[params], *more, lr=0)", "AdamAtan2(*[params], *more, lr=1e-8)"),
        ],
        drive="""
import asyncio, train
async def run():
    async for one in train.build('p'):
        pass
asyncio.run(run())
""",
    ),
    change(
        "later-re-export-in-package",
        "re-export from a project module",
        BOTH,
        {
            "src/__init__.py": "",
            "src/optim.py": "from adam_atan2 import AdamATan2  # noqa: F401\n",
            "src/train.py": "from .optim import AdamATan2 as Atan\n\n\ndef build(params):\n    return Atan(params, lr=1e-3)\n",
        },
        {
            "src/optim.py": [
                ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")
            ]
        },
        {"src/optim.py": [IMPORT], "src/train.py": [("import AdamATan2 as", "import AdamAtan2 as")]},
        drive="import src.train; src.train.build('p')",
        worlds=(PLAIN, NO_OLD),
        left="src/optim.py",
    ),
    change(
        "later-one-line-imports",
        "statements joined by ;",
        BOTH,
        """
        if True: import adam_atan2;
        try: from adam_atan2 import AdamATan2; from torch.optim import AdamW
        finally: pass


        def build(params):
            return adam_atan2.AdamATan2(params), AdamATan2(params, lr=0), AdamW(params, lr=0)
        """,
        [
            ("import adam_atan2;", "import adam_atan2_pytorch;"),
            IMPORT,
            (
                "adam_atan2.AdamATan2(params), AdamATan2(params, lr=0)",
                "adam_atan2_pytorch.AdamAtan2(params), AdamAtan2(params, lr=1e-8)",
            ),
        ],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "later-guard-crlf-handler",
        "CRLF",
        GUARD,
        b"try:\r\n\tfrom flash_attn_interface import flash_attn_func as fa\r\nexcept ImportError:\r\n"
        b"\tfrom flash_attn import flash_attn_func as fa  # 2\r\n\r\nATTENTION = fa\r\n",
        [
            (
                "\tfrom flash_attn import flash_attn_func as fa  # 2\r\n",
                "\ttry:\r\n\t\tfrom flash_attn import flash_attn_func as fa  # 2\r\n\texcept ImportError:\r\n\t\tfa = None\r\n",
            )
        ],
        drive="import train; record(bound(train, 'fa'))",
        worlds=(PLAIN, NO_FLASH),
        fresh=True,
    ),
    change(
        "later-guard-below",
        "import a.b as c",
        GUARD,
        """
        import math
        from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func


        def attend(qkv, packed):
            return flash_attn_qkvpacked_func(qkv) if packed else flash_attn_func(*qkv, math.sqrt(2))
        """,
        [
            (
                "from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func\n",
                "try:\n    from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func\n"
                "except ImportError:\n    flash_attn_func = flash_attn_qkvpacked_func = None\n",
            )
        ],
        drive="import train; record(bound(train, 'flash_attn_func', 'flash_attn_qkvpacked_func'))",
        worlds=(NO_FLASH,),
        fresh=True,
        left="train.py",
    ),
    change(
        "later-guard-names-for-others",
        "re-export from a project module",
        GUARD,
        """
        import math
        from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func

        SCALE = math.sqrt(2)
        """,
        [
            (
                "from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func\n",
                "try:\n    from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func\n"
                "except ImportError:\n    flash_attn_func = flash_attn_qkvpacked_func = None\n",
            )
        ],
        # Nothing in the tree reads the second name, and no stand-in has it: bound to nothing, or left unbound and told.
        partly=[
            (
                [
                    (
                        "from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func\n",
                        "try:\n    from flash_attn.flash_attn_interface import flash_attn_func, flash_attn_qkvpacked_func\n"
                        f"except ImportError:\n    {bound}\n",
                    )
                ],
                "train.py",
            )
            for bound in ("flash_attn_func = None", "pass")
        ],
        drive="import train; record(bound(train, 'flash_attn_func', 'flash_attn_qkvpacked_func'))",
        worlds=(NO_FLASH,),
        fresh=True,
        left="train.py",
    ),
    change(
        "later-guard-re-export",
        "re-export from a project module",
        GUARD,
        {
            "layers/__init__.py": "from flash_attn.bert_padding import pad_input\n",
            "train.py": """
                from layers import pad_input


                def pad(x, flash=False):
                    return pad_input(x) if flash else x
                """,
        },
        {
            "layers/__init__.py": [
                (
                    "from flash_attn.bert_padding import pad_input\n",
                    "try:\n    from flash_attn.bert_padding import pad_input\nexcept ImportError:\n    pad_input = None\n",
                )
            ]
        },
        drive="import train; record(train.pad(1))",
        worlds=(PLAIN, NO_FLASH),
        fresh=True,
        left="layers/__init__.py",
    ),
    change(
        "later-device-latin-1",
        "latin-1 with cookie",
        DEVICE,
        "# -*- coding: latin-1 -*-\nfrom models import Net  # réseau\n\n\ndef move(x):\n\treturn (\n\t\tx\n\t\t.cuda()\n\t)\n".encode(
            "latin-1"
        ),
        [("from models", "import torch\nfrom models"), ("\t\t.cuda()", f"\t\t.to({PICK})")],
        [("from models", "import torch\nfrom models"), ("x\n\t\t.cuda()", f"x.to({PICK})")],
        drive="import sys, types; sys.modules['models'] = types.SimpleNamespace(Net=1)\n"
        "import train, torch; del sys.modules['models']; record(train.move(torch.Tensor('x')))",
        worlds=(PLAIN, CPU),
    ),
    change(
        "later-device-methods",
        "class scope",
        DEVICE,
        """
        import torch


        class Net(torch.nn.Module):
            def move(self, x):
                self.x = x.cuda(); y = self.x
                return [*(z.cuda() for z in (y, self.x))], {"x": x.cuda()}["x"], (lambda: self.cuda())()
        """,
        [
            ("self.x = x.cuda()", f"self.x = x.to({PICK})"),
            ("(z.cuda() for", f"(z.to({PICK}) for"),
            ('{"x": x.cuda()}', f'{{"x": x.to({PICK})}}'),
            ("self.cuda())", f"self.to({PICK}))"),
        ],
        drive="import train, torch; record(train.Net().move(torch.Tensor('x')))",
        worlds=(PLAIN, CPU),
    ),
    change(
        "later-contiguous-closure",
        "wrong scope",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as nnf


                class Block:
                    def forward(self, q, k, v):
                        def attend(q):
                            result = nnf.scaled_dot_product_attention(
                                q, k, v, is_causal=True,
                            )
                            return result.view(2, -1)

                        return attend(q), q.view(1)
                """
        },
        [("result.view(", "result.contiguous().view(")],
        drive="import layers, torch; T = torch.Tensor; record(layers.Block().forward(T('q'), T('k'), T('v')))",
    ),
    change(
        "later-contiguous-arithmetic",
        "bare reference",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F


                def forward(q, k, v):
                    y = F.scaled_dot_product_attention(q, k, v).reshape(2, -1) + q
                    return y.view(2, -1)
                """
        },
        [("y.view(", "y.contiguous().view(")],
        drive="import layers",
        left="",
    ),
    change(
        "later-unused-forms",
        "extra parentheses",
        UNUSED,
        """
        from apex import amp as mixed
        from apex import (parallel)
        import torch

        SCALE = torch.randn(1)
        """,
        [("from apex import amp as mixed\nfrom apex import (parallel)\n", "")],
    ),
    change(
        "later-set-device-elif",
        "one-line if x: y",
        SET_DEVICE,
        """
        import torch


        def start(rank):
            if rank == 0:
                pass
            elif rank > 1:
                torch.cuda.set_device(rank)
            with torch.device("cpu"):
                torch.cuda.set_device(rank)
            return rank
        """,
        [
            (
                "    elif rank > 1:\n        torch.cuda.set_device(rank)\n",
                "    elif rank > 1:\n        if torch.cuda.is_available():\n            torch.cuda.set_device(rank)\n",
            ),
            (
                '"cpu"):\n        torch.cuda.set_device(rank)\n',
                '"cpu"):\n        if torch.cuda.is_available():\n            torch.cuda.set_device(rank)\n',
            ),
        ],
        drive="import train; record(train.start(1)); record(train.start(2))",
        worlds=(PLAIN, CPU),
    ),
    change(
        "later-requirements-extras",
        "another format",
        REQUIREMENTS,
        {
            "requirements.txt": "-r base.txt\neinops\n",
            "base.txt": "torch\nadam-atan2[cuda]~=0.0.3\nflash-attn>=2.5,<3 ; python_version >= '3.9'\n",
        },
        {
            "base.txt": [
                ("adam-atan2[cuda]~=0.0.3", "adam-atan2-pytorch>=0.1.18"),
                ("flash-attn>=2.5,<3 ; python_version >= '3.9'\n", ""),
            ]
        },
        run=False,
    ),
    same(
        "later-not-a-generator",
        "comprehension scopes",
        BOTH,
        """
        def check(classes):
            return any(AdamATan2(lr=0) for AdamATan2 in classes), {AdamATan2 for AdamATan2 in classes}
        """,
    ),
    same(
        "later-not-a-type-variable",
        "local class of the same name",
        BOTH,
        """
        from typing import TypeVar

        AdamATan2 = TypeVar("AdamATan2")


        def build(cls: type[AdamATan2], params) -> "AdamATan2":
            return cls(params, lr=0)
        """,
    ),
    same(
        "later-not-from-nested-module",
        "same name from another module",
        BOTH,
        """
        from adam_atan2.experimental import AdamATan2
        import adam_atan2.experimental as exp


        def build(params):
            return AdamATan2(params, lr=0), exp.AdamATan2(params, lr=0)
        """,
    ),
    same(
        "later-not-by-assignment",
        "bare reference",
        BOTH,
        """
        import optimizers

        AdamATan2 = optimizers.get("atan2")
        optimizer = AdamATan2([], lr=0)
        """,
    ),
    same(
        "later-guard-not-with-else",
        "two origins from try/except",
        GUARD,
        """
        try:
            import flash_attn
        except ImportError as error:
            flash_attn = None
            REASON = str(error)
        else:
            REASON = ""
        finally:
            print("looked for flash_attn")
        """,
    ),
    same(
        "later-guard-not-qualified-handler",
        "second apply",
        GUARD,
        """
        import builtins

        try:
            from flash_attn import flash_attn_func
        except builtins.ImportError:
            flash_attn_func = None
        """,
    ),
    same(
        "later-device-not-a-subscript",
        "keyword v positional",
        DEVICE,
        """
        import torch


        def rename(tree):
            return tree.to["cuda"], tree.device("cuda").cuda, torch.cuda, tree(cuda="cuda", kind="cuda:0")
        """,
    ),
    same(
        "later-device-not-a-class-attribute",
        "class scope",
        DEVICE,
        '''
        class Args:
            """Moves by `.cuda()`; device="cuda" or "cpu"."""

            cuda = True
            device_name = "cuda"

            def __str__(self):
                return "--device=cuda" if self.cuda else "--device=cpu"
        ''',
    ),
    same(
        "later-contiguous-not-numpy",
        "same name from another module",
        CONTIGUOUS,
        {
            "layers.py": """
                import numpy as np
                from mine.functional import scaled_dot_product_attention


                def forward(q, k, v):
                    out = scaled_dot_product_attention(q, k, v)
                    return out.view(np.int8)
                """
        },
    ),
    same(
        "later-unused-not-by-attribute",
        "bare reference",
        UNUSED,
        """
        from apex import amp as _amp


        class Loop:
            amp = property(lambda self: _amp)
        """,
    ),
    same(
        "later-unused-not-in-except",
        "two origins from try/except",
        UNUSED,
        """
        try:
            from torch import amp
        except ImportError:
            from apex import amp


        def scale(model):
            return amp.initialize(model)
        """,
    ),
    same(
        "later-set-device-not-elif",
        "second apply",
        SET_DEVICE,
        """
        import torch


        def start(rank):
            if rank is None:
                return
            elif torch.cuda.is_available():
                for _ in range(2):
                    torch.cuda.set_device(rank)
        """,
    ),
    same(
        "later-set-device-not-other-module",
        "same name from another module",
        SET_DEVICE,
        """
        import torch_npu as torch
        from mine import torch as t


        def start(rank):
            torch.cuda.set_device(rank)
            t.cuda.set_device(rank)
        """,
    ),
    same(
        "later-requirements-not-a-table",
        "another format",
        REQUIREMENTS,
        {
            "pyproject.toml": '[project]\nname = "x"\nkeywords = ["adam-atan2", "flash-attn"]\n\n[tool.x.adam-atan2]\nflash-attn = 1\n',
            "environment.yml": "name: flash-attn\nchannels:\n  - adam-atan2\ndependencies:\n  - python\n",
        },
    ),
)
