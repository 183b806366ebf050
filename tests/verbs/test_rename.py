"""The verb `rename`, as a specification: what follows a symbol, and above all what does not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from patcher.errors import PatternError, TargetError
from patcher.model import Status
from patcher.verbs.rename import Rename
from tests.helpers import write_tree
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped, tree_plan

PACKAGE = {"rename": "adam_atan2.AdamATan2", "to": "adam_atan2_pytorch.AdamAtan2"}
SHIM = {"rename": "adam_atan2.AdamATan2", "to": "shim.adam_atan2_torch.AdamATan2"}
TORCH = {"rename": "adam_atan2.AdamATan2", "to": "torch.optim.Adam"}
MOVED = {"rename": "a.b", "to": "c.d"}
SCALER = {"rename": "torch.cuda.amp.GradScaler", "to": "torch.amp.GradScaler"}


def code(text: str) -> str:
    return dedent(text).lstrip("\n")


# --- forms of import ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
        ("from  adam_atan2  import  AdamATan2", "from  adam_atan2_pytorch  import  AdamAtan2"),
        ("from adam_atan2 import (AdamATan2)", "from adam_atan2_pytorch import (AdamAtan2)"),
        ("from adam_atan2 import (AdamATan2,)", "from adam_atan2_pytorch import (AdamAtan2,)"),
        (
            "from adam_atan2 import AdamATan2  # type: ignore",
            "from adam_atan2_pytorch import AdamAtan2  # type: ignore",
        ),
        ("from adam_atan2 \\\n    import AdamATan2", "from adam_atan2_pytorch \\\n    import AdamAtan2"),
        ("from adam_atan2 import \\\n    AdamATan2", "from adam_atan2_pytorch import \\\n    AdamAtan2"),
        ("from adam_atan2 import (  # kept\n    AdamATan2,  # this too\n)", None),
        ("import os; from adam_atan2 import AdamATan2", "import os; from adam_atan2_pytorch import AdamAtan2"),
        ("if True: from adam_atan2 import AdamATan2", "if True: from adam_atan2_pytorch import AdamAtan2"),
    ],
)
def test_a_from_import_keeps_its_layout(before: str, after: str | None) -> None:
    after = after or before.replace("AdamATan2", "AdamAtan2").replace("adam_atan2", "adam_atan2_pytorch")
    check_transformed(PACKAGE, f"{before}\nAdamATan2(lr=0)\n", f"{after}\nAdamAtan2(lr=0)\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import adam_atan2", "import adam_atan2_pytorch"),
        ("import os, adam_atan2", "import os, adam_atan2_pytorch"),
        ("import os; import adam_atan2", "import os; import adam_atan2_pytorch"),
    ],
)
def test_a_module_import_goes_along_where_nothing_else_is_read(before: str, after: str) -> None:
    check_transformed(
        PACKAGE, f"{before}\nadam_atan2.AdamATan2(lr=0)\n", f"{after}\nadam_atan2_pytorch.AdamAtan2(lr=0)\n"
    )


def test_an_alias_of_the_symbol_stays() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2 as Opt\nOpt(lr=0)\n",
        "from adam_atan2_pytorch import AdamAtan2 as Opt\nOpt(lr=0)\n",
    )


def test_an_alias_to_its_own_name_stays() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2 as AdamATan2\nAdamATan2(lr=0)\n",
        "from adam_atan2_pytorch import AdamAtan2 as AdamATan2\nAdamATan2(lr=0)\n",
    )


def test_an_alias_of_the_module_stays() -> None:
    check_transformed(
        PACKAGE,
        "import adam_atan2 as aa\naa.AdamATan2(lr=0)\n",
        "import adam_atan2_pytorch as aa\naa.AdamAtan2(lr=0)\n",
    )


def test_an_alias_of_a_submodule() -> None:
    check_transformed(
        SCALER, "import torch.cuda.amp as amp\namp.GradScaler()\n", "import torch.amp as amp\namp.GradScaler()\n"
    )


def test_a_dotted_module() -> None:
    check_transformed(
        SCALER,
        "import torch.cuda.amp\ntorch.cuda.amp.GradScaler()\n",
        "import torch.amp\ntorch.amp.GradScaler()\n",
    )


def test_a_module_from_a_package() -> None:
    check_transformed(
        SCALER, "from torch.cuda import amp\namp.GradScaler()\n", "from torch import amp\namp.GradScaler()\n"
    )


def test_a_module_from_a_package_by_another_name() -> None:
    step = {"rename": "lib.optim.A", "to": "other.B"}
    check_transformed(step, "from lib import optim\noptim.A()\n", "import other\nother.B()\n")


def test_a_module_among_others_of_a_package() -> None:
    check_transformed(
        SCALER,
        "from torch.cuda import amp, nvtx\namp.GradScaler(nvtx)\n",
        "from torch.cuda import nvtx\nfrom torch import amp\namp.GradScaler(nvtx)\n",
    )


def test_a_module_that_is_used_for_other_names_stays() -> None:
    check_transformed(
        PACKAGE,
        "import adam_atan2 as aa\naa.AdamATan2(aa.other)\n",
        "import adam_atan2 as aa\nimport adam_atan2_pytorch\nadam_atan2_pytorch.AdamAtan2(aa.other)\n",
    )


def test_a_module_that_is_imported_already_is_not_imported_again() -> None:
    check_transformed(
        SCALER,
        "import torch.cuda.amp\nimport torch.amp\ntorch.cuda.amp.GradScaler(torch.zeros(1))\n",
        "import torch.cuda.amp\nimport torch.amp\ntorch.amp.GradScaler(torch.zeros(1))\n",
    )


def test_several_imports_of_one_package_are_one_name() -> None:
    check_transformed(
        SCALER,
        "import torch\nimport torch.cuda.amp\ntorch.cuda.amp.GradScaler(torch.zeros(1))\n",
        "import torch\nimport torch.amp\nimport torch.cuda.amp\ntorch.amp.GradScaler(torch.zeros(1))\n",
    )


def test_several_forms_in_one_file() -> None:
    check_transformed(
        PACKAGE,
        "import adam_atan2\nfrom adam_atan2 import AdamATan2\n\n\ndef f():\n    import adam_atan2 as aa\n"
        "    return aa.AdamATan2, AdamATan2, adam_atan2.AdamATan2\n",
        "import adam_atan2_pytorch\nfrom adam_atan2_pytorch import AdamAtan2\n\n\ndef f():\n"
        "    import adam_atan2_pytorch as aa\n    return aa.AdamAtan2, AdamAtan2, adam_atan2_pytorch.AdamAtan2\n",
        "7: applied", "7: applied", "7: applied",
    )  # fmt: skip


def test_an_import_in_a_function() -> None:
    check_transformed(
        PACKAGE,
        "def f():\n    from adam_atan2 import AdamATan2\n    return AdamATan2(lr=0)\n",
        "def f():\n    from adam_atan2_pytorch import AdamAtan2\n    return AdamAtan2(lr=0)\n",
    )


def test_a_method_of_the_symbol_is_a_use() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2\nAdamATan2.step(1)\n",
        "from adam_atan2_pytorch import AdamAtan2\nAdamAtan2.step(1)\n",
    )


# --- one of several names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("AdamATan2, Other", "Other"),
        ("Other, AdamATan2", "Other"),
        ("One, AdamATan2, Other", "One, Other"),
        ("(AdamATan2, Other)", "(Other)"),
        ("(Other, AdamATan2,)", "(Other,)"),
        ("Other, \\\n    AdamATan2", "Other"),
        ("(\n    AdamATan2,\n    Other,\n)", "(\n    Other,\n)"),
        ("(\n    Other,\n    AdamATan2,\n)", "(\n    Other,\n)"),
        ("(\n    Other,\n    AdamATan2\n)", "(\n    Other,\n)"),
        ("(\n    Other,  # mine\n    AdamATan2,\n)", "(\n    Other,  # mine\n)"),
        ("(\n    # first\n    AdamATan2,\n    Other,\n)", "(\n    # first\n    Other,\n)"),
        ("(Other,  # mine\n    AdamATan2)", "(Other,  # mine\n    )"),
        ("Other, AdamATan2  # both", "Other  # both"),
    ],
)  # fmt: skip
def test_the_other_names_of_an_import_stay(names: str, left: str) -> None:
    check_transformed(
        PACKAGE,
        f"from adam_atan2 import {names}\nAdamATan2(Other)\n",
        f"from adam_atan2 import {left}\nfrom adam_atan2_pytorch import AdamAtan2\nAdamAtan2(Other)\n",
    )


def test_the_comment_of_a_name_goes_with_it() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import (\n    AdamATan2,  # type: ignore\n    Other,  # mine\n)\nAdamATan2(Other)\n",
        "from adam_atan2 import (\n    Other,  # mine\n)\nfrom adam_atan2_pytorch import AdamAtan2  # type: ignore\n"
        "AdamAtan2(Other)\n",
    )


def test_an_alias_among_several_names() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2 as Opt, Other\nOpt(Other)\n",
        "from adam_atan2 import Other\nfrom adam_atan2_pytorch import AdamAtan2 as Opt\nOpt(Other)\n",
    )


def test_another_symbol_of_the_same_module_stays_in_its_import() -> None:
    check_transformed(
        {"rename": "torch.optim.Adam", "to": "torch.optim.AdamW"},
        "from torch.optim import Adam, SGD\nAdam(SGD)\n",
        "from torch.optim import AdamW, SGD\nAdamW(SGD)\n",
    )


def test_a_name_in_a_function_is_taken_out_there() -> None:
    check_transformed(
        PACKAGE,
        "def f():\n\tfrom adam_atan2 import AdamATan2, Other\n\treturn AdamATan2, Other\n",
        "def f():\n\tfrom adam_atan2 import Other\n\tfrom adam_atan2_pytorch import AdamAtan2\n"
        "\treturn AdamAtan2, Other\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(Third, AdamATan2,  # whose?\n    Other)", "(Third,  # whose?\n    Other)"),
        (
            "(AdamATan2,  # whose?\n    # and this?\n    Other, Third)",
            "(  # whose?\n    # and this?\n    Other, Third)",
        ),
        ("(Third, Other,  # whose?\n    AdamATan2)", "(Third, Other,  # whose?\n    )"),
    ],
)
def test_a_comment_that_may_be_another_names_stays_where_it_is(before: str, after: str) -> None:
    new = "from adam_atan2_pytorch import AdamAtan2\nAdamAtan2(Other, Third)\n"
    check_transformed(
        PACKAGE,
        f"from adam_atan2 import {before}\nAdamATan2(Other, Third)\n",
        f"from adam_atan2 import {after}\n{new}",
    )


def test_a_comment_behind_the_name_that_shares_the_brackets_line_goes_with_it() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import (AdamATan2,  # the optimizer\n    Other)\nAdamATan2(Other)\n",
        "from adam_atan2 import (Other)\nfrom adam_atan2_pytorch import AdamAtan2  # the optimizer\nAdamAtan2(Other)\n",
    )


@pytest.mark.parametrize("directive", ["# noqa: E402", "# type: ignore[import]"])
def test_a_comment_to_a_tool_holds_for_both_imports(directive: str) -> None:
    check_transformed(
        PACKAGE,
        f"from adam_atan2 import (AdamATan2,  {directive}\n    Other)\nAdamATan2(Other)\n",
        f"from adam_atan2 import (  {directive}\n    Other)\n"
        f"from adam_atan2_pytorch import AdamAtan2  {directive}\nAdamAtan2(Other)\n",
    )


@pytest.mark.parametrize(
    "line", ["import os; from adam_atan2 import AdamATan2, Other", "if 1: from adam_atan2 import AdamATan2, Other"]
)
def test_several_names_on_a_shared_line_are_refused(line: str) -> None:
    shares = "shares its line with another statement" if ";" in line else "stands on the line of its header"
    check_noop(PACKAGE, f"{line}\nAdamATan2(Other)\n", f"1: refused: it {shares}; give it a line of its own first")


# --- uses -----------------------------------------------------------------------------------------------------------


def test_every_kind_of_use() -> None:
    before = code(
        """
        from functools import partial
        from adam_atan2 import AdamATan2

        class Mine(AdamATan2, metaclass=AdamATan2):
            kind: AdamATan2 = AdamATan2

        @AdamATan2
        def build(optimizer: AdamATan2 = AdamATan2, *args: AdamATan2) -> AdamATan2:
            del AdamATan2.x
            return partial(AdamATan2, lr=0), f"{AdamATan2!r:>{AdamATan2}}", [AdamATan2 for _ in AdamATan2]

        REGISTRY = {"AdamATan2": AdamATan2}
        lambda x=AdamATan2: AdamATan2
        (y := AdamATan2)
        if isinstance(y, (AdamATan2)): AdamATan2(
            lr=0,  # AdamATan2
        )
        """
    )
    after = before.replace("AdamATan2", "AdamAtan2").replace("adam_atan2", "adam_atan2_pytorch")
    after = after.replace('"AdamAtan2"', '"AdamATan2"').replace("# AdamAtan2", "# AdamATan2")
    check_transformed(PACKAGE, before, after)


def test_a_use_above_the_import() -> None:
    check_transformed(
        PACKAGE,
        "def f():\n    return AdamATan2\n\n\nfrom adam_atan2 import AdamATan2\n",
        "def f():\n    return AdamAtan2\n\n\nfrom adam_atan2_pytorch import AdamAtan2\n",
    )


def test_an_unused_import_is_its_own_site() -> None:
    check_transformed(
        PACKAGE,
        "import os\nfrom adam_atan2 import AdamATan2\n",
        "import os\nfrom adam_atan2_pytorch import AdamAtan2\n",
        "2: applied",
    )


def test_a_global_declaration_follows() -> None:
    check_transformed(
        PACKAGE,
        "def f():\n    global AdamATan2, x\n    from adam_atan2 import AdamATan2\n\n\ndef g():\n    return AdamATan2\n",
        "def f():\n    global AdamAtan2, x\n    from adam_atan2_pytorch import AdamAtan2\n\n\ndef g():\n"
        "    return AdamAtan2\n",
    )


def test_what_only_looks_like_a_use_stays() -> None:
    before = code(
        """
        from adam_atan2 import AdamATan2

        def parameter(AdamATan2):
            return AdamATan2

        def local():
            AdamATan2 = 1
            return AdamATan2

        class Scope:
            class AdamATan2: ...
            x = AdamATan2

        def other(self):
            call(AdamATan2=self.AdamATan2)
            return [AdamATan2 for AdamATan2 in x], "AdamATan2", lambda AdamATan2: AdamATan2
        """
    )
    after = before.replace("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2", 1)
    check_transformed(PACKAGE, before, after, "1: applied")


@pytest.mark.parametrize(
    "text",
    [
        "class AdamATan2: ...\nAdamATan2()\n",
        "from mine import AdamATan2\nAdamATan2()\n",
        "import adam_atan2\nadam_atan2.Other()\n",
        "import mine as adam_atan2\nadam_atan2.AdamATan2()\n",
        "adam_atan2.AdamATan2()\n",
        "def f(adam_atan2):\n    return adam_atan2.AdamATan2()\n",
        "from .adam_atan2 import AdamATan2\n",
        "x = 'adam_atan2.AdamATan2'\n",
        "# from adam_atan2 import AdamATan2\n",
        "",
    ],
)
def test_something_else_of_that_name(text: str) -> None:
    check_noop(PACKAGE, text)


def test_a_module_attribute_that_is_shadowed_stays() -> None:
    check_transformed(
        PACKAGE,
        "import adam_atan2\n\n\ndef f(adam_atan2):\n    return adam_atan2.AdamATan2\n\n\nadam_atan2.AdamATan2\n",
        "import adam_atan2_pytorch\n\n\ndef f(adam_atan2):\n    return adam_atan2.AdamATan2\n\n\n"
        "adam_atan2_pytorch.AdamAtan2\n",
        "8: applied",
    )


IN_A_CLASS = {
    "value of its own attribute": ("class K:\n    b = b\n    x = b\n", "class K:\n    b = d\n    x = b\n"),
    "default before the attribute": (
        "class K:\n    def f(self, x=b): ...\n    b = 1\n    y = b\n",
        "class K:\n    def f(self, x=d): ...\n    b = 1\n    y = b\n",
    ),
    "loop over it": ("class K:\n    for b in b: b\n", "class K:\n    for b in d: b\n"),
    "field of that name": ("class K:\n    b: b\n    x: 'b'\n", "class K:\n    b: d\n    x: 'd'\n"),
    "attribute of the new name": ("class K:\n    d = b\n", "class K:\n    d = d\n"),
    "new name bound below": ("class K:\n    x = b\n    d = 1\n", "class K:\n    x = d\n    d = 1\n"),
}


@pytest.mark.parametrize(("before", "after"), IN_A_CLASS.values(), ids=IN_A_CLASS.keys())
def test_what_a_class_reads_before_it_binds_it_is_the_modules(before: str, after: str) -> None:
    check_transformed(MOVED, f"from a import b\n{before}", f"from c import d\n{after}")


def test_what_a_class_reads_through_a_module_before_it_binds_it() -> None:
    check_transformed(MOVED, "import a\nclass K:\n    a = a.b\n    a.b\n", "import c\nclass K:\n    a = c.d\n    a.b\n")


@pytest.mark.parametrize(
    "body",
    [
        "b += 1",
        "if x: b = 1\n    b",
        "try: b = 1\n    except E: pass\n    y: 'b'",
        "b: b = None",
    ],
)
def test_what_a_class_may_read_as_its_own_is_refused(body: str) -> None:
    reason = "`b` is bound in line 3 too, to something that this step does not rename; change both by hand"
    check_noop(MOVED, f"from a import b\nclass K:\n    {body}\n", f"1: refused: {reason}")


def test_a_module_that_a_class_may_bind_anew_is_refused() -> None:
    reason = "`a` is bound in line 3 too, to something that this step does not rename; change both by hand"
    check_noop(MOVED, "import a\nclass K:\n    if x: a = 1\n    a.b\n", f"1: refused: {reason}")


def test_what_a_class_may_read_as_its_own_under_a_name_that_stays() -> None:
    before = "from a import b as e\nclass K:\n    if x: e = 1\n    e\n"
    check_transformed(MOVED, before, before.replace("from a import b", "from c import d"))


def test_a_class_in_a_function_never_reads_what_the_function_binds_of_a_name_of_its_own() -> None:
    before = "def f():\n    from a import b\n    b()\n    class K:\n        b = b\n"
    after = "def f():\n    from c import d\n    d()\n    class K:\n        b = b\n"
    check_transformed(MOVED, before, after, "3: applied")


# --- names as text --------------------------------------------------------------------------------------------------


def test_quoted_annotations_and_all_follow() -> None:
    before = code(
        """
        from typing import TYPE_CHECKING, Literal, Optional
        if TYPE_CHECKING:
            from adam_atan2 import AdamATan2
        __all__ = ["AdamATan2", 'f']

        def f(a: "AdamATan2", b: Optional["AdamATan2"] = None, *c: 'list[AdamATan2]') -> "AdamATan2":
            x: Literal["AdamATan2"]
            return "AdamATan2"
        """
    )
    after = code(
        """
        from typing import TYPE_CHECKING, Literal, Optional
        if TYPE_CHECKING:
            from adam_atan2_pytorch import AdamAtan2
        __all__ = ["AdamAtan2", 'f']

        def f(a: "AdamAtan2", b: Optional["AdamAtan2"] = None, *c: 'list[AdamAtan2]') -> "AdamAtan2":
            x: Literal["AdamATan2"]
            return "AdamATan2"
        """
    )
    check_transformed(PACKAGE, before, after, "3: applied")


def test_a_quoted_annotation_through_a_module() -> None:
    check_transformed(
        PACKAGE,
        'import adam_atan2\ndef f(a: "adam_atan2.AdamATan2") -> "x.adam_atan2.AdamATan2":\n    adam_atan2.AdamATan2\n',
        "import adam_atan2_pytorch\n"
        'def f(a: "adam_atan2_pytorch.AdamAtan2") -> "x.adam_atan2.AdamATan2":\n    adam_atan2_pytorch.AdamAtan2\n',
    )


def test_a_quoted_annotation_of_a_local_class_stays() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2\n\n\ndef f():\n    class AdamATan2: ...\n    x: 'AdamATan2'\n",
        "from adam_atan2_pytorch import AdamAtan2\n\n\ndef f():\n    class AdamATan2: ...\n    x: 'AdamATan2'\n",
    )


def test_a_longer_name_stays() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2\nx: 'AdamATan2X | my.AdamATan2 | AdamATan2' = AdamATan2X\n",
        "from adam_atan2_pytorch import AdamAtan2\nx: 'AdamATan2X | my.AdamATan2 | AdamAtan2' = AdamATan2X\n",
    )


# --- a name that is taken -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("from adam_atan2 import AdamATan2\nclass AdamAtan2: ...\nAdamATan2()\n", 2),
        ("from adam_atan2 import AdamATan2\nfrom mine import AdamAtan2\nAdamATan2()\n", 2),
        ("from adam_atan2 import AdamATan2\n\ndef f(AdamAtan2):\n    return AdamATan2()\n", 3),
        ("from adam_atan2 import AdamATan2\n\ndef f():\n    AdamAtan2 = 1\n    return AdamATan2()\n", 4),
        ("AdamAtan2 = 1\n\ndef f():\n    from adam_atan2 import AdamATan2\n    return AdamATan2()\n", 1),
    ],
)
def test_a_new_name_that_is_taken_is_refused(text: str, line: int) -> None:
    at = 1 + text[: text.index("from adam_atan2")].count("\n")
    reason = f"`AdamAtan2` is bound to something else in line {line}; rename one of the two first"
    check_noop(PACKAGE, text, f"{at}: refused: {reason}")


def test_a_new_name_that_is_taken_elsewhere_is_no_hindrance() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2\nAdamATan2()\n\n\ndef f():\n    AdamAtan2 = 1\n",
        "from adam_atan2_pytorch import AdamAtan2\nAdamAtan2()\n\n\ndef f():\n    AdamAtan2 = 1\n",
    )


def test_a_new_name_that_is_imported_already_is_shared() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2_pytorch import AdamAtan2\nfrom adam_atan2 import AdamATan2\nAdamAtan2(AdamATan2)\n",
        "from adam_atan2_pytorch import AdamAtan2\nAdamAtan2(AdamAtan2)\n",
        "3: already",
        "3: applied",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from a import b\nfrom c import d\nb(d)\n", "from c import d\nd(d)\n"),
        ("from a import b\nfrom c import d\nb()\n", "from c import d\nd()\n"),
        ("from a import b, x\nfrom c import d\nb(x)\n", "from a import x\nfrom c import d\nd(x)\n"),
        ("import a\nimport c\na.b(c.z)\n", "import c\nc.d(c.z)\n"),
        ("import a, c\na.b(c.z)\n", "import c\nc.d(c.z)\n"),
        ("def f():\n    from c import d\n    from a import b\n    b(d)\n", "def f():\n    from c import d\n    d(d)\n"),
    ],
)
def test_an_import_is_not_there_twice(before: str, after: str) -> None:
    check_transformed(MOVED, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # The other one holds only later, or only there, or a comment would go with it.
        ("from a import b\nb()\nfrom c import d\n", "from c import d\nd()\nfrom c import d\n"),
        ("from a import b\nif x:\n    from c import d\nb()\n", "from c import d\nif x:\n    from c import d\nd()\n"),
        ("from a import b  # noqa\nfrom c import d\nb()\n", "from c import d  # noqa\nfrom c import d\nd()\n"),
        ("from a import b\nfrom c import d as e\nb(e)\n", "from c import d\nfrom c import d as e\nd(e)\n"),
    ],
)
def test_an_import_that_does_not_stand_for_another_leaves_it(before: str, after: str) -> None:
    check_transformed(MOVED, before, after)


def test_an_import_that_nothing_reads_is_there_beside_one_of_a_function() -> None:
    before = "from c import d\ndef f():\n    from a import b\n    return b\n"
    after = "from c import d\ndef f():\n    from c import d\n    return d\n"
    check_transformed(MOVED, before, after, "1: already", "4: applied")


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("b, d", "d"),
        ("b, e", "d"),
        ("e, b", "d"),
        ("b, e, d", "d"),
        ("(\n    b,\n    e,\n    d,\n)", "(\n    d,\n)"),
        ("e as x, b, d", "d as x, d"),
    ],
)
def test_names_of_one_module_become_one(names: str, left: str) -> None:
    step = {"rename": ["lib.b", "lib.e"], "to": "lib.d"}
    check_transformed(step, f"from lib import {names}\nb()\n", f"from lib import {left}\nd()\n")


@pytest.mark.parametrize(
    ("names", "after"),
    [
        ("b, e", "from c import d"),
        ("(b,\n    e)", "from c import d"),
        ("x, b, e", "from a import x\nfrom c import d"),
        ("b, x, e", "from a import x\nfrom c import d"),
        (
            "(\n    b,  # one\n    e,  # two\n    x,\n)",
            "from a import (\n    x,\n)\nfrom c import d  # one\nfrom c import d  # two",
        ),
    ],
)
def test_several_names_leave_one_import(names: str, after: str) -> None:
    step = {"rename": ["a.b", "a.e"], "to": "c.d"}
    more = "\nx" if "x" in names else ""
    check_transformed(step, f"from a import {names}\nb(e){more}\n", f"{after}\nd(d){more}\n")


@pytest.mark.parametrize("names", ["(  # kept\n    b,\n    e,\n)", "(b,\n    e,  # kept\n)"])
def test_several_names_that_leave_a_comment_behind_are_refused(names: str) -> None:
    step = {"rename": ["a.b", "a.e"], "to": "c.d"}
    reason = "a comment beside `b` would be lost; give the name an import line of its own first"
    text = f"from a import {names}\nb(e)\n"
    lines = [1 + text[: text.index(name)].count("\n") for name in ("b,", "e,")]
    check_noop(step, text, *(f"{line}: refused: {reason}" for line in lines))


def test_an_alias_does_not_need_the_new_name() -> None:
    check_transformed(
        PACKAGE,
        "from adam_atan2 import AdamATan2 as Opt\nAdamAtan2 = 1\nOpt()\n",
        "from adam_atan2_pytorch import AdamAtan2 as Opt\nAdamAtan2 = 1\nOpt()\n",
    )


def test_a_module_whose_name_is_taken_is_refused() -> None:
    reason = "`torch` is bound to something else in line 2; rename one of the two first"
    check_noop(TORCH, "import adam_atan2\ntorch = 1\nadam_atan2.AdamATan2()\n", f"1: refused: {reason}")


def test_a_module_that_would_hide_an_outer_one_is_refused() -> None:
    reason = "`torch` is imported outside of this function too, in line 1; import the name itself here"
    text = (
        "import torch\n\ndef f():\n    x = torch.zeros(1)\n    import adam_atan2\n    return adam_atan2.AdamATan2(x)\n"
    )
    check_noop(TORCH, text, f"5: refused: {reason}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import a\ndef f(c):\n    return a.b(c)\n", 2),
        ("import a\ndef f():\n    c = 1\n    return a.b(c)\n", 3),
        ("import a\ndef f():\n    for c in x: a.b(c)\n", 3),
        ("import a\nlambda c: a.b(c)\n", 2),
        ("import a\n[a.b(c) for c in x]\n", 2),
        ("import a\nclass K:\n    c = 1\n    a.b\n", 3),
        ("import a\nif a.b: c = 1\n", 2),
        ("import a\ndef f(c):\n    return a.b(c), a.z\n", 2),
        ("def f(c):\n    import a\n    return a.b(c)\n", 1),
        ("import a as c\nx = c.b, c.z\n", 1),
        ("import a\ndef f(c):\n    class K: x: 'a.b'\na.b\n", 2),
        ("import c.x as c\nimport a\na.b(c)\n", 1),
    ],
)
def test_a_module_whose_name_is_taken_at_an_access_is_refused(text: str, line: int) -> None:
    at = 1 + text[: text.index("import a")].count("\n")
    reason = f"`c` is bound to something else in line {line}; rename one of the two first"
    check_noop(MOVED, text, f"{at}: refused: {reason}")


def test_a_module_whose_name_is_taken_elsewhere_is_no_hindrance() -> None:
    check_transformed(MOVED, "import a\ndef f(c): ...\na.b\n", "import c\ndef f(c): ...\nc.d\n")


# --- how the file spells it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import numpy as np\nx = np.bool, np.array\n", "import numpy as np\nx = np.bool_, np.array\n"),
        ("import numpy as np\nx: 'np.bool' = np.bool\n", "import numpy as np\nx: 'np.bool_' = np.bool_\n"),
        (
            "import numpy as np\ndef f(numpy):\n    return np.bool\n",
            "import numpy as np\ndef f(numpy):\n    return np.bool_\n",
        ),
        ("import numpy.ma\nx = numpy.bool\n", "import numpy.ma\nx = numpy.bool_\n"),
    ],
)
def test_another_symbol_of_the_same_module_is_reached_as_before(before: str, after: str) -> None:
    check_transformed({"rename": "numpy.bool", "to": "numpy.bool_"}, before, after)


def test_each_access_is_written_through_its_own_import() -> None:
    check_transformed(
        {"rename": "torch.nn.Foo", "to": "torch.nn.Bar"},
        "from torch import nn\nimport torch\nx = nn.Foo, nn.Linear, torch.nn.Foo, torch.cuda\n",
        "from torch import nn\nimport torch\nx = nn.Bar, nn.Linear, torch.nn.Bar, torch.cuda\n",
    )


def test_two_old_names_of_one_module() -> None:
    check_transformed(
        {"rename": ["numpy.bool", "numpy.bool8"], "to": "numpy.bool_"},
        "import numpy as np\nx = np.bool, np.bool8, np.array\n",
        "import numpy as np\nx = np.bool_, np.bool_, np.array\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import a\nfrom c import d\na.b(a.z)\n", "import a\nfrom c import d\nd(a.z)\n"),
        ("import a\nimport c as q\na.b(a.z)\n", "import a\nimport c as q\nq.d(a.z)\n"),
        ("import a\nimport c.x\na.b(a.z)\n", "import a\nimport c.x\nc.d(a.z)\n"),
        ("import a\nimport c as q\na.b()\n", "import c as q\nq.d()\n"),
        ("import a, os\nfrom c import d\na.b(os)\n", "import os\nfrom c import d\nd(os)\n"),
        ("import a as e\nimport c as q\ne.b()\n", "import c as e\nimport c as q\ne.d()\n"),
        ("import a  # why\nimport c as q\na.b()\n", "import c  # why\nimport c as q\nc.d()\n"),
        ("def f():\n    import a\n    a.b()\nimport c as q\n", "def f():\n    q.d()\nimport c as q\n"),
        ("import a\nimport a as q\na.b(a.z, q.b, q.z)\n", "import a\nimport c\nimport a as q\nc.d(a.z, c.d, q.z)\n"),
        # Not where it is made too late, or not always.
        ("import a\na.b(a.z)\nimport c as q\n", "import a\nimport c\nc.d(a.z)\nimport c as q\n"),
        ("import a\nif x:\n    import c as q\na.b(a.z)\n", "import a\nimport c\nif x:\n    import c as q\nc.d(a.z)\n"),
    ],
)
def test_an_import_of_the_new_module_is_used(before: str, after: str) -> None:
    check_transformed(MOVED, before, after)


@pytest.mark.parametrize(
    ("to", "before", "after"),
    [
        ("lib.B.d", "import lib\nfrom lib import B\nB.c, lib.B.c\n", "import lib\nfrom lib import B\nB.d, lib.B.d\n"),
        ("lib.E.d", "from lib import B\nB.c, B()\n", "from lib import B\nfrom lib import E\nE.d, B()\n"),
        ("lib.E.d", "import lib\nlib.B.c, lib.z\n", "import lib\nfrom lib import E\nE.d, lib.z\n"),
        ("lib.B.E.d", "from lib import B\nB.c, B()\n", "from lib import B\nB.E.d, B()\n"),
    ],
)
def test_what_may_be_a_class_is_not_imported_as_a_module(to: str, before: str, after: str) -> None:
    check_transformed({"rename": "lib.B.c", "to": to}, before, after)


ENUM = {"rename": "PIL.Image.ANTIALIAS", "to": "PIL.Image.Resampling.LANCZOS"}
ATTRIBUTES = [
    ("from PIL.Image import ANTIALIAS\nf(ANTIALIAS)\n", "from PIL.Image import Resampling\nf(Resampling.LANCZOS)\n"),
    (
        "from PIL.Image import ANTIALIAS as A\nA + A\n",
        "from PIL.Image import Resampling\nResampling.LANCZOS + Resampling.LANCZOS\n",
    ),
    (
        "from PIL.Image import ANTIALIAS\nx: 'ANTIALIAS'\n",
        "from PIL.Image import Resampling\nx: 'Resampling.LANCZOS'\n",
    ),
    (
        "from PIL.Image import (\n    ANTIALIAS as A,  # why\n    open,\n)\nopen(A)\n",
        "from PIL.Image import (\n    Resampling,  # why\n    open,\n)\nopen(Resampling.LANCZOS)\n",
    ),
    (
        "from PIL.Image import ANTIALIAS, Resampling\nANTIALIAS, Resampling.BOX\n",
        "from PIL.Image import Resampling\nResampling.LANCZOS, Resampling.BOX\n",
    ),
    (
        "from PIL.Image import Resampling\ndef f():\n    from PIL.Image import ANTIALIAS\n    return ANTIALIAS\n",
        "from PIL.Image import Resampling\ndef f():\n    from PIL.Image import Resampling\n    return Resampling.LANCZOS\n",
    ),
    ("from PIL.Image import ANTIALIAS\n", "from PIL.Image import Resampling\n"),
    (
        "try:\n    from PIL.Image import ANTIALIAS\nexcept ImportError:\n    raise\nf(ANTIALIAS)\n",
        "try:\n    from PIL.Image import Resampling\nexcept ImportError:\n    raise\nf(Resampling.LANCZOS)\n",
    ),
    (
        "def f():\n    global A\n    from PIL.Image import ANTIALIAS as A\ndef g(): return A\n",
        "def f():\n    global Resampling\n    from PIL.Image import Resampling\ndef g(): return Resampling.LANCZOS\n",
    ),
]


@pytest.mark.parametrize(("before", "after"), ATTRIBUTES)
def test_what_a_class_has_is_read_from_the_class_that_is_imported(before: str, after: str) -> None:
    check_transformed(ENUM, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from lib import X\nX\n", "from PIL import Image\nImage.Resampling.LANCZOS\n"),
        ("import lib\nlib.X\n", "from PIL import Image\nImage.Resampling.LANCZOS\n"),
    ],
)
def test_a_class_that_may_be_in_a_class_is_read_from_the_outer_one(before: str, after: str) -> None:
    check_transformed({"rename": "lib.X", "to": "PIL.Image.Resampling.LANCZOS"}, before, after)


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("from PIL.Image import ANTIALIAS\n__all__ = ['ANTIALIAS']\n", "`__all__`"),
        ("from PIL.Image import ANTIALIAS\ndel ANTIALIAS\n", "a `del`"),
        ("from PIL.Image import ANTIALIAS\ndel x, ANTIALIAS\n", "a `del`"),
        ("from PIL.Image import ANTIALIAS\ndel [x, ANTIALIAS]\n", "a `del`"),
        ("class K:\n    from PIL.Image import ANTIALIAS\n", "a class"),
    ],
)
def test_where_the_name_itself_is_wanted_an_attribute_cannot_take_over(text: str, wants: str) -> None:
    reason = f"`ANTIALIAS` would become `Resampling.LANCZOS`, where {wants} wants a name of its own; change it by hand"
    check_noop(ENUM, text, f"{text[: text.index('from')].count(chr(10)) + 1}: refused: {reason}")


@pytest.mark.parametrize("line", ["Resampling = 1", "from mine import Resampling", "class Resampling: ..."])
def test_a_class_whose_name_is_taken_is_refused(line: str) -> None:
    reason = "`Resampling` is bound to something else in line 2; rename one of the two first"
    check_noop(ENUM, f"from PIL.Image import ANTIALIAS\n{line}\nf(ANTIALIAS)\n", f"1: refused: {reason}")


def test_importers_of_what_becomes_an_attribute_follow() -> None:
    check_transformed(
        ENUM,
        {
            "m.py": "from PIL.Image import ANTIALIAS\n",
            "one.py": "from m import ANTIALIAS as A\nf(A)\n",
            "two.py": "import m\nf(m.ANTIALIAS)\n",
            "three.py": "import m\nx: 'm.ANTIALIAS' = m.ANTIALIAS\n",
        },
        {
            "m.py": "from PIL.Image import Resampling\n",
            "one.py": "from m import Resampling\nf(Resampling.LANCZOS)\n",
            "two.py": "import m\nf(m.Resampling.LANCZOS)\n",
            "three.py": "import m\nx: 'm.Resampling.LANCZOS' = m.Resampling.LANCZOS\n",
        },
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [("from m import A\nf(A)\n", 1), ("import m\nf(m.A)\n", 2), ("from m import A as B\nf(B)\n", 1)],
)
def test_an_alias_of_what_becomes_an_attribute_stays_where_others_import_it(text: str, line: int) -> None:
    cannot = "it knows it as `A` alone; import it there by its own name"
    reason = f"o.py:{line} imports it from here and cannot follow: {cannot}"
    files = {"m.py": "from PIL.Image import ANTIALIAS as A\n", "o.py": text}
    check_noop(ENUM, files, f"m.py:1: refused: {reason}")


def test_where_an_importer_lists_what_becomes_an_attribute_both_are_refused() -> None:
    files = {
        "m.py": "from PIL.Image import ANTIALIAS\n",
        "one.py": "from m import ANTIALIAS\n__all__ = ['ANTIALIAS']\n",
    }
    reason = "`ANTIALIAS` would become `Resampling.LANCZOS`, where `__all__` wants a name of its own; change it by hand"
    stuck = f"one.py:1 imports it from here and cannot follow: {reason}"
    check_noop(ENUM, files, f"m.py:1: refused: {stuck}", f"one.py:1: refused: {reason}")


def test_a_class_of_the_package_is_imported_relatively() -> None:
    files = {"pkg/__init__.py": "", "pkg/a.py": "b = 1\n", "pkg/c.py": "class E: d = 1\n"}
    check_transformed(
        {"rename": "pkg.a.b", "to": "pkg.c.E.d"},
        {**files, "pkg/m.py": "from .a import b\nb\n", "pkg/n.py": "from . import a\na.b\n"},
        {"pkg/m.py": "from .c import E\nE.d\n", "pkg/n.py": "from .c import E\nE.d\n"},
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import a.q\nx = a.b\n", "import a.q\nimport c\nx = c.d\n"),
        ("import a.q\nimport a\nx = a.b\n", "import a.q\nimport c\nx = c.d\n"),
        ("import a\nx: 'a.z' = a.b\n", "import a\nimport c\nx: 'a.z' = c.d\n"),
    ],
)
def test_a_package_that_is_imported_for_more_stays(before: str, after: str) -> None:
    check_transformed(MOVED, before, after)


AMP = {"rename": "apex.amp", "to": "torch.cuda.amp"}


@pytest.mark.parametrize(
    "line",
    [
        "import apex.amp",
        "import apex.amp.lists",
        "import apex.amp.lists as l",
        "from apex.amp import scale_loss",
        "from apex.amp.lists import functional as f",
        "from apex.amp import *",
        "def f(): import apex.amp",
    ],
)
def test_an_import_of_it_as_a_module_is_refused(line: str) -> None:
    reason = "`apex.amp` is imported as a module in line 1, and not a name in one; change it by hand"
    check_noop(AMP, f"{line}\n", f"1: refused: {reason}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import apex.amp as am\n", "import torch.cuda.amp as am\n"),
        ("import apex.amp as am  # mixed\nam.x()\n", "import torch.cuda.amp as am  # mixed\nam.x()\n"),
        ("import os, apex.amp as am\nam.x()\n", "import os, torch.cuda.amp as am\nam.x()\n"),
        (
            "def f():\n    import apex.amp as am\n    am.x()\n",
            "def f():\n    import torch.cuda.amp as am\n    am.x()\n",
        ),
        (
            "try: import apex.amp as am\nexcept E: raise\nam.x",
            "try: import torch.cuda.amp as am\nexcept E: raise\nam.x",
        ),
        ("import apex . amp \\\n  as am\nam\n", "import torch.cuda.amp \\\n  as am\nam\n"),
    ],
)
def test_a_module_that_is_imported_with_as_is_renamed(before: str, after: str) -> None:
    check_transformed(AMP, before, after)


def test_a_module_that_is_imported_with_as_is_there_already() -> None:
    check_noop(AMP, "import torch.cuda.amp as am\nam.x()\n", "2: already")


def test_a_module_that_is_imported_with_as_twice() -> None:
    before = "import torch.cuda.amp as am\nimport apex.amp as old\nold.x(am)\n"
    check_transformed(AMP, before, before.replace("apex.amp", "torch.cuda.amp"), "3: applied", "3: already")


def test_a_module_with_as_that_becomes_a_class_is_imported_from_its_module() -> None:
    check_transformed(
        {"rename": "apex.amp", "to": "torch.cuda.Amp"},
        "import apex.amp as am\nam.x\n",
        "from torch.cuda import Amp as am\nam.x\n",
    )
    reason = "the module is imported together with others; give it an import of its own first"
    check_noop(
        {"rename": "apex.amp", "to": "torch.cuda.Amp"}, "import os, apex.amp as am\nam.x\n", f"1: refused: {reason}"
    )


def test_a_module_with_as_in_one_arm_is_refused() -> None:
    reason = "`am` is bound in line 4 too, to something that this step does not rename; change both by hand"
    check_noop(
        AMP, "try:\n    import apex.amp as am\nexcept ImportError:\n    am = None\nam\n", f"2: refused: {reason}"
    )


def test_a_module_with_as_is_followed_through_the_tree() -> None:
    check_transformed(
        {"rename": "apex.amp", "to": "torch.cuda.amp"},
        {"a.py": "import apex.amp as am\n", "b.py": "from a import am\nam.x()\n"},
        {"a.py": "import torch.cuda.amp as am\n"},
    )


def test_a_module_with_as_out_of_the_scope_of_a_use_is_refused() -> None:
    reason = "`am` is used outside of the step's scope too, in line 4; widen `in`"
    check_noop({**AMP, "in": "a.py::f"}, "import apex.amp as am\ndef f():\n    am.x\nam.y\n", f"1: refused: {reason}")


def test_an_import_of_it_as_a_module_is_refused_beside_a_name_that_changes() -> None:
    check_transformed(
        AMP,
        "from apex import amp\nfrom apex.amp import scale_loss\namp.x(scale_loss)\n",
        "from torch.cuda import amp\nfrom apex.amp import scale_loss\namp.x(scale_loss)\n",
        "2: refused: `apex.amp` is imported as a module in line 2, and not a name in one; change it by hand",
        "3: applied",
        partly=True,
    )


def test_a_module_of_the_tree_is_refused_also_where_it_is_imported_relatively() -> None:
    reason = "`net.amp` is imported as a module in line 1, and not a name in one; change it by hand"
    files = {"net/__init__.py": "", "net/amp.py": "x = 1\n", "net/a.py": "from .amp import x\n"}
    check_noop({**AMP, "rename": "net.amp"}, files, f"net/a.py:1: refused: {reason}")


@pytest.mark.parametrize(
    "line",
    ["import apex", "import apex.ampere as am", "from apex.ampere import f", "from .apex.amp import f", "import amp"],
)
def test_an_import_of_another_module_stays(line: str) -> None:
    check_noop(AMP, f"{line}\n")


def test_an_import_of_it_as_a_module_out_of_scope_stays() -> None:
    check_noop({**AMP, "in": "b.py"}, {"a.py": "import apex.amp as am\n", "b.py": ""})


def test_a_name_that_is_imported_as_a_module_is_refused() -> None:
    reason = "`a.b` is imported as a module in line 1, and not a name in one; change it by hand"
    check_noop(MOVED, "import a.b\na.b.c\n", f"1: refused: {reason}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def f():\n    global a\n    import a\n\n\ndef g(): return a.b\n",
            "def f():\n    global c\n    import c\n\n\ndef g(): return c.d\n",
        ),
        (
            "def f():\n    global a\n    import a\n\n\ndef g(): return a.b, a.z\n",
            "def f():\n    global a, c\n    import a\n    import c\n\n\ndef g(): return c.d, a.z\n",
        ),
    ],
)
def test_a_global_declaration_of_a_module_follows(before: str, after: str) -> None:
    check_transformed(MOVED, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import a, e\na.b, e.b\n", "import c\nc.d, c.d\n"),
        ("import a\nimport e\na.b, e.b, a.z\n", "import a\nimport c\nc.d, c.d, a.z\n"),
    ],
)
def test_two_modules_become_one(before: str, after: str) -> None:
    check_transformed({"rename": ["a.b", "e.b"], "to": "c.d"}, {"one.py": before}, {"one.py": after})


def test_the_module_of_a_class_stays_its_attribute() -> None:
    before = "class K:\n    import a\n    x = a.b\n    def g(self): return self.a.z\n"
    check_transformed(MOVED, {"one.py": before}, {"one.py": before.replace("    x = a.b", "    import c\n    x = c.d")})


def test_the_modules_of_both_arms_go_along() -> None:
    check_transformed(
        {"rename": ["a.x", "b.x"], "to": "c.y"},
        "try:\n    import a as m\nexcept ImportError:\n    import b as m\nm.x\n",
        "try:\n    import c as m\nexcept ImportError:\n    import c as m\nm.y\n",
    )


def test_the_attribute_of_a_class_keeps_its_name() -> None:
    check_transformed(
        MOVED,
        "class C:\n    from a import b\n    z = b\n    def g(self): return self.b\n",
        "class C:\n    from c import d as b\n    z = b\n    def g(self): return self.b\n",
    )


# --- two arms -------------------------------------------------------------------------------------------------------


def test_both_arms_of_a_try() -> None:
    step = {"rename": ["adam_atan2.AdamATan2", "adam_atan2_old.AdamATan2"], "to": "adam_atan2_pytorch.AdamAtan2"}
    check_transformed(
        step,
        "try:\n    from adam_atan2 import AdamATan2\nexcept ImportError:\n    from adam_atan2_old import AdamATan2\n"
        "AdamATan2()\n",
        "try:\n    from adam_atan2_pytorch import AdamAtan2\nexcept ImportError:\n"
        "    from adam_atan2_pytorch import AdamAtan2\nAdamAtan2()\n",
    )


def test_an_alias_in_one_arm_is_the_name_in_both() -> None:
    step = {"rename": ["a.Old", "b.Elder"], "to": "c.New"}
    check_transformed(
        step,
        "try:\n    from a import Old\nexcept ImportError:\n    from b import Elder as Old\nOld()\n",
        "try:\n    from c import New as Old\nexcept ImportError:\n    from c import New as Old\nOld()\n",
    )


def test_an_arm_that_has_the_new_symbol_is_already_there() -> None:
    text = (
        "try:\n    from adam_atan2_pytorch import AdamAtan2 as AdamATan2\nexcept ImportError:\n"
        "    from adam_atan2 import AdamATan2\nAdamATan2()\n"
    )
    check_noop(PACKAGE, text, "5: already")


@pytest.mark.parametrize(
    "other", ["AdamATan2 = None", "from torch.optim import Adam as AdamATan2", "class AdamATan2: ..."]
)
def test_an_arm_that_is_not_covered_is_refused(other: str) -> None:
    reason = "`AdamATan2` is bound in line 4 too, to something that this step does not rename; change both by hand"
    text = f"try:\n    from adam_atan2 import AdamATan2\nexcept ImportError:\n    {other}\nAdamATan2()\n"
    check_noop(PACKAGE, text, f"2: refused: {reason}")


def test_a_module_in_an_arm_that_is_not_covered_is_refused() -> None:
    reason = "`adam_atan2` is bound in line 4 too, to something that this step does not rename; change both by hand"
    text = "try:\n    import adam_atan2\nexcept ImportError:\n    adam_atan2 = None\nadam_atan2.AdamATan2()\n"
    check_noop(PACKAGE, text, f"2: refused: {reason}")


def test_one_arm_that_cannot_be_edited_leaves_both() -> None:
    step = {"rename": ["a.Old", "b.Old"], "to": "c.New"}
    text = (
        "try:\n    from a import Old\nexcept ImportError:\n    from b import (Old  # whose?\n"
        "        , Other)\nOld(Other)\n"
    )
    reason = "a comment beside `Old` would be lost; give the name an import line of its own first"
    check_noop(step, text, f"2: refused: {reason}")


def test_a_guarded_module_that_is_used_for_more_is_refused() -> None:
    reason = "the module is imported in a try and used for other names too; import the name itself"
    text = "try:\n    import adam_atan2\nexcept ImportError:\n    raise\nadam_atan2.AdamATan2(adam_atan2.x)\n"
    check_noop(PACKAGE, text, f"2: refused: {reason}")


# --- other files of the tree ----------------------------------------------------------------------------------------


def test_an_importer_follows() -> None:
    check_transformed(
        PACKAGE,
        {
            "evaluate.py": "from pretrain import AdamATan2, go\nAdamATan2()\ngo()\n",
            "pretrain.py": "from adam_atan2 import AdamATan2\ndef go(): AdamATan2()\n",
        },
        {
            "evaluate.py": "from pretrain import AdamAtan2, go\nAdamAtan2()\ngo()\n",
            "pretrain.py": "from adam_atan2_pytorch import AdamAtan2\ndef go(): AdamAtan2()\n",
        },
        "evaluate.py:2: applied",
        "pretrain.py:2: applied",
    )


def test_importers_follow_through_packages_and_relative_imports() -> None:
    check_transformed(
        PACKAGE,
        {
            "lib/__init__.py": "from .optim import AdamATan2\n__all__ = ['AdamATan2']\n",
            "lib/optim.py": "from adam_atan2 import AdamATan2\n",
            "lib/use.py": "from . import optim\noptim.AdamATan2()\n",
            "train.py": "import lib\nfrom lib import AdamATan2 as Opt\nlib.AdamATan2(Opt)\n",
        },
        {
            "lib/__init__.py": "from .optim import AdamAtan2\n__all__ = ['AdamAtan2']\n",
            "lib/optim.py": "from adam_atan2_pytorch import AdamAtan2\n",
            "lib/use.py": "from . import optim\noptim.AdamAtan2()\n",
            "train.py": "import lib\nfrom lib import AdamAtan2 as Opt\nlib.AdamAtan2(Opt)\n",
        },
    )


def test_importers_follow_through_a_star() -> None:
    check_transformed(
        PACKAGE,
        {
            "lib/__init__.py": "from .optim import *\n",
            "lib/optim.py": "from adam_atan2 import AdamATan2\n",
            "train.py": "from lib import AdamATan2\nAdamATan2()\n",
        },
        {
            "lib/optim.py": "from adam_atan2_pytorch import AdamAtan2\n",
            "train.py": "from lib import AdamAtan2\nAdamAtan2()\n",
        },
    )


def test_importers_of_an_alias_need_not_follow() -> None:
    check_transformed(
        PACKAGE,
        {
            "optim.py": "from adam_atan2 import AdamATan2 as Opt\n",
            "train.py": "from optim import Opt\nOpt()\n",
        },
        {"optim.py": "from adam_atan2_pytorch import AdamAtan2 as Opt\n"},
        "optim.py:1: applied",
    )


def test_importers_of_a_name_that_stays_are_sites_without_edits() -> None:
    check_transformed(
        SHIM,
        {
            "evaluate.py": "from pretrain import AdamATan2\nAdamATan2()\n",
            "pretrain.py": "from adam_atan2 import AdamATan2\n",
        },
        {"pretrain.py": "from adam_atan2_torch import AdamATan2\n"},
        "evaluate.py:2: applied",
        "pretrain.py:1: applied",
    )


def test_a_module_of_the_tree_hides_the_package() -> None:
    own = {"adam_atan2.py": "class AdamATan2: ...\n"}
    reason = "adam_atan2.py of this tree hides the package; leave the file out with `not_in`, or rename that"
    for text in ("from adam_atan2 import AdamATan2\nAdamATan2()\n", "import adam_atan2\nadam_atan2.AdamATan2()\n"):
        check_noop(PACKAGE, {**own, "train.py": text}, f"train.py:1: refused: {reason}")


def test_a_symbol_of_the_tree_may_be_replaced_itself() -> None:
    step = {"rename": "net.attention.Attention", "to": "torch.nn.MultiheadAttention"}
    check_transformed(
        step,
        {
            "net/attention.py": "class Attention: ...\n",
            "train.py": "from net.attention import Attention\nAttention()\n",
        },
        {"train.py": "from torch.nn import MultiheadAttention\nMultiheadAttention()\n"},
    )


def test_a_module_of_another_folder_does_not() -> None:
    check_transformed(
        PACKAGE,
        {"vendored/adam_atan2.py": "", "train.py": "from adam_atan2 import AdamATan2\n"},
        {"train.py": "from adam_atan2_pytorch import AdamAtan2\n"},
    )


def test_an_own_class_in_the_tree_stays() -> None:
    files = {
        "evaluate.py": "from optim import AdamATan2\nAdamATan2()\n",
        "optim.py": "class AdamATan2: ...\n",
    }
    check_noop(PACKAGE, files)


def test_where_an_importer_cannot_follow_both_are_refused() -> None:
    taken = "`AdamAtan2` is bound to something else in line 2; rename one of the two first"
    check_noop(
        PACKAGE,
        {
            "evaluate.py": "from pretrain import AdamATan2\nAdamAtan2 = 1\nAdamATan2()\n",
            "other.py": "from pretrain import AdamATan2\n",
            "pretrain.py": "from adam_atan2 import AdamATan2\nAdamATan2()\n",
        },
        f"evaluate.py:1: refused: {taken}",
        "other.py:1: refused: `AdamATan2` comes from pretrain.py, where this step does not rename it; begin there",
        f"pretrain.py:1: refused: evaluate.py:1 imports it from here and cannot follow: {taken}",
    )


def test_an_importer_with_a_star_is_refused() -> None:
    reason = "evaluate.py:1 imports it from here and cannot follow: it imports everything (*)"
    check_noop(
        PACKAGE,
        {
            "evaluate.py": "from pretrain import *\nAdamATan2()\n",
            "pretrain.py": "from adam_atan2 import AdamATan2\n",
        },
        f"pretrain.py:1: refused: {reason}",
    )


def test_a_star_that_does_not_read_the_name_is_no_hindrance() -> None:
    check_transformed(
        PACKAGE,
        {
            "evaluate.py": "from pretrain import *\nx = 'AdamATan2'\n",
            "pretrain.py": "from adam_atan2 import AdamATan2\n",
        },
        {"pretrain.py": "from adam_atan2_pytorch import AdamAtan2\n"},
    )


def test_an_importer_outside_of_the_scope_is_refused() -> None:
    reason = "evaluate.py:1 imports it from here and cannot follow: it is outside of the step's scope; widen `in`"
    check_noop(
        {**PACKAGE, "in": "pretrain.py"},
        {
            "evaluate.py": "from pretrain import AdamATan2\nAdamATan2()\n",
            "pretrain.py": "from adam_atan2 import AdamATan2\n",
        },
        f"pretrain.py:1: refused: {reason}",
    )


def test_an_importer_alone_in_the_scope_is_refused() -> None:
    check_noop(
        {**PACKAGE, "in": "evaluate.py"},
        {
            "evaluate.py": "from pretrain import AdamATan2\nAdamATan2()\n",
            "pretrain.py": "from adam_atan2 import AdamATan2\n",
        },
        "evaluate.py:1: refused: `AdamATan2` comes from pretrain.py, where this step does not rename it; begin there",
    )


def test_two_modules_that_may_be_meant_are_refused() -> None:
    reason = "`AdamATan2` may come from lib/optim.py or optim.py, which mean different things by it; change it by hand"
    check_noop(
        PACKAGE,
        {
            "lib/train.py": "from optim import AdamATan2\nAdamATan2()\n",
            "lib/optim.py": "class AdamATan2: ...\n",
            "optim.py": "from adam_atan2 import AdamATan2\n",
        },
        f"lib/train.py:1: refused: {reason}",
        f"optim.py:1: refused: lib/train.py:1 imports it from here and cannot follow: {reason}",
    )


def test_a_circle_of_imports_ends() -> None:
    check_noop(
        PACKAGE,
        {"a.py": "from b import AdamATan2\n", "b.py": "from a import AdamATan2\n"},
    )


def test_a_file_that_does_not_parse_is_passed_over() -> None:
    check_transformed(
        PACKAGE,
        {"old.py": "print 'AdamATan2'\n", "a.py": "from adam_atan2 import AdamATan2\n"},
        {"a.py": "from adam_atan2_pytorch import AdamAtan2\n"},
    )


def test_a_file_that_does_not_parse_and_is_named_is_told() -> None:
    with pytest.raises(TargetError, match=r"a\.py:1 does not parse as Python 3"):
        check_noop({**PACKAGE, "in": "a.py"}, "print 'AdamATan2'\n")


@pytest.mark.parametrize("other", ["from m import a\na.z\n", "import m\nm.a.z\n", "from m import *\na.z\n"])
def test_a_module_that_another_file_has_from_here_stays(other: str) -> None:
    before = {"m.py": "import a\na.b\n", "n.py": other}
    check_transformed(MOVED, before, {"m.py": "import a\nimport c\nc.d\n"})


def test_a_module_that_all_lists_stays() -> None:
    before = "import a\n__all__ = ['a']\na.b\n"
    check_transformed(MOVED, {"m.py": before}, {"m.py": "import a\nimport c\n__all__ = ['a']\nc.d\n"})


@pytest.mark.parametrize(
    ("there", "text"),
    [
        ("import adam_atan2 as aa", "from m import aa\naa.AdamATan2()\n"),
        ("import adam_atan2", "from m import adam_atan2 as aa\naa.AdamATan2()\n"),
        ("import adam_atan2", "import m\nm.adam_atan2.AdamATan2()\n"),
        ("import adam_atan2.sub", "import m as q\nq.adam_atan2.AdamATan2()\n"),
    ],
)
def test_a_use_through_a_module_of_another_file_is_refused(there: str, text: str) -> None:
    reason = "the module is taken from another file, which imports it; import it here"
    check_noop(PACKAGE, {"m.py": f"{there}\n", "o.py": text}, f"o.py:2: refused: {reason}")


def test_a_use_through_a_module_that_a_star_may_bring_is_refused() -> None:
    reason = "it imports everything (*), and `adam_atan2` may come from it; import it by name"
    files = {"m.py": "import adam_atan2\n", "o.py": "from m import *\nadam_atan2.AdamATan2()\n"}
    check_noop(PACKAGE, files, f"o.py:1: refused: {reason}")


@pytest.mark.parametrize(
    "text",
    [
        "import m\nm.adam_atan2.Other()\n'AdamATan2'\n",
        "import m\ndef f(m): return m.adam_atan2.AdamATan2\n",
        "from m import *\ndef f(adam_atan2): return adam_atan2.AdamATan2\n",
        "from m import *\nother.AdamATan2\n",
        "import n\nn.adam_atan2.AdamATan2\n",
    ],
)
def test_what_is_no_use_through_a_module_of_another_file(text: str) -> None:
    check_noop(PACKAGE, {"m.py": "import adam_atan2\n", "n.py": "adam_atan2 = 1\n", "o.py": text})


# --- a symbol of the tree -------------------------------------------------------------------------------------------

TREE = {"pkg/__init__.py": "", "pkg/a.py": "def b(): ...\n", "pkg/c.py": "def d(): ...\n", "pkg/s/__init__.py": ""}
OWN = {"rename": "pkg.a.b", "to": "pkg.c.d"}


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("pkg/m.py", "from .a import b\nb()\n", "from .c import d\nd()\n"),
        ("pkg/m.py", "from .a import b, q\nb(q)\n", "from .a import q\nfrom .c import d\nd(q)\n"),
        ("pkg/m.py", "from . import a\na.b()\n", "from . import c\nc.d()\n"),
        ("pkg/m.py", "from . import a, x\na.b(x)\n", "from . import c, x\nc.d(x)\n"),
        ("pkg/m.py", "from . import a\na.b(a.q)\n", "from . import a\nfrom . import c\nc.d(a.q)\n"),
        ("pkg/m.py", "from . import a, c\na.b(c.q)\n", "from . import c\nc.d(c.q)\n"),
        ("pkg/m.py", "from ..pkg.a import b\nb()\n", "from ..pkg.c import d\nd()\n"),
        ("pkg/s/m.py", "from ..a import (\n    b)\nb()\n", "from ..c import (\n    d)\nd()\n"),
        ("pkg/s/m.py", "from .. import a as A\nA.b()\n", "from .. import c as A\nA.d()\n"),
        ("m.py", "from pkg.a import b\nb()\n", "from pkg.c import d\nd()\n"),
    ],
)
@pytest.mark.parametrize("top", ["", "src/"])
def test_a_relative_import_stays_relative_in_its_package(top: str, path: str, before: str, after: str) -> None:
    tree = {f"{top}{name}": text for name, text in TREE.items()}
    if top or ".." not in before or path != "pkg/m.py":
        check_transformed(OWN, {**tree, f"{top}{path}": before}, {f"{top}{path}": after})


@pytest.mark.parametrize(
    ("to", "before", "after"),
    [
        ("torch.optim.D", "from .a import b\nb()\n", "from torch.optim import D\nD()\n"),
        ("torch.optim.D", "from . import a\na.b(a.q)\n", "from . import a\nimport torch.optim\ntorch.optim.D(a.q)\n"),
        ("other.c.d", "from .a import b\nb()\n", "from other.c import d\nd()\n"),
    ],
)
def test_a_relative_import_of_another_package_is_absolute(to: str, before: str, after: str) -> None:
    files = {**TREE, "other/c.py": "d = 1\n", "pkg/m.py": before}
    check_transformed({"rename": "pkg.a.b", "to": to}, files, {"pkg/m.py": after})


def test_a_deeper_module_is_left_for_one_further_up() -> None:
    check_transformed(
        {"rename": "pkg.s.e.b", "to": "pkg.c.d"},
        {**TREE, "pkg/s/e.py": "b = 1\n", "pkg/s/m.py": "from .e import b\nb()\n"},
        {"pkg/s/m.py": "from ..c import d\nd()\n"},
    )


def test_a_tree_that_is_itself_a_package() -> None:
    files = {"__init__.py": "", **TREE, "m.py": "from .pkg.a import b\nfrom .pkg import a\nb(a.b)\n"}
    check_transformed(OWN, files, {"m.py": "from .pkg.c import d\nfrom .pkg import c\nd(c.d)\n"})


@pytest.mark.parametrize(
    ("folder", "text", "line"),
    [
        ("", "from .a import b\nb()\n", 1),
        ("", "from .a import b as x\nx()\n", 1),
        ("", "from . import a\na.b()\n", 2),
        ("src/", "from .a import b\nb()\n", 1),
        ("src/", "from . import a as A\nA.b()\n", 2),
    ],
)
def test_a_module_of_the_tree_that_may_be_the_package_is_refused(folder: str, text: str, line: int) -> None:
    reason = (
        f"it leads to {folder}a.py of this tree, which the recipe may mean or not; leave the file out with `not_in`, "
        "or change it by hand"
    )
    files = {f"{folder}a.py": "b = 1\n", f"{folder}m.py": text}
    check_noop(MOVED, files, f"{folder}m.py:{line}: refused: {reason}")


@pytest.mark.parametrize(
    "files",
    [
        {"pkg/__init__.py": "", "pkg/a.py": "b = 1\n", "pkg/m.py": "from .a import b\nb()\n"},
        {"pkg/__init__.py": "", "pkg/a.py": "b = 1\n", "pkg/m.py": "from . import a\na.b()\n"},
        {"a.py": "b = 1\n", "m.py": "from .a import e\ne.b()\n"},
        {"a.py": "b = 1\n", "m.py": "from .c import b\nb()\n"},
        {"src/a.py": "b = 1\n", "m.py": "from .a import b\nb()\n"},
    ],
)
def test_a_module_of_the_tree_is_no_package_of_that_name(files: dict[str, str]) -> None:
    check_noop(MOVED, files)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("models/layers.py", "from models.layers import Attention\nAttention()\n"),
        ("models/layers.py", "import models.layers as L\nL.Attention()\n"),
        ("models/layers.py", "from models import layers\nlayers.Attention()\n"),
        ("src/models/layers.py", "from models.layers import Attention\nAttention()\n"),
    ],
)
def test_a_target_that_its_module_lacks_is_refused(module: str, text: str) -> None:
    step = {"rename": "models.layers.Attention", "to": "models.layers.Attn"}
    reason = f"{module} of this tree has no `Attn`; define it there first, by hand or in an earlier step"
    files = {module: "class Attention: ...\n", "train.py": text}
    check_noop(step, files, f"train.py:1: refused: {reason}")


def test_a_target_whose_module_the_package_lacks_is_refused() -> None:
    reason = "pkg/__init__.py of this tree has no `new`; define it there first, by hand or in an earlier step"
    files = {**TREE, "train.py": "from pkg.a import b\n"}
    check_noop({"rename": "pkg.a.b", "to": "pkg.new.d"}, files, f"train.py:1: refused: {reason}")


@pytest.mark.parametrize(
    "module",
    [
        "class Attn: ...\n",
        "from .core import Attn\n",
        "from .core import *\n",
        "def __getattr__(name): ...\n",
        "print 2\n",
    ],
)
def test_a_target_that_its_module_has_or_may_have(module: str) -> None:
    check_transformed(
        {"rename": "models.old.Attention", "to": "models.layers.Attn"},
        {"models/layers.py": module, "train.py": "from models.old import Attention as A\nA()\n"},
        {"train.py": "from models.layers import Attn as A\nA()\n"},
    )


@pytest.mark.parametrize(
    "text",
    ["from .a import b as old\nd = old\n", "from . import a\nd = a.b\n", "from pkg.a import b as old\nd = old\n"],
)
def test_the_new_module_itself_is_refused(text: str) -> None:
    check_noop(
        OWN, {**TREE, "pkg/c.py": text}, "pkg/c.py:1: refused: this file is pkg.c itself; leave it out with `not_in`"
    )


# --- scope ----------------------------------------------------------------------------------------------------------


def test_uses_in_scope_take_their_import_along() -> None:
    check_transformed(
        {**PACKAGE, "in": "a.py::f"},
        "from adam_atan2 import AdamATan2\n\n\ndef f():\n    return AdamATan2\n",
        "from adam_atan2_pytorch import AdamAtan2\n\n\ndef f():\n    return AdamAtan2\n",
    )


def test_uses_out_of_scope_are_left() -> None:
    check_noop({**PACKAGE, "in": "a.py::f"}, "from adam_atan2 import AdamATan2\n\n\ndef g():\n    return AdamATan2\n")


def test_uses_in_and_out_of_scope_are_refused() -> None:
    check_noop(
        {**PACKAGE, "in": "a.py::f"},
        "from adam_atan2 import AdamATan2\n\n\ndef f():\n    return AdamATan2\n\n\nAdamATan2()\n",
        "1: refused: `AdamATan2` is used outside of the step's scope too, in line 8; widen `in`",
    )


def test_another_file_is_out_of_scope() -> None:
    check_noop({**PACKAGE, "in": "b.py"}, {"a.py": "from adam_atan2 import AdamATan2\n", "b.py": ""})


def test_a_file_that_is_left_out() -> None:
    check_noop({**PACKAGE, "not_in": "a.py"}, "from adam_atan2 import AdamATan2\n")


# --- already, near, star --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("from adam_atan2_pytorch import AdamAtan2\nAdamAtan2()\n", 2),
        ("from adam_atan2_pytorch import AdamAtan2 as AdamATan2\nAdamATan2()\n", 2),
        ("import adam_atan2_pytorch as aa\naa.AdamAtan2()\n", 2),
        ("from adam_atan2_pytorch import AdamAtan2\n", 1),
    ],
)
def test_already(text: str, line: int) -> None:
    check_noop(PACKAGE, text, f"{line}: already")


def test_a_module_that_has_the_new_symbol_is_no_site_by_itself() -> None:
    check_noop(PACKAGE, "import adam_atan2_pytorch\nadam_atan2_pytorch.Other()\n'AdamAtan2'\n")


def test_a_change_by_hand_to_something_else_is_named_where_the_step_drifts() -> None:
    outcome = check_noop(PACKAGE, "from torch.optim import Adam as AdamATan2\nAdamATan2()\n")
    assert outcome.status is Status.ABSENT


def test_a_star_import_is_refused() -> None:
    reason = "it imports everything (*), and `AdamATan2` may come from it; import it by name"
    check_noop(PACKAGE, "from adam_atan2 import *\nAdamATan2()\n", f"1: refused: {reason}")


@pytest.mark.parametrize("text", ["from adam_atan2 import *\n'AdamATan2'\n", "from x import *\nAdamATan2()\n"])
def test_another_star_import_is_left(text: str) -> None:
    check_noop(PACKAGE, text)


# --- to a shim ------------------------------------------------------------------------------------------------------


def test_a_shim_is_placed_beside_a_script_once() -> None:
    outcome = check_transformed(
        SHIM,
        {
            "a.py": "from adam_atan2 import AdamATan2\nAdamATan2(lr=0)\n",
            "b.py": "import adam_atan2\nadam_atan2.AdamATan2(lr=0)\n",
        },
        {
            "a.py": "from adam_atan2_torch import AdamATan2\nAdamATan2(lr=0)\n",
            "b.py": "import adam_atan2_torch\nadam_atan2_torch.AdamATan2(lr=0)\n",
        },
    )
    assert outcome.count(Status.APPLIED) == 2


def test_a_shim_in_a_package_is_reached_relatively() -> None:
    check_transformed(
        SHIM,
        {
            "lib/__init__.py": "",
            "lib/a.py": "from adam_atan2 import AdamATan2\nAdamATan2()\n",
            "lib/b.py": "import adam_atan2\nadam_atan2.AdamATan2()\n",
            "lib/c.py": "import adam_atan2 as aa\naa.AdamATan2()\n",
        },
        {
            "lib/a.py": "from .adam_atan2_torch import AdamATan2\nAdamATan2()\n",
            "lib/b.py": "from . import adam_atan2_torch\nadam_atan2_torch.AdamATan2()\n",
            "lib/c.py": "from . import adam_atan2_torch as aa\naa.AdamATan2()\n",
        },
    )


def test_a_shim_that_is_reached_relatively_stands_alone_in_its_import() -> None:
    reason = "the module is imported together with others; give it an import of its own first"
    files = {"lib/__init__.py": "", "lib/a.py": "import os, adam_atan2\nadam_atan2.AdamATan2(os)\n"}
    check_noop(SHIM, files, f"lib/a.py:1: refused: {reason}")


def test_no_shim_is_copied_where_nothing_is_renamed() -> None:
    check_noop(SHIM, "import adam_atan2\nadam_atan2.Other()\n'AdamATan2'\n")


def test_no_shim_is_copied_where_everything_is_refused() -> None:
    reason = "it shares its line with another statement; give it a line of its own first"
    check_noop(SHIM, "import os; from adam_atan2 import AdamATan2, Other\n", f"1: refused: {reason}")


def test_a_symbol_that_the_shim_lacks_is_refused() -> None:
    step = {"rename": "adam_atan2.Adan", "to": "shim.adam_atan2_torch.Adan"}
    reason = "the shim adam_atan2_torch has no Adan; name another one in the recipe"
    check_noop(step, "from adam_atan2 import Adan\n", f"1: refused: {reason}")


def test_a_shim_that_there_is_not_is_told_as_such() -> None:
    step = {"rename": "adam_atan2.Adan", "to": "shim.nope.Adan"}
    reason = "there is no shim called nope; name another one in the recipe"
    check_noop(step, "from adam_atan2 import Adan\n", f"1: refused: {reason}")


def test_a_shim_goes_where_the_recipe_says() -> None:
    check_transformed(
        {**SHIM, "place": "third_party"},
        "from adam_atan2 import AdamATan2\n",
        "from third_party.adam_atan2_torch import AdamATan2\n",
    )


# --- layout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = code(
        """
        from adam_atan2 import (
            AdamATan2,  # the optimizer
            Other,
        )


        def f(x: "AdamATan2"):
            return AdamATan2(
                x,
                lr=0,
            )
        """
    )
    after = code(
        """
        from adam_atan2 import (
            Other,
        )
        from adam_atan2_pytorch import AdamAtan2  # the optimizer


        def f(x: "AdamAtan2"):
            return AdamAtan2(
                x,
                lr=0,
            )
        """
    )
    check_transformed(PACKAGE, shaped(before, shape), shaped(after, shape))


def test_in_a_notebook() -> None:
    check_transformed(
        PACKAGE,
        {"a.ipynb": notebook("%matplotlib inline\nfrom adam_atan2 import AdamATan2, Other", "AdamATan2(Other)")},
        {
            "a.ipynb": notebook(
                "%matplotlib inline\nfrom adam_atan2 import Other\nfrom adam_atan2_pytorch import AdamAtan2",
                "AdamAtan2(Other)",
            )
        },
    )


def test_a_notebook_follows_a_file_of_the_tree() -> None:
    check_transformed(
        {"rename": "speed.mean", "to": "fast.average"},
        {"a.py": "from speed import mean\n", "b.ipynb": notebook("import a", "a.mean([])")},
        {"a.py": "from fast import average\n", "b.ipynb": notebook("import a", "a.average([])")},
    )


def test_a_notebook_out_of_scope_cannot_follow() -> None:
    keys = {"rename": "speed.mean", "to": "fast.average", "in": "*.py"}
    files = {"a.py": "from speed import mean\n", "b.ipynb": notebook("from a import mean")}
    (place,) = check_noop(
        keys,
        files,
        "a.py:1: refused: b.ipynb:9 imports it from here and cannot follow: it is outside of the step's scope; widen `in`",
    ).places
    assert place.path == "a.py"


def test_a_module_that_a_notebook_takes_from_here_stays() -> None:
    check_transformed(
        {"rename": "speed.mean", "to": "fast.average", "in": "*.py"},
        {"a.py": "import speed as s\ns.mean([])\n", "b.ipynb": notebook("from a import s", "s.mean([])")},
        {"a.py": "import speed as s\nimport fast\nfast.average([])\n"},
    )


# --- a recipe that cannot mean anything -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message", "at"),
    [
        ({"rename": "a.B"}, "rename needs `to`", ("rename",)),
        ({"rename": "B", "to": "c.D"}, "`B` is no dotted name of a symbol", ("rename",)),
        ({"rename": "a.B", "to": "D"}, "`D` is no dotted name of a symbol", ("to",)),
        ({"rename": "a.B", "to": "a.b-c"}, "`a.b-c` is no dotted name of a symbol", ("to",)),
        ({"rename": ["a.B", "c.D"], "to": "c.D"}, "`c.D` would become itself", ("to",)),
        ({"rename": ["c.D", "a.B"], "to": "a.B.c"}, "`a.B.c` lies below `a.B`", ("to",)),
        ({"rename": "a.B", "to": "shim.x.B", "place": "../x"}, "`../x` is no folder of the tree", ("place",)),
        ({"rename": "a.B", "to": "shim.x.B", "place": "/x"}, "`/x` is no folder of the tree", ("place",)),
    ],
)
def test_a_wrong_recipe(keys: dict[str, object], message: str, at: tuple[str, ...]) -> None:
    with pytest.raises(PatternError) as caught:
        Rename.compile(keys)
    assert str(caught.value).startswith(message)
    assert caught.value.at == at


# --- m.symbol in quotes alone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('import a\ndef f(x: "a.Old"): ...\n', 'import b\ndef f(x: "b.New"): ...\n'),
        (
            "import a\ndef f(x: 'list[a.Old]', y: 'a.Old'): ...\n",
            "import b\ndef f(x: 'list[b.New]', y: 'b.New'): ...\n",
        ),
        ('import a\ndef f(x: "a.Old"):\n    return a.z\n', 'import a\nimport b\ndef f(x: "b.New"):\n    return a.z\n'),
        ('import a\ndef f(a, x: "a.Old"): return a.Old\n', 'import b\ndef f(a, x: "b.New"): return a.Old\n'),
    ],
)
def test_a_module_that_quoted_annotations_alone_read(before: str, after: str) -> None:
    check_transformed({"rename": "a.Old", "to": "b.New"}, before, after)


@pytest.mark.parametrize("line", ['x = "a.Old"', 'def f(x: "q.a.Old"): ...', 'x: Literal["a.Old"]'])
def test_text_that_is_no_quoted_name_of_the_module_stays(line: str) -> None:
    check_noop({"rename": "a.Old", "to": "b.New"}, f"import a\nfrom typing import Literal\n{line}\n")


def test_a_quoted_name_of_a_file_of_the_tree_follows_that_file() -> None:
    check_transformed(
        {"rename": "a.Old", "to": "b.New"},
        {"own.py": "from a import Old\nOld()\n", "net.py": 'import own\ndef f(x: "own.Old"): ...\n'},
        {"own.py": "from b import New\nNew()\n", "net.py": 'import own\ndef f(x: "own.New"): ...\n'},
    )


# --- literals that Python could not run -----------------------------------------------------------------------------

BAD = (r"'C:\Users\me'", r"'''C:\Users'''", r"'\N{nope}'", r"'\x4'", "b'é'", "'a\0b'", r"'a' '\x4'", "9" * 5000)


@pytest.mark.parametrize("literal", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("listed", ["p = {}\n", "__all__ = [{}, 'AdamATan2']\n"])
def test_a_literal_that_python_could_not_run_has_no_value(tmp_path: Path, literal: str, listed: str) -> None:
    text = "from {} import {}\no = {}(p)\n" + listed.format(literal.replace("{", "{{").replace("}", "}}"))
    old, new = (text.replace("'AdamATan2'", f"'{name}'") for name in ("AdamATan2", "Adam"))
    root = write_tree(tmp_path, {"a.py": old.format("adam_atan2", *["AdamATan2"] * 2)})
    (change,) = tree_plan(TORCH, root).changes
    assert change.after.decode() == new.format("torch.optim", *["Adam"] * 2)


def test_a_value_that_a_case_compares_becomes_no_capture() -> None:
    step = {"rename": "m.x", "to": "n.z"}
    reason = "it stands in a `case`, which would mean something else; change that by hand"
    text = "import m\nfrom n import z\nmatch y:\n    case m.x: ...\n"
    check_noop(step, text, f"1: refused: {reason}", "2: already")
    check_transformed(step, "import m\nmatch y:\n    case m.x: ...\n", "import n\nmatch y:\n    case n.z: ...\n")
    check_transformed(
        step, "from m import x\nmatch y:\n    case x(): ...\n", "from n import z\nmatch y:\n    case z(): ...\n"
    )
