"""`requirements`, `text`, `codemod` and notebooks on real trees."""

from __future__ import annotations

from tests.upstream.language import Case, sub

BARE_EXCEPT = """
import libcst as cst


class Named(cst.CSTTransformer):
    def leave_ExceptHandler(self, node, updated):
        return updated if node.type else updated.with_changes(
            type=cst.Name("Exception"), whitespace_after_except=cst.SimpleWhitespace(" ")
        )
"""

CASES = (
    Case(
        "requirements: replace, drop, add in requirements.txt without a newline at its end",
        "TRM",
        """
        requirements:
          replace: {adam-atan2: "adam-atan2-pytorch>=0.1.18"}
          drop: [triton, argdantic]
          add: [numpy]
        """,
        (
            sub("requirements.txt", r"^adam-atan2$", "adam-atan2-pytorch>=0.1.18"),
            sub("requirements.txt", r"^argdantic\n", ""),
            sub("requirements.txt", r"^triton\Z", "numpy"),
        ),
        sites=("requirements.txt: ^(adam-atan2|argdantic|triton)$",),
    ),
    Case(
        "requirements: loosen and globs in a conda environment, its pip list too",
        "SEDD",
        """
        requirements:
          loosen: [torch, "torch*", numpy]
          drop: ["cuda-*", flash-attn]
        """,
        (
            sub("environment.yml", r"^    - (torch\w*|numpy)==.*$", r"    - \1"),
            sub("environment.yml", r"^  - cuda-.*\n", ""),
            sub("environment.yml", r"^    - flash-attn==.*\n", ""),
        ),
    ),
    Case(
        "requirements: loosen many pins",
        "bd3lms",
        """
        in: requirements.txt
        requirements: {loosen: ["torch*", transformers, triton], replace: {nvitop: nvidia-ml-py}}
        """,
        (
            sub("requirements.txt", r"^(torch\w*|transformers|triton)==.*$", r"\1"),
            sub("requirements.txt", r"^nvitop==.*$", "nvidia-ml-py"),
        ),
    ),
    Case(
        "requirements: a list in pyproject.toml over several lines, and optional ones in one line",
        "FastChat",
        """
        requirements:
          replace: {nh3: bleach}
          drop: [flash-attn]
          loosen: [pydantic]
        """,
        (
            sub("pyproject.toml", r'"nh3"', '"bleach"'),
            sub("pyproject.toml", r'"einops", "flash-attn>=2\.0", "wandb"', '"einops", "wandb"'),
            sub("pyproject.toml", r'"pydantic<3,>=2\.0\.0"', '"pydantic"'),
        ),
    ),
    Case(
        "requirements: pyproject.toml with several extras, markers in setup.py",
        "flash-linear-attention",
        """
        requirements: {loosen: [torch, triton]}
        """,
        (sub("pyproject.toml", r'"(torch|triton)(>=|==)[\d.]+"', r'"\1"'),),
    ),
    Case(
        "requirements: setup.py with extras_require",
        "contrastors",
        """
        in: setup.py
        requirements: {loosen: [multiprocess], drop: [isort], replace: {tiktoken: tokenizers}}
        """,
        (
            sub("setup.py", r'"multiprocess==0\.70\.15"', '"multiprocess"'),
            sub("setup.py", r', "isort"\]', "]"),
            sub("setup.py", r'"tiktoken"', '"tokenizers"'),
        ),
    ),
    Case(
        "requirements: nothing of it is listed",
        "HRM",
        "requirements: {replace: {apex: nvidia-apex}, drop: [flash-attn], loosen: [jax]}",
        status="already",
        sites=(),
    ),
    Case(
        "text: a key of settings",
        "SEDD",
        r"""
        in: configs/*.yaml
        text: '^(\s+batch_size): 512$'
        with: '\1: 8'
        already: '^\s+batch_size: 8$'
        """,
        (sub("configs/*.yaml", r"^(\s+batch_size): 512$", r"\1: 8"),),
    ),
    Case(
        "codemod: every bare except",
        "TRM",
        """
        codemod: named.py:Named
        mentions: [except]
        """,
        (sub("*.py", r"^( *)except:$", r"\1except Exception:"),),
        options=("--allow-python",),
        beside={"named.py": BARE_EXCEPT},
    ),
    Case(
        "notebook: a keyword in one cell",
        "HRM",
        """
        in: "*.ipynb"
        replace: torch.load($$$A)
        with: torch.load($$$A, weights_only=True)
        """,
        (sub("arc_eval.ipynb", r"torch\.load\(filename\)", "torch.load(filename, weights_only=True)"),),
    ),
    Case(
        "notebook: beside cells of shell commands; needs: import in its cell",
        "evo",
        """
        in: "**/*.ipynb"
        replace: torch.manual_seed($S)
        with: torch.cuda.manual_seed_all($S)
        """,
        (sub("scripts/hello_evo.ipynb", r"torch\.manual_seed\(seed\)", "torch.cuda.manual_seed_all(seed)"),),
    ),
    Case(
        "notebook: a keyword in a program with magic lines",
        "FastChat",
        """
        in: "**/*.ipynb"
        replace: requests.post($$$A)
        with: requests.post($$$A, timeout=60)
        """,
        (
            sub(
                "playground/*.ipynb",
                r"requests\.post\(url, headers=headers, data=data\)",
                "requests.post(url, headers=headers, data=data, timeout=60)",
            ),
        ),
    ),
    Case(
        "notebook: a rename through an import of three lines",
        "evo",
        """
        in: "**/*.ipynb"
        rename: transformers.set_seed
        to: transformers.trainer_utils.set_seed
        """,
        (
            sub(
                "scripts/hello_evo.ipynb",
                r'"  EsmForProteinFolding,\\n",\n( *)"  set_seed\\n",\n( *)"\)\\n",\n',
                r'"  EsmForProteinFolding,\\n",\n\1")\\n",\n\1"from transformers.trainer_utils import set_seed\\n",\n',
            ),
        ),
        sites=(r"scripts/hello_evo.ipynb: \"set_seed\(seed\)",),
    ),
)
