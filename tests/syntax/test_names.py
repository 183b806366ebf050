"""What a name means: every import form, and nothing that is only spelled alike.

In each program the names to ask about are marked by a call: `_(name)`. Asked is what the marked expressions may mean.
"""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

import libcst as cst
import pytest

from patcher.syntax.modules import module_name
from patcher.syntax.names import dotted
from patcher.syntax.source import Source
from tests.syntax.python import parsed


def marked(source: Source) -> list[cst.BaseExpression]:
    calls = [call for call in source.of(cst.Call) if isinstance(call.func, cst.Name) and call.func.value == "_"]
    return [call.args[0].value for call in calls]


def meant(text: str, path: str = "a.py", **stand_ins: str) -> list[str]:
    """The origins of each marked expression, several joined by `|`."""
    source = parsed(dedent(text), path, **stand_ins)
    return ["|".join(source.names.origins(node)) for node in marked(source)]


# --- import forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("import a; _(a)", "a"),
        ("import a; _(a.b.c)", "a.b.c"),
        ("import a.b.c; _(a)", "a"),
        ("import a.b.c; _(a.b.c.d)", "a.b.c.d"),
        ("import a.b.c as d; _(d)", "a.b.c"),
        ("import a.b.c as d; _(d.e)", "a.b.c.e"),
        ("import x, a as b, y; _(b)", "a"),
        ("from a import b; _(b)", "a.b"),
        ("from a.b import c as d; _(d.e)", "a.b.c.e"),
        ("from a import (\n    b,  # why\n    c,\n); _(c)", "a.c"),
        ("import a; _( ( a ) . b )", "a.b"),
        ("from a import b; _(b().c)", ""),
        ("from a import b; _(b[0].c)", ""),
        ("import a; import a.b; _(a.b)", "a.b"),
        ("_(len)", "len"),
        ("_(int.from_bytes)", "int.from_bytes"),
        ("_(nothing)", ""),
        ("_(1)", ""),
        ("from __future__ import annotations; _(annotations)", "__future__.annotations"),
    ],
)
def test_import_forms(text: str, origin: str) -> None:
    assert meant(text) == [origin]


@pytest.mark.parametrize(
    ("path", "statement", "origin"),
    [
        ("p/q/a.py", "from . import b", "p.q.b"),
        ("p/q/a.py", "from .m import b", "p.q.m.b"),
        ("p/q/a.py", "from .. import b", "p.b"),
        ("p/q/a.py", "from ..m.n import b", "p.m.n.b"),
        ("p/q/__init__.py", "from .m import b", "p.q.m.b"),
        # At the root of the tree a module has no package in front of it; it is not the package of that name.
        ("p/a.py", "from ..m import b", ".m.b"),
        ("a.py", "from .torch import b", ".torch.b"),
        ("a.py", "from . import b", ".b"),
        # Too many dots lead out of the tree: nobody knows what stands there.
        ("p/a.py", "from ...m import b", "..m.b"),
        ("a.py", "from ...m import b", "...m.b"),
        ("a.py", "from ... import b", "...b"),
        ("p/q/r/a.py", "from .....m import b", "..m.b"),
    ],
)
def test_relative_imports(path: str, statement: str, origin: str) -> None:
    assert meant(f"{statement}\n_(b)", path) == [origin]


@pytest.mark.parametrize(
    ("path", "name"),
    [("a.py", "a"), ("p/q.py", "p.q"), ("p/__init__.py", "p"), ("__init__.py", ""), ("p/q.pyi", "p.q")],
)
def test_modules_are_named_from_the_root(path: str, name: str) -> None:
    assert module_name(path) == name


def test_a_lazy_import_is_an_import() -> None:
    assert meant("def f():\n    from a import b\n    _(b)\n_(b)\n") == ["a.b", ""]


def test_an_import_in_a_class_is_seen_in_the_class_alone() -> None:
    text = """
        class A:
            from a import b
            _(b)
            def f(self):
                _(b)
        """
    assert meant(text) == ["a.b", ""]


