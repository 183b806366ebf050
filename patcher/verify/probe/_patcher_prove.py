"""Run one side of a proof, or compare two: the child process of `patcher prove`.

It runs in the Python that trains the tree (3.8 grammar, torch >= 2.0 and nothing else). It is called with the path of a
request in JSON, and answers in JSON in the file that the request names. Everything is computed in float64 on the CPU.
"""

import contextlib
import copy
import importlib
import inspect
import json
import os
import random
import sys
import zlib

from _patcher_cases import Caught, Refused, builds, load_cases
from _patcher_compare import compare, load, same

SEED = 20240719
PLAIN = (type(None), bool, int, float, complex, str, bytes)


# --- the tree --------------------------------------------------------------------------------------------------------


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
    result.update(autocast=case.get("autocast", False), mends=case.get("mends", False))
    with Caught() as caught, precision(result["autocast"]):
        seed()
        call = made(subject, case, state, result)
        if call is not None:
            result["stage"] = "called"
            computed(call, case, result)
    if caught.error is not None:
        result["raised"] = caught.text
    return result


@contextlib.contextmanager
def precision(autocast):
    """Compute in float64; with autocast in float32, where it makes bfloat16 of what it takes for safe."""
    import torch

    torch.set_default_dtype(torch.float32 if autocast else torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float64)


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
    thing.to(torch.get_default_dtype())
    if state is None:
        stir(thing)
    else:
        given = {key: list(value.shape) for key, value in state.items() if isinstance(value, torch.Tensor)}
        if given != {key: shape for key, (shape, _) in result["declared"].items()}:
            return None  # another state: told as such, and nothing to run
        thing.load_state_dict(state, strict=True)
    result["state"] = copy.deepcopy(thing.state_dict())
    begin(thing, case.get("buffers", {}))
    return thing.train(case.get("train", True))


def begin(module, given):
    """Let buffers begin with what a case gives: a counter that has counted, say."""
    import torch

    own = dict(module.named_buffers())
    for name, value in given.items():
        if name not in own:
            raise Refused("cases", "there is no buffer `%s`; known: %s." % (name, ", ".join(sorted(own)) or "none"))
        with torch.no_grad():
            own[name].copy_(torch.as_tensor(value))


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
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case.get("autocast", False)):
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
        leaf = leaf.to(torch.get_default_dtype()) if leaf.is_floating_point() else leaf
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
