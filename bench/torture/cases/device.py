"""`.cuda()` and device literals become portable: CUDA where there is one, else the CPU."""

from __future__ import annotations

from bench.torture.check import CPU, DEVICE, PLAIN, change, same

__all__ = ["CHECKS"]

WORLDS = (PLAIN, CPU)
PICK = '"cuda" if torch.cuda.is_available() else "cpu"'
MOVE = "import train, torch; record(train.move(torch.Tensor('x')))"

# What only looks like the job: nothing may change.
SAME = {
    "device-not-compared": (
        "bare reference",
        """
        def on_gpu(x, device):
            return device == "cuda" or x.device.type == "cuda" or "cuda" in str(device)
        """,
    ),
    "device-not-a-key": (
        "keyword v positional",
        """
        NAMES = {"cuda": "GPU", "cpu": "CPU"}
        SHOWN = NAMES["cuda"]
        """,
    ),
    "device-not-in-strings": (
        "implicit string concatenation",
        """
        HELP = "moves by x.cuda()" ' or device="cuda"'
        """,
    ),
    "device-not-in-f-string-text": (
        "f-strings",
        """
        def shown(rank):
            print(f"x.cuda() on cuda:{rank}, device='cuda'")
        """,
    ),
    "device-not-in-comments": (
        "comment inside the call",
        """
        def move(x):
            return x.cpu(  # and not x.cuda()
            )
        """,
    ),
    "device-not-a-bare-method": (
        "bare reference",
        """
        def movers(model, batch):
            return map(model.cuda, batch)
        """,
    ),
    "device-not-a-definition": (
        "class scope",
        """
        class Batch:
            def cuda(self):
                return self


        def cuda(x):
            return x


        def move(x):
            return cuda(x)
        """,
    ),
    "device-not-the-module": (
        "import a.b as c",
        """
        import torch


        def wait():
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            return torch.cuda.device_count()
        """,
    ),
    "device-not-the-cpu": (
        "keyword v positional",
        """
        import torch


        def move(x, device):
            return x.to("cpu"), x.to(device), torch.zeros(2, device="meta"), torch.device(device)
        """,
    ),
    "device-not-chosen-already": (
        "second apply",
        """
        import torch

        DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


        def move(x):
            return x.to(DEVICE)
        """,
    ),
    "device-not-moved-already": (
        "second apply",
        """
        import torch


        def move(x):
            return x.to("cuda" if torch.cuda.is_available() else "cpu")
        """,
    ),
    "device-not-made-already": (
        "second apply",
        """
        import torch as th


        def make():
            return th.zeros(2, device='cuda' if th.cuda.is_available() else 'cpu')
        """,
    ),
}