def test_an_import_for_type_checkers_gives_a_name_its_meaning() -> None:
    assert meant("if TYPE_CHECKING:\n    from a import b\ndef f(x: b): _(b)\n") == ["a.b"]


def test_a_star_import_gives_no_name_a_meaning() -> None:
    source = parsed("from a import *\n_(b)\n")
    assert source.names.origins(marked(source)[0]) == ()
    assert [source.names.module_of(star) for star in source.names.stars] == ["a"]


def test_a_copied_shim_has_its_name_in_recipes() -> None:
    stand_ins = {"models.flash": "shim.flash", "flash": "shim.flash"}
    assert meant("from models.flash import f; _(f)", **stand_ins) == ["shim.flash.f"]
    assert meant("import models.flash as g; _(g.f)", **stand_ins) == ["shim.flash.f"]
    assert meant("from .flash import f; _(f)", "models/a.py", **stand_ins) == ["shim.flash.f"]
    assert meant("from .flash import f; _(f)", **stand_ins) == ["shim.flash.f"]
    assert meant("from flashing import f; _(f)", **stand_ins) == ["flashing.f"]


# --- never what is only spelled alike --------------------------------------------------------------------------------

SHADOWED = {
    "parameter": "from a import b\ndef f(b):\n    _(b)\n",
    "parameter with a default": "from a import b\ndef f(*, b=1):\n    _(b)\n",
    "star parameter": "from a import b\ndef f(*b):\n    _(b)\n",
    "keyword parameter": "from a import b\ndef f(**b):\n    _(b)\n",
    "positional-only parameter": "from a import b\ndef f(b, /):\n    _(b)\n",
    "lambda parameter": "from a import b\nlambda b: _(b)\n",
    "parameter of the function around": "from a import b\ndef f(b):\n    def g():\n        _(b)\n",
    "local": "from a import b\ndef f():\n    b = 1\n    _(b)\n",
    "local bound below": "from a import b\ndef f():\n    _(b)\n    b = 1\n",
    "annotated local": "from a import b\ndef f():\n    b: int = 1\n    _(b)\n",
    "augmented local": "from a import b\ndef f():\n    b += 1\n    _(b)\n",
    "tuple target": "from a import b\ndef f():\n    c, (b, *d) = x\n    _(b)\n",
    "starred target": "from a import b\ndef f():\n    [c, *b] = x\n    _(b)\n",
    "loop variable": "from a import b\ndef f():\n    for b in x: _(b)\n",
    "comprehension variable": "from a import b\n[_(b) for b in x]\n",
    "comprehension tuple": "from a import b\n{_(b): c for c, b in x}\n",
    "generator variable": "from a import b\nf(_(b) for b in x)\n",
    "inner comprehension": "from a import b\n[[_(b) for c in d] for b in x]\n",
    "second for of a comprehension": "from a import b\n[c for b in x for c in _(b)]\n",
    "condition of a comprehension": "from a import b\n[c for b in x if _(b)]\n",
    "walrus": "from a import b\ndef f():\n    if (b := 1): _(b)\n",
    "walrus in a comprehension": "from a import b\ndef f():\n    [b := c for c in x]\n    _(b)\n",
    "except as": "from a import b\ndef f():\n    try: pass\n    except E as b: _(b)\n",
    "except star as": "from a import b\ndef f():\n    try: pass\n    except* E as b: _(b)\n",
    "with as": "from a import b\ndef f():\n    with x as b: _(b)\n",
    "with as tuple": "from a import b\ndef f():\n    with x as (c, b): _(b)\n",
    "match capture": "from a import b\ndef f():\n    match x:\n        case b: _(b)\n",
    "match as": "from a import b\ndef f():\n    match x:\n        case [c] as b: _(b)\n",
    "match star": "from a import b\ndef f():\n    match x:\n        case [*b]: _(b)\n",
    "match rest": "from a import b\ndef f():\n    match x:\n        case {**b}: _(b)\n",
    "local class": "from a import b\ndef f():\n    class b: pass\n    _(b)\n",
    "local function": "from a import b\ndef f():\n    def b(): pass\n    _(b)\n",
    "class of the module": "class b: pass\n_(b)\n",
    "class below the import": "from a import b\nclass b: pass\n_(b)\n",
    "class attribute": "from a import b\nclass A:\n    b = 1\n    _(b)\n",
    "nonlocal": "from a import b\ndef f():\n    b = 1\n    def g():\n        nonlocal b\n        _(b)\n",
    "nonlocal, bound inside": "from a import b\ndef f():\n    b = 1\n    def g():\n        nonlocal b\n        b = 2\n    _(b)\n",
    "class attribute in both reads": "from a import b\nclass A:\n    b = 1\n    if x: _(b)\n",
    "class attribute in a default": "from a import b\nclass A:\n    b = 1\n    def f(self, x=_(b)): pass\n",
    "class attribute that a loop binds": "from a import b\nclass A:\n    for b in x: _(b)\n",
    "class attribute that is bound in the same arm": "from a import b\nclass A:\n    if x:\n        b = 1\n        _(b)\n",
    "method of the class": "from a import b\nclass A:\n    def b(self): pass\n    _(b)\n",
    "class attribute that is deleted elsewhere": "from a import b\nclass A:\n    b = 1\n    _(b)\n    def f(self): del b\n",
    "function around a class that binds it too": "def f():\n    from a import b\n    class A:\n        b = _(b)\n",
    "local of a method": "from a import b\nclass A:\n    def f(self):\n        _(b)\n        b = 1\n",
    "type parameter": "from a import b\ndef f[b](x): _(b)\n",
    "type parameter in an annotation": "from a import b\ndef f[b](x: _(b)): pass\n",
    "type parameter of a class": "from a import b\nclass A[b](_(b)): pass\n",
    "type parameter of a method's class": "from a import b\nclass A[b]:\n    def f(self): _(b)\n",
    "parameter specification": "from a import b\ndef f[**b](): _(b)\n",
    "type alias": "from a import b\ntype b = int\n_(b)\n",
    "type parameter of an alias": "from a import b\ntype A[b] = _(b)\n",
    "builtin that is a parameter": "def f(len):\n    _(len)\n",
    "builtin that is assigned": "len = 1\n_(len)\n",
    "attribute": "from a import b\n_(x.b)\n",
    "attribute of a local": "import a\ndef f(a): _(a.b)\n",
    "attribute of self": "from a import b\nclass A:\n    def f(self): _(self.b)\n",
    "deleted in the function": "from a import b\ndef f():\n    b = 1\n    del b\n    _(b)\n",
    "rebound after the import": "from a import b\nb = wrap(b)\n_(b)\n",
    "rebound after the import, read in a function": "from a import b\nb = None\ndef f(): _(b)\n",
    "rebound below a function": "from a import b\ndef f(): _(b)\nb = None\n",
    "rebound by a loop": "from a import b\nfor b in x: pass\n_(b)\n",
    "rebound in the same arm": "try:\n    from a import b\n    b = None\nexcept E:\n    pass\n_(b)\n",
    "rebound in the else of a try": "try:\n    from a import b\nexcept E:\n    pass\nelse:\n    b = None\n_(b)\n",
    "rebound in the finally of a try": "try:\n    from a import b\nfinally:\n    b = None\n_(b)\n",
}


