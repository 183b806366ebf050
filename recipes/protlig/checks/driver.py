"""Write a program that trains one of the upstream's SEDD classes for ten steps, through the upstream's own modules.

    python driver.py OUTDIR

    OUTDIR/train_sedd.py MODULE    MODULE is the one that has the class, as in protlig_dd.model.transformer; where the
                                   patch went into a copy of it, MODULE_torch, that is trained

The upstream's own training scripts call a score function that no SEDD class takes (it passes `prot_seq`), read
datasets that are not public, and load two pretrained encoders. What is trained here is what the recipe changes: the
model, on random tokens of a seeded generator, by the upstream's graph, noise and loss. Both layouts of the upstream are
known, the package protlig_dd and the flat one.
"""

import os
import sys

PROGRAM = """import importlib.util
import os
import sys

import torch
from omegaconf import OmegaConf

sys.path.insert(0, os.getcwd())
STEPS, BATCH, LENGTH, TOKENS = 10, 4, 24, 32
CONFIG = OmegaConf.create(
    {
        "tokens": TOKENS,
        "graph": {"type": "absorb"},
        "noise": {"type": "loglinear", "sigma_min": 1e-4, "sigma_max": 20, "eps": 1e-3},
        "model": {
            "hidden_size": 32, "cond_dim": 16, "length": LENGTH, "n_blocks": 2, "n_heads": 2, "dropout": 0.0,
            "scale_by_sigma": True, "esm_dim": 6, "molformer_dim": 5,
        },
    }
)


def main(module):
    processing = "protlig_dd.processing." if module.startswith("protlig_dd.") else ""
    graph_lib, noise_lib = (importlib.import_module(processing + one) for one in ("graph_lib", "noise_lib"))
    torch.manual_seed(0)
    copied = module + "_torch"
    net = importlib.import_module(copied if importlib.util.find_spec(copied) else module).SEDD(CONFIG)
    graph, noise = graph_lib.get_graph(CONFIG, "cpu"), noise_lib.get_noise(CONFIG)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    tokens = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        batch = torch.randint(TOKENS, (BATCH, LENGTH), generator=tokens)
        t = (1 - 1e-3) * torch.rand(BATCH, generator=tokens) + 1e-3
        sigma, dsigma = noise(t)
        noisy = graph.sample_transition(batch, sigma[:, None])
        score = net(noisy, sigma)
        loss = (dsigma[:, None] * graph.score_entropy(score, sigma[:, None], noisy, batch)).sum(dim=-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main(sys.argv[1])
"""


def write(outdir):
    with open(os.path.join(outdir, "train_sedd.py"), "w", encoding="utf-8") as file:
        file.write(PROGRAM)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: driver.py OUTDIR")
    write(sys.argv[1])
