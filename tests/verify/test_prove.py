"""The child of `patcher prove` sees what is wrong and nothing else; the key of a definition is that of its code."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from patcher.errors import TargetError
from patcher.model import Change, Edit, Layer, Scope
from patcher.verify.definitions import find, key, without
from patcher.verify.run import PROBE

FILE = PROBE / "_patcher_prove.py"

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


@pytest.fixture
def probe() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("_patcher_prove", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.set_default_dtype(torch.float64)
    yield module
    torch.set_default_dtype(torch.float32)


def test_it_is_written_for_old_pythons() -> None:
    ast.parse(FILE.read_text(), feature_version=(3, 8))


class Attention(nn.Module):
    """Softmax attention with a projection that begins as zero, as gates do."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.mix, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("running", torch.zeros(width))

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.running.mul_(0.9).add_(x.detach().mean((0, 1)), alpha=0.1)
        q, k, v = (one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in self.mix(x).chunk(3, -1))
        return self.project(self.attend(q, k, v).transpose(1, 2).flatten(2))

    def attend(self, q: Any, k: Any, v: Any) -> Any:
        return F.scaled_dot_product_attention(q, k, v)

    def project(self, x: Any) -> Any:
        return self.out(x)


class ByHand(Attention):
    def attend(self, q: Any, k: Any, v: Any) -> Any:
        return ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v


class WrongScale(Attention):
    def attend(self, q: Any, k: Any, v: Any) -> Any:
        return F.scaled_dot_product_attention(q, k, v, scale=1.0)


class NoTransposes(Attention):
    def attend(self, q: Any, k: Any, v: Any) -> Any:
        return F.scaled_dot_product_attention(*(one.transpose(1, 2) for one in (q, k, v))).transpose(1, 2)


class NoBias(Attention):
    def project(self, x: Any) -> Any:
        return F.linear(x, self.out.weight)


class NoGradient(Attention):
    def project(self, x: Any) -> Any:
        return F.linear(x, self.out.weight, self.out.bias.detach())


class NoInputGradient(Attention):
    def forward(self, x: Any) -> Any:
        return super().forward(x.detach())


class OtherKey(Attention):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.o_proj = self.out
        del self.out

    def project(self, x: Any) -> Any:
        return self.o_proj(x)


class OtherBuffer(Attention):
    def forward(self, x: Any) -> Any:
        self.running.mul_(0.99)
        return super().forward(x)


class OtherDtype(Attention):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.out.half()


class WritesToItsInput(Attention):
    def forward(self, x: Any) -> Any:
        result = super().forward(x)
        x.data.mul_(2)
        return result


class GivesMore(Attention):
    def forward(self, x: Any) -> Any:
        return super().forward(x), None


class Fails(Attention):
    def attend(self, q: Any, k: Any, v: Any) -> Any:
        raise RuntimeError("view size is not compatible\nwith the strides")


CASE = {"name": "one", "init": (12, 3), "call": {"x": "filled in"}}


def compared(probe: ModuleType, before: Any, after: Any, **keys: Any) -> dict[str, Any]:
    """Return what the child tells of two versions."""
    torch.manual_seed(1)
    case = {**CASE, "call": {"x": torch.randn(2, 5, 12)}, **keys}
    first = probe.run_case(before, case, None)
    told: dict[str, Any] = probe.Comparison("one", first, probe.run_case(after, case, first["state"])).told()
    return told


WRONG = {
    WrongScale: "output differs by",
    NoTransposes: "output differs by",
    NoBias: "output differs by",
    NoGradient: "the gradient of the parameter out.bias is None after the step alone",
    NoInputGradient: "the gradient of the input x is None after the step alone",
    OtherKey: "state_dict has `o_proj.weight` after the step alone",
    OtherBuffer: "the buffer running differs by",
    OtherDtype: "`out.weight` of state_dict is [[12, 12], 'torch.float64'] before and [[12, 12], 'torch.float16'] after",
    WritesToItsInput: "there is the input x that it writes to after the step alone",
    GivesMore: "there is output[1] after the step alone",
    Fails: "it raises RuntimeError: view size is not compatible after the step alone",
}