@pytest.mark.parametrize("text", SHADOWED.values(), ids=SHADOWED.keys())
def test_what_is_bound_nearer_is_no_import(text: str) -> None:
    assert meant(text) == [""]


SEEN = {
    "through a function": "from a import b\ndef f():\n    def g(): _(b)\n",
    "through a class": "from a import b\nclass A:\n    b = 1\n    def f(self): _(b)\n",
    "class attribute in a comprehension": "from a import b\nclass A:\n    b = 1\n    [_(b) for c in x]\n",
    "value of a class attribute": "from a import b\nclass A:\n    b = _(b)\n",
    "value of an annotated class attribute": "from a import b\nclass A:\n    b: int = _(b)\n",
    "annotation of a field of that name": "from a import b\nclass A:\n    b: _(b)\n",
    "below a field of that name without a value": "from a import b\nclass A:\n    b: int\n    x = _(b)\n",
    "before the class binds it": "from a import b\nclass A:\n    x = _(b)\n    b = 1\n",
    "default before the class binds it": "from a import b\nclass A:\n    def f(self, x=_(b)): pass\n    b = 1\n",
    "default of a lambda before the class binds it": "from a import b\nclass A:\n    f = lambda x=_(b): x\n    b = 1\n",
    "default of the method of that name": "from a import b\nclass A:\n    def b(self, x=_(b)): pass\n",
    "decorator of the method of that name": "from a import b\nclass A:\n    @_(b)\n    def b(self): pass\n",
    "base of the inner class of that name": "from a import b\nclass A:\n    class b(_(b)): pass\n",
    "iterable of a loop over it": "from a import b\nclass A:\n    for b in _(b): pass\n",
    "context of a with of that name": "from a import b\nclass A:\n    with _(b) as b: pass\n",
    "class that binds it in one arm": "from a import b\nclass A:\n    if x: b = 1\n    _(b)\n",
    "class that binds it in the other arm": "from a import b\nclass A:\n    try: b = 1\n    except E: _(b)\n",
    "class that binds it in a loop": "from a import b\nclass A:\n    for x in y:\n        _(b)\n        b = 1\n",
    "class that deletes it": "from a import b\nclass A:\n    b = 1\n    del b\n    _(b)\n",
    "inner class of one that binds it": "from a import b\nclass A:\n    b = 1\n    class C: _(b)\n",
    "global of a class": "from a import b\nclass A:\n    global b\n    x = _(b)\n",
    "global": "from a import b\ndef f(b):\n    def g():\n        global b\n        _(b)\n",
    "imported globally": "def f():\n    global b\n    from a import b\n_(b)\n",
    "nonlocal of an import": "def f():\n    from a import b\n    def g():\n        nonlocal b\n        _(b)\n",
    "default of a parameter of the same name": "from a import b\ndef f(b=_(b)): pass\n",
    "default of a lambda": "from a import b\nlambda b=_(b): b\n",
    "annotation of a parameter of the same name": "from a import b\ndef f(b: _(b)): pass\n",
    "decorator of a function of the same name": "from a import b\n@_(b)\ndef f(b): pass\n",
    "base of a class that binds it": "from a import b\nclass A(_(b)):\n    b = 1\n",
    "first iterable of a comprehension": "from a import b\n[b for b in _(b)]\n",
    "comprehension variable is gone": "from a import b\n[b for b in x]\n_(b)\n",
    "lambda parameter is gone": "from a import b\nlambda b: b\n_(b)\n",
    "parameter is gone": "from a import b\ndef f(b): pass\n_(b)\n",
    "keyword of a call": "from a import b\nf(b=_(b))\n",
    "attribute of the same name": "from a import b\nx.b = _(b)\n",
    "keyword pattern of the same name": "from a import b\nmatch x:\n    case A(b=1): _(b)\n",
    "value that a name is rebound to": "from a import b\nb = f(_(b))\n",
    "before it is rebound": "from a import b\n_(b)\nb = None\n",
    "bound before the import": "b = None\nfrom a import b\n_(b)\n",
    "bound before a conditional import": "b = None\nif x:\n    from a import b\n_(b)\n",
    "bound in the handler": "try:\n    from a import b\nexcept ImportError:\n    b = None\n_(b)\n",
    "bound in a handler of two": "try:\n    from a import b\nexcept A: raise\nexcept B as e:\n    b = e\n_(b)\n",
    "defined in the handler": "try:\n    from a import b\nexcept ImportError:\n    def b(): pass\n_(b)\n",
    "a class in the handler": "try:\n    from a import b\nexcept ImportError:\n    class b: pass\n_(b)\n",
    "bound in the else of an if": "if x:\n    from a import b\nelse:\n    b = None\n_(b)\n",
    "bound in an elif": "if x:\n    from a import b\nelif y:\n    b = None\n_(b)\n",
    "bound in another case": "match x:\n    case 1:\n        from a import b\n    case _:\n        b = None\n_(b)\n",
    "bound anew only under an if": "from a import b\nif b is None:\n    def b(): pass\n_(b)\n",
    "bound anew only by a function": "from a import b\ndef f():\n    global b\n    b = None\n_(b)\n",
    "in an except star": "try:\n    from a import b\nexcept* E:\n    b = None\n_(b)\n",
    "deleted and used no more": "from a import b\n_(b)\ndel b\n",
    "type parameter of another function": "from a import b\ndef f[b](): pass\n_(b)\n",
    "default of a type parameter's function": "from a import b\ndef f[c](x=_(b)): pass\n",
    "class attribute of a generic method": "class A:\n    from a import b\n    def f[T](self, x: _(b)): pass\n",
}


