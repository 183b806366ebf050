"""Whole small programs: all jobs at once, done already, and none of them."""

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

ALL = (RENAME, KEYWORD, GUARD, DEVICE, CONTIGUOUS, UNUSED, SET_DEVICE, REQUIREMENTS)
PICK = '"cuda" if torch.cuda.is_available() else "cpu"'

LAYERS = '''
"""Attention, in full precision."""
from typing import Optional

import torch
from torch import nn
import torch.nn.functional as F

try:
    from flash_attn_interface import flash_attn_func  # type: ignore[import]
except ImportError:
    # The second generation
    from flash_attn import flash_attn_func  # type: ignore[import]


class Attention(nn.Module):
    def forward(self, q, k, v, mask: Optional[torch.Tensor] = None):
        q = q.view(2, 3, -1)
        out = flash_attn_func(q, k, v, causal=mask is not None)
        if isinstance(out, tuple):
            out = out[0]

        out = out.view(2, 3, -1)  # type: ignore
        return self.project(out)

    def project(self, out):
        return out.view(6, -1)
'''

TRAIN = '''
"""Pretraining."""
from __future__ import annotations

import os
from functools import partial

import torch
from adam_atan2 import AdamATan2
from apex import amp
from torch.optim import AdamW

from layers import Attention

SCALE = 1  # amp scaled by this once


def build(config: dict, world_size: int = 1) -> tuple[Attention, list]:
    model = Attention().cuda()
    optimizers = [
        AdamW(model, lr=0),  # Needs to be set by scheduler
        AdamATan2(
            model,

            lr=0,  # Needs to be set by scheduler
            weight_decay=config["weight_decay"],
            betas=(config.get("beta1"), 0.95)
        ),
    ]
    return model, optimizers


def launch(config: dict, rank: int = 0):
    if "LOCAL_RANK" in os.environ or rank >= 0:
        torch.cuda.set_device(rank)

    with torch.device("cuda"):
        model, optimizers = build(config)
    batch = {name: torch.Tensor(name).cuda() for name in "qkv"}
    return model(batch["q"], batch["k"], batch["v"]), optimizers
'''

REQUIRED = "torch\nadam-atan2\nflash-attn\neinops\n"

CHECKS = (
    change(
        "whole-program",
        "nested match in match",
        ALL,
        {"layers.py": LAYERS, "train.py": TRAIN, "requirements.txt": REQUIRED},
        {
            "layers.py": [
                (
                    "    from flash_attn import flash_attn_func  # type: ignore[import]\n",
                    "    try:\n        from flash_attn import flash_attn_func  # type: ignore[import]\n"
                    "    except ImportError:\n        flash_attn_func = None\n",
                ),
                ("out.view(2, 3, -1)  #", "out.contiguous().view(2, 3, -1)  #"),
            ],
            "train.py": [
                ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
                ("from apex import amp\n", ""),
                ("Attention().cuda()", f"Attention().to({PICK})"),
                (
                    "        AdamATan2(\n            model,\n\n            lr=0,",
                    "        AdamAtan2(\n            model,\n\n            lr=1e-8,",
                ),
                (
                    "        torch.cuda.set_device(rank)\n",
                    "        if torch.cuda.is_available():\n            torch.cuda.set_device(rank)\n",
                ),
                ('torch.device("cuda")', f"torch.device({PICK})"),
                ("torch.Tensor(name).cuda()", f"torch.Tensor(name).to({PICK})"),
            ],
            "requirements.txt": [("adam-atan2\nflash-attn\n", "adam-atan2-pytorch>=0.1.18\n")],
        },
        drive="""
import sys, layers
record(bound(layers, "flash_attn_func"))
if sys.modules["flash_attn"]:
    import train
    record(train.launch({"weight_decay": 0})[0])
""",
        worlds=(PLAIN, CPU, NO_OLD, NO_FLASH),
        fresh=True,
        twice=True,
    ),
    same(
        "whole-done",
        "second apply",
        ALL,
        {
            "train.py": f"""
                import torch
                import torch.nn.functional as F
                from adam_atan2_pytorch import AdamAtan2

                try:
                    from flash_attn import flash_attn_func
                except ImportError:
                    flash_attn_func = None


                def start(model, rank):
                    if torch.cuda.is_available():
                        torch.cuda.set_device(rank)
                    model = model.to({PICK})
                    return model, AdamAtan2(model, lr=1e-8)


                def forward(q, k, v):
                    out = F.scaled_dot_product_attention(q, k, v)
                    return out.contiguous().view(2, -1)
                """,
            "requirements.txt": "torch\nadam-atan2-pytorch>=0.1.18\n",
        },
    ),
    same(
        "whole-other-project",
        "same name from another module",
        ALL,
        {
            "run.py": """
                import argparse

                from optim import AdamATan2
                from device import set_device, move


                def main(args, apex):
                    set_device(args.rank)
                    model = move(args.model, device=args.device)
                    out = model.attend(args.batch)
                    print(f"{out.view(2)} with adam_atan2 on {'cuda'}, {apex}")
                    return AdamATan2(model, lr=0)


                if __name__ == "__main__":
                    parser = argparse.ArgumentParser()
                    parser.add_argument("--device", default="cuda", help="cuda or cpu; x.cuda()")
                    main(parser.parse_args(), None)
                """,
            "optim.py": "class AdamATan2:\n    def __init__(self, params, lr=0):\n        self.lr = lr\n",
            "device.py": "def set_device(rank):\n    pass\n\n\ndef move(x, device):\n    return x\n",
            "README.md": "Training on `cuda`.\n",
        },
    ),
    same(
        "whole-no-python",
        "empty file",
        ALL,
        {"README.md": "# A tree\n", "data/x.json": '{"a": 1}\n', "run.sh": "python train.py\n"},
    ),
)
