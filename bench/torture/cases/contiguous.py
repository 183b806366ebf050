"""`.contiguous()` goes between an attention's output and its `.view`, and nowhere else."""

from __future__ import annotations

from bench.torture.check import CONTIGUOUS, change, same

__all__ = ["CHECKS"]

FORWARD = "import layers, torch; record(layers.forward(torch.Tensor('q'), torch.Tensor('k'), torch.Tensor('v')))"

# What only looks like the job: nothing may change.
SAME = {
    "contiguous-not-done": (
        "second apply",
        """
        import torch.nn.functional as F


        def forward(q, k, v):
            y = F.scaled_dot_product_attention(q, k, v)
            return y.transpose(1, 2).contiguous().view(2, -1)
        """,
    ),
    "contiguous-not-done-in-one": (
        "second apply",
        """
        import torch.nn.functional as F


        def forward(q, k, v):
            return F.scaled_dot_product_attention(q, k, v).contiguous().view(2, -1)
        """,
    ),
    "contiguous-not-reshape": (
        "wrong scope",
        """
        import torch.nn.functional as F


        def forward(q, k, v):
            y = F.scaled_dot_product_attention(q, k, v)
            return y.reshape(2, -1)
        """,
    ),
    "contiguous-not-bare": (
        "bare reference",
        """
        import torch.nn.functional as F


        def forward(q, k, v):
            y = F.scaled_dot_product_attention(q, k, v)
            return y.view, "y.view(2)"
        """,
    ),
    "contiguous-not-the-inputs": (
        "wrong scope",
        """
        import torch.nn.functional as F


        def forward(q, k, v):
            q, k, v = q.view(2, -1), k.view(2, -1), v.view(2, -1)
            return F.scaled_dot_product_attention(q, k, v)
        """,
    ),
    "contiguous-not-another-scope": (
        "wrong scope",
        """
        import torch.nn.functional as F


        def forward(q, k, v):
            y = F.scaled_dot_product_attention(q, k, v)
            return y


        def project(y):
            return y.view(2, -1)
        """,
    ),
    "contiguous-not-a-local-function": (
        "local class of the same name",
        """
        def scaled_dot_product_attention(q, k, v):
            return q


        def forward(q, k, v):
            y = scaled_dot_product_attention(q, k, v)
            return y.view(2, -1)
        """,
    ),
    "contiguous-not-a-parameter": (
        "shadowing parameter",
        """
        import torch.nn.functional as F


        def forward(q, k, v, F):
            y = F.scaled_dot_product_attention(q, k, v)
            return y.view(2, -1)
        """,
    ),
    "contiguous-not-another-function": (
        "import a.b as c",
        """
        import torch.nn.functional as F
        from models import flash_attn_func


        def forward(q, k, v):
            y, z = F.softmax(q), flash_attn_func(q, k, v)
            return y.view(2, -1), z.view(2, -1)
        """,
    ),
}

CHECKS = (
    change(
        "contiguous-plain",
        "import a.b as c",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F


                def forward(q, k, v):
                    q, k, v = q.view(2, -1), k.view(2, -1), v.view(2, -1)
                    out = F.scaled_dot_product_attention(q, k, v)
                    return out.view(2, 3, -1)
                """
        },
        [("out.view(", "out.contiguous().view(")],
        drive=FORWARD,
        twice=True,
    ),
    change(
        "contiguous-alias",
        "aliased import",
        CONTIGUOUS,
        {
            "layers.py": """
                from torch.nn.functional import scaled_dot_product_attention as sdpa


                def forward(q, k, v):
                    attended = sdpa(q, k, v)
                    return attended.view(attended.size(0), -1)
                """
        },
        [("attended.view(", "attended.contiguous().view(")],
        drive=FORWARD,
    ),
    change(
        "contiguous-flash",
        "two origins from try/except",
        CONTIGUOUS,
        {
            "layers.py": """
                try:
                    from flash_attn_interface import flash_attn_func
                except ImportError:
                    try:
                        from flash_attn import flash_attn_func
                    except ImportError:
                        flash_attn_func = None


                def forward(q, k, v):
                    attn_output = flash_attn_func(q=q, k=k, v=v, causal=False)
                    if isinstance(attn_output, tuple):  # fa2 and fa3 differ
                        attn_output = attn_output[0]
                    attn_output = attn_output.view(2, 3, 4)
                    return q.view(2, -1), attn_output
                """
        },
        [("attn_output.view(", "attn_output.contiguous().view(")],
        drive=FORWARD,
    ),
    change(
        "contiguous-direct",
        "nested match in match",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch


                def forward(q, k, v):
                    return torch.nn.functional.scaled_dot_product_attention(q.view(1), k.view(1), v.view(1)).view(2, -1)
                """
        },
        [(".view(2, -1)", ".contiguous().view(2, -1)")],
        drive=FORWARD,
    ),
    change(
        "contiguous-nested",
        "nested match in match",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F


                def forward(q, k, v):
                    first = F.scaled_dot_product_attention(q, k, v)
                    second = F.scaled_dot_product_attention(first.view(2, -1), k, v)
                    return second.view(first.view(6).size(0), q.view(3).size(1))
                """
        },
        [
            ("first.view(2", "first.contiguous().view(2"),
            ("second.view(", "second.contiguous().view("),
            ("(first.view(6", "(first.contiguous().view(6"),
        ],
        drive=FORWARD,
    ),
    change(
        "contiguous-transposed",
        "nested match in match",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F


                def forward(q, k, v):
                    y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
                    return y.transpose(1, 2).view(2, 3, -1)
                """
        },
        [("y.transpose(1, 2).view", "y.transpose(1, 2).contiguous().view")],
        drive=FORWARD,
    ),
    change(
        "contiguous-walrus",
        "walrus",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F


                def forward(q, k, v):
                    if (y := F.scaled_dot_product_attention(q, k, v)) is not None:
                        return y.view(2, -1)
                """
        },
        [("y.view(", "y.contiguous().view(")],
        drive=FORWARD,
    ),
    change(
        "contiguous-branches",
        "two origins from if/else",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F

                FAST = False
                try:
                    from flash_attn import flash_attn_func as flash
                except ImportError:
                    flash = None


                def forward(q, k, v):
                    if FAST: y = flash(q, k, v)
                    else: y = F.scaled_dot_product_attention(q, k, v)
                    y = (y).view(2, -1); return y, k.view(2, -1)
                """
        },
        [("(y).view(", "(y).contiguous().view(")],
        drive=FORWARD,
    ),
    change(
        "contiguous-comments",
        "comment inside the call",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F


                def forward(q, k, v):
                    y = F.scaled_dot_product_attention(q, k, v)  # [batch, heads, length, dim]
                    return y.view(  # y.view
                        2,  # batch
                        -1,
                    )
                """
        },
        [("return y.view(", "return y.contiguous().view(")],
        drive=FORWARD,
    ),
    change(
        "contiguous-one-of-two-scopes",
        "wrong scope",
        CONTIGUOUS,
        {
            "layers.py": """
                import torch.nn.functional as F


                def forward(q, k, v):
                    y = F.scaled_dot_product_attention(q, k, v)
                    return y.view(2, -1)


                def project(y):
                    return y.view(2, -1)


                class Head:
                    y = None

                    def forward(self, y):
                        return self.y.view(2), [y.view(3) for y in [y]]
                """
        },
        [("v)\n    return y.view(", "v)\n    return y.contiguous().view(")],
        drive=FORWARD,
    ),
    *(same(name, hazard, CONTIGUOUS, {"layers.py": before}) for name, (hazard, before) in SAME.items()),
)