@pytest.mark.parametrize(("wrong", "told"), WRONG.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_wrong_code_is_seen(probe: ModuleType, wrong: Any, told: str) -> None:
    found = compared(probe, Attention, wrong)["differences"]
    assert any(one.startswith(told) for one in found), found


@pytest.mark.parametrize("wrong", [WrongScale, NoTransposes, NoBias, OtherBuffer], ids=lambda one: one.__name__)
def test_wrong_code_is_far_above_what_is_allowed(probe: ModuleType, wrong: Any) -> None:
    told = compared(probe, Attention, wrong)
    worst = max(told[kind] for kind in ("outputs", "buffers"))
    assert worst > 1e6 * probe.ALLOWED, worst


def test_the_same_sums_in_another_order_are_equal(probe: ModuleType) -> None:
    told = compared(probe, Attention, ByHand)
    assert told["differences"] == []
    assert 0 < told["gradients"] < probe.ALLOWED / 10 and told["buffers"] == 0


def test_a_gradient_that_is_zero_by_arithmetic_is_rounding(probe: ModuleType) -> None:
    # A softmax does not see what is added to every score: the bias of the keys has no gradient but noise.
    def before(q: Any, k: Any, bias: Any) -> Any:
        return (q @ (k + bias).T).softmax(-1)

    def after(q: Any, k: Any, bias: Any) -> Any:
        return (q @ k.T + (q @ bias)[:, None]).softmax(-1)

    call = (torch.randn(40, 8), torch.randn(40, 8), torch.randn(8))
    assert compared(probe, before, after, init=(), call=call)["differences"] == []


def test_the_order_of_two_inputs(probe: ModuleType) -> None:
    call = (torch.randn(3), torch.randn(3))
    told = compared(probe, lambda a, b: a - 2 * b, lambda a, b: b - 2 * a, init=(), call=call)
    assert [one.partition(" differs")[0] for one in told["differences"]] == [
        "output",
        "the gradient of the input argument 1",
        "the gradient of the input argument 2",
    ]


def test_results_in_containers_and_numbers(probe: ModuleType) -> None:
    def before(x: Any) -> Any:
        return {"a": (x, 1), "b": x.argmax()}

    call = (torch.tensor([3.0, 1.0, 2.0]),)
    assert compared(probe, before, before, init=(), call=call)["differences"] == []
    told = compared(probe, before, lambda x: {"a": (x, 2), "b": x.argmin()}, init=(), call=call)["differences"]
    assert told == ["output['a'][1] is 1 before and 2 after", "output['b'] has other values"]


def test_no_numbers_must_be_in_the_same_places(probe: ModuleType) -> None:
    call = (torch.tensor([-1.0, 1.0]),)
    assert compared(probe, torch.log, lambda x: torch.log(x), init=(), call=call)["differences"] == []
    told = compared(probe, torch.log, lambda x: torch.log(x.abs()), init=(), call=call)["differences"]
    assert told[0] == "output is infinite or no number in other places"


@pytest.mark.parametrize("nothing", [lambda x: None, lambda x: x * float("nan")], ids=["none", "nan"])
def test_what_gives_nothing_to_compare_proves_nothing(probe: ModuleType, nothing: Any) -> None:
    with pytest.raises(probe.Refused) as caught:
        compared(probe, nothing, nothing, init=(), call=(torch.ones(2),))
    assert caught.value.kind == "empty"


def test_dropout_draws_the_same_numbers(probe: ModuleType) -> None:
    def before(x: Any) -> Any:
        return F.dropout(x, 0.5)

    assert compared(probe, before, lambda x: F.dropout(x, 0.5), init=(), call=(torch.ones(50),))["differences"] == []


# --- keys -----------------------------------------------------------------------------------------------------------

CODE = '''
import os, math
from models.common import init as start

SCALE = 2


def other(x):
    return x


def half(x):
    return x / SCALE


class Norm(Base):
    """What it is."""

    def forward(self, x):  # [batch, seq]
        """Do it."""
        return half(start(x))
'''


def keyed(text: str, name: str = "Norm") -> str:
    (found,) = find(Scope("a.py", name), ["a.py"], lambda _: text.encode())
    return key(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# [batch, seq]", ""),
        ('        """Do it."""\n', ""),
        ('    """What it is."""\n', ""),
        ("half(start(x))", "half(\n            start(x),\n        )"),
        ("def other(x):\n    return x", "def other(x):\n    return -x"),
        ("import os, math", "import sys"),
        ("\n", "\r\n"),
    ],
)
def test_a_key_stays(old: str, new: str) -> None:
    assert old in CODE
    assert keyed(CODE.replace(old, new)) == keyed(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("half(start(x))", "start(half(x))"),
        ("x / SCALE", "x * SCALE"),
        ("SCALE = 2", "SCALE = 2.0"),
        ("models.common", "models.start"),
        ("init as start", "other as start"),
        ("Norm(Base)", "Norm"),
        ("forward(self, x)", "forward(self, x=None)"),
    ],
)
def test_a_key_goes_with_the_code(old: str, new: str) -> None:
    assert old in CODE
    assert keyed(CODE.replace(old, new)) != keyed(CODE)