CHECKS = (
    change(
        "device-cuda-call",
        "from import",
        DEVICE,
        """
        import torch


        def move(model):
            return model.cuda()
        """,
        [("model.cuda()", f"model.to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
        twice=True,
    ),
    change(
        "device-cuda-keyword",
        "keyword v positional",
        DEVICE,
        """
        import torch


        def move(batch):
            return {name: x.cuda(non_blocking=True) for name, x in [("x", batch)]}
        """,
        [("x.cuda(non_blocking=True)", f"x.to({PICK}, non_blocking=True)")],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-chained",
        "nested match in match",
        DEVICE,
        """
        import torch


        def move(x):
            return x.cuda().matmul(x.cuda().sum()).cuda()
        """,
        [("x.cuda().matmul(x.cuda().sum()).cuda()", f"x.to({PICK}).matmul(x.to({PICK}).sum()).to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-precedence",
        "extra parentheses",
        DEVICE,
        """
        import torch


        def move(x, y=None):
            return (x + x).cuda(), (-x).cuda(), (x if y is None else y).cuda(), -x.cuda(), ((x)).cuda()
        """,
        [
            (
                "(x + x).cuda(), (-x).cuda(), (x if y is None else y).cuda(), -x.cuda(), ((x)).cuda()",
                f"(x + x).to({PICK}), (-x).to({PICK}), (x if y is None else y).to({PICK}), -x.to({PICK}), ((x)).to({PICK})",
            )
        ],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-torch-not-imported",
        "docstring before imports",
        DEVICE,
        {
            "train.py": '''
                #!/usr/bin/env python
                """Move things.

                import torch
                """
                from __future__ import annotations

                from model import Model


                def move(x: Model) -> Model:
                    return x.cuda()
                ''',
            "model.py": "class Model:\n    pass\n",
        },
        [("from model", "import torch\nfrom model"), ("x.cuda()", f"x.to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-torch-by-another-name",
        "import a.b as c",
        DEVICE,
        """
        import torch as th
        import torch.nn as nn


        def move(x):
            return x.cuda(), nn
        """,
        [("x.cuda()", f"x.to({PICK.replace('torch', 'th')})")],
        drive="import train, torch; record(train.move(torch.Tensor('x'))[0])",
        worlds=WORLDS,
    ),
    change(
        "device-only-part-of-torch",
        "from import",
        DEVICE,
        """
        from torch import nn


        def move(x):
            return nn.Module(x).cuda()
        """,
        [("from torch import nn", "import torch\nfrom torch import nn"), (".cuda()", f".to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-torch-shadowed",
        "shadowing parameter",
        DEVICE,
        """
        import torch


        def move(x, torch=None):
            return x.cuda()
        """,
        [
            ("import torch\n", "import torch\nfrom torch.cuda import is_available\n"),
            ("x.cuda()", 'x.to("cuda" if is_available() else "cpu")'),
        ],
        drive=MOVE,
        worlds=WORLDS,
        left="train.py:5",
    ),
    change(
        "device-torch-lazy",
        "lazy import",
        DEVICE,
        """
        def move(x):
            import torch
            return x.cuda()


        def move_again(x):
            return x.cuda()
        """,
        [
            ("def move(x)", "import torch\ndef move(x)"),
            ("torch\n    return x.cuda()", f"torch\n    return x.to({PICK})"),
            ("again(x):\n    return x.cuda()", f"again(x):\n    return x.to({PICK})"),
        ],
        drive=f"{MOVE}; record(train.move_again(torch.Tensor('y')))",
        worlds=WORLDS,
    ),
    change(
        "device-literals",
        "keyword v positional",
        DEVICE,
        """
        import torch

        CUDA = torch.device("cuda")


        def move(x):
            noise = torch.randn(2, 3, device='cuda')
            state = torch.load("last.pt", map_location = "cuda:0")
            return x.to("cuda"), x.to('cuda:0', non_blocking=True), noise, state
        """,
        [
            ('torch.device("cuda")', f"torch.device({PICK})"),
            ("device='cuda'", "device='cuda' if torch.cuda.is_available() else 'cpu'"),
            ('"cuda:0")', '"cuda:0" if torch.cuda.is_available() else "cpu")'),
            ('x.to("cuda")', f"x.to({PICK})"),
            ("x.to('cuda:0',", "x.to('cuda:0' if torch.cuda.is_available() else 'cpu',"),
        ],
        drive="import train, torch; record(str(train.CUDA)); record(train.move(torch.Tensor('x')))",
        worlds=WORLDS,
    ),
    change(
        "device-f-string-literal",
        "f-strings",
        DEVICE,
        """
        import torch


        def move(x, rank=0):
            return x.to(torch.device(f"cuda:{rank}"))
        """,
        [('f"cuda:{rank}"', 'f"cuda:{rank}" if torch.cuda.is_available() else "cpu"')],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-inside-f-string",
        "f-strings",
        DEVICE,
        """
        import torch


        def move(x):
            return f"{x.cuda().sum()}"
        """,
        [("x.cuda()", "x.to('cuda' if torch.cuda.is_available() else 'cpu')")],
        drive=MOVE,
        worlds=WORLDS,
        left="train.py:5",
    ),
    change(
        "device-backslash",
        "backslash continuation",
        DEVICE,
        """
        import torch


        def move(x):
            x = x \\
                .cuda() \\
                .eval()
            return x
        """,
        [("        .cuda()", f"        .to({PICK})")],
        [("x \\\n        .cuda()", f"x.to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
        left="train.py",
    ),
    change(
        "device-comment-in-chain",
        "comment inside the call",
        DEVICE,
        """
        import torch


        def move(x):
            return (
                x  # the batch
                .cuda()  # to the GPU
                .eval()  # no dropout
            )
        """,
        [("        .cuda()", f"        .to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
        left="train.py",
    ),
    change(
        "device-comment-in-call",
        "comment inside the call",
        DEVICE,
        """
        import torch


        def move(x):
            return x.cuda(
                # no stream
            )
        """,
        [("x.cuda(\n        # no stream\n", f"x.to(\n        # no stream\n        {PICK}\n")],
        [("x.cuda(\n        # no stream\n    )", f"x.to({PICK}\n        # no stream\n)")],
        drive=MOVE,
        worlds=WORLDS,
        left="train.py",
    ),
    change(
        "device-semicolons",
        "statements joined by ;",
        DEVICE,
        """
        import torch


        def move(x):
            y = x.cuda(); z = "cuda()"; return y, z  # model.cuda()
        """,
        [("y = x.cuda()", f"y = x.to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-one-line-if",
        "one-line if x: y",
        DEVICE,
        """
        import torch


        def move(x, half=True):
            if half: x = x.cuda()
            while not half: x.cuda()
            return x
        """,
        [("half: x = x.cuda()", f"half: x = x.to({PICK})"), ("not half: x.cuda()", f"not half: x.to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-comprehension",
        "comprehension scopes",
        DEVICE,
        """
        import torch


        def move(batch):
            first, *rest = [x.cuda() for x in [batch, batch] if x.cuda() is not None]
            return first, tuple(map(lambda x: x.cuda(), rest))
        """,
        [
            ("[x.cuda() for", f"[x.to({PICK}) for"),
            ("if x.cuda() is", f"if x.to({PICK}) is"),
            ("lambda x: x.cuda()", f"lambda x: x.to({PICK})"),
        ],
        drive=MOVE,
        worlds=WORLDS,
    ),
    change(
        "device-walrus",
        "walrus",
        DEVICE,
        """
        import torch


        def move(x):
            if (y := x.cuda()) is not None:
                return y, (z := x).cuda(), z
        """,
        [("y := x.cuda()", f"y := x.to({PICK})"), ("(z := x).cuda()", f"(z := x).to({PICK})")],
        drive=MOVE,
        worlds=WORLDS,
    ),
    *(same(name, hazard, DEVICE, before) for name, (hazard, before) in SAME.items()),
)
