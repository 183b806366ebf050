"""What has surely run where a place is reached: names that are bound, modules that are loaded."""

from __future__ import annotations

import libcst as cst
import pytest

from patcher.syntax.surely import binds, loads
from tests.syntax.python import parsed


def bound(text: str, *, known: bool = False) -> bool:
    """Tell whether `new` is surely bound at the name HERE of a program."""
    source = parsed(text)
    (place,) = (node for node in source.of(cst.Name) if node.value == "HERE")
    home = source.names.home("new", place)
    assert home is not None
    return binds(source, home, "new", place, source.span(place)[0], known=known)


SURE = {
    "above": "import new\nHERE\n",
    "in the same block": "if x:\n    import new\n    HERE\n",
    "in both arms": "if x:\n    import new\nelse:\n    new = 1\nHERE\n",
    "in all arms": "if x:\n    import new\nelif y:\n    import new\nelse:\n    import new\nHERE\n",
    "the other arm raises": "if x:\n    import new\nelse:\n    raise E\nHERE\n",
    "the other arm ends the program": "import sys\nif x:\n    import new\nelse:\n    sys.exit(1)\nHERE\n",
    "the other arm returns": "def f():\n    if x:\n        return\n    else:\n        import new\n    HERE\n",
    "what type checkers see is not asked": "if TYPE_CHECKING:\n    from a import new\nelse:\n    import new\nHERE\n",
    "not for type checkers": "if not typing.TYPE_CHECKING:\n    import new\nHERE\n",
    "if True": "if True:\n    import new\nHERE\n",
    "a try and its handler": "try:\n    import new\nexcept ImportError:\n    new = None\nHERE\n",
    "the handler raises": "try:\n    import new\nexcept ImportError as e:\n    raise E from e\nHERE\n",
    "the handler ends the program": "try:\n    import new\nexcept ImportError:\n    print()\n    exit()\nHERE\n",
    "no handler": "try:\n    import new\nfinally:\n    x()\nHERE\n",
    "in finally": "try:\n    x()\nexcept E: pass\nfinally:\n    import new\nHERE\n",
    "in else of the try": "try:\n    x()\nexcept E: raise\nelse:\n    import new\nHERE\n",
    "above the handler": "import new\ntry:\n    x()\nexcept E:\n    HERE\n",
    "in the else of its try": "try:\n    import new\nexcept E: pass\nelse:\n    HERE\n",
    "with": "with a, b:\n    import new\nHERE\n",
    "as of a with": "with a as new:\n    HERE\n",
    "as of a handler": "try: pass\nexcept E as new:\n    HERE\n",
    "endless": "while True:\n    import new\n    if x: break\nHERE\n",
    "a loop's target": "for new in x:\n    HERE\n",
    "a loop's else": "for i in x:\n    y()\nelse:\n    import new\nHERE\n",
    "every case": "match x:\n    case 1:\n        import new\n    case _:\n        import new\nHERE\n",
    "a case's own": "match x:\n    case [new, 1]:\n        HERE\n",
    "a walrus in a test": "if (new := x) and y: pass\nHERE\n",
    "a walrus of the same test": "if (new := x) and HERE: pass\n",
    "a parameter": "def f(new=None):\n    if x:\n        new = 1\n    HERE\n",
    "a comprehension": "[HERE for new in x]\n",
    "below the function": "def f(): HERE\nimport new\n",
    "below the function in its block": "if x:\n    def f(): HERE\n    import new\n",
    "in the function around": "def f():\n    import new\n    return lambda: HERE\n",
    "of a method's module": "class A:\n    def f(self): HERE\nimport new\n",
    "global": "def f():\n    global new\n    import new\n    HERE\n",
    "deleted behind": "import new\nHERE\ndel new\n",
    "deleted and bound again": "import new\ndel new\nimport new\nHERE\n",
    "an attribute is deleted": "import new\ndel new.x\nHERE\n",
    "another function's is deleted": "import new\ndef g(new):\n    del new\nHERE\n",
    "read above": "if x:\n    import new\nnew.y()\nHERE\n",
    "read in the same statement": "if x:\n    import new\nf(new.y, HERE)\n",
    "asked for": "if x:\n    import new\nnew and HERE\n",
}

