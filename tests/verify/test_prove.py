"""The child of `patcher prove` sees what is wrong and nothing else; the key of a definition is that of its code."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patcher.errors import TargetError
from patcher.model import Change, Edit, Layer, Scope
from patcher.syntax.shims import stamp
from patcher.verify.definitions import Definition, Tree, find
from patcher.verify.keys import key, mentioned
from patcher.verify.run import PROBE
from patcher.verify.undone import without

FILE = PROBE / "_patcher_prove.py"

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(PROBE))
    module = importlib.import_module("_patcher_prove")
    torch.set_default_dtype(torch.float64)
    yield module
    torch.set_default_dtype(torch.float32)
    for name in [name for name in sys.modules if name.startswith("_patcher_")]:
        del sys.modules[name]


def comparing() -> ModuleType:
    """Return what compares two sides, once the fixture has it."""
    return sys.modules["_patcher_compare"]


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
    told: dict[str, Any] = comparing().Comparison("one", first, probe.run_case(after, case, first["state"])).told()
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
    assert worst > 1e6 * comparing().ALLOWED, worst


def test_the_same_sums_in_another_order_are_equal(probe: ModuleType) -> None:
    told = compared(probe, Attention, ByHand)
    assert told["differences"] == []
    assert 0 < told["gradients"] < comparing().ALLOWED / 10 and told["buffers"] == 0


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


class Counts(nn.Module):
    """Adds a place of a ring buffer, behind a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("kept", torch.arange(4.0))
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Any) -> Any:
        self.count += 1
        return self.weight * x + self.place()

    def place(self) -> Any:
        return self.kept[self.count % 4]


class FromTheBeginning(Counts):
    """Is right for a counter of 0 alone."""

    def place(self) -> Any:
        return self.kept[1]


def counted(probe: ModuleType, after: Any, **keys: Any) -> Any:
    return compared(probe, Counts, after, init=(), call=(torch.randn(2, 3),), **keys)["differences"]


def test_buffers_begin_with_what_a_case_gives(probe: ModuleType) -> None:
    assert counted(probe, FromTheBeginning) == []
    assert counted(probe, Counts, buffers={"count": 6}) == []
    assert counted(probe, FromTheBeginning, buffers={"count": torch.tensor(6)})[0].startswith("output differs by")


def test_a_buffer_that_there_is_not(probe: ModuleType) -> None:
    with pytest.raises(probe.Refused, match=r"there is no buffer `kent`; known: count, kept\."):
        counted(probe, Counts, buffers={"kent": 1})


class InTurns(nn.Linear):
    def forward(self, x: Any) -> Any:
        return torch.stack([super(InTurns, self).forward(row) for row in x.unbind(1)], 1)


class TooLarge(nn.Linear):
    def forward(self, x: Any) -> Any:
        return super().forward(x) * 1.1


def test_under_autocast_a_rounding_of_bfloat16_is_allowed(probe: ModuleType) -> None:
    keys = {"init": (12, 12), "autocast": True}
    told = compared(probe, nn.Linear, InTurns, **{**keys, "call": (torch.randn(2, 5, 12),)})
    assert told["differences"] == [] and told["autocast"] is True
    case = {"name": "one", "call": (torch.randn(2, 5, 12),), **keys}
    assert probe.run_case(nn.Linear, case, None)["outputs"]["output"].dtype == torch.bfloat16
    told = compared(probe, nn.Linear, TooLarge, **{**keys, "call": (torch.randn(2, 5, 12),)})
    assert told["differences"][0].startswith("output differs by")


def test_what_mends_raises_before_and_not_after(probe: ModuleType) -> None:
    told = compared(probe, Fails, Attention, mends=True)
    assert told["differences"] == [] and told["mends"] is True and told["outputs"] is None
    assert compared(probe, Attention, Attention, mends=True)["differences"] == [
        "it does not raise before the step, and `mends` says that it does"
    ]
    assert "it raises RuntimeError" in compared(probe, Fails, Fails, mends=True)["differences"][0]


