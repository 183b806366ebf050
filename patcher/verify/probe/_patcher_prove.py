"""Run one side of a proof, or compare two: the child process of `patcher prove`.

It runs in the Python that trains the tree (3.8 grammar, torch >= 2.0 and nothing else). It is called with the path of a
request in JSON, and answers in JSON in the file that the request names. Everything is computed in float64 on the CPU.

A value of the first side and one of the second are equal if they differ by at most ALLOWED of the scale of their
tensor. A sum of n terms taken in another order differs by some n * 1e-16 of its terms at worst, and by about
sqrt(n) * 1e-16 in truth: 1e-12 leaves room for sums of a million terms. Wrong code differs by 1e-3 and more.
The scale is the largest value of the tensor, yet at least a tenth of the largest of its kind (outputs, gradients,
buffers) in the case: what is zero by arithmetic comes out as the rounding of terms that cancel, and those are as large
as what else is computed there.
"""

import copy
import importlib
import importlib.util
import inspect
import json
import os
import random
import sys
import zlib

ALLOWED = 1e-12
FLOOR = 0.1
SEED = 20240719
KEYS = ("name", "init", "call", "train")
# What a function, a class or a property is made of, and what Python itself writes there when it is looked at.
PARTS = ("__code__", "__defaults__", "__bases__", "__func__", "__wrapped__", "fget", "fset", "fdel")
PARTED = (classmethod, property, staticmethod)
NOISE = ("__annotations__", "__annotations_cache__", "__builtins__", "__doc__", "__warningregistry__", "__dict__")
PLAIN = (type(None), bool, int, float, complex, str, bytes)


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


# --- the tree and the cases -----------------------------------------------------------------------------------------


def load_subject(root, file, name):
    """Import the file as the tree's own programs would, and return the function or class of that name."""
    folder, stem = os.path.split(file[: -len(".py")])
    parts = folder.split("/") if folder else []
    packages = len(parts)
    while packages and os.path.exists(os.path.join(root, *parts[:packages], "__init__.py")):
        packages -= 1
    # A package is imported from the folder that it lies in; what is in no package from the root, as a namespace.
    top = [root] if packages == len(parts) else [os.path.join(root, *parts[:packages]), root]
    dotted = parts if packages == len(parts) else parts[packages:]
    # Its own folder comes last, for files that import their siblings: it hides nothing that is installed.
    here = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path) != here]
    sys.path[:] = list(dict.fromkeys(top)) + others + [os.path.join(root, folder)]
    sys.argv[:] = [os.path.join(root, file)]
    with Caught() as caught:
        module = importlib.import_module(".".join(dotted + ([] if stem == "__init__" else [stem])))
    if caught.error is not None:
        raise Refused("import", caught.text)
    if os.path.realpath(getattr(module, "__file__", None) or "") != os.path.realpath(os.path.join(root, file)):
        raise Refused("elsewhere", str(getattr(module, "__file__", None)))
    for part in name.split("."):
        module = getattr(module, part, None)
    if not callable(module):
        raise Refused("missing", "")
    return module


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
    if not isinstance(case.get("train", True), bool):
        refuse("has a `train` that is neither True nor False.")


def builds(subject):
    """Tell whether a subject is a class of which an object is made before it is called."""
    import torch

    return inspect.isclass(subject) and not issubclass(subject, torch.autograd.Function)


# --- one side -------------------------------------------------------------------------------------------------------


def run_side(ask):
    """Run every case on one side of the step, and store what comes out."""
    import torch

    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    subject = load_subject(ask["tree"], ask["file"], ask["name"])
    torch.set_default_dtype(torch.float64)
    seed()
    cases = load_cases(ask["cases"], subject, ask["tree"])
    first = load(ask["first"]) if ask["first"] else {}
    results = {}
    for case in cases:
        results[case["name"]] = run_case(subject, case, first.get(case["name"], {}).get("state"))
    torch.save(results, ask["result"])
    return {"cases": len(results), "torch": torch.__version__}


def load(path):
    """Return what the other process stored."""
    import torch

    known = inspect.signature(torch.load).parameters
    return torch.load(path, **({"weights_only": False} if "weights_only" in known else {}))


def seed():
    """Begin every run of one kind with the same random numbers."""
    import torch

    torch.manual_seed(SEED)
    random.seed(SEED)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(SEED)


