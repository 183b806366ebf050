"""`guard_import` on real trees: shims, code with a flag, lazy imports; `needs` and `when` that speak of imports."""

from __future__ import annotations

from tests.upstream.language import Case, sub

CASES = (
    Case(
        "guard_import: a shim beside relative siblings",
        "SEDD",
        """
        guard_import: [flash_attn]
        otherwise: shim.flash_attn_torch
        """,
        (
            sub(
                "model/transformer.py",
                r"^from flash_attn\.flash_attn_interface import (.*)\n",
                "try:\n    from flash_attn.flash_attn_interface import \\1\nexcept ImportError:\n"
                "    from .flash_attn_torch.flash_attn_interface import \\1\n",
            ),
        ),
        added=("model/flash_attn_torch/*.py",),
        sites=("model/transformer.py: ^from flash_attn",),
    ),
    Case(
        "guard_import: code with a flag, an import over four lines",
        "mdlm",
        """
        guard_import: [causal_conv1d]
        otherwise: causal_conv1d_fn = causal_conv1d_update = None
        flag: HAS_CONV
        """,
        (
            sub(
                "models/dimamba.py",
                r"^from causal_conv1d import \(\n(.*)\n(.*)\n\)\n",
                "try:\n    from causal_conv1d import (\n    \\1\n    \\2\n    )\n    HAS_CONV = True\n"
                "except ImportError:\n    causal_conv1d_fn = causal_conv1d_update = None\n    HAS_CONV = False\n",
            ),
        ),
        sites=("models/dimamba.py: ^from causal_conv1d",),
    ),
    Case(
        "guard_import: two imports of a package at once",
        "LongLoRA",
        """
        in: gptneox_attn_replace.py
        guard_import: [flash_attn]
        otherwise: shim.flash_attn_torch
        """,
        (
            sub(
                "gptneox_attn_replace.py",
                r"^from flash_attn import (.*)\nfrom flash_attn\.bert_padding import (.*)\n",
                "try:\n    from flash_attn import \\1\n    from flash_attn.bert_padding import \\2\nexcept ImportError:\n"
                "    from flash_attn_torch import \\1\n    from flash_attn_torch.bert_padding import \\2\n",
            ),
        ),
        added=("flash_attn_torch/*.py",),
        sites=("gptneox_attn_replace.py: ^from flash_attn import",),
    ),
    Case(
        "guard_import: lazy, an import in a function whose `if` asks for the package stays",
        "TinyLlama",
        """
        in: lit_gpt/model.py
        guard_import: [flash_attn]
        otherwise: flash_attn_func = None
        lazy: yes
        """,
        (
            sub(
                "lit_gpt/model.py",
                r"^from flash_attn import flash_attn_func\n",
                "try:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n    flash_attn_func = None\n",
            ),
        ),
        sites=("lit_gpt/model.py: ^from flash_attn",),
    ),
    Case(
        "guard_import: lazy, an import under an `if` that asks for something else",
        "EasyContext",
        """
        guard_import: [wandb]
        otherwise: wandb = None
        lazy: yes
        """,
        (
            sub(
                "train.py",
                r"^        import wandb\n",
                "        try:\n            import wandb\n        except ImportError:\n            wandb = None\n",
            ),
        ),
        sites=("train.py: import wandb",),
    ),
    Case(
        "guard_import: lazy, imports of functions over lines that a backslash joins",
        "EasyContext",
        """
        in: easy_context/dist_flash_attn/lightseq_async_attn.py
        guard_import: [flash_attn]
        otherwise: shim.flash_attn_torch
        lazy: yes
        """,
        (
            sub(
                "easy_context/dist_flash_attn/lightseq_async_attn.py",
                r"^    from flash_attn import (.*)\n",
                "    try:\n        from flash_attn import \\1\n    except ImportError:\n"
                "        from .flash_attn_torch import \\1\n",
            ),
        ),
        status="refused",
        sites=("*/lightseq_async_attn.py: ^    from flash_attn import",),
        refused=("*/lightseq_async_attn.py: ^        from flash_attn.* import _flash_attn_forward, _flash_attn_back",),
        added=("easy_context/dist_flash_attn/flash_attn_torch/*.py",),
    ),
    Case(
        "guard_import: a handler stands there already",
        "atlas",
        """
        guard_import: [wandb]
        otherwise: wandb = None
        """,
        status="already",
        sites=(),
    ),
    Case(
        "guard_import: `import *` cannot be guarded",
        "protein_lig_sedd",
        """
        guard_import: [SmilesPE]
        in: protlig_dd/training/test.py
        otherwise: SmilesPE = None
        """,
        status="refused",
        refused=("protlig_dd/training/test.py: ^from SmilesPE.tokenizer import",),
    ),
    Case(
        "when: import, not, any, a parameter",
        "HRM",
        """
        when: {import: [flash_attn, flash_attn_interface], not: {import: apex}}
        in: models/layers.py
        replace: F.silu($X)
        with: F.silu($X, inplace=False)
        local: [F]
        ---
        when: {any: [{import: apex}, {kind: [plain, new]}]}
        in: models/layers.py
        replace: torch.rsqrt($X)
        with: 1 / torch.sqrt($X)
        ---
        when: {kind: other}
        in: models/layers.py
        delete: import math
        """,
        (
            sub("models/layers.py", r"torch\.rsqrt\((.*)\)", r"(1 / torch.sqrt(\1))"),
            sub("models/layers.py", r"F\.silu\(gate\)", "F.silu(gate, inplace=False)"),
        ),
        status={"s1": "applied", "s2": "applied", "s3": "absent"},
        head="parameters:\n  kind: {choices: [plain, new, other], default: plain}\n",
        options=("-p", "kind=new"),
    ),
)
