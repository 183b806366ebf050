"""The verb `replace`, as a specification: the smallest edits, and which of pattern and result is at hand."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.model import Status
from patcher.verbs.replace import Replace
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped, step_of

CUDA: dict[str, Any] = {
    "replace": {
        "$X.cuda()": '$X.to("cuda" if torch.cuda.is_available() else "cpu")',
        "$X.cuda(non_blocking=$N)": '$X.to("cuda" if torch.cuda.is_available() else "cpu", non_blocking=$N)',
    },
    "needs": ["import torch"],
}
LOAD: dict[str, Any] = {"replace": "torch.load($$$A)", "with": "torch.load($$$A, weights_only=False)"}
TO = '.to("cuda" if torch.cuda.is_available() else "cpu"'


def code(text: str) -> str:
    return dedent(text).lstrip("\n")


def single(pattern: str, result: str, **more: Any) -> dict[str, Any]:
    return {"replace": pattern, "with": result, **more}


def transformed(keys: dict[str, Any], before: str, after: str, *places: str) -> None:
    check_transformed(keys, f"import lib, torch\n{before}\n", f"import lib, torch\n{after}\n", *places)


def noop(keys: dict[str, Any], text: str, *places: str) -> None:
    check_noop(keys, f"import lib, torch\n{text}\n", *places)


# --- places ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x.cuda()", f"x{TO})"),
        ("x.cuda(non_blocking=True)", f"x{TO}, non_blocking=True)"),
        ("x[0].y(1).cuda()", f"x[0].y(1){TO})"),
        ("(a + b).cuda()", f"(a + b){TO})"),
        ("y = (x  # which\n    .cuda())", f"y = (x  # which\n    {TO}))"),
        ("for x in y.cuda(): pass", f"for x in y{TO}): pass"),
        ("if x: y.cuda()", f"if x: y{TO})"),
        ("a.cuda(); b.cuda()", f"a{TO}); b{TO})"),
        ("(n := x.cuda())", f"(n := x{TO}))"),
        ("[x.cuda() for x in y]", f"[x{TO}) for x in y]"),
        ("x.cuda()  # type: ignore", f"x{TO})  # type: ignore"),
        ("lambda: x.cuda()", f"lambda: x{TO})"),
        ("def f(x=y.cuda()): pass", f"def f(x=y{TO})): pass"),
        ("assert x.cuda(), 'no'", f"assert x{TO}), 'no'"),
        ("torch.nn.Linear(1, 2).cuda()", f"torch.nn.Linear(1, 2){TO})"),
    ],
)
def test_a_call(before: str, after: str) -> None:
    transformed(CUDA, before, after)


@pytest.mark.parametrize(
    "text",
    [
        "x.cuda",
        "x.cuda(0)",
        "x.cuda(*a)",
        "x.cuda(**a)",
        "x.cuda(device=0)",
        "x.cuda(0, non_blocking=True)",
        "cuda()",
        "x.cuda = f",
        "map(torch.Tensor.cuda, x)",
        "'x.cuda()'",
        "# x.cuda()",
        "def cuda(self): pass",
    ],
)
def test_another_form_stays(text: str) -> None:
    noop(CUDA, text)


def test_a_match_in_a_match() -> None:
    transformed(single("lib.f($X)", "lib.g($X)"), "lib.f(lib.f(lib.f(1)))", "lib.g(lib.g(lib.g(1)))")
    transformed(single("lib.f($X)", "$X.g()"), "lib.f(lib.f(lib.f(x))), lib", "x.g().g().g(), lib")
    transformed(CUDA, "x.cuda().f(y.cuda()).cuda()", f"x{TO}).f(y{TO})){TO})")


def test_a_result_that_holds_the_pattern() -> None:
    step = single("lib.f($X)", "lib.g(lib.f($X))")
    transformed(step, "lib.f(1)", "lib.g(lib.f(1))")
    transformed(step, "lib.f(lib.f(1))", "lib.g(lib.f(lib.g(lib.f(1))))")
    noop(step, "lib.g(lib.f(1))", "2: already")
    transformed(step, "lib.g(lib.f(1)) + lib.f(1)", "lib.g(lib.f(1)) + lib.g(lib.f(1))", "2: already", "2: applied")


def test_a_result_that_holds_the_pattern_behind_a_dot() -> None:
    step = single("lib.attend($$$A)", "lib.attend($$$A).contiguous()")
    transformed(step, "lib.attend(q, k).view(1)", "lib.attend(q, k).contiguous().view(1)")
    noop(step, "lib.attend(q, k).contiguous()", "2: already")


def test_nested_places_that_begin_at_one_place() -> None:
    transformed(single("$X.f()", "lib.g($X)"), "x.f().f()", "lib.g(lib.g(x))")
    transformed(single("$A + lib.one", "lib.add($A)"), "a + lib.one + lib.one", "lib.add(lib.add(a))")


# --- pattern or result ----------------------------------------------------------------------------------------------


def test_a_keyword_of_the_result_is_not_swallowed() -> None:
    transformed(LOAD, "torch.load(path)", "torch.load(path, weights_only=False)")
    transformed(LOAD, "torch.load(path, map_location=d,)", "torch.load(path, map_location=d, weights_only=False,)")
    transformed(LOAD, "torch.load(\n    path,\n)", "torch.load(\n    path,\n    weights_only=False,\n)")
    transformed(LOAD, "torch.load(*a)", "torch.load(*a, weights_only=False)")
    transformed(LOAD, "torch.load()", "torch.load(weights_only=False)")
    noop(LOAD, "torch.load(path, weights_only=False)", "2: already")
    noop(LOAD, "torch.load(weights_only=False, f=path)", "2: already")
    noop(LOAD, "torch.load(path, weights_only=True)")


def test_a_star_that_may_hold_the_new_keyword_is_refused() -> None:
    reason = "`**more` may hold weights_only= already; write the argument by hand"
    noop(LOAD, "torch.load(path, **more)", f"2: refused: {reason}")


def test_the_pattern_goes_first_where_the_result_is_wider() -> None:
    step = single("lib.ones($X[..., :1])", "lib.ones($X)")
    transformed(step, "lib.ones(x[..., :1])", "lib.ones(x)")
    noop(step, "lib.ones(x)", "2: already")
    transformed(step, "lib.ones(x[..., :1]), lib.ones(y)", "lib.ones(x), lib.ones(y)", "2: applied", "2: already")


def test_the_result_goes_first_where_the_pattern_is_wider() -> None:
    step = single("lib.f($X)", 'lib.f($X if lib.ok() else "no")')
    transformed(step, "lib.f(1)", 'lib.f(1 if lib.ok() else "no")')
    noop(step, "lib.f(1 if lib.ok() else 'no')", "2: already")


@pytest.mark.parametrize(
    ("pattern", "result"),
    [("$A + $B", "$B + $A"), ("lib.f($$$A)", "lib.f($$$A)"), ("x", "x"), ("lib.f(1)", "lib.f( 1 )")],
)
def test_two_that_cover_each_other_do_not_load(pattern: str, result: str) -> None:
    with pytest.raises(PatternError, match="match the same code, so it cannot be told which was applied"):
        Replace.compile(single(pattern, result, local=["x"]))


def test_a_step_that_another_pair_would_change_again_does_not_load() -> None:
    with pytest.raises(PatternError, match=r"`b\(\$X\)`, which `a\(\$X\)` becomes, is changed again by `b\(\$X\)`"):
        Replace.compile({"replace": {"a($X)": "b($X)", "b($X)": "c($X)"}})
    with pytest.raises(PatternError, match=r"`c\(b\(\$X\)\)`, which `a\(\$X\)` becomes, is changed again"):
        Replace.compile({"replace": {"a($X)": "c(b($X))", "b($X)": "d($X)"}})
    Replace.compile({"replace": ["a($X)", "a($X, 1)"], "with": "c($X)"})


def test_the_first_pair_of_a_map_has_the_place() -> None:
    step = {"replace": {"lib.f($X, 0)": "lib.zero($X)", "lib.f($X, $Y)": "lib.g($Y, $X)"}}
    transformed(step, "lib.f(1, 0); lib.f(1, 2)", "lib.zero(1); lib.g(2, 1)")


def test_several_patterns_with_one_result() -> None:
    step = {"replace": ["lib.f($X)", "lib.f($X, 0)"], "with": "lib.g($X)"}
    transformed(step, "lib.f(1), lib.f(2, 0), lib.f(3, 1)", "lib.g(1), lib.g(2), lib.f(3, 1)")


def test_another_form_that_reaches_the_goal() -> None:
    step = single("lib.f($X)", "lib.g($X)", already=["lib.h($_)", "lib.f(lib.safe($_))"])
    noop(step, "lib.h(1)", "2: already: `lib.h($_)` stands there")
    noop(step, "lib.f(lib.safe(1))", "2: already: `lib.f(lib.safe($_))` stands there")
    transformed(step, "lib.f(1), lib.h(1)", "lib.g(1), lib.h(1)", "2: applied", "2: already: `lib.h($_)` stands there")


# --- the smallest edits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "result", "before", "after"),
    [
        ("lib.f($X)", "lib.g($X)", "lib . f( x )", "lib.g( x )"),
        ("lib.f($X)", "lib.f(1, $X)", "lib.f(  x  )", "lib.f(  1, x  )"),
        ("lib.f($X, $$$R)", "lib.f($X, 1, $$$R)", "lib.f(x, y=2)", "lib.f(x, 1, y=2)"),
        ("lib.f($X, a=$A)", "lib.f($X)", "lib.f(x, a=1)", "lib.f(x)"),
        ("lib.f(a=$A, b=$B)", "lib.f(b=$B)", "lib.f(\n    a=1,\n    b=2,\n)", "lib.f(\n    b=2,\n)"),
        ("lib.f($X, a=$A)", "lib.f($X, b=$A)", "lib.f(x, a=1)", "lib.f(x, b=1)"),
        ("$X / 2", "$X // 2", "y = x / 2", "y = x // 2"),
        ("not $X in $Y", "$X not in $Y", "not a in b", "a not in b"),
        ("lib.f($X)", "$X + 1", "2 * lib.f(x), lib", "2 * (x + 1), lib"),
        ("lib.f($X)", "-$X", "lib.f(a + b) ** 2, lib", "(-(a + b)) ** 2, lib"),
        ("$X == None", "$X is None", "x == None", "x is None"),
    ],
)
def test_what_both_sides_share_keeps_its_bytes(pattern: str, result: str, before: str, after: str) -> None:
    transformed(single(pattern, result), before, after)


GUARDED = single("try:\n    $$$BODY\nexcept Exception:\n    $$$", "if lib.sure:\n    $$$BODY")


def test_comments_of_what_goes_may_go_where_the_step_says_so() -> None:
    before = "try:\n    lib.f()  # one\n    # two\n    lib.g()\nexcept Exception:\n    # three\n    lib.h()"
    transformed({**GUARDED, "comments": "drop"}, before, "if lib.sure:\n    lib.f()  # one\n    # two\n    lib.g()")


def test_without_that_a_comment_of_what_goes_is_refused() -> None:
    before = "try:\n    lib.f()\nexcept Exception:\n    # three\n    lib.g()\n"
    noop(GUARDED, before, "2: refused: the comment `# three` would be lost; move it out of the way first")


def test_comments_are_kept_or_dropped() -> None:
    with pytest.raises(PatternError, match="neither keep nor drop"):
        Replace.compile({**GUARDED, "comments": "lose"})


def test_a_comment_that_would_be_lost_is_refused() -> None:
    step = single("lib.f($$$A)", "lib.none")
    reason = "the comment `# why` would be lost; move it out of the way first"
    noop(step, "lib.f(  # why\n    x)", f"2: refused: {reason}")


def test_in_an_f_string() -> None:
    transformed(single("lib.f($X)", "lib.g($X)"), "f'{lib.f(x)}'", "f'{lib.g(x)}'")
    reason = "it stands in an f-string that cannot hold the replacement; take it out of the string first"
    noop(CUDA, 'f"{x.cuda()}"', f"2: refused: {reason}")
    transformed(CUDA, "f'{x.cuda()}'", f"f'{{x{TO})}}'")
    noop(single("lib.f($X)", "{$X: 1}"), "f'{lib.f(x)}'", f"2: refused: {reason}")


# --- statements -----------------------------------------------------------------------------------------------------


def test_a_statement() -> None:
    step = single("x = lib.f($A)", "x = lib.g($A)", local=["x"])
    transformed(step, "x = lib.f(1)  # same", "x = lib.g(1)  # same")
    noop(step, "y = lib.f(1)\nx += lib.f(1)\nx = lib.g(2)", "4: already")


def test_adjacent_statements_become_one() -> None:
    step = single("lib.a($X)\nlib.b($X)", "lib.ab($X)")
    transformed(step, "def f():\n    lib.a(1)\n    lib.b(1)\n    return 2", "def f():\n    lib.ab(1)\n    return 2")
    transformed(step, "lib.a(1); lib.b(1); x = 1", "lib.ab(1); x = 1")
    noop(step, "lib.a(1)\nlib.b(2)\n\nlib.a(1)\nx = 1\nlib.b(1)\nif x:\n    lib.a(1)\nlib.b(1)")
    reason = "the comment `# one` would be lost; move it out of the way first"
    noop(step, "lib.a(1)  # one\nlib.b(1)", f"2: refused: {reason}")


def test_one_statement_becomes_two() -> None:
    step = single("$Y = lib.ab($X)", "$Y = lib.a($X)\n$Y.b()")
    transformed(
        step, "def f():\n    y = lib.ab(1)\n    return y", "def f():\n    y = lib.a(1)\n    y.b()\n    return y"
    )
    alone = "give it a line of its own first"
    noop(step, "if x: y = lib.ab(1)", f"2: refused: it stands on the line of its header; {alone}")
    noop(step, "z = 1; y = lib.ab(1)", f"2: refused: it shares its line with another statement; {alone}")


def test_a_statement_that_gets_another_one_beside_it() -> None:
    behind = single("$Y = lib.a($X)", "$Y = lib.a($X)\n$Y.b()")
    transformed(behind, "y = lib.a(1)\nz = 2", "y = lib.a(1)\ny.b()\nz = 2")
    noop(behind, "y = lib.a(1)\ny.b()", "2: already")
    before = single("$Y = lib.a($X)", "lib.seed($X)\n$Y = lib.a($X)")
    transformed(before, "y = lib.a(1)\nz = 2", "lib.seed(1)\ny = lib.a(1)\nz = 2")
    noop(before, "lib.seed(1)\ny = lib.a(1)", "2: already")


def test_a_statement_goes_under_a_header() -> None:
    step = single("$Y = lib.a($X)", "with lib.off():\n    $Y = lib.a($X)")
    transformed(
        step, "def f():\n\ty = lib.a(1)\n\treturn y", "def f():\n\twith lib.off():\n\t\ty = lib.a(1)\n\treturn y"
    )
    noop(step, "with lib.off():\n    y = lib.a(1)", "2: already")


def test_a_header() -> None:
    step = single("for $I in range($N)", "for $I in lib.track(range($N))")
    body = "  # go\n    f(i)\nelse:\n    g()"
    transformed(step, f"for i in range(3):{body}", f"for i in lib.track(range(3)):{body}")
    noop(step, "for i in lib.track(range(3)):\n    f(i)", "2: already")


def test_a_header_with_more_items() -> None:
    step = single("with $A", "with $A, lib.off()")
    transformed(step, "with a:\n    f()  # f", "with a, lib.off():\n    f()  # f")
    noop(step, "with a, lib.off():\n    f()", "2: already")


# --- names, scope, needs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "from mine import lib\nlib.f(1)\n",
        "def f(lib):\n    lib.f(1)\n",
        "class lib: ...\n\n\nlib.f(1)\n",
        "lib.f(1)\n",
        "from lib import *\nf(1)\n",
        "import lib\nlib.f\n",
        "import lib\nx.lib.f(1)\n",
        "",
    ],
)
def test_a_name_that_means_something_else(text: str) -> None:
    check_noop(single("lib.f($X)", "lib.g($X)"), text)


@pytest.mark.parametrize(
    ("imports", "before", "after"),
    [
        ("import lib as l", "l.f(1)", "l.g(1)"),
        ("from lib import f, g", "f(1), f", "g(1), f"),
        ("from lib import f as ff, g as gg", "ff(1), ff", "gg(1), ff"),
        ("import lib.sub", "lib.f(1)", "lib.g(1)"),
    ],
)
def test_names_are_written_as_the_file_imports_them(imports: str, before: str, after: str) -> None:
    check_transformed(single("lib.f($X)", "lib.g($X)"), f"{imports}\n{before}\n", f"{imports}\n{after}\n")


def test_a_name_that_the_file_has_not_imported_is_refused() -> None:
    reason = "`lib` is not imported there, and the replacement needs lib.g"
    check_noop(single("lib.f($X)", "lib.g($X)"), "from lib import f\nf(1)\n", f"2: refused: {reason}")
    check_transformed(
        single("lib.f($X)", "lib.g($X)", needs=["from lib import g"]),
        "from lib import f\nf(1)\n",
        "from lib import g\ng(1)\n",
    )


def test_only_the_scope() -> None:
    text = "import lib\nlib.f(1)\n\n\ndef g():\n    lib.f(1)\n"
    step = single("lib.f($X)", "lib.h($X)")
    check_transformed({**step, "in": "a.py::g"}, text, text.replace("    lib.f", "    lib.h"), "6: applied")
    check_transformed({**step, "not_in": "a.py::g"}, text, text.replace("\nlib.f", "\nlib.h", 1), "2: applied")
    check_noop({**step, "in": "a.py::h"}, text)


def test_constraints() -> None:
    step = single("lib.f($X)", "lib.g($X)", where={"X": {"not": ["0", "None"]}})
    transformed(step, "lib.f(0), lib.f(None), lib.f(1)", "lib.f(0), lib.f(None), lib.g(1)", "2: applied")


def test_an_import_is_put_in_once() -> None:
    check_transformed(
        CUDA,
        '"""What."""\nfrom __future__ import annotations\n\nx.cuda()\ny.cuda()\n',
        f'"""What."""\nfrom __future__ import annotations\nimport torch\n\nx{TO})\ny{TO})\n',
        "4: applied",
        "5: applied",
    )


def test_a_shim_in_a_result() -> None:
    step = single("lib.attend($$$A)", "shim.flash_attn_torch.flash_attn_func($$$A)")
    check_transformed(
        step,
        {"net/__init__.py": "", "net/a.py": "import lib\nlib.attend(q, k)\nlib.attend(k, q)\n"},
        {"net/a.py": "from .flash_attn_torch import flash_attn_func\nflash_attn_func(q, k)\nflash_attn_func(k, q)\n"},
    )


# --- layout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = code(
        """
        import torch


        def f(path):
            # what comes first
            state = torch.load(
                path,  # where
                map_location=None,
            )
            return state
        """
    )
    after = before.replace("        map_location=None,\n", "        map_location=None,\n        weights_only=False,\n")
    check_transformed(LOAD, shaped(before, shape), shaped(after, shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_several_lines_in_every_shape(shape: str) -> None:
    before = "import lib\n\n\ndef f():\n    if 1:\n        y = lib.a(1)\n    return y\n"
    after = "import lib\n\n\ndef f():\n    if 1:\n        with lib.off():\n            y = lib.a(1)\n    return y\n"
    step = single("$Y = lib.a($X)", "with lib.off():\n    $Y = lib.a($X)")
    check_transformed(step, shaped(before, shape), shaped(after, shape))


def test_a_string_of_several_lines_never_changes() -> None:
    step = single("$Y = lib.a($X)", "with lib.off():\n    $Y = lib.a($X)")
    transformed(
        step,
        'def f():\n    y = lib.a("""one\n  two\n""")\n    return y',
        'def f():\n    with lib.off():\n        y = lib.a("""one\n  two\n""")\n    return y',
    )
    swap = single("lib.a($X)", "lib.b($X, 1)")
    transformed(swap, 'def f():\n    lib.a("""one\n  two\n""")', 'def f():\n    lib.b("""one\n  two\n""", 1)')


# --- a recipe that cannot mean anything -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message", "at"),
    [
        ({"replace": "f($X)"}, "replace needs `with`", ("replace",)),
        ({"replace": {"f($X)": "g($X)"}, "with": "h"}, "`with` belongs to a single pattern", ("with",)),
        ({"replace": "f($X)", "with": "g($Y)"}, "$Y is bound by no pattern of the step", ("replace",)),
        ({"replace": "f($_)", "with": "g($_)"}, "$_ forgets what it takes", ("replace",)),
        ({"replace": "f($_, $_)", "with": "g($_, $_)"}, "$_ forgets what it takes", ("replace",)),
        ({"replace": "f($$$)", "with": "g($$$)"}, "$$$ forgets what it takes", ("replace",)),
        ({"replace": {"f($X)": "g($X, f'{$_}')"}}, "$_ forgets what it takes", ("replace", "f($X)")),
        ({"replace": ["f($X)", "f("], "with": "g($X)"}, "`f(` is not Python", ("replace", 1)),
        ({"replace": {"f($X)": "g("}}, "`g(` is not Python", ("replace", "f($X)")),
        ({"replace": "f($X)", "with": "g("}, "`g(` is not Python", ("with",)),
        (
            {"replace": "f($X)", "with": "x = $X", "local": "x"},
            "`f($X)` is an expression and `x = $X` is a statement",
            ("replace",),
        ),
        ({"replace": "if $A", "with": "while $A"}, "`if $A` and `while $A` begin different", ("replace",)),
        ({"replace": "if $X", "with": "f($X)"}, "`if $X` is the header of a block", ("replace",)),
        ({"replace": "f($X)", "with": "g($X)", "already": "h("}, "`h(` is not Python", ("already",)),
    ],
)
def test_a_wrong_recipe(keys: dict[str, Any], message: str, at: tuple[object, ...]) -> None:
    with pytest.raises(PatternError) as caught:
        Replace.compile(keys)
    assert str(caught.value).startswith(message)
    assert caught.value.at == at


@pytest.mark.parametrize(
    "keys",
    [
        {"replace": "$X", "with": "f($X)"},
        {"edit": "$X", "to": {"X": "f($X)"}},
        {"delete": "$X"},
        {"wrap": "$X", "under": "if torch"},
        {"insert": "f()", "before": "$X"},
    ],
)
def test_a_hole_alone_is_no_pattern(keys: dict[str, object]) -> None:
    with pytest.raises(PatternError, match="alone matches everything"):
        step_of(keys)


TWO = {"replace": "old($A)\nold($B)", "local": ["old", "new"], "with": "# one\nnew($A)  # two\n# three\nnew($B)"}


@pytest.mark.parametrize("shape", SHAPES)
def test_comments_between_statements_are_written_with_what_they_speak_of(shape: str) -> None:
    before = "from a import new, old\nif new:\n    old(1)\n    old(2)  # mine\n"
    after = "from a import new\nif new:\n    # one\n    new(1)  # two\n    # three\n    new(2)  # mine\n"
    check_transformed(TWO, shaped(before, shape), shaped(after, shape))


def test_comments_of_another_number_of_statements_are_written_with_them() -> None:
    keys = {**TWO, "replace": "old($A, $B)"}
    keys["replace"] = "x = old($A, $B)"
    keys["with"] = "# one\nx = new($A)  # two\n\n# three\nx += new($B)"
    check_transformed(
        {**keys, "local": ["old", "new", "x"]},
        "from a import new, old\ndef f():\n    x = old(1, 2)\n    return x\n",
        "from a import new\ndef f():\n    # one\n    x = new(1)  # two\n\n    # three\n    x += new(2)\n    return x\n",
    )


def test_a_comment_of_a_statement_that_stays_is_not_written() -> None:
    keys = {**TWO, "with": "# one\nold($A)\n# three\nnew($B)"}
    check_transformed(
        keys, "from a import new, old\nold(1)\nold(2)\n", "from a import new, old\nold(1)\n# three\nnew(2)\n"
    )


def test_a_comment_that_stands_there_is_not_written_twice() -> None:
    keys = {"replace": "x = 1", "with": "# why\n# so\nx = 2", "local": ["x"]}
    check_transformed(keys, "# why\n# so\nx = 1\n", "# why\n# so\nx = 2\n")
    check_transformed({**keys, "replace": "# why\n# so\nx = 1"}, "x = 1\n", "x = 2\n")


def test_statements_that_stand_there_with_other_comments_are_known() -> None:
    check_noop(TWO, "from a import new, old\nnew(1)\nnew(2)  # else\n", "2: already")


# --- names of the result: local ones, those of `needs`, and what is no result -----------------------------------------

CFG = {"replace": "f($X)", "with": "f($X, cfg)", "local": ["f", "cfg"]}
NO_CFG = "refused: `cfg` is not in scope there, and the replacement needs it"
NUMPY = {"replace": "math.sqrt($X)", "with": "np.sqrt($X)", "needs": ["import numpy as np"]}
SQRT = {"replace": "torch.sqrt($X)", "with": "sqrt($X)", "needs": ["from math import sqrt"]}


def test_a_local_of_the_result_that_one_place_lacks() -> None:
    check_transformed(
        CFG,
        "def f(): pass\ndef g(cfg): return f(1)\ndef h(): return f(2)\n",
        "def f(): pass\ndef g(cfg): return f(1, cfg)\ndef h(): return f(2)\n",
        "2: applied",
        f"3: {NO_CFG}",
        partly=True,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from x import *\nf(1)\n", "from x import *\nf(1, cfg)\n"),
        ("cfg = 1\ndef h(): return f(2)\n", "cfg = 1\ndef h(): return f(2, cfg)\n"),
        ("def h(): return f(2)\ncfg = 1\n", "def h(): return f(2, cfg)\ncfg = 1\n"),
        ("f(cfg)\n", "f(cfg, cfg)\n"),
        ("print(cfg)\nf(1)\n", "print(cfg)\nf(1, cfg)\n"),
    ],
)
def test_a_local_of_the_result_that_is_in_scope(before: str, after: str) -> None:
    check_transformed(CFG, before, after)


def test_a_local_that_the_result_binds_itself() -> None:
    keys = {"replace": "f($X)", "with": "(lambda cfg: cfg)($X)", "local": ["f", "cfg"]}
    check_transformed(keys, "f(1)\n", "(lambda cfg: cfg)(1)\n")


@pytest.mark.parametrize(
    ("keys", "text", "told"),
    [
        (CFG, "f(1)\n", f"1: {NO_CFG}"),
        (CFG, "f(1)\ncfg = 2\n", "1: refused: `cfg` is bound only further down, and the replacement needs it"),
        (CFG, "def g():\n    cfg = 1\nf(1)\n", f"3: {NO_CFG}"),
        (CFG, "class A:\n    cfg = 1\n    def g(self): f(1)\n", f"3: {NO_CFG}"),
        (CFG, "[cfg for cfg in f(1)]\n", f"1: {NO_CFG}"),
        (
            {"replace": "f($X)", "with": "self.f($X)", "local": ["f"]},
            "def g(this): f(1)\n",
            "1: refused: `self` is not in scope there, and the replacement needs it",
        ),
    ],
)
def test_a_local_of_the_result_that_is_not_in_scope(keys: dict[str, Any], text: str, told: str) -> None:
    check_noop(keys, text, told)


@pytest.mark.parametrize(
    ("keys", "before", "after"),
    [
        (SQRT, "import torch\ntorch.sqrt(1)\n", "from math import sqrt\nsqrt(1)\n"),
        (SQRT, "import torch, math\ntorch.sqrt(1)\n", "import math\nmath.sqrt(1)\n"),
        (
            SQRT,
            "import torch\nfrom math import sqrt as s\ntorch.sqrt(1)\n",
            "from math import sqrt as s\ns(1)\n",
        ),
        (NUMPY, "import math\nmath.sqrt(1)\n", "import numpy as np\nnp.sqrt(1)\n"),
        (NUMPY, "import math, numpy\nmath.sqrt(1)\n", "import numpy\nnumpy.sqrt(1)\n"),
        (
            NUMPY,
            "import math\nfrom numpy import sqrt\nmath.sqrt(1)\n",
            "from numpy import sqrt\nsqrt(1)\n",
        ),
        (
            {"replace": "f.f($X)", "with": "datetime.datetime.now($X)", "needs": ["from datetime import datetime"]},
            "from f import f\nf(1)\n",
            "from datetime import datetime\ndatetime.now(1)\n",
        ),
        (
            {"replace": "f.f($X)", "with": "datetime.now($X)", "needs": ["from datetime import datetime"]},
            "import datetime\nfrom f import f\nf(1)\n",
            "import datetime\ndatetime.datetime.now(1)\n",
        ),
    ],
)
def test_a_name_means_what_needs_make_of_it(keys: dict[str, Any], before: str, after: str) -> None:
    check_transformed(keys, before, after)


@pytest.mark.parametrize(
    ("keys", "text", "told"),
    [
        (SQRT, "import torch\ndef sqrt(x): ...\ntorch.sqrt(1)\n", "`from math import sqrt`"),
        (SQRT, "import torch\nfrom numpy import sqrt\ntorch.sqrt(1)\n", "`from math import sqrt`"),
        (NUMPY, "import math\nnp = 1\n(math.sqrt(1))\n", "`import numpy as np`"),
        (NUMPY, "import math\ndef np(): ...\n(math.sqrt(1))\n", "`import numpy as np`"),
    ],
)
def test_a_name_of_needs_that_is_something_else(keys: dict[str, Any], text: str, told: str) -> None:
    name = told.rpartition(" ")[2].strip("`")
    reason = f"`{name}` is bound to something else there, and the replacement needs {told}"
    check_noop(keys, text, f"3: refused: {reason}")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (SQRT, "def sqrt(x): ...\nsqrt(1)\n"),
        (SQRT, "from numpy import sqrt\nsqrt(1)\n"),
        (NUMPY, "def f(np): np.sqrt(1)\n"),
        ({"replace": "foo.x", "with": "math.pi"}, "def f(math): return math.pi\n"),
        ({"replace": "foo.x", "with": "math.pi"}, "import math\ndef f(math): return math.pi\n"),
        ({"replace": "foo.x", "with": "lib.pi"}, "import lib\ndef f(lib): return lib.pi\n"),
        ({"replace": "foo.x", "with": "lib.pi", "needs": ["import lib"]}, "def f(lib): return lib.pi\n"),
        ({"replace": "foo.x", "with": "float"}, "def f(float): return float\n"),
        ({"replace": "foo.x", "with": "foo.pi"}, "def f(foo): return foo.pi\n"),
    ],
)
def test_what_only_looks_like_the_result_is_not_already_there(keys: dict[str, Any], text: str) -> None:
    check_noop(keys, text)


@pytest.mark.parametrize(
    ("keys", "text", "told"),
    [
        ({"replace": "foo.x", "with": "math.pi"}, "import foo\ndef f(math): return foo.x\n", "math.pi"),
        ({"replace": "foo.x", "with": "float"}, "import foo\ndef f(float): return foo.x\n", "float"),
        ({"replace": "foo.x", "with": "lib.pi"}, "import foo, lib\ndef f(lib): return foo.x\n", "lib.pi"),
    ],
)
def test_an_import_or_builtin_of_the_result_that_is_hidden(keys: dict[str, Any], text: str, told: str) -> None:
    root = told.partition(".")[0]
    reason = f"`{root}` is bound to something else there, and the replacement needs {told}"
    check_noop(keys, text, f"2: refused: {reason}")


def test_a_variable_of_the_result_is_known_as_its_own() -> None:
    check_transformed(
        {"replace": "foo.x", "with": "config.lr"},
        "import foo\nfrom config import config\ndef f(config): return foo.x\nfoo.x\n",
        "from config import config\ndef f(config): return config.lr\nconfig.lr\n",
    )


# --- what surely runs -----------------------------------------------------------------------------------------------

NEW = {"replace": "lib.A($X)", "with": "new.B($X)", "needs": ["import new"]}


def test_an_import_that_only_a_program_makes_is_put_in_for_the_module() -> None:
    text = "import {}\ndef f(): return {}(1)\n\nif __name__ == '__main__':\n    import new\n    f()\n"
    check_transformed(NEW, text.format("lib", "lib.A"), text.format("new", "new.B"))


def test_a_module_below_a_package_that_is_imported_is_put_in() -> None:
    keys = {
        "replace": "lib.parse($X)",
        "with": "xml.etree.ElementTree.parse($X)",
        "needs": ["import xml.etree.ElementTree"],
    }
    check_transformed(
        keys,
        "import lib\nimport xml\nlib.parse(p)\n",
        "import xml\nimport xml.etree.ElementTree\nxml.etree.ElementTree.parse(p)\n",
    )


def test_a_local_name_that_may_not_be_bound_is_refused() -> None:
    keys = {"replace": "lib.A($X)", "with": "B($X)", "local": ["B"]}
    text = "import lib\ndef f(): return lib.A(1)\nif __name__ == '__main__':\n    from new import B\n"
    reason = "`B` is bound in line 4, which may not have run there, and the replacement needs it"
    check_noop(keys, text, f"2: refused: {reason}")
    check_transformed(keys, "import lib\nB = 1\nif x: B = 2\nlib.A(1)\n", "B = 1\nif x: B = 2\nB(1)\n")


# --- a relative import in `needs` -----------------------------------------------------------------------------------

SAID = {"replace": "print($X)", "with": "say($X)", "needs": ["from .tools import say"], "in": "p/a.py"}
TOOLS = {"p/__init__.py": "", "p/tools.py": "def say(x): ...\n"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import os\nprint(1)\n", "import os\nfrom .tools import say\nsay(1)\n"),
        ("from p.tools import say\nprint(1)\n", "from p.tools import say\nsay(1)\n"),
        ("from .tools import say\nprint(1)\n", "from .tools import say\nsay(1)\n"),
        ("from .tools import other\nprint(1)\n", "from .tools import other\nfrom .tools import say\nsay(1)\n"),
    ],
)
def test_a_relative_import_is_meant_from_the_file(before: str, after: str) -> None:
    check_transformed(SAID, {**TOOLS, "p/a.py": before}, {"p/a.py": after})


def test_a_relative_import_where_the_file_has_others_needs_no_init() -> None:
    files = {"p/tools.py": TOOLS["p/tools.py"], "p/a.py": "from .b import c\nprint(1)\n", "p/b.py": "c = 1\n"}
    check_transformed(SAID, files, {"p/a.py": "from .b import c\nfrom .tools import say\nsay(1)\n"})


def test_a_relative_import_of_a_module_and_from_above() -> None:
    files = {"p/__init__.py": "", "p/tools.py": "", "p/q/__init__.py": "", "p/q/a.py": "print(1)\n"}
    keys = {"replace": "print($X)", "with": "tools.say($X)", "needs": ["from .. import tools"], "in": "p/q/a.py"}
    check_transformed(keys, files, {"p/q/a.py": "from .. import tools\ntools.say(1)\n"})


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"p/tools.py": "def say(x): ...\n"}, "this file is in no package; import it by its full name"),
        (
            {"p/__init__.py": "", "p/tools.py": "x = 1\n"},
            "this tree has no such thing there; define it first, or name another module",
        ),
        ({"p/__init__.py": ""}, "this tree has no such thing there; define it first, or name another module"),
    ],
)
def test_a_relative_import_that_would_fail_is_refused(files: dict[str, str], reason: str) -> None:
    told = f"p/a.py:1: refused: the replacement needs `from .tools import say`, and {reason}"
    check_noop(SAID, {**files, "p/a.py": "print(1)\n"}, told)


def test_a_relative_import_whose_name_is_another_one_there_is_refused() -> None:
    reason = "`say` is bound to something else there, and the replacement needs `from .tools import say`"
    check_noop(SAID, {**TOOLS, "p/a.py": "from os import say\nprint(1)\n"}, f"p/a.py:2: refused: {reason}")


def test_a_relative_import_in_a_notebook_which_is_in_no_package_is_refused() -> None:
    reason = (
        "the replacement needs `from .tools import say`, and this file is in no package; import it by its full name"
    )
    check_noop(
        {**SAID, "in": "p/*.ipynb"}, {**TOOLS, "p/n.ipynb": notebook("print(1)")}, f"p/n.ipynb:9: refused: {reason}"
    )


@pytest.mark.parametrize("pattern", ["lib.a", "lib.a | 1", "[lib.a]", "{lib.a: 1}", "lib.a()", "lib.a.b"])
@pytest.mark.parametrize("result", ["lib.f()", "torch", "-lib.b"])
def test_what_a_case_compares_becomes_no_pattern_of_another_meaning(pattern: str, result: str) -> None:
    told = "3: refused: it stands in a `case`, which would mean something else; change that by hand"
    if (result, pattern) not in {("torch", "lib.a()"), ("torch", "lib.a.b")}:
        noop(single("lib.a", result), f"match x:\n    case {pattern}: ...", told)


@pytest.mark.parametrize("pattern", ["{}", "{} | 1", "[{}]", "{}()", "{}.b"])
def test_what_a_case_compares_becomes_another_such_value(pattern: str) -> None:
    before, after = (f"match x:\n    case {pattern.format(name)}: ..." for name in ("lib.a", "lib.b.c"))
    transformed(single("lib.a", "lib.b.c"), before, after)


def test_a_guard_of_a_case_is_no_pattern() -> None:
    transformed(
        single("lib.a", "lib.f()"),
        "match lib.a:\n    case 1 if lib.a: ...",
        "match lib.f():\n    case 1 if lib.f(): ...",
    )


def test_a_hole_alone_is_no_result_that_is_known() -> None:
    outcome = check_noop(single("lib.f($X)", "$X"), "import lib\nx = 1\ny = lib.g(2)\n")
    assert outcome.status is Status.ABSENT


def test_named_is_asked_of_arguments_alone() -> None:
    with pytest.raises(PatternError, match="is asked of the arguments of a call"):
        Replace.compile({"replace": "[$$$A]", "with": "($$$A,)", "where": {"A": {"named": "yes"}}})
