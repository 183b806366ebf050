"""What a pattern matches: every case stands beside others, as near as can be, that it does not match."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

from patcher.syntax.matching import candidates, match_at
from patcher.syntax.pattern import compile_code
from tests.syntax.python import captured, found, missed, parsed

# --- layout never matters --------------------------------------------------------------------------------------------

SAME = [
    ("f(1, a='x')", "f( 1 ,a = 'x' )"),
    ("f(1, a='x')", 'f(\n    1,  # one\n    # more\n    a="x",\n)'),
    ("f(1, a='x')", "(f)((1), a=('x'))"),
    ("f(1, a='x')", "f \\\n  (1, a='''x''')"),
    ("f(1, a='x')", "f(1, a='x',)"),
    ("f(1, a='x')", "f(0x1, a=u'x')"),
    ("f(1, a='x')", "f(1, a='\\x78')"),
    ("f('ab')", "f('a' \"b\")"),
    ("f('a' 'b')", "f('ab')"),
    ("f('a\\nb')", "f('''a\nb''')"),
    ("f(b'a')", "f(B'a')"),
    ("f(1000, 1e-3, 2j)", "f(1_000, 0.001, 2.0J)"),
    ("(a, b)", "(a, b,)"),
    ("x[a, b]", "x [ a,\n b ]"),
    ("x if y else z", "(x) if (y) else (z)"),
    ('f"{x}a"', "f'{ x }a'"),
    ("f'{x!r:>3}'", 'F"""{x!r:>3}"""'),
    ("a + b * c", "a + (b * c)"),
    ("not a", "not(a)"),
    ("lambda y: y", "lambda y:y"),
    ("{'a': 1, **b}", '{"a":1,**b,}'),
    ("x.y.z", "x . y . z"),
    ("a < b <= c", "a<b<=c"),
    ("a is not b", "a is  not b"),
]


@pytest.mark.parametrize(
    "pattern",
    [
        "f($X, k=1)  # why",
        "f(  # one\n    $X,  # two\n    k = 0x1,\n)",
        "(f)(($X), k=(1),)",
        "f \\\n  ($X, k=1)",
        "f($X, k=1,)",
        "(\n    f($X, k=1)  # $Y\n)",
    ],
)
def test_layout_and_comments_of_the_pattern_do_not_matter(pattern: str) -> None:
    assert found(pattern, "f(a, k=1)\nf(a, k=2)\n", "f") == ["f(a, k=1)"]


@pytest.mark.parametrize(("pattern", "text"), SAME)
def test_layout_quotes_and_spellings_do_not_matter(pattern: str, text: str) -> None:
    local = "abcdefghxyz"
    assert len(found(pattern, f"w = {text}\n", *local)) == 1


DIFFERENT = [
    ("f(1)", "f(1.0)"),
    ("f(1)", "f(True)"),
    ("f(1)", "f('1')"),
    ("f(1)", "f(-1)"),
    ("f('a')", "f(b'a')"),
    ("f('a')", "f('A')"),
    ("f('a')", "f(f'a')"),
    ("f('a')", "f('a' 'b')"),
    ("f('a')", "f('a' f'{b}')"),
    ("f(r'\\n')", "f('\\n')"),
    ("f'\\n{x}'", "rf'\\n{x}'"),
    ("f'{x}'", "f'{x!r}'"),
    ("f'{x}'", "f'{x=}'"),
    ("f'{x}'", "f'{x:>3}'"),
    ("f'{x}'", "'{x}'"),
    ("(a, b)", "[a, b]"),
    ("(a, b)", "(b, a)"),
    ("(a, b)", "(a, b, c)"),
    ("(a,)", "(a)"),
    ("{a: b}", "{a, b}"),
    ("x[a]", "x(a)"),
    ("x[1:2]", "x[1:2:3]"),
    ("x[1:]", "x[:1]"),
    ("x[a]", "x[*a]"),
    ("a + b", "b + a"),
    ("a + b + c", "a + (b + c)"),
    ("a - b", "a + b"),
    ("a < b", "a <= b"),
    ("a in b", "a not in b"),
    ("a is b", "a is not b"),
    ("a == b", "a != b"),
    ("a and b", "a or b"),
    ("-a", "+a"),
    ("a if b else c", "b if a else c"),
    ("lambda y: y", "lambda y: x"),
    ("lambda y: y", "lambda *y: y"),
    ("lambda y: y", "lambda y=1: y"),
    ("[y for y in x]", "(y for y in x)"),
    ("[y for y in x]", "[y for y in x if y]"),
    ("[y for y in x]", "[y async for y in x]"),
    ("x.y", "x.z"),
    ("x.y", "(x, y)"),
    ("f()", "f"),
    ("f", "f()"),
    ("f(a)", "f(*a)"),
    ("f(*a)", "f(**a)"),
    ("f(*a)", "f(a)"),
    ("await x", "x"),
    ("(yield x)", "(yield from x)"),
    ("...", "x"),
]


@pytest.mark.parametrize(("pattern", "text"), DIFFERENT)
def test_other_code_is_other_code(pattern: str, text: str) -> None:
    local = "abcdefghxyz"
    code, source = compile_code(pattern, local), parsed(f"async def w():\n    v = {text}\n")
    whole = [nodes for nodes in candidates(code, source) if source.code(nodes[0]) == text]
    assert [nodes for nodes in whole if match_at(code, source, nodes)] == []


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("import torch\ntorch.device(1)\n", 1),
        ("import torch as t\nt.device(1)\n", 1),
        ("from torch import device\ndevice(1)\n", 1),
        ("from torch import device as d\nd(1)\n", 1),
        ("def f():\n    import torch\n    torch.device(1)\n", 1),
        ("try:\n    from torch import device\nexcept E:\n    device = None\ndevice(1)\n", 1),
        ("try:\n    from a import device\nexcept E:\n    from torch import device\ndevice(1)\n", 1),
        ("import torch\ntorch.device(torch.device(1))\n", 1),
        ("torch.device(1)\n", 0),
        ("from a import torch\ntorch.device(1)\n", 0),
        ("from a import device\ndevice(1)\n", 0),
        ("from .torch import device\ndevice(1)\n", 0),
        ("import torch\ndef f(torch): torch.device(1)\n", 0),
        ("from torch import device\nclass device: pass\ndevice(1)\n", 0),
        ("from torch import device\ndevice = other(device)\ndevice(1)\n", 0),
        ("import torch\nself.torch.device(1)\nx.device(1)\n", 0),
        ("from torch import *\ndevice(1)\n", 0),
        ("import torch\n'torch.device(1)'  # torch.device(1)\n", 0),
        ("import torch\npartial(torch.device, 1)\n", 0),
    ],
)
def test_a_name_means_what_an_import_gives(text: str, calls: int) -> None:
    assert len(found("torch.device($D)", text, where={"D": "1"})) == calls


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("from torch import float16\nx = float16\n", ["float16"]),
        ("import torch\nx = torch.float16.y\n", ["torch.float16"]),
        ("from torch import float16\nf(float16=1)\n", []),
        ("from torch import float16\nx.float16 = 1\n", []),
        ("from torch import float16\ndef f(float16): pass\n", []),
        ("try:\n    from torch import float16\nexcept E:\n    float16 = None\n", []),
        ("from torch import float16 as x\n", []),
        ("import torch.float16\n", []),
        ("from torch import float16\n__all__ = ['float16']\n", []),
        ("from torch import float16\ndel float16\n", ["float16"]),
    ],
)
def test_a_bare_name_is_found_where_it_is_read(text: str, matches: list[str]) -> None:
    assert found("torch.float16", text) == matches


@pytest.mark.parametrize(
    ("text", "count"),
    [("len(x)\n", 1), ("import builtins\nbuiltins.len(x)\n", 0), ("def f(len): len(x)\n", 0), ("x.len(x)\n", 0)],
)
def test_builtins_are_the_builtins_unless_shadowed(text: str, count: int) -> None:
    assert len(found("len($X)", text)) == count


def test_declared_locals_and_self_are_meant_as_spelled() -> None:
    assert found("x.f(self.y)", "def g(self, x): x.f(self.y)\n", "x") == ["x.f(self.y)"]
    assert found("x.f(self.y)", "def g(self, z): z.f(self.y)\n", "x") == []


def test_the_first_of_two_origins_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from tests.syntax.python import missed\n"
        "text = 'try:\\n    from b import f\\nexcept E:\\n    from a import f\\nf(1)\\n'\n"
        "print(missed('c.f($X)', text))\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert told == {b"5: `f` comes from a.f, and c.f is wanted\n"}


# --- holes -----------------------------------------------------------------------------------------------------------

HOLES = [
    ("f($X)", "f(a + b)", {"X": "a + b"}),
    ("f($X)", "f( ( a ) )", {"X": "( a )"}),
    ("f($X)", "f(y for y in z)", {"X": "y for y in z"}),
    ("f($_)", "f(a)", {}),
    ("f($$$A)", "f()", {"A": []}),
    ("f($$$A)", "f(a, *b, c=d, **e)", {"A": ["a", "*b", "c=d", "**e"]}),
    ("f($$$A, $X)", "f(a, b, c)", {"A": ["a", "b"], "X": "c"}),
    ("f($$$A, $X)", "f(a)", {"A": [], "X": "a"}),
    ("f($X, $$$A)", "f(a, b, c)", {"X": "a", "A": ["b", "c"]}),
    ("f($X, $$$A, $Y)", "f(a, b, c, d)", {"X": "a", "A": ["b", "c"], "Y": "d"}),
    ("f($$$A, b, $$$B)", "f(a, b, c)", {"A": ["a"], "B": ["c"]}),
    ("f($$$A, $X, $$$B, $X)", "f(a, b, c, b)", {"A": ["a"], "X": "b", "B": ["c"]}),
    ("f($$$A, k=$V)", "f(k=a, j=b)", {"A": ["j=b"], "V": "a"}),
    ("f($$$A, k=$V)", "f(x, k=a, *y)", {"A": ["x", "*y"], "V": "a"}),
    ("f(j=$J, k=$K)", "f(k=a, j=b)", {"J": "b", "K": "a"}),
    ("f(k=$V, $$$A)", "f(a, k=b, j=c)", {"V": "b", "A": ["a", "j=c"]}),
    ("f($$$A, $X)", "f(a, b, k=c)", {"A": ["a", "k=c"], "X": "b"}),
    ("f($X, $$$)", "f(a, *b)", {"X": "a"}),
    ("f(*$X)", "f(*a)", {"X": "a"}),
    ("f($$$A, *$X, **$Y)", "f(a, *b, c=d, **e)", {"A": ["a", "c=d"], "X": "b", "Y": "e"}),
    ("[$$$A, $X]", "[a, *b, c]", {"A": ["a", "*b"], "X": "c"}),
    ("[$$$A]", "[]", {"A": []}),
    ("($X, $$$A)", "(a, b, c)", {"X": "a", "A": ["b", "c"]}),
    ("{$$$A, b}", "{a, b}", {"A": ["a"]}),
    ("{$K: $V}", "{a: b}", {"K": "a", "V": "b"}),
    ("x[$$$I]", "x[1:2, ..., a]", {"I": ["1:2", "...", "a"]}),
    ("x[$I]", "x[a]", {"I": "a"}),
    ("x[$A:$B]", "x[a:b]", {"A": "a", "B": "b"}),
    ("x.$Y", "x.y", {"Y": "y"}),
    ("$X.$Y($$$A)", "a.b.c(d)", {"X": "a.b", "Y": "c", "A": ["d"]}),
    ("f'cuda:{$X}'", 'f"cuda:{a}"', {"X": "a"}),
    ("f'{$X:>{$W}}'", "f'{a:>{b}}'", {"X": "a", "W": "b"}),
    ("$X + $X", "a.b + a . b", {"X": "a.b"}),
    ("f($X, k=$X)", "f('a', k=\"a\")", {"X": "'a'"}),
    ("f($$$A)($$$B)", "f(a)(b)", {"A": ["a"], "B": ["b"]}),
    ("f($$$A)($$$A)", "f(a, b)(a, b)", {"A": ["a", "b"]}),
    ("lambda $X: $Y", "lambda a: a.b", {"X": "a", "Y": "a.b"}),
    ("[$Y for $X in $Z]", "[a.b for a in c]", {"Y": "a.b", "X": "a", "Z": "c"}),
    ("not $X", "not(a)", {"X": "(a)"}),
    ("$X < $Y", "a < b", {"X": "a", "Y": "b"}),
    ("await $X", "await a", {"X": "a"}),
    ("(yield $X)", "(yield a)", {"X": "a"}),
]


@pytest.mark.parametrize(("pattern", "text", "holes"), HOLES)
def test_what_holes_take(pattern: str, text: str, holes: dict[str, str]) -> None:
    assert captured(pattern, f"async def w():\n    v = {text}\n", *"abcdefjkxyz") == holes


NOT_TAKEN = [
    ("f($X)", "f()"),
    ("f($X)", "f(a, b)"),
    ("f($X)", "f(*b)"),
    ("f($X)", "f(k=a)"),
    ("f($X)", "f(**a)"),
    ("f($X, $$$)", "f(*a, b)"),
    ("f($X, $$$)", "f(k=a)"),
    ("f($$$, $X)", "f(a, *b)"),
    ("f(*$X)", "f(a)"),
    ("f(**$X)", "f(a=b)"),
    ("f($X, k=$V)", "f(a, j=b, k=c)"),
    ("f(k=$V)", "f(a)"),
    ("f(k=$V)", "f(**a)"),
    ("f($$$, k=$V)", "f(a, **b)"),
    ("f($X, $X)", "f(a, b)"),
    ("f($X, $X)", "f(1, 1.0)"),
    ("f($$$A, b, $$$A)", "f(a, b, c)"),
    ("[$X]", "[*a]"),
    ("[$X]", "[]"),
    ("($X, $Y)", "(*a, b)"),
    ("{$X}", "{}"),
    ("x[$I]", "x[a:b]"),
    ("x[$I]", "x[a, b]"),
    ("x[$A:$B]", "x[:b]"),
    ("f'cuda:{$X}'", "f'cuda:{a!s}'"),
    ("f'cuda:{$X}'", "'cuda:{a}'"),
    ("$X.y", "y"),
    ("$X.$Y()", "f()"),
    ("(yield $X)", "(yield from a)"),
    ("(yield $X)", "(yield)"),
    ("lambda $X: $Y", "lambda: a"),
    ("lambda $X: $Y", "lambda a, b: a"),
]


@pytest.mark.parametrize(("pattern", "text"), NOT_TAKEN)
def test_what_holes_do_not_take(pattern: str, text: str) -> None:
    assert found(pattern, f"def w():\n    v = {text}\n", *"abcdefjkxyz") == []


def test_a_hole_alone_takes_every_expression_and_no_mere_name() -> None:
    text = "from m import n\ndef f(p=1): x.attr = g(key=y)\n'a' 'b'\n"
    assert found("$X", text) == ["1", "x.attr", "x", "g(key=y)", "g", "y", "'a' 'b'"]


def test_the_keywords_of_a_result_are_not_swallowed() -> None:
    code, source = compile_code("f($$$A)", "f"), parsed("f(a, k=1)\nf(a, j=1)\n")
    matches = [match_at(code, source, nodes, excluded=frozenset({"k"})) for nodes in candidates(code, source)]
    assert [match is None for match in matches] == [True, False]


def test_a_match_in_a_match_is_found_too() -> None:
    assert found("f($X)", "f(f(1), f(2))\nf(f(f(3)))\n", "f") == ["f(1)", "f(2)", "f(f(f(3)))", "f(f(3))", "f(3)"]


# --- variables of the pattern ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "count"),
    [
        ("{k: v.cuda() for k, v in $X.items()}", "{a: b.cuda() for a, b in c.items()}", 1),
        ("{k: v.cuda() for k, v in $X.items()}", "{b: a.cuda() for a, b in c.items()}", 0),
        ("{k: v.cuda() for k, v in $X.items()}", "{a: a.cuda() for a, b in c.items()}", 0),
        ("[y.y for y in $X]", "[a.y for a in b]", 1),
        ("[y.y for y in $X]", "[a.a for a in b]", 0),
        ("[f(y=y) for y in $X]", "[f(y=a) for a in b]", 1),
        ("[f(y=y) for y in $X]", "[f(a=a) for a in b]", 0),
        ("[y for y in $X]", "[a for b in c]", 0),
        ("[y for y in $X]", "[a.b for a in c]", 0),
        ("lambda y: y.z", "lambda a: a.z", 1),
        ("lambda y: y.z", "lambda a: b.z", 0),
        ("lambda y, z: y", "lambda a, b: b", 0),
        ("[y + w for y in $X]", "[a + w for a in b]", 1),
        ("[y + w for y in $X]", "[a + v for a in b]", 0),
    ],
)
def test_variables_of_comprehensions_match_up_to_renaming(pattern: str, text: str, count: int) -> None:
    assert len(found(pattern, f"{text}\n", "f", "w")) == count


# --- statements ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("$X = f()", "a = f()\nif b:\n    c = f()\n", ["a = f()", "c = f()"]),
        ("$X = f()", "a = b = f()\na += f()\na: int = f()\n", []),
        ("$X = f()", "a = 1; b = f(); c = 2\n", ["b = f()"]),
        ("$X = f()", "if a: b = f()\n", ["b = f()"]),
        ("$X.y = $V", "a.y = 1\nb.z = 1\n", ["a.y = 1"]),
        (
            "$A, $B = $C.shape",
            "a, b = c.shape\n(a, b) = c.shape\na, b, d = c.shape\n",
            ["a, b = c.shape", "(a, b) = c.shape"],
        ),
        ("return $X", "def f():\n    return 1\n    return\n", ["return 1"]),
        ("return", "def f():\n    return 1\n    return\n", ["return"]),
        ("$A = 1\n$B = 2", "a = 1\nb = 2\n", ["a = 1\nb = 2"]),
        ("$A = 1\n$B = 2", "a = 1; b = 2\n", ["a = 1\nb = 2"]),
        ("$A = 1\n$B = 2", "a = 1\n\n# why\nb = 2\n", ["a = 1\nb = 2"]),
        ("$A = 1\n$B = 2", "a = 1\nc\nb = 2\n", []),
        ("$A = 1\n$B = 2", "if c:\n    a = 1\nb = 2\n", []),
        ("$A = 1\n$A = 2", "a = 1\nb = 2\n", []),
        ("import f", "import f\n", ["import f"]),
        ("import f", "import f as g\nimport f.h\nimport f, h\nfrom f import h\n", []),
        ("import f.h as $A", "import f.h as g\nimport f.h\n", ["import f.h as g"]),
        (
            "from f import $$$N",
            "from f import a, b\nfrom f import (c as d)\n",
            ["from f import a, b", "from f import (c as d)"],
        ),
        ("from f import $$$N", "from f.g import a\nfrom .f import a\nfrom f import *\nimport f\n", []),
        ("from f import *", "from f import *\nfrom f import a\n", ["from f import *"]),
        ("from ..f import a", "from ..f import a\nfrom .f import a\nfrom f import a\n", ["from ..f import a"]),
        ("if $X:\n    f()", "if a: f()\nif b:\n    f()\n    f()\nif c:\n    f()\nelse:\n    f()\n", ["if a: f()"]),
        ("if $X:\n    f()", "if a:\n    g()\nelif b:\n    f()\n", []),
        ("if $X:\n    $$$\nelse:\n    f()", "if a:\n    b\n    c\nelse: f()\n", ["if a:\n    b\n    c\nelse: f()"]),
        ("with $X:\n    $$$B", "with a: b; c\nwith a as d: b\n", ["with a: b; c"]),
        (
            "try:\n    $$$\nexcept f.E:\n    pass",
            "import f\ntry: a; b\nexcept f.E: pass\n",
            ["try: a; b\nexcept f.E: pass"],
        ),
        ("raise $X from $Y", "raise a from b\nraise a\n", ["raise a from b"]),
        ("assert $X", "assert a\nassert a, b\n", ["assert a"]),
        ("del $X", "del a\ndel b, c\n", ["del a", "del b, c"]),
        ("f()", "f()\nx = f()\n", ["f()", "f()"]),
    ],
)
def test_statements(pattern: str, text: str, matches: list[str]) -> None:
    local = [] if pattern.startswith("try") else ["f"]
    assert found(pattern, text, *local) == matches


@pytest.mark.parametrize(
    ("pattern", "text", "lines"),
    [
        ("for $X in f($$$)", "for a in f(b): c\nfor a in g(b): c\n", [1]),
        ("for $X in f($$$)", "for a in f():\n    b\nelse:\n    c\n", [1]),
        ("for $X in $Y", "async def w():\n    async for a in b: c\n    for a in b: c\n", [3]),
        ("async for $X in $Y", "async def w():\n    async for a in b: c\n    for a in b: c\n", [2]),
        ("for $X, $Y in $Z", "for a, b in c: d\nfor (a, b) in c: d\nfor a in c: d\nfor a, b, c in d: e\n", [1, 2]),
        ("if $X.y", "if a.y:\n    b\nelif c.y: d\nelse: e\nif a.z: b\n", [1, 3]),
        ("while $X", "while a: b\nif a: b\n", [1]),
        ("with f($$$)", "with f(): a\nwith f() as b: a\nwith f(), c: a\nwith (f()): a\n", [1, 4]),
        ("with f($$$) as $X", "with f(): a\nwith f() as b: a\n", [2]),
        ("def $_(device=$D)", "def g(a, device='b', *c): pass\ndef g(device): pass\ndef g(devices=1): pass\n", [1]),
        ("def $_(device=$D)", "def g(*, device: str = 'b') -> int: pass\nasync def g(device=1, /): pass\n", [1, 2]),
        ("def $_(device=$D)", "lambda device=1: device\ndef g(**device): pass\n", []),
        ("def $_(x, y)", "def g(y, x): pass\ndef g(x): pass\ndef g(*x, y): pass\n", [1]),
        ("def g()", "@d\ndef g(a, b=1): return a\ndef h(): pass\n", [2]),
        ("def $F($$$)", "def g(): pass\nclass A:\n    def h(self): pass\n", [1, 3]),
        ("class $C(f.Base)", "import f\n@d\nclass A(f.Base): pass\nclass B(f.Base, f.Mixin): pass\nclass C: pass\n", [3]),
        ("class $C($$$, f.Base, $$$)", "import f\nclass A(B, f.Base): pass\nclass C(B): pass\nclass D(*B, f.Base): pass\n", [2, 4]),
        ("class $C($B)", "class A(B): pass\nclass A(*B): pass\nclass A(m=B): pass\nclass A(): pass\n", [1]),
        ("class $C($B, metaclass=$M)", "class A(B, metaclass=C): pass\nclass A(B): pass\n", [1]),
        ("class $C($B)", "class A(B, metaclass=C): pass\n", []),
        ("class $C", "class A(B): pass\nclass A: pass\nclass A(B, m=C): pass\nclass A(*B): pass\n", [1, 2, 3, 4]),
        ("class $_", "class A():\n    class C(B): pass\n    def D(B): pass\n", [1, 2]),
        ("class A", "class A(B): pass\nclass C(A): pass\n", [1]),
        ("class A()", "class A(B): pass\nclass C(A): pass\n", [1]),
    ],
)  # fmt: skip
def test_headers_say_nothing_of_the_body(pattern: str, text: str, lines: list[int]) -> None:
    local = [] if "f.Base" in pattern else ["f"]
    code, source = compile_code(pattern, local), parsed(text)
    matches = [nodes[0] for nodes in candidates(code, source) if match_at(code, source, nodes)]
    assert [source.line_column(source.span(node)[0])[0] for node in matches] == lines


def test_statements_are_found_in_the_order_of_the_text() -> None:
    text = "def f():\n    if a:\n        x = 1\n    y = 2\nz = 3\nif b: w = 4\nv = 5\n"
    assert found("$X = $Y", text) == ["x = 1", "y = 2", "z = 3", "w = 4", "v = 5"]


@pytest.mark.parametrize("data", [b"", b"\n", b"# f(1)\n", b"\xef\xbb\xbf", b"pass"])
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    for pattern in ("f($X)", "$X = $Y", "for $X in $Y", "import $X", "$X.$Y", "'a'"):
        assert found(pattern, data) == []


@pytest.mark.parametrize("shape", ["plain", "crlf", "bom", "tabs", "latin-1"])
def test_in_every_shape_of_a_file(shape: str) -> None:
    text = "import torch\nif x:\n    y = torch.cat(\n        z,\n    )\n"
    data = {
        "plain": text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "tabs": text.replace("    ", "\t").encode(),
        "latin-1": ("# coding: latin-1\n# \xe9\n" + text).encode("latin-1"),
    }[shape]
    assert found("$Y = torch.cat($X)", data) == [parsed(data).slice(*_span(data))]


def _span(data: bytes) -> tuple[int, int]:
    text = parsed(data).text
    return text.index(b"y = "), text.index(b")") + 1


def test_strings_that_cannot_be_run_are_compared_as_written() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found("'\\\\d'", "x = '\\d'\ny = '\\\\d'\n") == ["'\\d'", "'\\\\d'"]
        assert found("'a'", "x = '\\x'\ny = b'\u00e9'\n".encode()) == []
        assert found("f($X, $X)", "f('\\x', '\\x')\nf('\\N{NO}', 'a')\n", "f") == ["f('\\x', '\\x')"]


# --- near misses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "clause"),
    [
        ("torch.device($D)", "torch.device(1)\n", "1: `torch.device` is not imported, and torch.device is wanted"),
        (
            "torch.device($D)",
            "from a import device\ndevice(1)\n",
            "2: `device` comes from a.device, and torch.device is wanted",
        ),
        (
            "torch.device($D)",
            "import torch\ndef f(torch):\n    torch.device(1)\n",
            "3: `torch.device` is bound to something else in line 2, and torch.device is wanted",
        ),
        ("torch.cat($X)", "print(1)\n", "1: `print` is the builtin, and torch.cat is wanted"),
        ("torch.cat($X)", "f()(1)\n", "1: `torch.cat` is wanted, and this is `f()`"),
        ("torch.cat($X, dim=$D)", "import torch\ntorch.cat(x)\n", "2: dim= is not given here by name"),
        ("torch.cat($X, dim=$D)", "import torch\ntorch.cat(x, 1)\n", "2: dim= is not given here by name"),
        ("torch.cat($X)", "import torch\ntorch.cat(x, 1)\n", "2: `1` is more than the pattern has"),
        (
            "torch.cat($X)",
            "import torch\ntorch.cat(x, dim=1)\n",
            "2: there is an argument `dim=1` more than the pattern has",
        ),
        ("torch.cat($X, 1)", "import torch\ntorch.cat(x)\n", "2: `1` is missing"),
        ("torch.cat($X, 1)", "import torch\ntorch.cat(x, 2)\n", "2: `1` is wanted, and this is `2`"),
        ("torch.cat($X, $$$)", "import torch\ntorch.cat(*x)\n", "2: `$X` is wanted, and this is `*x`"),
        ("torch.cat($X, **$Y)", "import torch\ntorch.cat(x)\n", "2: there is no ** here"),
        ("torch.cat([$X])", "import torch\ntorch.cat((x,))\n", "2: `[$X]` is wanted, and this is `(x,)`"),
        ("torch.cat([$X])", "import torch\ntorch.cat([x, y])\n", "2: `y` is more than the pattern has"),
        ("$X = torch.cat($Y)", "import torch\ndef f(): return torch.cat(y)\n", ""),
        ("def f(device=$D)", "def f(devices=1): pass\n", "1: `device` is wanted, and this is `devices`"),
        ("class $C(a.B)", "from b import B\nclass A(B): pass\n", "2: `B` comes from b.B, and a.B is wanted"),
        ("for $X in range($N)", "for x in a.range(3): pass\n", "1: `a.range` is not imported, and range is wanted"),
        (
            "if torch.cat($X)",
            "import torch\nif torch.dog(1): pass\n",
            "2: `torch.dog` is something else, and torch.cat is wanted",
        ),
    ],
)
def test_the_nearest_miss_is_told(pattern: str, text: str, clause: str) -> None:
    assert missed(pattern, text) == clause


def test_of_several_misses_the_deepest_is_told() -> None:
    text = "import torch\ncat(x)\ntorch.cat(x)\ntorch.cat(x, dim=2, out=z)\ntorch.cat(x, dim=2)\n"
    assert missed("torch.cat($X, dim=1, out=$Z)", text) == "4: `1` is wanted, and this is `2`"


def test_long_code_is_cut_in_a_miss() -> None:
    text = f"import torch\ntorch.cat([{', '.join('abcdefghijklmnopqrstuvwxyz')}])\n"
    assert missed("torch.cat(1)", text).endswith("\u2026`")


def test_a_match_leaves_no_miss_of_its_own() -> None:
    assert missed("torch.cat(1)", "x = 1\n") == ""
