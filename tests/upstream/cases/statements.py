"""`insert`, `wrap` and `delete` on real trees."""

from __future__ import annotations

import ast
import re

from tests.upstream.language import Case, rewrite, sub


def without_unused(module: ast.Module, lines: list[str]) -> None:
    """Take out of the imports at the top of a file the names that nothing in it reads; each import fills one line."""
    nodes = list(ast.walk(module))
    read = {one.id for one in nodes if isinstance(one, ast.Name)}
    # A string may mean a module too.
    read.update(word for one in nodes if isinstance(one, ast.Constant) for word in re.findall(r"\w+", str(one.value)))
    for statement in module.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and statement.lineno == statement.end_lineno:
            kept = [one for one in statement.names if (one.asname or one.name).partition(".")[0] in read]
            if len(kept) == len(statement.names):
                continue
            line = lines[statement.lineno - 1]
            names = ", ".join(f"{one.name} as {one.asname}" if one.asname else one.name for one in kept)
            lines[statement.lineno - 1] = re.sub(r"import .*", f"import {names}", line) if kept else ""


CASES = (
    Case(
        "insert: after, with a hole; needs: import",
        "HRM",
        """
        in: [pretrain.py, evaluate.py]
        insert: random.seed($S)
        after: torch.random.manual_seed($S)
        needs: [import random]
        """,
        (
            sub("pretrain.py", r"^( *)(torch\.random\.manual_seed)\((.*)\)\n", r"\g<0>\1random.seed(\3)\n"),
            sub("pretrain.py", r"^from models\.sparse_embedding import .*$", "\\g<0>\nimport random"),
        ),
        sites=("pretrain.py: torch.random.manual_seed",),
    ),
    Case(
        "insert: before, once in a block; a comment behind it",
        "HRM",
        """
        insert: dist.barrier()
        before: torch.distributed.destroy_process_group()
        needs: [import torch.distributed as dist]
        """,
        (sub("pretrain.py", r"^( *)dist\.destroy_process_group\(\)\n", r"\1dist.barrier()\n\g<0>"),),
        sites=(r"pretrain.py: dist\.destroy_process_group",),
    ),
    Case(
        "insert: each; the second is a statement in a loop",
        "SEDD",
        """
        in: run_train.py
        each: yes
        local: [mprint]
        insert: flush()
        after: mprint($X)
        needs: [from flushing import flush]
        where: {X: ['f"Number of parameters in the model: {$_}"', 'f"Generating text at step: {$_}"', 'f"EMA: {$_}"']}
        """,
        (
            sub("run_train.py", r"^( *)mprint\(f\"(?:Number of|Generating|EMA).*\n", r"\g<0>\1flush()\n"),
            sub(
                "run_train.py",
                r"^from transformers import GPT2TokenizerFast, .*\n",
                "\\g<0>from flushing import flush\n",
            ),
        ),
        sites=(r"run_train.py: ^ *mprint\(f\"(Number of|Generating|EMA)",),
    ),
    Case(
        "insert: first_in, behind a docstring; two-space indent",
        "mdlm",
        """
        in: models/dit.py
        insert: $X = $X.float()
        first_in: def forward(self, $X)
        """,
        (
            sub(
                "models/dit.py",
                r"^( *)def forward\(self, (\w+)[^)]*\):\n(?: *\"\"\"(?:.|\n)*?\"\"\"\n)?",
                r"\g<0>\1  \2 = \2.float()\n",
            ),
        ),
        sites=(r"models/dit.py: def forward\(self, \w+",),
    ),
    Case(
        "insert: last_in a function whose last statement is a call",
        "SEDD",
        """
        insert: torch.cuda.empty_cache()
        last_in: def cleanup()
        needs: [import torch]
        """,
        (sub("run_train.py", r"^    dist\.destroy_process_group\(\)\n", "\\g<0>    torch.cuda.empty_cache()\n"),),
        sites=("run_train.py: def cleanup",),
    ),
    Case(
        "insert: nothing behind a return",
        "SEDD",
        """
        in: load_model.py
        insert: print("loaded")
        last_in: def load_model($$$)
        """,
        status="refused",
        refused=(r"load_model.py: def load_model\(",),
    ),
    Case(
        "wrap: a call over three lines, with a comment above",
        "SEDD",
        """
        wrap: torch.distributed.init_process_group($$$)
        under: if torch.distributed.is_nccl_available()
        """,
        (
            sub(
                "run_train.py",
                r"^    dist\.init_process_group\(\n(.*)\n    \)\n",
                "    if dist.is_nccl_available():\n        dist.init_process_group(\n    \\1\n        )\n",
            ),
        ),
    ),
    Case(
        "wrap: a device, where it is not under that test yet",
        "TRM",
        """
        wrap: torch.cuda.set_device($$$)
        under: if torch.cuda.is_available()
        """,
        (sub("pretrain.py", r"^( *)(torch\.cuda\.set_device.*)\n", r"\1if torch.cuda.is_available():\n\1    \2\n"),),
    ),
    Case(
        "wrap: under `if wandb is not None` already, by an `and`",
        "atlas",
        """
        in: train.py
        wrap: wandb.log($$$)
        under: if wandb is not None
        """,
        status="already",
        sites=(),
    ),
    Case(
        "wrap: what binds a name that is read below",
        "SEDD",
        """
        in: run_train.py
        local: [scaler]
        wrap: scaler = $V
        under: if torch.cuda.is_available()
        """,
        status="refused",
        refused=("run_train.py: scaler = torch",),
    ),
    Case(
        "delete: statements, in one arm and at the end of a function",
        "HRM",
        """
        in: pretrain.py
        delete: [wandb.log($$$), wandb.finish()]
        """,
        (
            sub("pretrain.py", r"^ +wandb\.(finish\(\))\n", ""),
            sub("pretrain.py", r"^ +wandb\.log\(\{\"num_params.*\n", ""),
            sub("pretrain.py", r"^ +wandb\.log\(metrics, step=train_state\.step\)\n(?= +progress)", ""),
            sub("pretrain.py", r"^( +)wandb\.log\(metrics, step=train_state\.step\)\n", r"\1pass\n"),
        ),
    ),
    Case(
        "delete: a scope that is gone is drift",
        "SEDD",
        """
        in: model/transformer.py::DDiTBlockOld.forward
        delete: print($$$)
        expect: 1
        """,
        status="drifted",
    ),
    Case(
        "delete: a scope without it is there already",
        "SEDD",
        """
        in: model/transformer.py::DDiTBlock.forward
        delete: print($$$)
        expect: 1
        """,
        status="already",
    ),
    Case(
        "delete: imports that nothing reads",
        "SEDD",
        """
        in: [run_train.py, sampling.py, noise_lib.py, data.py]
        delete: import $$$N
        where: {N: {unused: yes}}
        ---
        in: [run_train.py, sampling.py, noise_lib.py, data.py]
        delete: from $_ import $$$N
        where: {N: {unused: yes}}
        """,
        (
            rewrite("run_train.py", without_unused),
            rewrite("sampling.py", without_unused),
            rewrite("noise_lib.py", without_unused),
            rewrite("data.py", without_unused),
        ),
        status={"s1": "applied", "s2": "already"},
    ),
    Case(
        "delete: the header of a function, decorated",
        "SEDD",
        """
        in: model/rotary.py
        delete: def rotate_half($$$)
        """,
        error="nothing would bind the name `rotate_half` in model/rotary.py:40",
    ),
    Case(
        "delete: a class that other files do not read",
        "SEDD",
        """
        in: sampling.py
        delete: class NonePredictor
        """,
        (
            sub(
                "sampling.py",
                r"^@register_predictor\(name=\"none\"\)\nclass NonePredictor\(.*\n(?:(?:    .*)?\n)+?(?=\n*\S)",
                "",
            ),
        ),
    ),
    Case(
        "delete: `import *` through which other files read names",
        "contrastors",
        "in: src/contrastors/__init__.py\ndelete: from .models import *",
        error="nothing would bind the name `BiEncoder` of src/contrastors/__init__.py:1, which src/contrastors/",
    ),
    Case(
        "delete: `import *` of which the file itself reads a name",
        "contrastors",
        "in: src/contrastors/trainers/__init__.py\ndelete: from .glue import *",
        error="nothing would bind the name `GlueTrainer` in src/contrastors/trainers/__init__.py",
    ),
    Case(
        "delete: `import *` of which nothing is read there",
        "contrastors",
        "in: src/contrastors/trainers/__init__.py\ndelete: from .base import *",
        (sub("src/contrastors/trainers/__init__.py", r"^from \.base import \*\n", ""),),
    ),
)
