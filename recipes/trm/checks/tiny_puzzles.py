"""Write HRM's tiny dataset in the form that TRM's puzzle_dataset.py reads: with the number of puzzles beside it.

    python tiny_puzzles.py OUTDIR

The arrays are those that the recipe hrm makes, see its checks/tiny_dataset.py; both upstreams read the same folders.
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "hrm", "checks"))
sys.dont_write_bytecode = True  # nothing is left beside a recipe

import tiny_dataset  # noqa: E402


def write(outdir):
    tiny_dataset.write(outdir)
    for split, groups in tiny_dataset.GROUPS.items():
        path = os.path.join(outdir, split, "dataset.json")
        with open(path, encoding="utf-8") as file:
            metadata = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**metadata, "total_puzzles": groups * tiny_dataset.PER_GROUP}, file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tiny_puzzles.py OUTDIR")
    write(sys.argv[1])
