"""The verb `edit`, as a specification: only what stands in a hole changes."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.verbs.edit import Edit
from tests.tiny import Tiny, step
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped

BY_CUDA = '$D if torch.cuda.is_available() else "cpu"'
DEVICE: dict[str, Any] = {
    "edit": [
        "torch.device($D)",
        "$_($$$, device=$D)",
        "$_($$$, map_location=$D)",
        "$_.to($D, $$$)",
        "$_.device = $D",
    ],
    "where": {"D": ['"cuda"', '"cuda:0"', 'f"cuda:{$_}"']},
    "to": {"D": BY_CUDA},
    "needs": ["import torch"],
}
LR: dict[str, Any] = {"edit": "lib.Opt($$$, lr=$LR)", "where": {"LR": ["0", "0.0"]}, "to": {"LR": "config.lr"}}
VIEW: dict[str, Any] = {
    "edit": "$O.view($$$)",
    "where": {"O": {"from": "lib.attend($$$)"}},
    "to": {"O": "$O.contiguous()"},
}
PIN: dict[str, Any] = {
    "edit": "lib.Loader($$$, pin_memory=$P)",
    "where": {"P": "True"},
    "to": {"P": "torch.cuda.is_available()"},
    "needs": ["import torch"],
}
CUDA = '"cuda" if torch.cuda.is_available() else "cpu"'


def code(text: str) -> str:
    return dedent(text).lstrip("\n")


# --- which holes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        'torch.device("cuda")',
        "torch.device('cuda')",
        "torch.device('cu' 'da')",
        'torch.device("cuda:0")',
        'torch.device(f"cuda:{rank}")',
        'torch.zeros(1, device="cuda")',
        'torch.zeros(*shape, device="cuda", **more)',
        'torch.load(path, map_location="cuda")',
        'x.to("cuda", non_blocking=True)',
        'self.device = "cuda"',
        'x = torch.device(\n    "cuda",  # which\n)',
        'torch.device(  # which\n    "cuda")',
        'with torch.device("cuda"): pass',
        'if torch.device("cuda"): x()',
        'a = 1; b = torch.device("cuda"); c = 2',
        'x = torch \\\n    .device("cuda")',
        '@torch.device("cuda")\ndef f(): pass',
        'def f(d=torch.device("cuda")): pass',
        '[torch.device("cuda") for _ in x if torch.device]',
        '(d := torch.device("cuda"))',
        'x = torch.device("cuda")  # type: ignore',
        "lambda: torch.device('cuda')",
    ],
)
def test_a_literal_where_a_device_is_wanted(line: str) -> None:
    literal = next(one for one in ('"cuda"', "'cuda'", "'cu' 'da'", '"cuda:0"', 'f"cuda:{rank}"') if one in line)
    after = line.replace(literal, f'{literal} if torch.cuda.is_available() else "cpu"', 1)
    check_transformed(DEVICE, f"import torch\n{line}\n", f"import torch\n{after}\n")


@pytest.mark.parametrize(
    "line",
    [
        'torch.device("cpu")',
        'torch.device("cuda:1")',
        "torch.device(device)",
        'torch.device("cuda", 0)',
        "torch.device(b'cuda')",
        'torch.device(*["cuda"])',
        'torch.device(type="cuda")',
        'mine.device("cuda")',
        'device("cuda")',
        "torch.device",
        'device = "cuda"',
        'x = {"device": "cuda"}',
        'def f(device="cuda"): pass',
        'torch.zeros(1, **{"device": "cuda"})',
        'x.to(device, "cuda")',
        'x.to(*"cuda")',
        'x == "cuda"',
        '# torch.device("cuda")',
        "'torch.device(\"cuda\")'",
    ],
)
def test_anything_else_stays(line: str) -> None:
    check_noop(DEVICE, f"import torch\n{line}\n")


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as torch\ntorch.device('cuda')\n",
        "def f(torch):\n    torch.device('cuda')\n",
        "class torch:\n    device = str\n\n\ntorch.device('cuda')\n",
        "from mine import device\ndevice('cuda')\n",
        "import torch\n\n\ndef f():\n    torch = 1\n    torch.device('cuda')\n",
        "torch.device('cuda')\n",
        "from torch import *\ndevice('cuda')\n",
        "",
        "\n",
        "# torch.device\n",
    ],
)
def test_a_name_that_means_something_else(text: str) -> None:
    check_noop({**DEVICE, "edit": "torch.device($D)"}, text)


@pytest.mark.parametrize(
    ("imports", "call", "available"),
    [
        ("import torch as t", "t.device", "t.cuda.is_available"),
        ("from torch import device\nimport torch", "device", "torch.cuda.is_available"),
        ("from torch import device as d, cuda", "d", "cuda.is_available"),
        ("from torch import device\nfrom torch.cuda import is_available as ok", "device", "ok"),
        ("import torch.nn", "torch.device", "torch.cuda.is_available"),
    ],
)
def test_a_name_is_written_as_the_file_imports_it(imports: str, call: str, available: str) -> None:
    check_transformed(
        DEVICE,
        f"{imports}\nx = {call}('cuda')\n",
        f"{imports}\nx = {call}('cuda' if {available}() else \"cpu\")\n",
    )


def test_an_import_in_the_function() -> None:
    check_transformed(
        DEVICE,
        "def f():\n    import torch\n    return torch.device('cuda')\n",
        "def f():\n    import torch\n    return torch.device('cuda' if torch.cuda.is_available() else \"cpu\")\n",
    )


def test_either_arm_of_a_try() -> None:
    text = "try:\n    import torch\nexcept ImportError:\n    torch = None\nx = torch.device('cuda'{})\n"
    check_transformed(DEVICE, text.format(""), text.format(' if torch.cuda.is_available() else "cpu"'))


def test_a_hole_that_two_patterns_find_is_one_site() -> None:
    step = {**DEVICE, "edit": ["torch.device($D)", "$_($D)", "torch.device($D, $$$)"]}
    check_transformed(
        step, 'import torch\ntorch.device("cuda")\n', f"import torch\ntorch.device({CUDA})\n", "2: applied"
    )


def test_every_division_of_the_arguments_is_tried() -> None:
    step = {"edit": "lib.f($$$, $D, $$$)", "where": {"D": "1"}, "to": {"D": "one"}, "needs": ["one"]}
    check_transformed(
        step,
        "import lib\none = 1\nlib.f(0, 1, 2, 1)\n",
        "import lib\none = 1\nlib.f(0, one, 2, one)\n",
        "3: applied",
        "3: applied",
    )


def test_two_holes_of_one_pattern_are_two_sites() -> None:
    step = {
        "edit": "lib.f($A, $B)",
        "where": {"A": "1", "B": "2"},
        "to": {"A": "$A + 0", "B": "$B + 0"},
    }
    check_transformed(
        step, "import lib\nlib.f(1, 2)\nlib.f(1, 3)\n", "import lib\nlib.f(1 + 0, 2 + 0)\nlib.f(1 + 0, 3)\n",
        "2: applied", "2: applied", "3: applied",
    )  # fmt: skip


# --- what is there already ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        f"torch.device({CUDA})",
        "torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "torch.device(('cuda' if (torch.cuda.is_available()) else 'cpu'))",
        "torch.device(\n    'cuda'  # where there is one\n    if torch.cuda.is_available() else 'cpu')",
        f"x.to({CUDA})",
    ],
)
def test_a_result_made_by_hand(line: str) -> None:
    text = f"import torch\n{line}\n"
    check_noop(DEVICE, text, "2: already" if "\n" not in line else "3: already")


def test_a_result_with_another_condition_is_no_result() -> None:
    check_noop(DEVICE, 'import torch\ntorch.device("cuda" if mine() else "cpu")\n')


def test_the_hole_of_a_result_is_held_to_the_constraint() -> None:
    check_noop(DEVICE, 'import torch\ntorch.device("mps" if torch.cuda.is_available() else "cpu")\n')


def test_a_result_of_free_names_is_known_again() -> None:
    check_transformed(
        LR,
        "import lib\n\ndef f(config):\n    lib.Opt(x, lr=0)\n    lib.Opt(x, lr=1)\n    lib.Opt(x, lr=config.lr)\n",
        "import lib\n\ndef f(config):\n    lib.Opt(x, lr=config.lr)\n    lib.Opt(x, lr=1)\n"
        "    lib.Opt(x, lr=config.lr)\n",
        "4: applied",
        "6: already",
    )


def test_a_result_of_an_imported_object_is_known_again() -> None:
    check_transformed(
        LR,
        "import lib\nfrom conf import config\nlib.Opt(x, lr=0)\n",
        "import lib\nfrom conf import config\nlib.Opt(x, lr=config.lr)\n",
    )


def test_other_forms_that_reach_the_goal() -> None:
    step = {**VIEW, "already": "$_.reshape($$$).view($$$)"}
    check_noop(
        step,
        "import lib\n\ndef f():\n    y = lib.attend(x)\n    return y.reshape(1).view(2)\n",
        "5: already: `$_.reshape($$$).view($$$)` stands there",
    )


def test_another_form_in_the_hole() -> None:
    step = {**VIEW, "already": "lib.packed($_)"}
    check_noop(
        step,
        "import lib\n\ndef f():\n    y = lib.attend(x)\n    return lib.packed(y).view(2)\n",
        "5: already: `lib.packed($_)` stands there",
    )


# --- a result that holds the hole -----------------------------------------------------------------------------------


def test_a_hole_keeps_its_bytes() -> None:
    check_transformed(
        VIEW,
        "import lib\n\ndef f(x):\n    y = lib.attend( x )\n    y = (y  # why\n        .view(1))\n"
        "    return y .view (2)\n",
        "import lib\n\ndef f(x):\n    y = lib.attend( x )\n    y = (y.contiguous()  # why\n        .view(1))\n"
        "    return y.contiguous() .view (2)\n",
    )


def test_parentheses_where_precedence_asks() -> None:
    check_transformed(
        VIEW,
        "import lib\n\ndef f(x):\n    return (lib.attend(x) + 1).view(2)\n",
        "import lib\n\ndef f(x):\n    return (lib.attend(x) + 1).contiguous().view(2)\n",
    )
    check_transformed(
        {"edit": "lib.f($X)", "to": {"X": "$X * 2"}},
        "import lib\nlib.f(a + b)\nlib.f((a + b))\nlib.f(a or b)\nlib.f(-a)\nlib.f(a.b[0])\n",
        "import lib\nlib.f((a + b) * 2)\nlib.f((a + b) * 2)\nlib.f((a or b) * 2)\nlib.f(-a * 2)\nlib.f(a.b[0] * 2)\n",
    )


def test_a_match_in_a_match() -> None:
    check_transformed(
        {"edit": "lib.f($X)", "to": {"X": "int($X)"}},
        "import lib\nlib.f(lib.f(lib.f(1)))\n",
        "import lib\nlib.f(int(lib.f(int(lib.f(int(1))))))\n",
    )


def test_a_match_in_a_match_that_begins_at_the_same_place() -> None:
    check_transformed(
        {"edit": "$X.step()", "to": {"X": "lib.wrap($X)"}, "needs": ["import lib"]},
        "import lib\nx.step().step()\n",
        "import lib\nlib.wrap(lib.wrap(x).step()).step()\n",
    )


def test_a_value_that_is_not_from_there_stays() -> None:
    check_noop(VIEW, "import lib\n\ndef f(y):\n    z = lib.attend(y)\n    return y.view(1)\n")


def test_a_variable_of_another_function_stays() -> None:
    check_noop(VIEW, "import lib\n\ndef f(x):\n    y = lib.attend(x)\n\ndef g(y):\n    return y.view(1)\n")


def test_a_hole_that_must_not_be_something() -> None:
    step = {"edit": "lib.f($V)", "where": {"V": {"not": "None"}}, "to": {"V": "$V or None"}}
    check_transformed(
        step, "import lib\nlib.f(1)\nlib.f(None)\n", "import lib\nlib.f(1 or None)\nlib.f(None)\n", "2: applied"
    )


# --- scope ----------------------------------------------------------------------------------------------------------

SCOPED = code(
    """
    import torch
    torch.device("cuda")


    class A:
        x = torch.device("cuda")

        def f(self):
            return torch.device("cuda")


    def g():
        return torch.device("cuda")
    """
)


@pytest.mark.parametrize(
    ("scope", "lines"),
    [
        ("a.py::A", [6, 9]),
        ("a.py::A.f", [9]),
        ("a.py::g", [13]),
        ("*.py::A.*", [9]),
        ("**::g", [13]),
        ("a.py", [2, 6, 9, 13]),
        ("a.py::B", []),
        ("b.py", []),
        ("b/*.py", []),
    ],
)
def test_only_the_scope(scope: str, lines: list[int]) -> None:
    text = SCOPED.splitlines(keepends=True)
    after = "".join(line.replace('"cuda"', CUDA) if number in lines else line for number, line in enumerate(text, 1))
    if lines:
        check_transformed({**DEVICE, "in": scope}, SCOPED, after, *(f"{line}: applied" for line in lines))
    else:
        check_noop({**DEVICE, "in": scope}, SCOPED)


@pytest.mark.parametrize(("scope", "lines"), [("a.py::A", [2, 13]), ("a.py::A.f", [2, 6, 13]), ("a.py", [])])
def test_all_but_a_scope(scope: str, lines: list[int]) -> None:
    text = SCOPED.splitlines(keepends=True)
    after = "".join(line.replace('"cuda"', CUDA) if number in lines else line for number, line in enumerate(text, 1))
    if lines:
        check_transformed({**DEVICE, "not_in": scope}, SCOPED, after, *(f"{line}: applied" for line in lines))
    else:
        check_noop({**DEVICE, "not_in": scope}, SCOPED)


# --- needs ----------------------------------------------------------------------------------------------------------

TO: dict[str, Any] = {"edit": "$_.to($D)", "where": {"D": '"cuda"'}, "to": {"D": BY_CUDA}, "needs": ["import torch"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "import torch\n"),
        ("import os\n", "import os\nimport torch\n"),
        ("import os\nfrom sys import path\n\n", "import os\nfrom sys import path\nimport torch\n\n"),
        ("import os; import sys\n", "import os; import sys\nimport torch\n"),
        ("from os import (\n    path,\n)\n", "from os import (\n    path,\n)\nimport torch\n"),
        ('"""What it is."""\n', '"""What it is."""\n\nimport torch\n'),
        ('"""What it is."""\n\nimport os\n', '"""What it is."""\n\nimport os\nimport torch\n'),
        ("from __future__ import annotations\n", "from __future__ import annotations\nimport torch\n"),
        (
            '"""What."""\nfrom __future__ import annotations\nimport os  # for x\n\nos.x = 1\nimport sys\n',
            '"""What."""\nfrom __future__ import annotations\nimport os  # for x\nimport torch\n\nos.x = 1\n'
            "import sys\n",
        ),
        ("#!/usr/bin/env python\n# licence\n", "#!/usr/bin/env python\n# licence\nimport torch\n"),
        ("# licence\n\n# about x\n", "# licence\n\nimport torch\n# about x\n"),
        ("\n\n", "\n\nimport torch\n"),
        ("if TYPE_CHECKING:\n    import torch\n", "import torch\nif TYPE_CHECKING:\n    import torch\n"),
        ("try:\n    import os\nfinally:\n    pass\n", "import torch\ntry:\n    import os\nfinally:\n    pass\n"),
        ("def f():\n    import torch\n\n", "import torch\ndef f():\n    import torch\n\n"),
    ],
)
def test_an_import_is_put_in_once_behind_those_at_the_top(before: str, after: str) -> None:
    check_transformed(TO, f'{before}x.to("cuda")\ny.to("cuda")\n', f"{after}x.to({CUDA})\ny.to({CUDA})\n")


def test_an_import_behind_a_file_without_a_last_line_end() -> None:

    check_transformed(TO, 'x.to("cuda")', f"import torch\nx.to({CUDA})")


def test_nothing_is_put_in_where_nothing_is_edited() -> None:
    check_noop(TO, 'x.to("cpu")\n"cuda"\n')
    check_noop(TO, f"x.to({CUDA})\n")


def test_a_needed_name_that_is_something_else_is_refused() -> None:
    reason = "`torch` is bound to something else there, and the replacement needs `import torch`"
    check_noop(TO, 'torch = 1\nx.to("cuda")\n', f"2: refused: {reason}")
    check_noop(TO, 'def f(torch, x):\n    x.to("cuda")\n', f"2: refused: {reason}")


def test_one_refused_site_does_not_keep_the_others() -> None:
    reason = "`torch` is bound to something else there, and the replacement needs `import torch`"
    check_transformed(
        TO,
        'def f(torch, x):\n    x.to("cuda")\n\n\ny.to("cuda")\n',
        f'import torch\ndef f(torch, x):\n    x.to("cuda")\n\n\ny.to({CUDA})\n',
        f"2: refused: {reason}",
        "5: applied",
        partly=True,
    )


def test_an_import_further_down_is_refused() -> None:
    reason = "`torch` is bound only further down, and the replacement needs it"
    check_noop(TO, 'x.to("cuda")\nimport torch\n', f"1: refused: {reason}")
    check_noop(TO, 'def f(x):\n    x.to("cuda")\n    import torch\n', f"2: refused: {reason}")


def test_an_import_further_down_is_there_when_a_function_is_called() -> None:
    check_transformed(
        TO,
        'def f(x):\n    x.to("cuda")\n\n\nimport torch\n',
        f"def f(x):\n    x.to({CUDA})\n\n\nimport torch\n",
    )


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("import lib\nlib.Opt(x, lr=0)\n", 2, "is not in scope there"),
        ("import lib\n\ndef f():\n    lib.Opt(x, lr=0)\n\ndef g(config): ...\n", 4, "is not in scope there"),
        ("import lib\nlib.Opt(x, lr=0)\nconfig = 1\n", 2, "is bound only further down"),
        ("import lib\n\ndef f():\n    lib.Opt(x, lr=0)\n    config = 1\n", 4, "is bound only further down"),
        ("import lib\nlib.Opt(x, lr=0)\n\ndef config(): ...\n", 2, "is bound only further down"),
    ],
)
def test_a_free_name_must_be_in_scope(text: str, line: int, what: str) -> None:
    check_noop(LR, text, f"{line}: refused: `config` {what}, and the replacement needs it")


@pytest.mark.parametrize(
    "head",
    [
        "config = 1\n",
        "from conf import config\n",
        "with a as config: pass\n",
        "def config(): ...\n",
        "if (config := 1): pass\n",
    ],
)
def test_a_free_name_may_be_bound_in_any_way(head: str) -> None:
    check_transformed(LR, f"import lib\n{head}lib.Opt(x, lr=0)\n", f"import lib\n{head}lib.Opt(x, lr=config.lr)\n")


def test_a_bare_name_that_is_needed() -> None:
    step = {**LR, "to": {"LR": "1e-8"}, "needs": ["config"]}
    check_noop(
        step, "import lib\nlib.Opt(lr=0)\n", "2: refused: `config` is not in scope there, and the replacement needs it"
    )
    check_transformed(step, "import lib\nconfig = 1\nlib.Opt(lr=0)\n", "import lib\nconfig = 1\nlib.Opt(lr=1e-8)\n")


def test_a_constant_that_is_needed() -> None:
    step = {**LR, "to": {"LR": "FIRST"}, "needs": ["FIRST = 1e-8"]}
    check_transformed(
        step,
        "import lib\n\nlib.Opt(lr=0)\n",
        "import lib\nFIRST = 1e-8\n\nlib.Opt(lr=FIRST)\n",
    )
    check_transformed(
        step,
        "import lib\nFIRST  = 1e-8\nlib.Opt(lr=FIRST)\nlib.Opt(lr=0)\n",
        "import lib\nFIRST  = 1e-8\nlib.Opt(lr=FIRST)\nlib.Opt(lr=FIRST)\n",
        "3: already", "4: applied",
    )  # fmt: skip
    reason = "`FIRST` is bound to something else there, and the replacement needs `FIRST = 1e-8`"
    check_noop(step, "import lib\nFIRST = 2\nlib.Opt(lr=0)\n", f"3: refused: {reason}")


def test_an_alias_and_a_future_import_that_are_needed() -> None:
    step = {**LR, "to": {"LR": "numpy.float32(1)"}, "needs": ["import numpy as np", "from __future__ import division"]}
    check_transformed(
        step,
        '"""What."""\nimport lib\nlib.Opt(lr=0)\n',
        '"""What."""\n\nfrom __future__ import division\nimport lib\nimport numpy as np\nlib.Opt(lr=np.float32(1))\n',
    )


def test_builtins_need_nothing() -> None:
    step = {**LR, "to": {"LR": "float(0)"}}
    check_transformed(step, "import lib\nlib.Opt(lr=0)\n", "import lib\nlib.Opt(lr=float(0))\n")
    reason = "`float` is bound to something else there, and the replacement needs float"
    check_noop(step, "import lib\nfloat = 1\nlib.Opt(lr=0)\n", f"3: refused: {reason}")


def test_a_shim_in_a_replacement_is_copied_and_imported() -> None:
    step = {"edit": "lib.train($F)", "to": {"F": "shim.flash_attn_torch.flash_attn_func"}}
    check_transformed(
        step,
        {"a.py": "import lib\nlib.train(0)\n", "b.py": "import lib\nlib.train(1)\n"},
        {
            "a.py": "import lib\nfrom flash_attn_torch import flash_attn_func\nlib.train(flash_attn_func)\n",
            "b.py": "import lib\nfrom flash_attn_torch import flash_attn_func\nlib.train(flash_attn_func)\n",
        },
    )


def test_a_shim_that_lacks_the_name_is_refused() -> None:
    step = {"edit": "lib.train($F)", "to": {"F": "shim.flash_attn_torch.nothing"}}
    reason = "the shim flash_attn_torch has no nothing; name another one in the recipe"
    check_noop(step, "import lib\nlib.train(0)\n", f"2: refused: {reason}")


# --- places that cannot hold the result -----------------------------------------------------------------------------


def test_in_an_f_string_of_other_quotes() -> None:
    check_transformed(
        DEVICE,
        "import torch\nf'{torch.device(\"cuda\")} {x!r:>{y}}'\n",
        f"import torch\nf'{{torch.device({CUDA})}} {{x!r:>{{y}}}}'\n",
    )
    check_transformed(
        DEVICE,
        "import torch\nf'''{torch.device('cuda')}'''\n",
        "import torch\nf'''{torch.device('cuda' if torch.cuda.is_available() else \"cpu\")}'''\n",
    )


@pytest.mark.parametrize(
    "line", ["f\"{torch.device('cuda')}\"", "f'{x:{torch.device(\"cuda\")}}' f\"{torch.device('cuda')}\""]
)
def test_in_an_f_string_of_the_same_quotes_is_refused(line: str) -> None:
    reason = "it stands in an f-string that cannot hold the replacement; take it out of the string first"
    step = {**DEVICE, "edit": "torch.device($D)", "where": {"D": "'cuda'"}}
    text = f"import torch\n{line}\n"
    if line.startswith("f'"):
        check_transformed(step, text, text.replace('"cuda"', CUDA), "2: applied", f"2: refused: {reason}", partly=True)
    else:
        check_noop(step, text, f"2: refused: {reason}")


def test_a_comment_in_what_is_replaced_is_refused() -> None:
    reason = "the comment `# why` would be lost; move it out of the way first"
    step = {"edit": "lib.f($X)", "where": {"X": "[$$$]"}, "to": {"X": "()"}}
    check_noop(step, "import lib\nlib.f([1,  # why\n    2])\n", f"2: refused: {reason}")


# --- layout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = code(
        """
        import os


        def f(x):
            return x.to(
                "cuda",  # é is not ASCII
            )
        """
    ).replace("é is not ASCII", "which")
    after = before.replace('"cuda"', CUDA).replace("import os\n", "import os\nimport torch\n")
    check_transformed(DEVICE, shaped(before, shape), shaped(after, shape))


def test_letters_of_two_bytes_before_the_place() -> None:
    check_transformed(
        DEVICE,
        'import torch\nx = "é", torch.device("cuda")  # é\n',
        f'import torch\nx = "é", torch.device({CUDA})  # é\n',
    )


def test_in_a_notebook() -> None:
    check_transformed(
        TO,
        {"a.ipynb": notebook("import os", '!ls\nx.to("cuda")')},
        {"a.ipynb": notebook("import os\nimport torch", f"!ls\nx.to({CUDA})")},
    )


# --- a recipe that cannot mean anything -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message", "at"),
    [
        ({"edit": "f($X)"}, "edit changes nothing without `to`", ()),
        ({"edit": "f($X)", "to": {}}, "edit changes nothing without `to`", ()),
        ({"edit": "f($X)", "to": {"Y": "1"}}, "`f($X)` has no hole $Y that could be edited.", ("to", "Y")),
        ({"edit": ["f($X)", "g()"], "to": {"X": "1"}}, "`g()` has no hole $X that could be edited.", ("to", "X")),
        ({"edit": "f($X)", "to": {"X": "$Y"}}, "$Y is bound by no pattern of the step", ("to", "X")),
        ({"edit": "f($X, $_)", "to": {"X": "$X + $_"}}, "$_ forgets what it takes", ("to", "X")),
        ({"edit": "f($X, $$$)", "to": {"X": "g($$$)"}}, "$$$ forgets what it takes", ("to", "X")),
        ({"edit": "f($X)", "to": {"X": "$X"}}, "$X would become itself", ("to", "X")),
        ({"edit": "f($$$X)", "to": {"X": "1"}}, "$$$X stands for any number of nodes; edit changes one.", ("to", "X")),
        ({"edit": ["f($X)", "f("], "to": {"X": "1"}}, "`f(` is not Python", ("edit", 1)),
        ({"edit": "f($X)", "to": {"X": "1 +"}}, "`1 +` is not Python", ("to", "X")),
        ({"edit": "f($X)", "to": {"X": "1"}, "where": {"X": {"is": "2"}}}, "`is` is no constraint", ("where", "X")),
        ({"edit": "f($X)", "to": {"X": "1"}, "needs": ["x", "1 + 2"]}, "`1 + 2` is neither a name", ("needs", 1)),
        ({"edit": "f($X)", "to": {"X": "1"}, "needs": "import a, b"}, "`import a, b` is neither a name", ("needs", 0)),
    ],
)
def test_a_wrong_recipe(keys: dict[str, Any], message: str, at: tuple[object, ...]) -> None:
    with pytest.raises(PatternError) as caught:
        Edit.compile(keys)
    assert str(caught.value).startswith(message)
    assert caught.value.at == at


MANY = ", ".join(map(str, range(60)))


def nearest(tiny: Tiny, keys: dict[str, Any], text: str) -> str:
    """Return what a drifted step tells of the place that came nearest."""
    tiny.one(text).recipe(step("swap", expect="1", **keys))
    return str(tiny.plan().step("swap")["reason"]).partition("The nearest is ")[2]


def test_a_hole_that_is_not_as_wanted_is_nearer_than_a_long_pattern_that_does_not_match(tiny: Tiny) -> None:
    keys = {"edit": [f"lib.f({MANY}, $X)", "lib.g($X)"], "where": {"X": "1"}, "to": {"X": "2"}}
    told = nearest(tiny, keys, f"import lib\nlib.f({MANY}.5, 1)\nlib.g(0)\n")
    assert told == "a.py:3, where `0` is none of `1`."


def test_a_hole_that_is_edited_is_nearer_than_one_around_it_that_is_not_as_wanted(tiny: Tiny) -> None:
    keys = {"edit": ["lib.f($Y, $X)", "lib.g($Y, $X)"], "where": {"X": "1", "Y": "3"}, "to": {"X": "2"}}
    assert nearest(tiny, keys, "import lib\nlib.f(4, 1)\nlib.g(3, 0)\n") == "a.py:3, where `0` is none of `1`."


def test_a_place_out_of_scope_is_the_nearest_of_all(tiny: Tiny) -> None:
    keys = {"edit": [f"lib.f({MANY}, $X)", "lib.g($X)"], "where": {"X": "1"}, "to": {"X": "2"}, "in": "a.py::main"}
    text = f"import lib\nlib.g(1)\ndef main():\n    lib.f({MANY}, 0)\n"
    assert nearest(tiny, keys, text).startswith("a.py:2, where it stands in the module itself")


# --- names where the hole stands ---------------------------------------------------------------------------------------

HELD = {"edit": "f(lambda $V: $B)", "to": {"B": "np.abs($B)"}, "needs": ["import numpy as np"], "local": ["f"]}


def test_a_name_means_what_needs_make_of_it() -> None:
    check_transformed(HELD, "f(lambda x: x)\n", "import numpy as np\nf(lambda x: np.abs(x))\n")
    check_transformed(HELD, "import numpy\nf(lambda x: x)\n", "import numpy\nf(lambda x: numpy.abs(x))\n")


def test_a_name_that_is_hidden_only_where_the_hole_stands() -> None:
    reason = "`np` is bound to something else there, and the replacement needs `import numpy as np`"
    check_noop(HELD, "f(lambda np: np)\n", f"1: refused: {reason}")


def test_a_local_of_the_result_that_is_not_in_scope() -> None:
    keys = {"edit": "f($X)", "to": {"X": "$X + rate"}, "local": ["f", "rate"]}
    check_transformed(
        keys,
        "def g(rate): f(1)\ndef h(): f(2)\n",
        "def g(rate): f(1 + rate)\ndef h(): f(2)\n",
        "1: applied",
        "2: refused: `rate` is not in scope there, and the replacement needs it",
        partly=True,
    )


def test_another_name_of_the_same_spelling_is_not_the_result() -> None:
    check_noop(
        {"edit": "f.f($X)", "to": {"X": "math.pi"}, "where": {"X": "3"}}, "import f\ndef g(math): f.f(math.pi)\n"
    )
