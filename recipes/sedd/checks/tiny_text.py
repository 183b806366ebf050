"""Write what SEDD reads from the network, a text and a tokenizer, as two packages that bring them; and what runs it.

    python tiny_text.py OUTDIR

    OUTDIR/packages/transformers.py    GPT2TokenizerFast.from_pretrained: one token a byte, and one that ends a text
    OUTDIR/packages/datasets.py        load_dataset: a training and a validation split of lines of text
    OUTDIR/train_and_sample.py         beside this file: trains, and samples from what was trained

With OUTDIR/packages first on PYTHONPATH the upstream's own data.py tokenizes, groups and batches them. Both modules
have what the upstream calls and nothing more. The text is drawn from a generator whose stream numpy promises never to
change; each letter depends on the three before it, so that there is something to learn.
"""

import os
import shutil
import sys

TRANSFORMERS = '''"""A byte tokenizer under the name of GPT-2's: nothing is downloaded."""


class GPT2TokenizerFast:
    eos_token = "<|endoftext|>"
    EOS = 256

    @classmethod
    def from_pretrained(cls, name, **options):
        return cls()

    def encode(self, text):
        return [self.EOS] if text == self.eos_token else list(text.encode())

    def __call__(self, text, **options):
        if isinstance(text, str):
            return _Encoded(input_ids=self.encode(text))
        return _Encoded(input_ids=[self.encode(one) for one in text])

    def batch_decode(self, rows, **options):
        return ["".join(chr(97 + int(token) % 26) for token in row) for row in rows]


class _Encoded(dict):
    def __getattr__(self, name):
        return self[name]


class GPT2LMHeadModel:
    @classmethod
    def from_pretrained(cls, name, **options):
        raise OSError("there is no %s here" % name)
'''

DATASETS = '''"""A text of a few hundred lines, made on the spot, under the name of any dataset."""

import multiprocessing
import sys

import numpy
import torch

if multiprocessing.current_process().name == "MainProcess":
    numpy.random.seed()  # the launcher draws the port: two seeded runs at once must not meet at one

LETTERS = numpy.frombuffer(b"abcdefghijklmnop", dtype=numpy.uint8)
LINES, LENGTH = {"train": 256, "validation": 64}, 63


class Dataset:
    def __init__(self, columns):
        self.columns = columns

    @classmethod
    def from_list(cls, rows):
        return cls({name: [row[name] for row in rows] for name in rows[0]})

    def map(self, function, batched=True, **options):
        return Dataset({**self.columns, **function(dict(self.columns))} if batched else self.columns)

    def remove_columns(self, name):
        return Dataset({key: values for key, values in self.columns.items() if key != name})

    def with_format(self, kind):
        return self

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index):
        return {name: torch.tensor(values[index]) for name, values in self.columns.items()}


def load_dataset(path, name=None, **options):
    if sys.platform == "linux":  # else each of the eight workers that load the data imports everything again
        multiprocessing.set_start_method("fork", force=True)
    random = numpy.random.RandomState(0)
    return {split: Dataset({"text": [_line(random) for _ in range(count)]}) for split, count in LINES.items()}


def _line(random):
    letters = list(random.randint(0, len(LETTERS), size=3))
    while len(letters) < LENGTH:
        drift = int(random.randint(0, 2))
        letters.append((letters[-1] + letters[-2] + letters[-3] + drift) % len(LETTERS))
    return bytes(LETTERS[letters]).decode()
'''


def write(outdir):
    folder = os.path.join(outdir, "packages")
    os.makedirs(folder, exist_ok=True)
    for name, text in (("transformers", TRANSFORMERS), ("datasets", DATASETS)):
        with open(os.path.join(folder, name + ".py"), "w") as file:
            file.write(text)
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "train_and_sample.py"), outdir)


if __name__ == "__main__":
    write(sys.argv[1])
