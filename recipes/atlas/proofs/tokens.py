"""What `patcher prove` runs Atlas's attention on: around the size of its ring, from the first place and from others."""

import itertools
import sys

import torch

WINDOW = 4
LENGTHS = (0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 1)


def cases(of):
    make = sys.modules[of.__module__].AtlasConfig
    for length, position, batch in itertools.product(LENGTHS, (0, 3, 6), (1, 2)):
        yield case(make, length, position, batch)
    yield case(make, 2 * WINDOW + 1, 3, 2, heads=1)
    yield case(make, WINDOW + 1, 3, 2, autocast=True)
    yield case(make, WINDOW + 1, 3, 2, train=False)


def case(make, length, position, batch, heads=3, **more):
    config = make(
        vocab_size=11,
        hidden_size=6 * heads,
        num_layers=1,
        num_heads=heads,
        max_seq_length=64,
        memory_depth=2,
        memory_hidden_size=5,
        polynomial_degree=2,
        context_window_size=WINDOW,
    )
    told = "".join(f", {key}" if value is True else f", {key} {value}" for key, value in more.items())
    return {
        "name": f"length {length}, position {position}, batch {batch}, heads {heads}{told}",
        "init": (config,),
        "call": (torch.randn(batch, length, config.hidden_size),),
        "buffers": {"context_pos": [position]},
        "mends": length == 0,
        **more,
    }
