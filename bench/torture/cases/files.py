"""Files that are not plain Python files: notebooks, links, modes, and what is no source of the project."""

from __future__ import annotations

import json

from bench.torture.check import KEYWORD, NO_OLD, PLAIN, RENAME, Check, change, same

__all__ = ["CHECKS"]

BOTH = (RENAME, KEYWORD)
PROGRAM = "from adam_atan2 import AdamATan2\n\n\ndef build(params):\n    return AdamATan2(params, lr=0)\n"
EDITS = [
    ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
    ("AdamATan2(params, lr=0", "AdamAtan2(params, lr=1e-8"),
]
BUILD = "import train; train.build('p')"


def notebook(*cells: tuple[str, list[str]]) -> str:
    """Return a notebook with an output and a plot that must survive."""
    made = [
        {"cell_type": kind, "metadata": {"tags": ["ü"]}, "source": source}
        | (
            {"execution_count": 1, "outputs": [{"name": "stdout", "text": ["AdamATan2 lr=0\n"]}]}
            if kind == "code"
            else {}
        )
        for kind, source in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


CODE = ["%pip install einops\n", "from adam_atan2 import AdamATan2\n", "opt = AdamATan2([], lr=0)  # now\n", "!ls"]
NEW_CODE = [
    line.replace("adam_atan2", "adam_atan2_pytorch").replace("ATan2", "Atan2").replace("lr=0", "lr=1e-8")
    for line in CODE
]


def _notebook() -> Check:
    words = ("markdown", ["# With AdamATan2"])
    before = {"demo.ipynb": notebook(words, ("code", CODE)), "train.py": PROGRAM}
    edited = notebook(words, ("code", NEW_CODE)).encode()
    return change(
        "file-notebook",
        "notebook",
        BOTH,
        before,
        {"train.py": EDITS, "demo.ipynb": edited},
        partly=[({"train.py": EDITS}, "demo.ipynb")],
        drive=BUILD,
    )


CHECKS = (
    _notebook(),
    same(
        "file-notebook-in-words",
        "notebook",
        BOTH,
        {"demo.ipynb": notebook(("markdown", ["`AdamATan2(params, lr=0)`"]), ("code", ["x = 'AdamATan2'"]))},
    ),
    change(
        "file-link",
        "symlink",
        BOTH,
        {"train.py": PROGRAM},
        EDITS,
        links={"again.py": "train.py", "more/train.py": "../train.py"},
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "file-link-to-folder",
        "symlink",
        BOTH,
        {"src/train.py": PROGRAM},
        EDITS,
        links={"train": "src", "gone.py": "nowhere.py"},
        drive="import src.train as train; train.build('p')",
    ),
    same(
        "file-link-out-of-the-tree",
        "symlink",
        BOTH,
        {"readme.md": "See train.py.\n"},
        links={"train.py": "../outside-of-file-link-out-of-the-tree.py"},
    ),
    change(
        "file-read-only",
        "read-only file",
        BOTH,
        {"train.py": PROGRAM},
        EDITS,
        modes={"train.py": 0o444},
        drive=BUILD,
        left="train.py",
    ),
    change("file-executable", "file mode", BOTH, {"train.py": PROGRAM}, EDITS, modes={"train.py": 0o755}, drive=BUILD),
    change(
        "file-in-odd-place",
        "paths with spaces",
        BOTH,
        {"my models/tr ain.py": PROGRAM, "my models/notes.py.txt": PROGRAM, "my models/old.py.orig": PROGRAM},
        EDITS,
        run=False,
    ),
    change(
        "file-stub",
        "TYPE_CHECKING import and quoted annotation",
        RENAME,
        {
            "train.pyi": "from adam_atan2 import AdamATan2\n\ndef build(params: list) -> AdamATan2: ...\n",
            "train.py": PROGRAM,
        },
        {
            "train.pyi": [EDITS[0], ("-> AdamATan2", "-> AdamAtan2")],
            "train.py": EDITS,
        },
        drive=BUILD,
        exact=False,
    ),
    same(
        "file-that-is-a-folder",
        "names that only look alike",
        BOTH,
        {"train.py/data.bin": b"from adam_atan2 import AdamATan2\n", "AdamATan2.md": "AdamATan2(params, lr=0)\n"},
    ),
)
