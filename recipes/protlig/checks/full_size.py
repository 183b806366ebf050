"""Write a program that trains the upstream's SEDD at the size of its configs/config_ddp.yaml, on random tokens.

    python full_size.py OUTDIR

    OUTDIR/train_full.py training.batch_size=N    as many steps as are asked for by who watches it

It is for measuring memory and time, see `sizes` in the recipe, and driver.py for why not the upstream's own script. Its
two pretrained encoders are not there, which are frozen and run once a batch: a step of it takes more than is measured.
"""

import os
import sys

PROGRAM = """import importlib.util
import os
import sys

import torch
from omegaconf import OmegaConf

sys.path.insert(0, os.getcwd())
CONFIG, PACKAGE = os.path.join("configs", "config_ddp.yaml"), "protlig_dd.model.transformer"


def main(override):
    if not os.path.exists(CONFIG):
        sys.exit("there is no %s in this tree" % CONFIG)
    config = OmegaConf.merge(OmegaConf.load(CONFIG), OmegaConf.from_dotlist([override]))
    shape = (config.training.batch_size, config.model.length)
    copied = PACKAGE + "_torch"
    module = importlib.import_module(copied if importlib.util.find_spec(copied) else PACKAGE)
    from protlig_dd.model.ema import ExponentialMovingAverage
    from protlig_dd.processing import graph_lib, noise_lib

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = module.SEDD(config).to(device)
    ema = ExponentialMovingAverage(net.parameters(), decay=config.training.ema)
    graph, noise = graph_lib.get_graph(config, device), noise_lib.get_noise(config).to(device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.optim.lr)
    for _ in range(config.training.n_iters):
        tokens = torch.randint(config.tokens, shape, device=device)
        sigma, dsigma = noise(torch.rand(shape[0], device=device).clamp(min=1e-3))
        noisy = graph.sample_transition(tokens, sigma[:, None])
        loss = graph.score_entropy(net(noisy, sigma), sigma[:, None], noisy, tokens)
        (dsigma[:, None] * loss).sum(dim=-1).mean().backward()
        optimizer.step()
        ema.update(net.parameters())
        optimizer.zero_grad()


if __name__ == "__main__":
    main(sys.argv[1])
"""


def write(outdir):
    with open(os.path.join(outdir, "train_full.py"), "w", encoding="utf-8") as file:
        file.write(PROGRAM)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: full_size.py OUTDIR")
    write(sys.argv[1])
