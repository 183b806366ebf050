"""Watch a training run from outside; what is watched, and what is planted, says a file.

This file runs inside somebody else's process, with whatever Python that is (3.8 grammar, no imports beyond the standard
library until the program itself imports torch). It stands on PYTHONPATH, so it also reaches children that are spawned.
PATCHER_PROBE names the folder that the readings go to. A `config.json` there may ask for more than losses and rates:

    readings    list of "loss", "lr", "grad_norm", "parameters", "wandb"; loss and lr if it is not said
    reference   list of "attention", "adam_atan2": these are computed by the plainest formula, in float64
    plant       a known-wrong attention of `_patcher_plants.WRONG`, or "float64", the reference
    perturb     true: parameters that begin as zeros get small noise
    seed        the number that Python's random, numpy and torch are seeded with
    lines       {absolute path: [numbers]}: which of these lines are executed
    files       [absolute paths]: which of these files are opened to be read

Without `reference`, `plant`, `perturb` and `seed` it changes nothing that the program computes.
"""

import importlib.machinery
import importlib.util
import json
import os
import sys

FOLDER = os.environ.get("PATCHER_PROBE")


def start(folder):
    """Do what the folder's configuration asks for."""
    from _patcher_events import listen
    from _patcher_imports import Awaited
    from _patcher_record import Recorder

    config = configuration(folder)
    readings = config.get("readings", ["loss", "lr"])
    recorder = Recorder(folder, config.get("original"))
    recorder.begin()
    listen(config.get("files") or [], recorder)
    awaited = Awaited()
    sys.meta_path.insert(0, awaited)

    def torch_loaded(torch):
        from _patcher_readings import watch

        watch(torch, recorder, readings, config.get("steps"))
        if config.get("perturb"):
            from _patcher_perturb import perturb

            perturb(torch, recorder)

    awaited.add("torch".__eq__, torch_loaded)
    if config.get("seed") is not None:
        from _patcher_seed import seed_all

        seed_all(config["seed"], awaited)
    if "wandb" in readings:
        from _patcher_wandb import watch_wandb

        awaited.add("wandb".__eq__, lambda wandb: watch_wandb(wandb, recorder))
    references = config.get("reference") or []
    plant = config.get("plant") or ("float64" if "attention" in references else None)
    if plant is not None:
        from _patcher_plants import plant_attention

        plant_attention(plant, awaited, recorder)
    if "adam_atan2" in references:
        from _patcher_adam_atan2 import plant_optimizer

        plant_optimizer(awaited, recorder)
    if config.get("lines"):
        from _patcher_lines import trace

        trace(config["lines"], recorder)


def configuration(folder):
    """Return what the folder's config.json says; nothing if there is none."""
    path = os.path.join(folder, "config.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def run_own_sitecustomize():
    """Run the sitecustomize that this one hides, if the environment has one."""
    here = os.path.dirname(os.path.abspath(__file__))
    paths = [path for path in sys.path if os.path.abspath(path or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", paths)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if FOLDER:
    start(os.path.abspath(FOLDER))
run_own_sitecustomize()