@pytest.mark.parametrize(
    ("call", "nothing"),
    [
        (torch.zeros(0, 4), lambda x: x),
        (torch.ones(4), lambda x: []),
        (torch.ones(4), lambda x: ("text", None)),
        (torch.ones(4), lambda x: x[:0]),
    ],
    ids=["no rows", "no list", "no number", "nothing of it"],
)
def test_at_least_one_number_is_compared(probe: ModuleType, tmp_path: Path, call: Any, nothing: Any) -> None:
    def compared_all(*cases: Any) -> Any:
        for name in ("before", "after"):
            ran = {one["name"]: probe.run_case(nothing, one, None) for one in cases}
            torch.save(ran, tmp_path / name)
        return probe.compare({"results": [str(tmp_path / "before"), str(tmp_path / "after")]})

    with pytest.raises(probe.Refused, match="no case gives a number to compare") as caught:
        compared_all({"name": "one", "call": (call,)})
    assert caught.value.kind == "cases"


def test_cases_that_are_empty_stand_beside_others(probe: ModuleType, tmp_path: Path) -> None:
    for name in ("before", "after"):
        calls = {"none": torch.zeros(0, 4), "some": torch.zeros(1, 4)}
        ran = {key: probe.run_case(abs, {"name": key, "call": (one,)}, None) for key, one in calls.items()}
        torch.save(ran, tmp_path / name)
    told = probe.compare({"results": [str(tmp_path / "before"), str(tmp_path / "after")]})
    assert [one["differences"] for one in told["cases"]] == [[], []]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("of.forward = lambda self, x: x", "`Norm.forward`"),
        ("of.half.__code__ = (lambda self, x: x).__code__", "`Norm.half.__code__`"),
        ("of.__call__ = lambda self, x: x", "puts `Norm.__call__` into"),
        ("of.named.fget.__code__ = (lambda self: 1).__code__", "`Norm.named.fget.__code__`"),
        ("import sys; sys.modules[of.__module__].SCALE = 2", "`proved_here.SCALE`"),
        ("import sys; sys.modules[of.__module__].helper.__defaults__ = (3,)", "`proved_here.helper.__defaults__`"),
        ("of(1).forward(2); import inspect; inspect.signature(of), inspect.getsource(of)", ""),
    ],
)
def test_cases_change_nothing_of_what_is_proved(
    probe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    text = (
        "SCALE = 1\n\ndef helper(x=1):\n    return x\n\nclass Norm:\n    def __init__(self, x):\n        self.x = x\n"
        "    def half(self, x):\n        return x\n    def forward(self, x):\n        return self.half(x)\n"
        "    @property\n    def named(self):\n        return self.x\n"
    )
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "proved_here.py").write_text(text)
    (tmp_path / "cases.py").write_text(f"def cases(of):\n    {line}\n    yield dict(name='a', init=(1,), call=(2,))\n")
    monkeypatch.syspath_prepend(tmp_path / "tree")
    subject = importlib.import_module("proved_here").Norm
    try:
        if told:
            with pytest.raises(probe.Refused, match=re.escape(told)) as caught:
                probe.load_cases(str(tmp_path / "cases.py"), subject, str(tmp_path / "tree"))
            assert caught.value.kind == "cases"
        else:
            assert len(probe.load_cases(str(tmp_path / "cases.py"), subject, str(tmp_path / "tree"))) == 1
    finally:
        del sys.modules["proved_here"]


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


def keyed(text: str, name: str = "Norm", **others: str) -> str:
    """Return the key of a definition in `a.py`, beside other files, which are named without their ending."""
    files = {"a.py": text, **{f"{path}.py": one for path, one in others.items()}}
    (found,) = find(Scope("a.py", name), ["a.py"], lambda path: files[path].encode())
    return key(found, Tree(frozenset(files), lambda path: files[path].encode()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# [batch, seq]", ""),
        ('        """Do it."""\n', ""),
        ('    """What it is."""\n', ""),
        ("half(start(x))", "half(\n            start(x),\n        )"),
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
        ("def other(x):\n    return x", "def other(x):\n    return -x"),
        ("import os, math", "import sys"),
        ("return half(start(x))\n", "return half(start(x))\n\n\nsetattr(Norm, 'forward', lambda self, x: x)\n"),
    ],
)
def test_a_key_goes_with_the_code(old: str, new: str) -> None:
    assert old in CODE
    assert keyed(CODE.replace(old, new)) != keyed(CODE)


