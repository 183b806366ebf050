"""What `patcher prove` runs HRM's Attention on, without and with `.contiguous()`: from one token to several heads.

Known are the upstream's, with rotary embeddings (its first release lets no heads share keys), and one that takes
nothing but the hidden states.
"""

import inspect
import itertools

import torch

BATCHES = (1, 3)
LENGTHS = (1, 5, 64)
# Heads, those among them with keys and values of their own, and the size of each.
HEADS = ((1, 1, 8), (4, 4, 4), (4, 2, 6), (6, 1, 2))


def cases(of):
    rotary = "head_dim" in inspect.signature(of).parameters
    may_share = "scaled_dot_product_attention" not in inspect.getsource(of)
    for batch, length, (heads, keys, size), causal in itertools.product(BATCHES, LENGTHS, HEADS, (False, True)):
        if keys < heads and not may_share:
            continue
        # Where the class lets them differ, the hidden size is not that of all heads: one in place of the other fails.
        hidden = heads * size + (4 if rotary else 0)
        init = {"hidden_size": hidden, "num_heads": heads, "num_key_value_heads": keys, "causal": causal}
        call = {"hidden_states": torch.randn(batch, length, hidden)}
        if rotary:
            init["head_dim"] = size
            call["cos_sin"] = (torch.randn(length, size), torch.randn(length, size)) if length > 1 else None
        name = f"batch {batch}, length {length}, heads {heads}/{keys} of {size}{', causal' if causal else ''}"
        yield {"name": name, "init": init, "call": call if rotary else tuple(call.values())}
