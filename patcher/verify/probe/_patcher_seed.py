"""Begins the random numbers of a run with one seed, in every process: a program that seeds nothing runs the same again.

When: of Python's `random`, of numpy's global state (numpy.random.seed) and of torch, each as soon as it is loaded and
before the program that imports it draws anything; of torch that is the seed of all devices. What is loaded a second
time, as importlib.reload does, begins anew.

Each process begins by itself, with the same seed, so that it matters neither which of several is first nor how many
there are: ranks draw the same numbers. A process that was forked goes on where its parent was; only Python's `random`,
which takes another seed there of its own accord, begins with the seed again.

A seed that the program sets is the program's. A generator that it makes for itself without one (random.Random(),
numpy.random.default_rng(), os.urandom) stays without.
"""

import os


def seed_all(seed, awaited):
    """Seed what draws random numbers as it is loaded."""

    def python(random):
        random.seed(seed)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: random.seed(seed))

    awaited.add("random".__eq__, python)
    awaited.add("numpy.random".__eq__, lambda random: random.seed(seed))
    awaited.add("torch".__eq__, lambda torch: torch.manual_seed(seed))
