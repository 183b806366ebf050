"""Write what Atlas imports and a check has no use for, as packages, and what runs it at a tiny size.

    python offline.py OUTDIR

    OUTDIR/packages/transformers.py    GPT2Tokenizer.from_pretrained as transformers 5 has it without network: no
                                       exception, and a tokenizer without a token
    OUTDIR/packages/matplotlib/        calls that draw nothing, and seaborn.py beside it
    OUTDIR/texts.json                  40 texts of four sentences each, drawn from letters
    OUTDIR/tiny.py                     beside this file: trains and evaluates

With OUTDIR/packages first on PYTHONPATH nothing is downloaded, and what is read is the same on every machine, whatever
of transformers is installed there.
"""

import json
import os
import random
import shutil
import sys

TRANSFORMERS = '''"""The tokenizer of GPT-2 on a machine that has neither its files nor a network."""


class GPT2Tokenizer:
    vocab_size = 0
    eos_token = pad_token = "<|endoftext|>"
    eos_token_id = 0

    @classmethod
    def from_pretrained(cls, name, **options):
        return cls()

    def encode(self, text, add_special_tokens=True, return_tensors=None):
        import torch

        return [] if return_tensors is None else torch.zeros(1, 0, dtype=torch.long)

    def decode(self, tokens, skip_special_tokens=False):
        return ""
'''

NOTHING = '''"""Calls that draw nothing."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *arguments, **options: None
'''

PACKAGES = {
    "transformers.py": TRANSFORMERS,
    "matplotlib/__init__.py": NOTHING,
    "matplotlib/pyplot.py": NOTHING,
    "seaborn.py": NOTHING,
}


def texts(count=40):
    """Return texts in which each word is the one before with one letter moved on: there is something to learn."""
    draw = random.Random(0)  # noqa: S311 (Python promises that its `random` is the same everywhere)
    return [". ".join(" ".join(_words(draw, 7)) for _ in range(4)) for _ in range(count)]


def _words(draw, count):
    word = [int(draw.random() * 26) for _ in range(5)]
    for _ in range(count):
        at = int(draw.random() * 5)
        word[at] = (word[at] + 1) % 26
        yield "".join(chr(97 + letter) for letter in word)


def write(outdir):
    for name, text in PACKAGES.items():
        path = os.path.join(outdir, "packages", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    with open(os.path.join(outdir, "texts.json"), "w") as file:
        json.dump(texts(), file)
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny.py"), outdir)


if __name__ == "__main__":
    write(sys.argv[1])