@pytest.mark.parametrize("text", SEEN.values(), ids=SEEN.keys())
def test_what_is_bound_elsewhere_hides_no_import(text: str) -> None:
    assert meant(text) == ["a.b"]


@pytest.mark.parametrize(
    "text",
    [
        "from a import b\nx.b\n",
        "from a import b\nf(b=1)\n",
        "from a import b\nclass A: pass\nx: int\n",
        "from a import b\ndef f(b): pass\n",
        "try:\n    from a import b\nexcept E:\n    b = None\n",
        "from a import b\nmatch x:\n    case A(b=c): pass\n",
        "def f():\n    global b\n    from a import b\n",
    ],
)
def test_a_name_that_reads_nothing_means_nothing(text: str) -> None:
    source = parsed(text)
    for name in source.of(cst.Name):
        assert name.value != "b" or source.names.origins(name) == ()


# --- several origins -------------------------------------------------------------------------------------------------

ARMS = """
try:
    from flash_attn_interface import f
except ImportError:
    from flash_attn import f
_(f)
"""


def test_both_arms_of_a_try_are_meant_in_a_fixed_order() -> None:
    assert meant(ARMS) == ["flash_attn.f|flash_attn_interface.f"]


def test_the_order_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from patcher.syntax.source import Source\nimport libcst as cst\n"
        f"source = Source('a.py', {ARMS!r}.encode())\n"
        "print([source.names.origins(node) for node in source.of(cst.Name)], sorted(source.names.leading_to('flash_attn.f')))\n"
    )
    results = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(results) == 1


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("if x:\n    from a import f\nelse:\n    from b import f\n_(f)\n", "a.f|b.f"),
        ("from a import f\nif x:\n    from b import f\n_(f)\n", "a.f|b.f"),
        ("from a import f\ntry:\n    from b import f\nexcept E: pass\n_(f)\n", "a.f|b.f"),
        ("from a import f\nfrom b import f\n_(f)\n", "b.f"),
        ("from a import f\n_(f)\nfrom b import f\n", "a.f|b.f"),
        ("from a import f\ndef g(): _(f)\nfrom b import f\n", "b.f"),
        ("try:\n    from a import f\nexcept E:\n    from b import f\nfrom c import f\n_(f)\n", "c.f"),
        ("try:\n    from a import f\n    f = w(f)\nexcept E:\n    from b import f\n_(f)\n", "b.f"),
        ("import a.b\nimport a.c\n_(a.b)\n", "a.b"),
    ],
)
def test_imports_of_one_name(text: str, origins: str) -> None:
    assert meant(text) == [origins]


