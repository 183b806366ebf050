"""The verb `rename`, as a specification: what follows a symbol, and above all what does not."""

from __future__ import annotations

from textwrap import dedent

import pytest

from patcher.errors import PatternError, TargetError
from patcher.model import Status
from patcher.verbs.rename import Rename
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped

PACKAGE = {"rename": "adam_atan2.AdamATan2", "to": "adam_atan2_pytorch.AdamAtan2"}
SHIM = {"rename": "adam_atan2.AdamATan2", "to": "shim.adam_atan2_torch.AdamATan2"}
TORCH = {"rename": "adam_atan2.AdamATan2", "to": "torch.optim.Adam"}
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


def test_a_comment_that_may_be_another_names_is_refused() -> None:
    reason = "a comment beside `AdamATan2` would be lost; give the name an import line of its own first"
    check_noop(
        PACKAGE, "from adam_atan2 import (AdamATan2,  # whose?\n    Other)\nAdamATan2(Other)\n", f"1: refused: {reason}"
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
        "import adam_atan2.AdamATan2.more\n",
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
        "from adam_atan2_pytorch import AdamAtan2\nfrom adam_atan2_pytorch import AdamAtan2\nAdamAtan2(AdamAtan2)\n",
        "3: already",
        "3: applied",
    )


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
        "try:\n    from a import Old\nexcept ImportError:\n    from b import (Old,  # whose?\n"
        "        Other)\nOld(Other)\n"
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


# --- a recipe that cannot mean anything -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message", "at"),
    [
        ({"rename": "a.B"}, "rename needs `to`", ("rename",)),
        ({"rename": "B", "to": "c.D"}, "`B` is no dotted name of a symbol", ("rename",)),
        ({"rename": "a.B", "to": "D"}, "`D` is no dotted name of a symbol", ("to",)),
        ({"rename": "a.B", "to": "a.b-c"}, "`a.b-c` is no dotted name of a symbol", ("to",)),
        ({"rename": ["a.B", "c.D"], "to": "c.D"}, "`c.D` would become itself", ("to",)),
        ({"rename": "a.B", "to": "shim.x.B", "place": "../x"}, "`../x` is no folder of the tree", ("place",)),
        ({"rename": "a.B", "to": "shim.x.B", "place": "/x"}, "`/x` is no folder of the tree", ("place",)),
    ],
)
def test_a_wrong_recipe(keys: dict[str, object], message: str, at: tuple[str, ...]) -> None:
    with pytest.raises(PatternError) as caught:
        Rename.compile(keys)
    assert str(caught.value).startswith(message)
    assert caught.value.at == at
