"""Watch a training run from outside: what `.backward()` is called on, and every optimizer step with its rate.

This file runs inside somebody else's process, with whatever Python that is (3.8 grammar, no imports beyond the standard
library until the program itself imports torch). It stands on PYTHONPATH, so it also reaches children that are spawned.
It writes one JSON object a line into the folder that PATCHER_PROBE names, one file a process, and changes nothing that
the program computes.
"""

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import weakref

FOLDER = os.environ.get("PATCHER_PROBE")


class Recorder:
    """Appends readings; a line is flushed at once, so that a run that is killed keeps what it had."""

    def __init__(self, folder):
        self.folder = folder
        self.file = None
        self.pid = None

    def write(self, **reading):
        """Write one reading."""
        if self.pid != os.getpid():  # the first reading, or the first one behind a fork
            self.pid = os.getpid()
            self.file = open(os.path.join(self.folder, "%d.jsonl" % self.pid), "a")  # noqa: SIM115
        self.file.write(json.dumps(reading) + "\n")
        self.file.flush()


def watch(torch):
    """Hook the two calls that every training loop makes."""
    recorder = Recorder(FOLDER)
    backward = torch.Tensor.backward
    names = weakref.WeakKeyDictionary()
    seen = {}

    @functools.wraps(backward)
    def watched_backward(self, *args, **kwargs):
        if self.numel() == 1:
            recorder.write(loss=float(self.detach().item()))
        return backward(self, *args, **kwargs)

    torch.Tensor.backward = watched_backward

    def stepped(optimizer, args, kwargs):
        if optimizer not in names:
            kind = type(optimizer).__name__
            seen[kind] = seen.get(kind, 0) + 1
            names[optimizer] = kind if seen[kind] == 1 else "%s %d" % (kind, seen[kind])
        rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
        recorder.write(step=names[optimizer], lr=rates)

    try:
        from torch.optim.optimizer import register_optimizer_step_post_hook
    except ImportError:  # torch before 2.0: the losses are seen, the steps are not
        return
    register_optimizer_step_post_hook(stepped)


class TorchFinder(importlib.abc.MetaPathFinder):
    """Lets the program's own import of torch go through, and hooks it once it is loaded.

    It stays where it is until then: programs ask `find_spec("torch")` to learn whether there is one.
    """

    looking = False

    def find_spec(self, name, path=None, target=None):
        """Return torch's own spec with the hook behind its loader."""
        if name != "torch" or self.looking:
            return None
        self.looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.looking = False
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                watch(module)

        spec.loader.exec_module = exec_module
        return spec


def run_own_sitecustomize():
    """Run the sitecustomize that this one hides, if the environment has one."""
    here = os.path.dirname(os.path.abspath(__file__))
    paths = [path for path in sys.path if os.path.abspath(path or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", paths)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if FOLDER:
    if "torch" in sys.modules:  # a .pth file was earlier
        watch(sys.modules["torch"])
    else:
        sys.meta_path.insert(0, TorchFinder())
run_own_sitecustomize()
