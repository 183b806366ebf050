"""The cases of a proof, checked before anything is run; and what keeps a proof from being run."""

import importlib.util
import inspect
import os
import sys

KEYS = ("name", "init", "call", "train", "buffers", "autocast", "mends")
# What a function, a class or a property is made of, and what Python itself writes there when it is looked at.
PARTS = ("__code__", "__defaults__", "__bases__", "__func__", "__wrapped__", "fget", "fset", "fdel")
PARTED = (classmethod, property, staticmethod)
NOISE = ("__annotations__", "__annotations_cache__", "__builtins__", "__doc__", "__warningregistry__", "__dict__")


class Refused(Exception):  # noqa: N818  (a sentence for the user, not a mistake)
    """Something that keeps the proof from being run; `kind` says whose it is."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


class Caught:
    """Keeps what somebody else's code raises, and goes on."""

    error = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, (Exception, SystemExit)) and not isinstance(error, Refused):
            self.error = error
            return True
        return False

    @property
    def text(self):
        """The error in one line, without a traceback."""
        lines = str(self.error).strip().splitlines() or [""]
        return ("%s: %s" % (type(self.error).__name__, lines[0])).rstrip(": ")[:300].rstrip(".")


def load_cases(path, subject, root=None):
    """Return the cases of a file, checked; making them may change nothing of what is proved."""
    before = held(subject, root)
    found = make_cases(path, subject)
    after = held(subject, root)
    for name, value in before.items():
        if name not in after or after[name] is not value:
            raise Refused("cases", "it changes `%s` of what is proved; let it make cases and nothing else." % name)
    known = {name.rpartition(".")[0] for name in before}
    added = [name for name in after if name not in before and name.rpartition(".")[0] in known]
    added = [name for name in added if not inspect.ismodule(after[name])]  # what is imported stands in its package
    if added:
        raise Refused("cases", "it puts `%s` into what is proved; let it make cases and nothing else." % added[0])
    return found


def held(subject, root):
    """Return all that the code of the tree is made of, by name: of modules, classes and functions what they hold."""
    inside = os.path.realpath(root) + os.sep if root else None
    own = {getattr(subject, "__module__", "")}
    for name, module in list(sys.modules.items()):
        file = vars(module).get("__file__") if inside and inspect.ismodule(module) else None
        if isinstance(file, str) and os.path.isabs(file) and os.path.realpath(file).startswith(inside):
            own.add(name)
    waiting = [(name, sys.modules[name]) for name in sorted(own & set(sys.modules))]
    waiting.append((getattr(subject, "__name__", "of"), subject))  # looked at first, so that it is called by its name
    found, seen = {}, set()
    while waiting:
        name, thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        parts = dict(vars(thing)) if hasattr(thing, "__dict__") else {}
        if not inspect.ismodule(thing):
            parts.update((key, getattr(thing, key)) for key in PARTS if hasattr(thing, key))
        for key, value in parts.items():
            if key in NOISE:
                continue
            found["%s.%s" % (name, key)] = value
            module = None
            with Caught():  # an object may do anything when it is asked
                module = getattr(value, "__module__", None)
            if isinstance(value, PARTED) or (isinstance(module, str) and module in own):
                waiting.append(("%s.%s" % (name, key), value))
        if not inspect.isfunction(thing):
            continue
        for key, value in (thing.__kwdefaults__ or {}).items():
            found["%s.%s" % (name, key)] = value
        for at, cell in enumerate(thing.__closure__ or ()):
            with Caught():  # one that is empty yet
                found["%s.cell %d" % (name, at)] = cell.cell_contents
    return found


def make_cases(path, subject):
    """Return the cases of a file, checked."""
    spec = importlib.util.spec_from_file_location("_patcher_cases", path)
    own = importlib.util.module_from_spec(spec)
    with Caught() as caught:
        spec.loader.exec_module(own)
    if caught.error is not None:
        raise Refused("cases", "it could not be imported: %s." % caught.text)
    make = getattr(own, "cases", None)
    if not inspect.isfunction(make) or len(inspect.signature(make).parameters) != 1:
        raise Refused("cases", "it needs a function `cases` that takes what is proved: def cases(of).")
    found = None
    with Caught() as caught:
        found = make(subject)
        found = list(found) if inspect.isgenerator(found) or isinstance(found, (list, tuple)) else None
    if caught.error is not None:
        raise Refused("cases", "its `cases` failed: %s." % caught.text)
    if not found:
        raise Refused("cases", "its `cases` gives no case; yield dict(name=..., call=...) for each.")
    for number, case in enumerate(found, 1):
        check_case(case, number, subject)
    names = [case["name"] for case in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise Refused("cases", "two cases are called `%s`; give each its own name." % twice[0])
    return found


def check_case(case, number, subject):
    """Refuse a case that is not of the form that is documented."""

    def refuse(text):
        raise Refused("cases", "case %d %s" % (number, text))

    if not isinstance(case, dict):
        refuse("is no dict; yield dict(name=..., init=..., call=...).")
    odd = [key for key in case if key not in KEYS]
    if odd:
        refuse("has `%s`, which is not known; a case has %s." % (odd[0], ", ".join(KEYS)))
    if not isinstance(case.get("name"), str) or not case["name"].strip():
        refuse("has no name; write for instance name='batch 2'.")
    if "call" not in case:
        refuse("has no `call`; write a tuple of arguments, or a dict of them by name.")
    for key in ("init", "call"):
        if not isinstance(case.get(key, ()), (tuple, dict)):
            refuse("has a `%s` that is neither a tuple of arguments nor a dict of them by name." % key)
    if "init" in case and not builds(subject):
        refuse("has an `init`, and what is proved is a function; leave `init` out.")
    for key in ("train", "autocast", "mends"):
        if not isinstance(case.get(key, True), bool):
            refuse("has a `%s` that is neither True nor False." % key)
    if not isinstance(case.get("buffers", {}), dict):
        refuse("has `buffers` that are no dict of tensors by name.")
    if "buffers" in case and not builds(subject):
        refuse("has `buffers`, and what is proved is a function; leave `buffers` out.")


def builds(subject):
    """Tell whether a subject is a class of which an object is made before it is called."""
    import torch

    return inspect.isclass(subject) and not issubclass(subject, torch.autograd.Function)
