"""Write a tiny, deterministic dataset in the folder format that HRM's puzzle_dataset.py reads.

    python tiny_dataset.py OUTDIR

    OUTDIR/identifiers.json               one name per puzzle identifier; only visualisers read it
    OUTDIR/{train,test}/dataset.json      pad_id ignore_label_id blank_identifier_id vocab_size seq_len
                                          num_puzzle_identifiers total_groups mean_puzzle_examples sets
    OUTDIR/{train,test}/all__NAME.npy     NAME                shape     dtype   here, train / test
                                          inputs              [E, 16]   uint8   E = 640 / 24 examples
                                          labels              [E, 16]   uint8
                                          puzzle_identifiers  [P]       int32   P = E puzzles
                                          puzzle_indices      [P + 1]   int32   a puzzle's first example
                                          group_indices       [G + 1]   int32   a group's first, G = 80 / 3

The task: tokens are 1..11 (0 is padding), and label[i] = input[order[i]], where the puzzle's identifier, 1
or 2, says which of two fixed permutations `order` is. A label is a token of another position, so attention is
needed to learn it (HRM gets 8 of 10 unseen tokens right after 1500 steps, 20 seconds on a core). Every puzzle
has one example, so that the batches depend on the configured seed alone: HRM draws among a puzzle's examples
from numpy's global generator.

Exactly ten steps, for HRM and for its miniature alike, as
total_steps = int(epochs * 80 groups * 1.0 examples / global_batch_size):

    epochs=2 eval_interval=2 global_batch_size=16    one evaluation, after step 10; its last batch is short
    epochs=2 eval_interval=1 global_batch_size=16    evaluations after steps 5 and 10
    epochs=1 eval_interval=1 global_batch_size=8     one evaluation, after step 10; its batches are full
"""

import json
import os
import sys

import numpy as np

SEQ_LEN, VOCAB_SIZE, IDENTIFIERS = 16, 12, ["<blank>", "order-1", "order-2"]
GROUPS, PER_GROUP = {"train": 80, "test": 3}, 8  # puzzles per group


def split_arrays(rng, orders, groups):
    """The five arrays of one split; within a group, the puzzles take the permutations in turn."""
    puzzles = groups * PER_GROUP
    which = np.arange(puzzles) % len(orders)  # [P]
    inputs = rng.randint(1, VOCAB_SIZE, size=(puzzles, SEQ_LEN), dtype=np.int64)
    return {
        "inputs": inputs.astype(np.uint8),
        "labels": np.take_along_axis(inputs, orders[which], axis=1).astype(np.uint8),
        "puzzle_identifiers": (which + 1).astype(np.int32),
        "puzzle_indices": np.arange(puzzles + 1, dtype=np.int32),
        "group_indices": np.arange(0, puzzles + 1, PER_GROUP, dtype=np.int32),
    }


def write(outdir):
    rng = np.random.RandomState(0)  # the one generator whose stream numpy promises never to change
    orders = np.stack([rng.permutation(SEQ_LEN) for _ in IDENTIFIERS[1:]])  # [2, 16]
    for split, groups in GROUPS.items():
        folder = os.path.join(outdir, split)
        os.makedirs(folder, exist_ok=True)
        for name, array in split_arrays(rng, orders, groups).items():
            np.save(os.path.join(folder, "all__%s.npy" % name), array)
        metadata = {
            "pad_id": 0,
            "ignore_label_id": 0,
            "blank_identifier_id": 0,
            "vocab_size": VOCAB_SIZE,
            "seq_len": SEQ_LEN,
            "num_puzzle_identifiers": len(IDENTIFIERS),
            "total_groups": groups,
            "mean_puzzle_examples": 1.0,
            "sets": ["all"],
        }
        with open(os.path.join(folder, "dataset.json"), "w", encoding="utf-8") as file:
            json.dump(metadata, file)
    with open(os.path.join(outdir, "identifiers.json"), "w", encoding="utf-8") as file:
        json.dump(IDENTIFIERS, file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tiny_dataset.py OUTDIR")
    write(sys.argv[1])
