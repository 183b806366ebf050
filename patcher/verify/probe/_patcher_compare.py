"""The two sides of a proof, compared.

A value of the first side and one of the second are equal if they differ by at most ALLOWED of the scale of their
tensor. A sum of n terms taken in another order differs by some n * 1e-16 of its terms at worst, and by about
sqrt(n) * 1e-16 in truth: 1e-12 leaves room for sums of a million terms. Wrong code differs by 1e-3 and more.
The scale is the largest value of the tensor, yet at least a tenth of the largest of its kind (outputs, gradients,
buffers) in the case: what is zero by arithmetic comes out as the rounding of terms that cancel, and those are as large
as what else is computed there.
"""

import inspect

from _patcher_cases import Refused

ALLOWED = 1e-12
# Under autocast a sum is taken in float32 and rounded to bfloat16, which has 8 bits: by one rounding, up or down. The
# gradient of what a loop uses at every turn is added up in bfloat16, and rounded as often as there are turns.
ALLOWED_IN_BFLOAT16 = {"gradients": 2.0**-4}
OTHERS_IN_BFLOAT16 = 2.0**-7
FLOOR = 0.1


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
        if one["raised"] and other["raised"] and not one["mends"]:
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
        self.allowed = ALLOWED
        self.seen = False  # whether a number was compared of what it computes

    def told(self):
        """Return the errors by kind, None where there was nothing, and the differences."""
        errors = dict.fromkeys(("outputs", "gradients", "buffers"))
        marks = {key: True for key in ("autocast", "mends") if self.before.get(key)}
        if self.before.get("mends"):
            return dict(errors, differences=self.mended(), **marks)
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
        return dict(errors, differences=self.differences, **marks)

    def mended(self):
        """Return what is wrong with a case that the code before is to raise on, and the code after is to compute."""
        self.compare_keys()
        if not self.before["raised"]:
            self.differences.append("it does not raise before the step, and `mends` says that it does")
        if self.after["raised"]:
            self.differences.append("it raises %s after the step" % self.after["raised"])
        return self.differences

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
        if self.before.get("autocast"):
            self.allowed = ALLOWED_IN_BFLOAT16.get(kind, OTHERS_IN_BFLOAT16)
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
        if error > self.allowed:
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


def load(path):
    """Return what the other process stored."""
    import torch

    known = inspect.signature(torch.load).parameters
    return torch.load(path, **({"weights_only": False} if "weights_only" in known else {}))


def same(one, other):
    """Tell whether two tensors hold the same values, of which some may be no numbers."""
    import torch

    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    a, b = one.detach(), other.detach()
    return bool(((a == b) | ((a != a) & (b != b))).all()) if a.numel() else torch.equal(a, b)