UNSURE = {
    "main": "if __name__ == '__main__':\n    import new\n    f()\ndef f(): HERE\n",
    "an if": "if x:\n    import new\nHERE\n",
    "one arm": "if x:\n    import new\nelif y:\n    pass\nelse:\n    import new\nHERE\n",
    "type checkers": "if TYPE_CHECKING:\n    import new\nHERE\n",
    "if False": "if 0:\n    import new\nHERE\n",
    "a for": "for i in x:\n    import new\nHERE\n",
    "a loop's target behind it": "for new in x: pass\nHERE\n",
    "a while": "while x:\n    import new\nHERE\n",
    "left before": "while True:\n    if x: break\n    import new\nHERE\n",
    "a loop's else that may be passed": "for i in x:\n    if y: break\nelse:\n    import new\nHERE\n",
    "a handler that goes on": "try:\n    import new\nexcept ImportError: pass\nHERE\n",
    "one handler that goes on": "try:\n    import new\nexcept E: raise\nexcept F: x()\nHERE\n",
    "the handler itself": "try:\n    import new\nexcept E:\n    HERE\n",
    "finally": "try:\n    import new\nfinally:\n    HERE\n",
    "suppressed": "import contextlib as c\nwith c.suppress(ImportError):\n    import new\nHERE\n",
    "the name of a handler behind it": "import new\ntry: pass\nexcept E as new: pass\nHERE\n",
    "one case": "match x:\n    case 1:\n        import new\nHERE\n",
    "a case with a guard": "match x:\n    case _ if y:\n        import new\nHERE\n",
    "another function": "def g():\n    global new\n    import new\nHERE\n",
    "a walrus that may be passed over": "if x and (new := y): pass\nHERE\n",
    "a walrus behind or": "x or (new := y)\nHERE\n",
    "only declared": "new: int\nHERE\n",
    "deleted": "import new\ndel new\nHERE\n",
    "deleted in an arm": "import new\nif x: del new\nHERE\n",
    "deleted in a round before": "import new\nfor i in x:\n    HERE\n    del new\n",
    "deleted before the function runs": "import new\ndef f(): HERE\ndel (new, x)\n",
    "read in an arm": "if x:\n    import new\nif y: new.z()\nHERE\n",
    "read by a function": "if x:\n    import new\ndef f(): new.y()\nHERE\n",
    "read as it is deleted": "if x:\n    import new\ndel new\nHERE\n",
    "read in the other arm of an expression": "if x:\n    import new\nHERE if y else new\n",
}


@pytest.mark.parametrize("text", SURE.values(), ids=SURE)
def test_a_name_is_surely_bound(text: str) -> None:
    assert bound(text)


@pytest.mark.parametrize("text", UNSURE.values(), ids=UNSURE)
def test_a_name_may_not_be_bound(text: str) -> None:
    assert not bound(text)


@pytest.mark.parametrize(
    ("text", "helps"),
    [
        ("if x:\n    import new\nHERE\n", True),
        ("for i in x:\n    import new\n    y()\nHERE\n", True),
        ("import new\ndel new\nHERE\n", False),
        ("import new\nwhile x:\n    HERE\n    del new\n", False),
    ],
)
def test_only_a_del_takes_away_what_is_bound_at_the_top(text: str, helps: bool) -> None:
    assert bound(text, known=True) is helps


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("import a.b\nHERE\n", True),
        ("import a.b.c\nHERE\n", True),
        ("import a\nimport a.b as x\nHERE\n", True),
        ("import a\nfrom a.b import x\nHERE\n", True),
        ("import a\nfrom a import b\nHERE\n", True),
        ("try:\n    import a.b\nexcept ImportError:\n    a = None\nHERE\n", True),
        ("try:\n    import a.b\nexcept ImportError:\n    import z as a\nHERE\n", True),
        ("import a\nHERE\n", False),
        ("import a\nimport a.bc\nHERE\n", False),
        ("import a\nfrom a import c\nHERE\n", False),
        ("import a\nif x:\n    import a.b\nHERE\n", False),
        ("import a\nHERE\nimport a.b\n", False),
        ("import a\nif TYPE_CHECKING:\n    import a.b\nHERE\n", False),
        ("import a\ndef f():\n    import a.b\nHERE\n", False),
        ("import a\ntry:\n    import a.b\nexcept ImportError: pass\nHERE\n", False),
    ],
)
def test_a_module_is_surely_loaded(text: str, loaded: bool) -> None:
    source = parsed(text)
    (place,) = (node for node in source.of(cst.Name) if node.value == "HERE")
    assert loads(source, "a.b", "a", place, source.span(place)[0]) is loaded
