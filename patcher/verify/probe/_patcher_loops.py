"""Run loops and their batched code on the same random inputs: the child process of `patcher loops --prove`.

It runs in the Python that trains the tree (torch >= 2.0 and nothing else). It is called with the path of a request in
JSON, and answers in JSON in the file that the request names. Everything is computed in float64 on the CPU.
"""

import json
import sys
import types

from _patcher_cases import Caught
from _patcher_compare import ALLOWED, same, size

TURNS = (0, 1, 2, 3, 5)
# What a size is that no text tells, and what the others are: different numbers, so that a mix-up fails.
USUAL = 3
OTHERS = (4, 6, 7, 8, 9, 10, 11, 12)
# How inputs are made whose axes the text does not tell: whether sizes differ, and how many more axes there are.
GUESSES = ((True, 0), (False, 0), (True, 1), (False, 1), (False, 2))


def judged(ask):
    """Return the largest error over all numbers of turns, or why nothing was proved."""
    worst, ran = 0.0, 0
    for guess in GUESSES:
        found = [at_length(ask, turns, guess) for turns in TURNS]
        told = [one for turns, one in zip(TURNS, found) if turns and "raised" not in one]  # noqa: B905  (3.8)
        if not told:  # these are no inputs for the loop; without turns it may run all the same
            continue
        if any("differs" in one for one in found):
            return next(one for one in found if "differs" in one)
        worst, ran = max(one["error"] for one in told), len(told)
        break
    if not ran:
        return {"not_run": found[-1].get("raised", "no inputs were found on which the loop runs")}
    return {"error": worst, "lengths": ran}


def at_length(ask, turns, guess):
    """Run both versions at one number of turns."""
    import torch

    results = []
    for side in ("before", "after"):
        torch.manual_seed(turns)
        with Caught() as caught:
            inputs = made(ask, turns, guess)
            results.append(computed(ask, ask[side], inputs))
        if caught.error is not None:
            if side == "before":
                return {"raised": caught.text}
            return {"differs": "with %d turns the batched code raises %s" % (turns, caught.text)}
    return compared(turns, *results)


def made(ask, turns, guess):
    """Return random inputs by name."""
    import torch

    differ, more = guess
    known = {ask["turns"]: turns}
    free = list(OTHERS)

    def length(text):
        if not text:
            return USUAL
        if text.isdigit():
            return int(text)
        if text not in known:
            known[text] = free.pop(0) if differ and free else USUAL
        return known[text]

    found = {}
    for name, one in sorted(ask["inputs"].items(), key=lambda item: item[1]["kind"] == "number"):
        if one["kind"] == "number":
            found[name] = length(one.get("size") or name)
        elif "sizes" in one:
            found[name] = torch.randn([length(text) for text in one["sizes"]], dtype=torch.float64)
        elif one["kind"] == "tensor":
            sizes = [USUAL] * (one["least"] + more)
            sizes[one["at"]] = turns
            found[name] = torch.randn(sizes, dtype=torch.float64)
        else:
            found[name] = torch.randn(USUAL, dtype=torch.float64) if more else 2
    return {name: one.requires_grad_() if isinstance(one, torch.Tensor) else one for name, one in found.items()}


def computed(ask, body, inputs):
    """Return the outputs of a version and its gradients, by name."""
    import torch

    scope = {}
    exec(compile(ask["prelude"], "prelude", "exec"), scope)  # noqa: S102  (the fragment that the user asked to run)
    own = types.SimpleNamespace()
    for name, value in inputs.items():
        given = value.clone() if isinstance(value, torch.Tensor) else value
        put(own if name.startswith("self.") else scope, name, given)
    scope["self"] = own
    lines = ["def fragment():"]
    stored = list(ask["outputs"])
    again = [name for name in stored if name in inputs]
    lines += ["    global %s" % name for name in again]
    lines += ["    " + line for line in body.splitlines()]
    lines += ["    return {%s}" % ", ".join("%r: %s" % (name, name) for name in stored if not name.startswith("_"))]
    exec(compile("\n".join(lines), "fragment", "exec"), scope)  # noqa: S102
    tensors = {}
    flat(scope["fragment"](), "output", tensors)
    leaves = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    wanted = [value for value in tensors.values() if value.requires_grad]
    total = sum((value * (at + 1)).sum() for at, value in enumerate(wanted))
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True) if wanted else []
    for name, grad in zip(leaves, grads):  # noqa: B905  (3.8)
        tensors["the gradient of %s" % name] = grad
    return tensors


def put(scope, name, value):
    """Bind a dotted name."""
    if isinstance(scope, dict):
        scope[name] = value
        return
    parts = name.split(".")[1:]
    for part in parts[:-1]:
        if not hasattr(scope, part):
            setattr(scope, part, types.SimpleNamespace())
        scope = getattr(scope, part)
    setattr(scope, parts[-1], value)


def flat(value, name, tensors):
    """Put every tensor and number of a result under a name of its own."""
    import torch

    if isinstance(value, torch.Tensor):
        tensors[name] = value
    elif isinstance(value, (int, float)):
        tensors[name] = torch.tensor(float(value), dtype=torch.float64)
    elif isinstance(value, dict):
        for key in sorted(value):
            flat(value[key], "%s %s" % (name, key), tensors)
    elif isinstance(value, (list, tuple)):
        for at, one in enumerate(value):
            flat(one, "%s[%d]" % (name, at), tensors)


def compared(turns, one, other):
    """Return the largest error, or what differs; without turns a sum may be a plain 0 on one side."""
    import torch

    worst = 0.0
    for name in sorted(set(one) & set(other) if not turns else set(one) | set(other)):
        a, b = one.get(name), other.get(name)
        if (a is None) != (b is None):
            if not turns:
                continue
            return {"differs": "with %d turns there is %s %s alone" % (turns, name, "after" if a is None else "before")}
        if a is None or same(a, b):
            continue
        if not turns and (a.shape != b.shape or a.numel() == 0):
            continue
        if a.shape != b.shape:
            text = "with %d turns %s has the shape %s before and %s after"
            return {"differs": text % (turns, name, list(a.shape), list(b.shape))}
        if not bool((torch.isfinite(a) == torch.isfinite(b)).all()):
            return {"differs": "with %d turns %s is infinite or no number in other places" % (turns, name)}
        error = size(a.detach() - b.detach()) / max(size(a.detach()), size(b.detach()), 1e-300)
        worst = max(worst, error)
        if error > ALLOWED:
            return {"differs": "with %d turns %s differs by %.1e of its scale" % (turns, name, error)}
    return {"error": worst}


def main(path):
    """Answer one request."""
    sys.dont_write_bytecode = True
    with open(path, encoding="utf-8") as stream:
        ask = json.load(stream)
    with Caught() as caught:
        import torch

        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)
    if caught.error is not None:
        answer = {"refused": caught.text}
    else:
        answer = {"torch": torch.__version__, "found": [judged(one) for one in ask["fragments"]]}
    with open(ask["answer"], "w", encoding="utf-8") as stream:
        json.dump(answer, stream)


if __name__ == "__main__":
    main(sys.argv[1])
