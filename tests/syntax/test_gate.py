"""What a file imports, read from its bytes: no less than Python does, and exactly what it hands on."""

from __future__ import annotations

import ast

import pytest

from patcher.syntax.gate import Exports
from tests.syntax.python import parsed


def imported(text: str, path: str = "a.py") -> list[str]:
    return [f"{'.'.join(one.parts)} as {one.local}" for one in Exports().of(path, text.encode())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import a", ["a as a"]),
        ("import a.b", ["a as a"]),
        ("import a.b as c, d", ["a.b as c", "d as d"]),
        ("from a.b import c", ["a.b.c as c"]),
        ("from a import (b as c,  # d, (e)\n    f,\n)", ["a.b as c", "a.f as f"]),
        ("from a import \\\n    (b, c)", ["a.b as b", "a.c as c"]),
        ("from a \\\n    import b, \\\n    c", ["a.b as b", "a.c as c"]),
        ("from a import *", ["a.* as *"]),
        ("from.a import(b)", ["a.b as b"]),
        ("x = 1; import a; from b import c", ["a as a", "b.c as c"]),
        ("try: import a\nexcept E: a = 1", ["a as a"]),
        ("if x:\n\tfrom a import b  # why", ["a.b as b"]),
        ("\ufeffimport a", ["a as a"]),
        ("import a\r\nfrom b import (\r\n    c,\r\n)\r\n", ["a as a", "b.c as c"]),
        ("def f():\n    import a", ["a as a"]),
    ],
)
def test_no_import_is_missed(text: str, found: list[str]) -> None:
    assert imported(text) == found
    assert ast.parse(text.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    "text",
    [
        "x.import_(a)",
        "__import__('a')",
        "important = 1",
        "reimport(a)",
        "# we import a",
        "raise X from e",
        "'import a'",
        "",
    ],
)
def test_what_is_no_import(text: str) -> None:
    assert imported(text) == []


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("p/q/a.py", "from . import b", ["p.q.b as b"]),
        ("p/q/a.py", "from ..m.n import b", ["p.m.n.b as b"]),
        ("p/__init__.py", "from .m import b", ["p.m.b as b"]),
    ],
)
def test_relative_imports_are_read_from_the_root(path: str, text: str, found: list[str]) -> None:
    assert imported(text, path) == found


HANDED_ON = {
    "one import": "import b",
    "a submodule": "import b.c",
    "an alias": "from a import c as b",
    "a star": "from a import *",
    "two stars": "from a import *\nfrom c import *",
    "a star beside a definition": "from a import *\ndef b(): ...",
    "a star beside an import": "from a import *\nfrom c import b",
    "an import of a function": "def f():\n    from a import b",
    "an import of a function and a star": "from c import *\ndef f():\n    from a import b",
    "both arms": "try:\n    from a import b\nexcept E:\n    from c import b",
    "an arm that assigns": "try:\n    from a import b\nexcept E:\n    b = None",
    "bound anew": "from a import b\nb = w(b)",
    "bound anew by a function": "from a import b\ndef f():\n    global c, b\n    b = 1",
    "imported by a function": "def f():\n    global b\n    from a import b",
    "deleted": "from a import b\ndel b",
    "a walrus": "from a import b\n[b := 1 for x in y]",
    "an attribute of a class": "class K:\n    from a import b",
    "nothing": "c = 1",
    "a parameter": "from a import b\ndef f(b): ...",
    "a relative import out of the tree": "from ... import b",
    "in a string": "x = '''\nfrom a import b\n'''",
    "in a string and in earnest": "x = '''\nfrom a import b\n'''\nfrom c import b",
}


@pytest.mark.parametrize("path", ["a.py", "p/a.py", "p/__init__.py"])
@pytest.mark.parametrize("text", HANDED_ON.values(), ids=HANDED_ON.keys())
def test_what_is_handed_on_is_what_the_whole_analysis_tells(text: str, path: str) -> None:
    told = Exports().handed_on(path, text.encode(), "b")
    assert told is None or sorted(told) == sorted(parsed(text, path).names.handed_on("b"))


@pytest.mark.parametrize("text", ["import b", "from .a import b", "from a import *", "def b(): ...", "def f(b): ..."])
def test_what_is_imported_once_takes_no_analysis(text: str) -> None:
    assert Exports().handed_on("p/a.py", text.encode(), "b") is not None


@pytest.mark.parametrize(
    "text", ["print 'b'", "from a import b\nfrom c import b", "from a import b\ndef f():\n    global b"]
)
def test_what_the_imports_alone_do_not_tell(text: str) -> None:
    assert Exports().handed_on("p/a.py", text.encode(), "b") is None