# --- spelling --------------------------------------------------------------------------------------------------------


def spelled(text: str, target: str, path: str = "a.py") -> str | None:
    source = parsed(dedent(text), path)
    return source.names.spell(target, marked(source)[0])


@pytest.mark.parametrize(
    ("text", "target", "spelling"),
    [
        ("import torch\n_(1)", "torch.nn.Module", "torch.nn.Module"),
        ("import torch.nn as nn\n_(1)", "torch.nn.Module", "nn.Module"),
        ("import torch\nfrom torch import nn\n_(1)", "torch.nn.Module", "nn.Module"),
        ("import torch\nfrom torch.nn import Module as M\n_(1)", "torch.nn.Module", "M"),
        ("import torch.nn\n_(1)", "torch.nn.Module", "torch.nn.Module"),
        ("from b import x as y\nfrom b import x as z\n_(1)", "b.x", "y"),
        ("def f():\n    import torch as t\n    _(1)", "torch.x", "t.x"),
        ("import torch\ndef f(): _(1)", "torch", "torch"),
        ("import torch\nclass A:\n    torch = _(1)", "torch.x", "torch.x"),
        ("try:\n    import torch as t\nexcept E:\n    t = None\n_(1)", "torch.x", "t.x"),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from a import b\n_(1)", "a.b", "b"),
        ("if not TYPE_CHECKING:\n    from a import b\n_(1)", "a.b", "b"),
    ],
)
def test_a_dotted_name_is_written_as_the_file_does(text: str, target: str, spelling: str) -> None:
    assert spelled(text, target) == spelling


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("_(1)", "torch.x"),
        ("import torchvision\n_(1)", "torch.x"),
        ("from a import torch\n_(1)", "torch.x"),
        ("import torch\ndef f(torch): _(1)", "torch.x"),
        ("def f():\n    import torch\n_(1)", "torch.x"),
        ("import torch\ntorch = None\n_(1)", "torch.x"),
        ("if TYPE_CHECKING:\n    import torch\n_(1)", "torch.x"),
        ("if typing.TYPE_CHECKING:\n    import torch\ndef f(): _(1)", "torch.x"),
        ("class A:\n    import torch\n    def f(self): _(1)", "torch.x"),
        ("import torch\nclass A:\n    torch = 1\n    _(1)", "torch.x"),
        ("import torch\nclass A:\n    if x: torch = 1\n    _(1)", "torch.x"),
        ("from torch import *\n_(1)", "torch.x"),
        ("from torch.nn import Module\n_(1)", "torch.nn"),
        ("from .torch import x\n_(1)", "torch.x"),
    ],
)
def test_what_no_import_in_scope_leads_to_has_no_spelling(text: str, target: str) -> None:
    assert spelled(text, target) is None


