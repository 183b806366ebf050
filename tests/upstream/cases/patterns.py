"""`edit`, `replace` and the clauses of patterns on real trees."""

from __future__ import annotations

from tests.upstream.language import Case, sub

CPU = "{D: '$D if torch.cuda.is_available() else \"cpu\"'}"
GUARDED = '{} if torch.cuda.is_available() else "cpu"'
JOINED = r"torch\.load\((os\.path\.join\((?:[^()]|\([^()]*\))*\))\)"

CASES = (
    Case(
        "edit: a list of patterns, either quotes; where: a pattern; needs: import",
        "SEDD",
        f"""
        edit: [torch.device($D), "$_($$$, device=$D)"]
        where: {{D: '"cuda"'}}
        to: {CPU}
        needs: [import torch]
        """,
        (
            sub(
                "run_sample*.py",
                r"torch\.device\('cuda'\)",
                f"torch.device({GUARDED.format(chr(39) + 'cuda' + chr(39))})",
            ),
            sub("run_sample*.py", r'device="cuda"', "device=" + GUARDED.format('"cuda"')),
        ),
    ),
    Case(
        "edit: several holes at once",
        "HRM",
        """
        in: pretrain.py
        edit: torch.zeros($S, $$$, device=$D)
        where: {D: '"cuda"'}
        to: {D: 'torch.device("cpu")', S: tuple($S)}
        """,
        (
            sub(
                "pretrain.py",
                r"torch\.zeros\((\(len\(set_ids\), len\(metrics\.values\(\)\)\)), (.*)device=\"cuda\"\)",
                r'torch.zeros(tuple(\1), \2device=torch.device("cpu"))',
            ),
        ),
    ),
    Case(
        "edit: a call over four lines",
        "TRM",
        f"""
        edit: torch.zeros($$$, device=$D)
        where: {{D: '"cuda"'}}
        to: {CPU}
        """,
        (
            sub(
                "pretrain.py",
                r'dtype=torch\.float32, device="cuda"',
                "dtype=torch.float32, device=" + GUARDED.format('"cuda"'),
            ),
        ),
        sites=(r"pretrain.py: dtype=torch.float32, device=",),
    ),
    Case(
        "replace: a first argument by position; a commented call stays",
        "protein_lig_sedd",
        """
        replace: torch.cuda.amp.autocast($$$A)
        with: torch.amp.autocast("cuda", $$$A)
        """,
        (sub("*.py", r"^([^#\n]*)torch\.cuda\.amp\.autocast\((?!\))", r'\1torch.amp.autocast("cuda", '),),
    ),
    Case(
        "replace: a keyword behind `$$$A`",
        "bd3lms",
        """
        replace: torch.load($$$A)
        with: torch.load($$$A, weights_only=True)
        """,
        (sub("*.py", JOINED, r"torch.load(\1, weights_only=True)"),),
    ),
    Case(
        "replace: a keyword behind `$$$A`, over lines and with a comma at the end",
        "FastChat",
        """
        replace: torch.load($$$A)
        with: torch.load($$$A, mmap=True)
        """,
        (
            sub("*.py", r"(torch\.load\((?:args\.\w+|\w+|\w+\[0\]|os\.path\.join\(\w+, \w+\)))\)", r"\1, mmap=True)"),
            sub("*.py", r"(torch\.load\(\n.*, map_location=lambda storage, loc: storage)\n", "\\1, mmap=True\n"),
        ),
        sites=(r"fastchat/*.py: torch\.load\(",),
    ),
    Case(
        "replace: an ordered map, the special one first",
        "HRM",
        """
        in: [pretrain.py, evaluate.py]
        replace:
          'torch.load($F, map_location="cuda")': 'torch.load($F, map_location="cpu")'
          'torch.device("cuda")': 'torch.device("cpu")'
          '$X.cuda()': '$X.to("cpu")'
        """,
        (
            sub(("pretrain.py", "evaluate.py"), r'map_location="cuda"', 'map_location="cpu"'),
            sub("pretrain.py", r'torch\.device\("cuda"\)', 'torch.device("cpu")'),
            sub("pretrain.py", r"\bv\.cuda\(\)", 'v.to("cpu")'),
        ),
    ),
    Case(
        "replace: a header that would get a parameter",
        "SEDD",
        """
        in: model/rotary.py
        replace: def apply_rotary_pos_emb(qkv, cos, sin)
        with: "def apply_rotary_pos_emb(qkv, cos, sin, inplace=True)"
        """,
        status="refused",
        refused=("model/rotary.py: ^def apply_rotary_pos_emb",),
    ),
    Case(
        "replace: the default of a parameter",
        "SEDD",
        """
        replace: def $F($$$A, device=torch.device("cpu"))
        with: def $F($$$A, device=None)
        """,
        (sub("sampling.py", r"device=torch\.device\('cpu'\)", "device=None"),),
    ),
    Case(
        "replace: a lazy import's name, a class and methods of that name stay",
        "FastChat",
        """
        replace: PIL.Image.open($$$A)
        with: PIL.Image.open($$$A, formats=["PNG"])
        """,
        (
            sub(
                "*.py",
                r"\b(Image\.open\((?:[\w.]+|BytesIO\((?:[\w.]+|base64\.b64decode\(\w+\))\)))\)",
                r'\1, formats=["PNG"])',
            ),
        ),
    ),
    Case(
        "replace: statements of one block",
        "HRM",
        """
        in: pretrain.py
        replace: |
          $O.step()
          $O.zero_grad()
        with: |
          $O.step()
          $O.zero_grad(set_to_none=True)
        """,
        (sub("pretrain.py", r"optim\.zero_grad\(\)", "optim.zero_grad(set_to_none=True)"),),
        sites=(r"pretrain.py: ^ +optim\.step\(\)",),
    ),
    Case(
        "inside: a `for`, whose holes are used",
        "TRM",
        """
        inside: for $OPT, $LR in zip($$$)
        replace: $OPT.step()
        with: clipped($OPT, $LR)
        needs: [from clipping import clipped]
        """,
        (
            sub("pretrain.py", r"^(\s+)optim\.step\(\)", r"\1clipped(optim, base_lr)"),
            sub(
                "pretrain.py",
                r"\A((?:.*\n)*?)(?=\n\nclass )",
                lambda found: _imported(found.group(1), "from clipping import clipped"),
            ),
        ),
    ),
    Case(
        "inside: a condition; where: not",
        "HRM",
        """
        inside: if RANK == 0
        local: [RANK]
        replace: wandb.init($$$A)
        with: wandb.init($$$A, mode="offline")
        """,
        (sub("pretrain.py", r"(wandb\.init\(.*_disable_stats=True\))\)", r'\1, mode="offline")'),),
    ),
    Case(
        "where: from, through a tuple's arm and a renamed variable; not",
        "HRM",
        """
        edit: $O.view($$$)
        where: {O: {not: $_.contiguous(), from: flash_attn.flash_attn_func($$$)}}
        to: {O: $O.contiguous()}
        """,
        (sub("models/layers.py", r"attn_output\.view\(", "attn_output.contiguous().view("),),
    ),
    Case(
        "local: names that are meant as spelled",
        "SEDD",
        """
        local: [mprint]
        in: run_train.py::_run
        replace: mprint($X)
        with: print($X)
        where: {X: 'f"$_"'}
        """,
        status="absent",
    ),
    Case(
        "in: `::Qualname` of a method, not_in",
        "mdlm",
        """
        in: ["models/*.py::DDiTBlock.forward", "models/**::*.forward"]
        not_in: [models/dimamba.py]
        replace: torch.cuda.amp.autocast(enabled=False)
        with: torch.amp.autocast("cuda", enabled=False)
        """,
        (
            sub(
                "models/dit.py",
                r"torch\.cuda\.amp\.autocast\(enabled=False\)",
                'torch.amp.autocast("cuda", enabled=False)',
                "DDiTBlock.forward",
            ),
            sub(
                "models/dit.py",
                r"torch\.cuda\.amp\.autocast\(enabled=False\)",
                'torch.amp.autocast("cuda", enabled=False)',
                "LayerNorm.forward",
            ),
            sub(
                "models/autoregressive.py",
                r"torch\.cuda\.amp\.autocast\(enabled=False\)",
                'torch.amp.autocast("cuda", enabled=False)',
            ),
        ),
    ),
)


def _imported(head: str, line: str) -> str:
    """Return the top of a file with an import behind its last one."""
    lines = head.splitlines(keepends=True)
    last = max(number for number, one in enumerate(lines) if one.startswith(("import ", "from ")))
    return "".join([*lines[: last + 1], f"{line}\n", *lines[last + 1 :]])
