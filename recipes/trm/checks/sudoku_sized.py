"""Write the tiny puzzles with sequences as long as a Sudoku has cells, so that what is trained has its full size.

    python sudoku_sized.py OUTDIR

The numbers in it are noise: it is for measuring memory and time, see `sizes` in the recipe and tiny_puzzles.py.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True  # nothing is left beside a recipe

import tiny_puzzles  # noqa: E402

tiny_puzzles.tiny_dataset.SEQ_LEN = 81

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: sudoku_sized.py OUTDIR")
    tiny_puzzles.write(sys.argv[1])