def test_both_arms_of_a_try_count() -> None:
    text = "try:\n    from a import f\nexcept ImportError:\n    f = None\n\n\ndef g(x):\n    return f(x)\n"
    assert keyed(text, "g") != keyed(text.replace("f = None", "f = abs"), "g")


def test_the_key_is_the_same_in_every_python() -> None:
    # Recorded keys are compared by whatever Python patcher runs in: this one must never change.
    assert keyed("def f(x: int, *a, y=None) -> str:\n    return f'{x!r:>3}' + u'é'\n", "f")[:16] == "8e6560e1403dbb6e"


def test_methods_are_no_definitions() -> None:
    assert find(Scope("a.py", "Norm.forward"), ["a.py"], lambda _: CODE.encode()) == []


def test_a_class_in_a_class_and_one_under_an_if() -> None:
    text = "if 1:\n    class A:\n        class B:\n            pass\n"
    assert [one.name for one in find(Scope("**", "*"), ["m/a.py"], lambda _: text.encode())] == ["A", "A.B"]


def test_a_file_that_does_not_parse() -> None:
    with pytest.raises(TargetError, match=r"a\.py does not parse: .* in line 1\."):
        keyed("def f(:\n", "f")
    assert find(Scope("*.py", "f"), ["a.py"], lambda _: b"def f(:\n") == []


# --- before a step --------------------------------------------------------------------------------------------------


def changed(before: bytes, *layers: tuple[str, list[tuple[int, int, str]]]) -> Change:
    """Return a change with these edits, each in the text that the layers before it left."""
    made = tuple(Layer(step, tuple(Edit(*edit) for edit in edits)) for step, edits in layers)
    return Change("a.py", before, b"", made)


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        ([("own", [(0, 1, "x")])], "abcdef"),
        ([("own", [(0, 0, "xyz")]), ("late", [(3, 4, "A"), (9, 9, "!")])], "Abcdef!"),
        ([("early", [(1, 1, "--")]), ("own", [(0, 1, "")]), ("late", [(2, 3, "B")])], "a--Bcdef"),
        ([("own", [(1, 2, "x"), (4, 5, "yy")]), ("late", [(2, 3, "")])], "abdef"),
        ([("own", [(0, 1, "é")]), ("late", [(2, 3, "B")])], "aBcdef"),
        ([("own", [(0, 0, "x")]), ("own", [(0, 1, "y")])], None),
        ([("own", [(1, 3, "")]), ("late", [(1, 1, "+")])], "abc+def a+bcdef"),
        ([("own", [(0, 1, "xyz")]), ("late", [(1, 2, "")])], None),
        ([("late", [])], None),
    ],
)
def test_a_step_is_taken_out_of_what_the_others_wrote(
    layers: list[tuple[str, list[tuple[int, int, str]]]], left: str | None
) -> None:
    assert without(changed(b"abcdef", *layers), frozenset({"own"})) == tuple((left or "").split())


def test_a_mark_and_an_encoding_do_not_move_the_places() -> None:
    before = "\ufeffab".encode()
    assert without(changed(before, ("own", [(0, 1, "x")]), ("late", [(1, 2, "B")])), frozenset({"own"})) == ("aB",)
    latin = "# coding: latin-1\né".encode("latin-1")
    assert without(changed(latin, ("own", [(20, 20, "x")])), frozenset({"own"})) == ("# coding: latin-1\né",)