def test_what_is_around_a_definition_counts() -> None:
    text = "FAST = False\nif FAST:\n    def act(x):\n        return x\nelse:\n    def act(x):\n        return -x\n"
    assert keyed(text, "act") != keyed(text.replace("= False", "= True"), "act")


ACT = "{}\n\n\ndef act(x):\n    return fast(x)\n"
FAST = "def fast(x):\n    return {} * x\n"


@pytest.mark.parametrize(
    ("line", "path", "others"),
    [
        ("from ops import fast", "ops", {}),
        ("from .ops import fast", "ops", {}),
        ("from .pack import fast", "pack/ops", {"pack/__init__": "from .ops import *\n"}),
        ("from pack.deep import act", "pack/ops", {"pack/deep/__init__": "from ..ops import fast\n"}),
        ("import pack.deep.ops as o", "pack/deep/ops", {}),
        ("import pack.deep.ops as o", "pack/__init__", {"pack/deep/ops": ""}),
        ("from pack.deep import *", "pack/deep/ops", {}),
        ("from pack import ops", "src/pack/ops", {}),
        ("def load():\n    from ops import fast\n    return fast", "ops", {}),
        ("if 0:\n    import ops", "ops/__init__", {}),
        ("import importlib\nfast = importlib.import_module('o' + 'ps').fast", "far/off/ops", {}),
        ("import sys as s\ns.path.append('far')\nimport ops", "far/off/ops", {}),
        ("fast = eval(open('ops.py').read())", "ops", {}),
    ],
)
def test_what_is_imported_counts(line: str, path: str, others: dict[str, str]) -> None:
    text = ACT.format(line)
    two, three = (keyed(text, "act", **others, **{path: FAST.format(by)}) for by in (2, 3))
    assert two != three
    assert two == keyed(text, "act", **others, **{path: "# by two\n" + FAST.format(2)})


def test_what_is_imported_by_what_is_imported_counts_in_a_circle() -> None:
    others = {"ops": "from deep.more import fast\n", "deep/more": "import a\n" + FAST}
    two, three = (keyed(ACT.format("import ops"), "act", **{**others, "deep/more": FAST.format(by)}) for by in (2, 3))
    assert two != three
    assert two != keyed(ACT.format("import ops"), "act", **others)


def test_what_nothing_imports_does_not_count() -> None:
    text = ACT.format("from ops import fast")
    assert keyed(text, "act", ops="", pretrain="lr = 1\n") == keyed(text, "act", ops="", pretrain="lr = 2\n")
    assert keyed(text, "act") != keyed(text, "act", ops="")


def test_a_copied_shim_does_not_count_until_somebody_edits_it() -> None:
    text = ACT.format("from ops import fast")
    old, new = (stamp("ops/__init__.py", FAST.format(by).encode()).decode() for by in (2, 3))
    assert keyed(text, "act", ops=old) == keyed(text, "act", ops=new)
    assert keyed(text, "act", ops=new) != keyed(text, "act", ops=new.replace("3 * x", "4 * x"))


def test_a_link_is_refused() -> None:
    text = ACT.format("from ops import fast")
    tree = Tree(frozenset({"a.py"}), lambda _: text.encode(), frozenset({"ops.py"}))
    with pytest.raises(TargetError, match=r"a\.py::act may import ops\.py, a link, and nothing is proved of what is"):
        key(Definition("a.py", "act", text), tree)


def test_what_a_definition_names_in_its_own_file() -> None:
    text = "try:\n    from a import f\nexcept ImportError:\n    f = None\n\n\ndef g(x):\n    return f(x)\n"
    here = mentioned(Definition("a.py", "g", text))
    assert here != mentioned(Definition("a.py", "g", text.replace("f = None", "f = abs")))
    assert here == mentioned(Definition("a.py", "g", text + "\n\ndef h(x):\n    return x\n"))


def test_the_key_is_the_same_in_every_python() -> None:
    # Recorded keys are compared by whatever Python patcher runs in: this one must never change.
    assert keyed("def f(x: int, *a, y=None) -> str:\n    return f'{x!r:>3}' + u'é'\n", "f")[:16] == "38e5720f45d6ef0d"


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
