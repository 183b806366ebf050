"""What the probe writes: one JSON object a line, one file a process, on the disk as soon as it is known.

Each line opens the file anew: a process that is killed keeps what it had, one that is forked has a file of its own, and
a program that closes every file it can find closes none of these.
"""

import contextlib
import json
import os
import sys


class Recorder:
    """Appends readings to `<pid>.jsonl`; ahead of the first number it says what kind of process this is."""

    def __init__(self, folder, original=None):
        self.folder = folder
        self.original = original
        self.pid = None

    def begin(self):
        """Leave a mark that the probe was loaded."""
        with contextlib.suppress(OSError), open(os.path.join(self.folder, "%d.loaded" % os.getpid()), "w"):
            pass

    def write(self, **reading):
        """Write one reading."""
        self._enter()
        if not self.described and not {"loss", "step", "wandb"}.isdisjoint(reading):
            self.described = True
            self._append({"process": process()})
            if strayed(self.original):
                self._append({"original": strayed(self.original)})
        self._append(reading)

    def once(self, **reading):
        """Write a reading that this process has not written yet."""
        self._enter()
        line = json.dumps(reading)
        if line not in self.written:
            self.written.add(line)
            self._append(reading)

    def _enter(self):
        if self.pid != os.getpid():  # the first reading, or the first one behind a fork
            self.pid, self.described, self.written = os.getpid(), False, set()

    def _append(self, reading):
        path = os.path.join(self.folder, "%d.jsonl" % self.pid)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(file, (json.dumps(reading) + "\n").encode())
        finally:
            os.close(file)


def process():
    """Describe this process, as far as it has come: what its numbers may depend on."""
    torch = sys.modules.get("torch")
    capability = getattr(getattr(getattr(torch, "backends", None), "cpu", None), "get_cpu_capability", None)
    return {
        "pid": os.getpid(),
        "rank": rank(torch),
        "argv": getattr(sys, "argv", None),
        "torch": str(torch.__version__) if torch else None,
        "cpu": capability() if capability else None,
        "threads": torch.get_num_threads() if torch else None,
        "device": "cuda" if torch and torch.cuda.is_available() else "cpu",
    }


def rank(torch):
    """Which of several processes this is: as they agreed among themselves, else as the launcher says."""
    distributed = getattr(torch, "distributed", None)
    try:
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            return str(distributed.get_rank())
    except (RuntimeError, ValueError):
        pass
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK"))


def strayed(original):
    """Name the modules that were imported from the tree itself and not from its copy."""
    if original is None:
        return []
    inside, own = os.path.join(os.path.realpath(original), ""), os.path.join(os.path.realpath(sys.prefix), "")
    found = []
    for name, module in list(sys.modules.items()):
        file = os.path.realpath(getattr(module, "__file__", None) or "")
        if file.startswith(inside) and not file.startswith(own):
            found.append(name)
    return sorted(found)
