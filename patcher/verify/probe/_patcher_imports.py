"""Runs a hook behind the loading of a module, before the program that imports it sees anything of it."""

import importlib.abc
import sys


class Awaited(importlib.abc.MetaPathFinder):
    """Finds what the other finders find, with a hook behind the loader of each module that is awaited.

    A program may ask `find_spec` whether there is a module, as often as it likes: the hook runs when it is loaded.
    """

    def __init__(self):
        self.hooks = []

    def add(self, wanted, hook):
        """Call `hook(module)` once a module is loaded for which `wanted(name)` is true, also at each reload."""
        self.hooks.append((wanted, hook))
        for name, module in list(sys.modules.items()):
            if wanted(name):  # a .pth file was earlier
                hook(module)

    def find_spec(self, name, path=None, target=None):
        """Return the spec of an awaited module as the finders behind this one have it."""
        hooks = [hook for wanted, hook in self.hooks if wanted(name)]
        if not hooks:
            return None
        finders = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        specs = (finder.find_spec(name, path, target) for finder in finders)
        spec = next((spec for spec in specs if spec is not None), None)
        load = getattr(getattr(spec, "loader", None), "exec_module", None)
        if load is None:
            return spec

        def exec_module(module):
            load(module)
            if module.__name__ == name:  # a loader may be that of other modules too
                for hook in hooks:
                    hook(module)

        spec.loader.exec_module = exec_module
        return spec
