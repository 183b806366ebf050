"""`rename` on real trees: each form of import, aliases, annotations, other files of the tree."""

from __future__ import annotations

from tests.upstream.language import Case, names, sub

LIT = ("lit_gpt/model.py", "lit_gpt/__init__.py", "lit_gpt/speed_monitor.py", "scripts/*.py", "pretrain/*.py")

OPENING = (
    "fastchat/utils.py",
    "fastchat/serve/vision/image.py",
    "fastchat/serve/monitor/classify/*.py",
    "tests/test_openai_vision_api.py",
)

CASES = (
    Case(
        "rename: from-import, two uses in branches",
        "TRM",
        "rename: adam_atan2.AdamATan2\nto: torch.optim.Adam",
        (
            sub("pretrain.py", r"^from adam_atan2 import AdamATan2$", "from torch.optim import Adam"),
            sub("pretrain.py", r"\bAdamATan2\(", "Adam("),
        ),
    ),
    Case(
        "rename: dotted, the new module needs an import",
        "protein_lig_sedd",
        "rename: torch.cuda.amp.GradScaler\nto: torch.amp.GradScaler",
        (
            sub("*.py", r"^(?!\s*#)(.*)torch\.cuda\.amp\.GradScaler\b", r"\1torch.amp.GradScaler"),
            sub("protlig_dd/training/run_train_*.py", r"^import torch$", "import torch\nimport torch.amp"),
        ),
    ),
    Case(
        "rename: one of two names of an import that nothing reads",
        "SEDD",
        "rename: torch.cuda.amp.custom_fwd\nto: torch.amp.custom_fwd",
        (
            sub(
                "graph_lib.py",
                r"^from torch\.cuda\.amp import custom_fwd, custom_bwd$",
                "from torch.cuda.amp import custom_bwd\nfrom torch.amp import custom_fwd",
            ),
        ),
    ),
    Case(
        "rename: one of two names of an import, four lines above its use",
        "TinyLlama",
        "rename: lightning.fabric.strategies.FSDPStrategy\nto: lightning.fabric.strategies.fsdp.FSDPStrategy",
        (
            sub(
                "pretrain/*.py",
                r"^from lightning\.fabric\.strategies import FSDPStrategy, XLAStrategy$",
                "from lightning.fabric.strategies import XLAStrategy\n"
                "from lightning.fabric.strategies.fsdp import FSDPStrategy",
            ),
        ),
        sites=(r"pretrain/*.py: \bFSDPStrategy\(",),
    ),
    Case(
        "rename: under TYPE_CHECKING, read by annotations alone",
        "flash-linear-attention",
        "rename: transformers.processing_utils.Unpack\nto: typing_extensions.Unpack",
        (
            sub(
                "*.py",
                r"^(\s+)from transformers\.processing_utils import Unpack$",
                r"\1from typing_extensions import Unpack",
            ),
        ),
        sites=(r"fla/*.py: \bUnpack\[",),
    ),
    Case(
        "rename: `as` in a try whose handler binds None",
        "flash-linear-attention",
        "in: fla/modules/**\nrename: causal_conv1d.causal_conv1d_fn\nto: my_conv.causal_conv1d_fn",
        refused=("fla/modules/conv/*.py: import causal_conv1d_fn as",),
        status="refused",
    ),
    Case(
        "rename: the other arm is a class of the file, and who imports it relatively",
        "Lumina-T2X",
        "rename: apex.normalization.FusedRMSNorm\nto: torch.nn.RMSNorm",
        refused=(r"*.py: ^ +from apex\.normalization import .* as RMSNorm|^from \.components? import RMSNorm",),
        status="refused",
    ),
    Case(
        "rename: an attribute of an alias, handed on and called",
        "contrastors",
        "rename: torch.nn.functional.sigmoid\nto: torch.sigmoid",
        (sub("src/contrastors/*.py", r"\bF\.sigmoid\b", "torch.sigmoid"),),
    ),
    Case(
        "rename: an alias of a module, read in annotations",
        "ring-flash-attention",
        "rename: torch.distributed.ProcessGroup\nto: torch.distributed.distributed_c10d.ProcessGroup",
        (
            sub("*.py", r"\bdist\.ProcessGroup\b", "torch.distributed.distributed_c10d.ProcessGroup"),
            sub(
                ("ring_flash_attn/adapters/hf_adapter.py", "ring_flash_attn/utils.py"),
                r"^import torch\.distributed as dist$",
                "import torch.distributed as dist\nimport torch.distributed.distributed_c10d",
            ),
        ),
        sites=(r"*.py: dist\.ProcessGroup",),
    ),
    Case(
        "rename: through `__init__`, its `__all__` and `as`, local classes of that name stay",
        "TinyLlama",
        "rename: lit_gpt.config.Config\nto: litgpt.GPTConfig",
        (
            names(LIT, "Config", "GPTConfig"),
            sub("lit_gpt/__init__.py", r'"Config"', '"GPTConfig"'),
            sub("lit_gpt/*.py", r"^from lit_gpt\.config import (GPT)?Config", "from litgpt import GPTConfig"),
        ),
        sites=(
            r"lit_gpt/model.py: : Config\b|Config\.from_name",
            r"lit_gpt/speed_monitor.py: : Config\b",
            r"scripts/convert_*.py: : Config\b|Config\.from_name",
            r"scripts/prepare_redpajama.py: = Config\(",
            r"pretrain/*.py: Config\.from_name",
            r"lit_gpt/__init__.py: import Config",
            r"lit_gpt/lora.py: ^class Config",
            r"lit_gpt/adapter.py: ^class Config",
        ),
    ),
    Case(
        "rename: an import in functions beside a class of that name",
        "FastChat",
        "rename: PIL.Image.open\nto: fastchat_images.load",
        (
            sub(OPENING, r"^( *)from PIL import Image$", r"\1import fastchat_images"),
            sub("*.py", r"\bImage\.open\(", "fastchat_images.load("),
        ),
    ),
    Case(
        "rename: nothing of that name comes from there",
        "SEDD",
        "rename: flash_attn.layers.rotary.apply_rotary_emb\nto: rotary.apply",
        status="absent",
    ),
    Case(
        "rename: a module that is imported with `as`",
        "SEDD",
        "rename: torch.optim\nto: bitsandbytes.optim",
        (sub("losses.py", r"^import torch\.optim as optim$", "import bitsandbytes.optim as optim"),),
        sites=(r"losses.py: \boptim\.Adam",),
    ),
)