# --- uses, exports, unbound names ------------------------------------------------------------------------------------


def used_in(text: str, name: str) -> list[int]:
    """The lines in which a name bound at the top of a module is read."""
    source = parsed(text)
    return [source.line_column(source.span(use)[0])[0] for use in source.names.uses(name, source.module.body[0])]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("from a import b\nb()\nx = b.c\nf(b=b)\ndel b\n", [2, 3, 4, 5]),
        ("from a import b\ndef f(x=b): return b\n", [2, 2]),
        ("from a import b\n@b\nclass A(b, m=b): y: b = b\n", [2, 3, 3, 3, 3]),
        ("from a import b\nf'{b!r:{b}}'\n[b for x in b]\n", [2, 2, 3, 3]),
        ("from a import b\nb += 1\n", [2]),
        ("from a import b\nglobal b\n", []),
        ("from a import b\nx.b, f(b=1)\nb = 2\nfor b in x: pass\n", []),
        ("from a import b\ndef f(b): return b\n[b for b in x]\nlambda b: b\n", []),
        ("from a import b\nclass A:\n    b = 1\n    x = b\n    def f(self): return b\n", [5]),
        ("from a import b\nclass A:\n    b = b\n    x = b\n", [3]),
        ("from a import b\nclass A:\n    b: b\n    x: b\n", [3, 4]),
        ("from a import b\nclass A:\n    b += 1\n    x = b\n", [3]),
        ("from a import b\nclass A:\n    for b in b: b\n", [3]),
        ("from a import b\nimport b.c\nfrom b import d\n", []),
        ("from a import b\nx, (b, y) = 1, 2\nwith x as b: pass\n", []),
        ("from a import b\nmatch x:\n    case b.C(b=b.D): pass\n", [3, 3]),
    ],
)
def test_uses_are_reads_of_that_binding(text: str, lines: list[int]) -> None:
    assert used_in(text, "b") == lines