def run_case(subject, case, state):
    """Return everything that one case computes; `state` is that of the first side, if this is the second."""
    result = {"stage": "built", "raised": None, "state": None, "declared": {}, "inputs": {}}
    with Caught() as caught:
        seed()
        call = made(subject, case, state, result)
        if call is not None:
            result["stage"] = "called"
            computed(call, case, result)
    if caught.error is not None:
        result["raised"] = caught.text
    return result


def made(subject, case, state, result):
    """Return what is called: the function, or an object in float64 whose parameters are those of the first side."""
    import torch

    if not builds(subject):
        return getattr(subject, "apply", subject) if inspect.isclass(subject) else subject
    thing = called(subject, case.get("init", ()))
    if not isinstance(thing, torch.nn.Module):
        return thing
    own = {key: value for key, value in thing.state_dict().items() if isinstance(value, torch.Tensor)}
    result["declared"] = {key: [list(value.shape), str(value.dtype)] for key, value in own.items()}
    thing.double()
    if state is None:
        stir(thing)
    else:
        given = {key: list(value.shape) for key, value in state.items() if isinstance(value, torch.Tensor)}
        if given != {key: shape for key, (shape, _) in result["declared"].items()}:
            return None  # another state: told as such, and nothing to run
        thing.load_state_dict(state, strict=True)
    result["state"] = copy.deepcopy(thing.state_dict())
    return thing.train(case.get("train", True))


def stir(module):
    """Give noise to what begins as one number: behind a zero gate, bias or average no difference is seen.

    It is added and small and no less than zero, so that a variance stays one.
    """
    import torch

    with torch.no_grad():
        for value in module.state_dict().values():
            floating = isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel() > 0
            if floating and bool((value == value.flatten()[0]).all()):
                value.add_(0.1 * torch.rand_like(value))


def called(thing, arguments):
    """Call something with the arguments of a case."""
    return thing(**arguments) if isinstance(arguments, dict) else thing(*arguments)


