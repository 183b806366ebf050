"""The same rename in every layout that a file can have: what no rule names keeps its bytes."""

from __future__ import annotations

from typing import Any

from bench.torture.check import DEVICE, KEYWORD, NO_OLD, PLAIN, RENAME, Check, change, same

__all__ = ["CHECKS"]

BOTH = (RENAME, KEYWORD)
IMPORT = ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2")
CALL = ("AdamATan2(params, lr=0", "AdamAtan2(params, lr=1e-8")
PROGRAM = """\
# Builds the optimizer
from adam_atan2 import AdamATan2


def build(params):
    name =  'x'   # two  spaces
    return AdamATan2(params, lr=0, name=name)
"""


def laid_out(name: str, hazard: str, before: bytes, **more: Any) -> Check:
    """Return a check of the program above in another layout."""
    return change(
        name,
        hazard,
        BOTH,
        before,
        [IMPORT, CALL],
        drive="import train; train.build('p')",
        worlds=(PLAIN, NO_OLD),
        **more,
    )


def unread(name: str, hazard: str, before: str | bytes) -> Check:
    """Return a check of a file that Python cannot read: left and told, or edited to the byte."""
    edits = [IMPORT, ("AdamATan2(p, lr=0)", "AdamAtan2(p, lr=1e-8)")]
    return change(name, hazard, BOTH, before, edits, exact=True, run=False, left="train.py")


# What only looks like the job: nothing may change.
SAME = {
    "layout-empty": ("empty file", {"train.py": b""}),
    "layout-blank": ("empty file", {"train.py": b"\n\n  \n", "a/__init__.py": b"\xef\xbb\xbf"}),
    "layout-only-comments": ("no final newline", {"train.py": b"# AdamATan2\r\n# lr=0"}),
    "layout-odd-file-untouched": (
        "mixed line ends",
        {"train.py": b"\xef\xbb\xbfx = 1\r\ny = 2\nz =  [1,2 ]\t\r\n\r\n", "old.py": b"print 'x'\n"},
    ),
    "layout-latin-1-untouched": (
        "latin-1 with cookie",
        {"train.py": "# -*- coding: latin-1 -*-\nAUTHOR = 'M\u00fcller'  # lr=0\n".encode("latin-1")},
    ),
}

CHECKS = (
    laid_out("layout-crlf", "CRLF", PROGRAM.replace("\n", "\r\n").encode()),
    laid_out(
        "layout-mixed-line-ends",
        "mixed line ends",
        PROGRAM.replace("\n", "\r\n", 2).replace("# two  spaces\n", "# two  spaces\r\n").encode(),
    ),
    laid_out("layout-bom", "BOM", b"\xef\xbb\xbf" + PROGRAM.encode()),
    laid_out(
        "layout-latin-1",
        "latin-1 with cookie",
        ("# -*- coding: latin-1 -*-\n# Müller, Orléans\n" + PROGRAM.replace("'x'", "'é'")).encode("latin-1"),
    ),
    laid_out(
        "layout-cp1252-second-line",
        "latin-1 with cookie",
        ("#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n" + PROGRAM.replace("'x'", "'€'")).encode("cp1252"),
    ),
    laid_out("layout-no-final-newline", "no final newline", PROGRAM.rstrip("\n").encode()),
    laid_out("layout-tabs", "tabs", PROGRAM.replace("    ", "\t").encode()),
    laid_out(
        "layout-trailing-spaces",
        "whitespace at the end of lines",
        PROGRAM.replace("\n\n\n", "\n  \n\t\n").replace("import AdamATan2\n", "import AdamATan2   \n").encode(),
    ),
    laid_out(
        "layout-blank-lines-at-the-end",
        "whitespace at the end of lines",
        PROGRAM.encode() + b"\n\n  \n",
        left="train.py",
    ),
    laid_out(
        "layout-form-feed",
        "whitespace at the end of lines",
        PROGRAM.replace("\n\n\n", "\n\x0c\n\n").encode(),
        left="train.py",
    ),
    laid_out(
        "layout-wide-characters",
        "characters of several bytes before the place",
        PROGRAM.replace("return AdamATan2", "x = 'Ünïcödé 優化器 🚀'; return AdamATan2").encode(),
    ),
    laid_out(
        "layout-docstring-and-future",
        "docstring before imports",
        b'"""Builds from adam_atan2 import AdamATan2s."""\nfrom __future__ import annotations\n'.replace(
            b"AdamATan2s", b"things"
        )
        + PROGRAM.encode(),
    ),
    change(
        "layout-python-2",
        "Python 2 file that does not parse",
        (*BOTH, DEVICE),
        {
            "old.py": "from adam_atan2 import AdamATan2\nprint 'lr', AdamATan2(p, lr=0)\n",
            "train.py": PROGRAM,
        },
        {"train.py": [IMPORT, CALL], "old.py": [IMPORT, ("AdamATan2(p, lr=0)", "AdamAtan2(p, lr=1e-8)")]},
        partly=[({"train.py": [IMPORT, CALL]}, "old.py")],
        exact=True,
    ),
    unread(
        "layout-broken",
        "Python 2 file that does not parse",
        "from adam_atan2 import AdamATan2\n\n<<<<<<< HEAD\nopt = AdamATan2(p, lr=0)\n=======\n>>>>>>> main\n",
    ),
    unread(
        "layout-no-encoding",
        "latin-1 without a cookie",
        "# Müller\nfrom adam_atan2 import AdamATan2\nAdamATan2(p, lr=0)\n".encode("latin-1"),
    ),
    unread(
        "layout-unknown-encoding",
        "latin-1 with cookie",
        b"# coding: klingon\nfrom adam_atan2 import AdamATan2\nAdamATan2(p, lr=0)\n",
    ),
    unread("layout-null-bytes", "file that is no text", b"from adam_atan2 import AdamATan2\x00\nAdamATan2(p, lr=0)\n"),
    change(
        "layout-lone-carriage-returns",
        "mixed line ends",
        BOTH,
        b"from adam_atan2 import AdamATan2\rdef build(params):\r    return AdamATan2(params, lr=0)\r",
        [IMPORT, CALL],
        drive="import train; train.build('p')",
        left="train.py",
    ),
    *(same(name, hazard, BOTH, before) for name, (hazard, before) in SAME.items()),
)