@pytest.mark.parametrize(
    ("text", "exported"),
    [
        ("__all__ = ['a', 'b']", True),
        ("__all__ = ('b',)", True),
        ("__all__: list[str] = ['b']", True),
        ("__all__ = []\n__all__ += ['b']", True),
        ("__all__ = []\n__all__.extend(['b'])", True),
        ("__all__ = []\n__all__.append('b')", True),
        ("__all__ = ['bb']\nx = ['b']", False),
        ("x.append('b')", False),
        ("'b'", False),
    ],
)
def test_names_that_are_exported(text: str, exported: bool) -> None:
    assert parsed(text).names.exported("b") is exported


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x", {"x"}),
        ("x = y.z(w=v)", {"y", "v"}),
        ("def f(a: A = B) -> C: return a", {"A", "B", "C"}),
        ("import x.y as z\nx, z", {"x"}),
        ("def f():\n    x = 1\nx", {"x"}),
        ("class A:\n    x = 1\n    def f(self): return x", {"x"}),
        ("class A:\n    x = x", {"x"}),
        ("x = 1\nclass A:\n    x = x", set()),
        ("class A:\n    len = len\n    y = len", set()),
        ("[x for y in z]\ny", {"x", "y", "z"}),
        ("except_ = 1\ntry: pass\nexcept E as e: e", {"E"}),
        ("x: int\nx", set()),
        ("for x in []: x\nx", set()),
        ("def f():\n    global x\n    x = 1\nx", set()),
        ("class A:\n    def f(self): return __class__, __qualname__", set()),
        ("__file__, __name__, print, self_ if (self_ := 1) else 0", set()),
        ("def f[T: int](x: T) -> list[T]: return T\ntype L[U] = list[U]", set()),
        ("match 1:\n    case {'a': x, **y} | [z, *w]: x, y, z, w", set()),
        ("f'{x}{y=:>{z}}'", {"x", "y", "z"}),
        ("from a import *\nx", set()),
        ("lambda x, *y, z=w, **v: (x, y, z, v)", {"w"}),
        ("'x'; x = None; del x", set()),
        ("@d\ndef f(): pass", {"d"}),
    ],
)
def test_names_that_nothing_binds(text: str, names: set[str]) -> None:
    assert parsed(text).names.unbound() == names


# --- where a place is ------------------------------------------------------------------------------------------------


def test_qualified_names() -> None:
    source = parsed("class A:\n    def f(self):\n        def g(): _(1)\n_(2)\nasync def h(): _(3)\n")
    assert [source.names.qualname(node) for node in marked(source)] == ["A.f.g", "", "h"]
    assert sorted(source.names.qualnames()) == ["A", "A.f", "A.f.g", "h"]


def test_the_enclosing_function_is_the_one_whose_assignments_are_seen() -> None:
    source = parsed("@_(1)\ndef f(x=_(2)):\n    [_(3) for y in z]\n    lambda: _(4)\n    class A: _(5)\n")
    kinds = [type(source.names.enclosing_function(node)).__name__ for node in marked(source)]
    assert kinds == ["Module", "Module", "FunctionDef", "Lambda", "FunctionDef"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("a", "a"), ("a.b.c", "a.b.c"), ("(a).b", "a.b"), ("a().b", None), ("'a'.b", None), ("a[0]", None)],
)
def test_dotted_names(text: str, name: str | None) -> None:
    assert dotted(cst.parse_expression(text)) == name