def computed(call, case, result):
    """Run a case forward and backward, and put into the result what it gives."""
    import torch

    leaves, passed = {}, {}
    arguments = case["call"]
    if isinstance(arguments, dict):
        arguments = {key: handed(value, key, leaves, passed, {}) for key, value in arguments.items()}
    else:
        arguments = tuple(handed(one, "argument %d" % at, leaves, passed, {}) for at, one in enumerate(arguments, 1))
    result["inputs"] = {name: leaf.detach().clone() for name, leaf in leaves.items()}
    seed()
    tensors, plain = {}, {}
    flatten(called(call, arguments), "output", tensors, plain)
    differentiable = {name: one for name, one in tensors.items() if one.requires_grad}
    weights = [cotangent(name, one) for name, one in differentiable.items()]
    changed = {name: one for name, one in passed.items() if not same(one, leaves[name])}
    result.update(
        outputs={name: dense(one) for name, one in tensors.items()},
        plain={**plain, **{"requires_grad of " + name: repr(one.requires_grad) for name, one in tensors.items()}},
        changed={name: dense(one) for name, one in changed.items()},
    )
    result["stage"] = "differentiated"
    if differentiable:
        torch.autograd.backward(list(differentiable.values()), weights)
    module = call if isinstance(call, torch.nn.Module) else torch.nn.Module()
    wanted = {"the input " + name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
    wanted.update(("the parameter " + name, value) for name, value in module.named_parameters())
    result["gradients"] = {name: None if one.grad is None else dense(one.grad) for name, one in wanted.items()}
    result["buffers"] = {name: dense(value) for name, value in module.named_buffers()}


def handed(value, name, leaves, passed, known):
    """Return an argument to hand over: of each tensor a copy, of floating ones a copy behind a leaf with a gradient.

    The copy may be written to in place. A tensor that is handed over twice stays one.
    """
    import torch

    if id(value) in known:
        return known[id(value)]
    if isinstance(value, torch.Tensor):
        leaf = value.detach().clone()
        if leaf.is_floating_point() or leaf.is_complex():
            leaf.requires_grad_(True)
        leaves[name], passed[name] = leaf, leaf.clone()
        known[id(value)] = passed[name]
        return passed[name]
    if isinstance(value, dict):
        return {key: handed(one, "%s[%r]" % (name, key), leaves, passed, known) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        items = [handed(one, "%s[%d]" % (name, at), leaves, passed, known) for at, one in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return copy.deepcopy(value)


def flatten(value, name, tensors, plain):
    """Put every tensor of a result, and all else in it, under a name of its own."""
    import torch

    if isinstance(value, torch.Tensor):
        tensors[name] = value
    elif isinstance(value, (*PLAIN, torch.dtype, torch.device)):
        plain[name] = repr(value)
    elif isinstance(value, (tuple, list)):
        plain["length of " + name] = repr(len(value))
        for at, one in enumerate(value):
            flatten(one, "%s[%d]" % (name, at), tensors, plain)
    elif isinstance(value, dict) or hasattr(value, "__dict__"):
        items = value if isinstance(value, dict) else vars(value)
        plain["keys of " + name] = repr(sorted(map(str, items)))
        for key, one in items.items():
            flatten(one, "%s[%r]" % (name, key), tensors, plain)
    else:
        raise TypeError("%s is a %s, which cannot be compared" % (name, type(value).__name__))


def cotangent(name, output):
    """Return the same random direction for an output on both sides."""
    import torch

    source = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    kind = torch.complex128 if output.is_complex() else torch.float64
    return torch.randn(output.shape, generator=source, dtype=kind).to(output.dtype)


def dense(value):
    """Return a tensor of its own memory, as a plain one."""
    import torch

    return (value.detach() if value.layout == torch.strided else value.detach().to_dense()).clone()


def same(one, other):
    """Tell whether two tensors hold the same values, of which some may be no numbers."""
    import torch

    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    a, b = one.detach(), other.detach()
    return bool(((a == b) | ((a != a) & (b != b))).all()) if a.numel() else torch.equal(a, b)


# --- both sides -----------------------------------------------------------------------------------------------------


def compare(ask):
    """Return, for each case, the largest error of each kind and every difference in a phrase."""
    import torch

    before, after = (load(path) for path in ask["results"])
    if list(before) != list(after):
        raise Refused(
            "cases", "its `cases` gives other cases before the step than after it; let it not depend on that."
        )
    told, seen = [], False
    for name in before:
        one, other = before[name], after[name]
        if one["raised"] and other["raised"]:
            raise Refused("neither", "%s (%s)" % (name, one["raised"]))
        compared = Comparison(name, one, other)
        told.append(dict(compared.told(), name=name))
        seen = seen or compared.seen or bool(told[-1]["differences"])
    if not seen:
        raise Refused("cases", "no case gives a number to compare; let one have outputs that are not empty.")
    return {"cases": told, "torch": torch.__version__, "allowed": ALLOWED}


class Comparison:
    """The two sides of one case, compared."""

    def __init__(self, name, before, after):
        self.name, self.before, self.after = name, before, after
        self.differences = []
        self.finite = False
        self.seen = False  # whether a number was compared of what it computes

    def told(self):
        """Return the errors by kind, None where there was nothing, and the differences."""
        errors = dict.fromkeys(("outputs", "gradients", "buffers"))
        self.compare_keys()
        raised = [(when, side["raised"]) for when, side in self.sides() if side["raised"]]
        for when, text in raised:
            self.differences.append("it raises %s %s the step alone" % (text, when))
        if not raised and not self.differences_of_state():
            self.check_inputs()
            self.compare_plain()
            for kind in errors:
                errors[kind] = self.compare_kind(kind, self.before[kind], self.after[kind])
            self.compare_kind("inputs", self.before["changed"], self.after["changed"])
            self.seen = self.seen or any(is_number(*item) for item in self.before["plain"].items())
            empty = not self.before["changed"] and set(self.before["plain"].values()) <= {"None"}
            if not self.finite and (self.before["outputs"] or empty):
                raise Refused("empty", self.name)
        return dict(errors, differences=self.differences)

    def sides(self):
        """Return the two sides with their word."""
        return (("before", self.before), ("after", self.after))

    def differences_of_state(self):
        """Tell whether one side has another state, so that it was not run."""
        one, other = ({key: shape for key, (shape, _) in side["declared"].items()} for _, side in self.sides())
        return one != other

    def compare_keys(self):
        """Compare the keys of the state, and what they are declared as."""
        one, other = self.before["declared"], self.after["declared"]
        if not (self.before["raised"] and not one) and not (self.after["raised"] and not other):
            self.compare_names("state_dict has `%s`", one, other)
        for key in one:
            if key in other and one[key] != other[key]:
                self.differences.append("`%s` of state_dict is %s before and %s after" % (key, one[key], other[key]))

    def compare_names(self, phrase, one, other):
        """Tell the names that one side alone has."""
        for when, own, others in (("before", one, other), ("after", other, one)):
            names = [name for name in own if name not in others]
            self.differences.extend((phrase + " %s the step alone") % (name, when) for name in names)

    def check_inputs(self):
        """Refuse cases that are other ones on each side."""
        one, other = self.before["inputs"], self.after["inputs"]
        if set(one) != set(other) or not all(same(one[name], other[name]) for name in one):
            text = "the case `%s` has other inputs on each side; take random numbers from torch, which is seeded."
            raise Refused("cases", text % self.name)

    def compare_plain(self):
        """Compare what is no tensor."""
        one, other = self.before["plain"], self.after["plain"]
        for name in one:
            if name in other and one[name] != other[name]:
                self.differences.append("%s is %s before and %s after" % (name, one[name], other[name]))
        self.compare_names("there is %s", one, other)

    def compare_kind(self, kind, one, other):
        """Compare the tensors of one kind by name and return the largest error, None if there is none to measure."""
        words = {"outputs": "%s", "gradients": "the gradient of %s", "buffers": "the buffer %s"}
        phrase = words.get(kind, "the input %s that it writes to")
        self.compare_names("there is " + phrase, one, other)
        pairs = [(name, one[name], other[name]) for name in one if name in other]
        for name, a, b in pairs:
            if (a is None) != (b is None):
                self.differences.append(
                    "%s is None %s the step alone" % (phrase % name, "after" if b is None else "before")
                )
        pairs = [(phrase % name, a, b) for name, a, b in pairs if a is not None and b is not None]
        floor = FLOOR * max([size(a) for _, a, _ in pairs], default=0.0)
        self.seen = self.seen or (kind in ("outputs", "inputs") and any(holds_number(a) for _, a, _ in pairs))
        errors = [self.compare_tensor(*pair, floor=floor) for pair in pairs]
        return max((error for error in errors if error is not None), default=None)

    def compare_tensor(self, name, a, b, floor):
        """Compare two tensors and return the error relative to their scale, None where they cannot be compared."""
        import torch

        for what, left, right in (("shape", list(a.shape), list(b.shape)), ("dtype", a.dtype, b.dtype)):
            if left != right:
                self.differences.append("%s has %s %s before and %s after" % (name, what, left, right))
        if a.shape != b.shape:
            return None
        self.finite = self.finite or a.numel() == 0 or bool((torch.isfinite(a) & torch.isfinite(b)).any())
        if same(a, b):
            return 0.0
        finite = torch.isfinite(a)
        if not torch.equal(finite, torch.isfinite(b)) or not same(numbers(a)[~finite], numbers(b)[~finite]):
            self.differences.append("%s is infinite or no number in other places" % name)
            return None
        if not (a.is_floating_point() or a.is_complex()):
            self.differences.append("%s has other values" % name)
            return None
        error = size(numbers(a) - numbers(b)) / max(size(a), size(b), floor)
        if error > ALLOWED:
            self.differences.append("%s differs by %.1e of its scale" % (name, error))
        return error


def holds_number(value):
    """Tell whether there is a finite number in a tensor."""
    import torch

    return bool(torch.isfinite(value).any())


def is_number(name, text):
    """Tell whether something plain is a number of the output, and not what is told about it."""
    if name.startswith(("length of ", "keys of ", "requires_grad of ")):
        return False
    try:
        return text in ("True", "False") or abs(complex(text)) < float("inf")
    except ValueError:
        return False


def numbers(value):
    """Return a tensor as numbers of the widest kind."""
    import torch

    return value.to(torch.complex128 if value.is_complex() else torch.float64)


def size(value):
    """Return the largest finite value of a tensor."""
    import torch

    found = numbers(value).abs()
    found = found[torch.isfinite(found)]
    return float(found.max()) if found.numel() else 0.0


def main(path):
    """Answer one request."""
    sys.dont_write_bytecode = True
    with open(path, encoding="utf-8") as stream:
        ask = json.load(stream)
    with Caught() as caught:
        importlib.import_module("torch")
    if caught.error is not None:
        answer = {"refused": "torch", "text": caught.text}
    else:
        try:
            answer = compare(ask) if "results" in ask else run_side(ask)
        except Refused as refused:
            answer = {"refused": refused.kind, "text": str(refused)}
    with open(ask["answer"], "w", encoding="utf-8") as stream:
        json.dump(answer, stream)


if __name__ == "__main__":
    main(sys.argv[1])
