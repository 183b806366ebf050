"""The verb `guard_import`, as a specification: which imports get a second arm, and which are left."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.model import Status
from patcher.verbs.guard_import import GuardImport
from tests.helpers import write_tree
from tests.verbs.checks import SHAPES, SHIMS, check_noop, check_transformed, notebook, shaped, tree_plan

SHIM: dict[str, Any] = {"guard_import": ["flash_attn", "flash_attn_interface"], "otherwise": "shim.flash_attn_torch"}
CODE: dict[str, Any] = {"guard_import": "flash_attn", "otherwise": "flash_attn_func = None"}
FLAG: dict[str, Any] = {"guard_import": "wandb", "otherwise": "wandb = None", "flag": "HAS_WANDB"}
ALONE = "give it a line of its own first"
USE = "flash_attn_func(1)\n"


def code(text: str) -> str:
    return dedent(text).lstrip("\n")


def copied(step: dict[str, Any], before: str, shims: Path = SHIMS) -> set[str]:
    """Return the files that a step adds to a tree of one file."""
    with TemporaryDirectory() as folder:
        root = write_tree(Path(folder), {"a.py": before})
        return {change.path for change in tree_plan(step, root, shims).changes} - {"a.py"}


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    """A shim with modules below it, of which one imports another."""
    return write_tree(
        tmp_path / "shims",
        {
            "lib_torch/__init__.py": "__all__ = ['f']\n\n\ndef f(): ...\ndef hidden(): ...\n",
            "lib_torch/ops.py": "from .tools import twice\n\n\ndef g(): ...\n",
            "lib_torch/tools.py": "def twice(): ...\n",
            "one_torch.py": "import math\n\n\nclass One: ...\n",
        },
    )


# --- what is guarded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "second"),
    [
        ("from flash_attn import flash_attn_func", "flash_attn_func"),
        ("from flash_attn import flash_attn_func  # type: ignore[import]", "flash_attn_func"),
        ("from  flash_attn   import (flash_attn_func)", "flash_attn_func"),
        (
            "from flash_attn import flash_attn_func, flash_attn_qkvpacked_func",
            "flash_attn_func, flash_attn_qkvpacked_func",
        ),
    ],
)
def test_a_plain_import(before: str, second: str) -> None:
    uses = f"({second})\n"
    check_transformed(
        SHIM,
        f"{before}\n{uses}",
        f"try:\n    {before}\nexcept ImportError:\n    from flash_attn_torch import {second}\n{uses}",
        "1: applied",
    )


def test_an_alias_stays_in_both_arms() -> None:
    check_transformed(
        SHIM,
        "from flash_attn import flash_attn_func as attend\nattend(1)\n",
        "try:\n    from flash_attn import flash_attn_func as attend\nexcept ImportError:\n"
        "    from flash_attn_torch import flash_attn_func as attend\nattend(1)\n",
    )


def test_the_first_arm_keeps_its_lines_and_comments() -> None:
    check_transformed(
        SHIM,
        "# above\nfrom flash_attn import (\n    # one\n    flash_attn_func,  # two\n)  # three\n# below\n"
        "flash_attn_func\n",
        "# above\ntry:\n    from flash_attn import (\n        # one\n        flash_attn_func,  # two\n    )  # three\n"
        "except ImportError:\n    from flash_attn_torch import flash_attn_func\n# below\nflash_attn_func\n",
    )


def test_a_continuation_line() -> None:
    check_transformed(
        SHIM,
        f"from flash_attn import \\\n    flash_attn_func\n{USE}",
        "try:\n    from flash_attn import \\\n        flash_attn_func\nexcept ImportError:\n"
        f"    from flash_attn_torch import flash_attn_func\n{USE}",
    )


def test_behind_a_docstring_and_a_future_import() -> None:
    check_transformed(
        SHIM,
        f'"""What."""\nfrom __future__ import annotations\nfrom flash_attn import flash_attn_func\n{USE}',
        '"""What."""\nfrom __future__ import annotations\ntry:\n    from flash_attn import flash_attn_func\n'
        f"except ImportError:\n    from flash_attn_torch import flash_attn_func\n{USE}",
    )


def test_neighbours_share_one_try() -> None:
    check_transformed(
        SHIM,
        "import os\nfrom flash_attn import flash_attn_func  # one\n\n# two\n"
        "from flash_attn import flash_attn_kvpacked_func\nimport sys\nflash_attn_func, flash_attn_kvpacked_func\n",
        "import os\ntry:\n    from flash_attn import flash_attn_func  # one\n\n    # two\n"
        "    from flash_attn import flash_attn_kvpacked_func\nexcept ImportError:\n"
        "    from flash_attn_torch import flash_attn_func\n    from flash_attn_torch import flash_attn_kvpacked_func\n"
        "import sys\nflash_attn_func, flash_attn_kvpacked_func\n",
        "2: applied",
    )


def test_imports_that_stand_apart_are_guarded_apart() -> None:
    check_transformed(
        SHIM,
        "from flash_attn import flash_attn_func\nimport os\nfrom flash_attn import flash_attn_kvpacked_func as k\n"
        "flash_attn_func, k\n",
        "try:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n"
        "    from flash_attn_torch import flash_attn_func\nimport os\ntry:\n"
        "    from flash_attn import flash_attn_kvpacked_func as k\nexcept ImportError:\n"
        "    from flash_attn_torch import flash_attn_kvpacked_func as k\nflash_attn_func, k\n",
        "1: applied",
        "3: applied",
    )


def test_neighbours_of_two_packages_are_guarded_apart() -> None:
    check_transformed(
        SHIM,
        "from flash_attn import flash_attn_func\nfrom flash_attn_interface import flash_attn_func as f3\n"
        "flash_attn_func, f3\n",
        "try:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n"
        "    from flash_attn_torch import flash_attn_func\ntry:\n"
        "    from flash_attn_interface import flash_attn_func as f3\nexcept ImportError:\n"
        "    from flash_attn_torch.flash_attn_interface_torch import flash_attn_func as f3\nflash_attn_func, f3\n",
    )


def test_an_import_in_a_handler_gets_a_nested_try() -> None:
    check_transformed(
        SHIM,
        code(
            """
            try:
                from flash_attn_interface import flash_attn_func  # type: ignore[import]
            except ImportError:
                # Fallback to FlashAttention 2
                from flash_attn import flash_attn_func  # type: ignore[import]

            flash_attn_func(1)
            """
        ),
        code(
            """
            try:
                from flash_attn_interface import flash_attn_func  # type: ignore[import]
            except ImportError:
                # Fallback to FlashAttention 2
                try:
                    from flash_attn import flash_attn_func  # type: ignore[import]
                except ImportError:
                    from flash_attn_torch import flash_attn_func

            flash_attn_func(1)
            """
        ),
        "5: applied",
    )


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("try:", "finally:\n    pass"),
        ("try:", "except OSError:\n    pass"),
        ("try:\n    pass\nexcept ImportError:", ""),
        ("try:\n    pass\nexcept ImportError:\n    pass\nelse:", ""),
        ("try:\n    pass\nfinally:", ""),
        ("with lib.off():", ""),
        ("class A:", ""),
        ("for _ in x:", ""),
    ],
)
def test_where_no_handler_reaches_it(head: str, tail: str) -> None:
    check_transformed(
        SHIM,
        f"{head}\n    from flash_attn import flash_attn_func\n    {USE}{tail}\n",
        f"{head}\n    try:\n        from flash_attn import flash_attn_func\n    except ImportError:\n"
        f"        from flash_attn_torch import flash_attn_func\n    {USE}{tail}\n",
    )


def test_a_try_inside_a_try() -> None:
    inner = "    try:\n        from flash_attn import flash_attn_func\n    except OSError:\n        pass\n"
    check_noop(SHIM, f"try:\n{inner}except ImportError:\n    flash_attn_func = None\n", "3: already")
    check_transformed(
        SHIM,
        f"try:\n{inner}except KeyError:\n    {USE}",
        "try:\n    try:\n        try:\n            from flash_attn import flash_attn_func\n"
        "        except ImportError:\n"
        f"            from flash_attn_torch import flash_attn_func\n    except OSError:\n        pass\n"
        f"except KeyError:\n    {USE}",
    )


# --- what cannot end the program ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "handler",
    [
        "except ImportError:\n    flash_attn_func = None",
        "except ImportError as error:\n    print(error)",
        "except (ImportError, OSError):\n    pass",
        "except (OSError, builtins.ImportError):\n    pass",
        "except Exception:\n    pass",
        "except BaseException:\n    pass",
        "except:\n    pass",
        "except OSError:\n    raise\nexcept ImportError:\n    pass",
        "except ModuleNotFoundError:\n    pass\nexcept ImportError:\n    pass",
        "except ImportError:\n    HAS_FLASH = False\nelse:\n    HAS_FLASH = True",
        "except ImportError:\n    def flash_attn_func(q, k, v):\n        raise RuntimeError('no')",
        "except ImportError:\n    from xformers import f as flash_attn_func",
        "except ImportError: pass",
        "except ImportError:\n    pass\nfinally:\n    pass",
    ],
)
def test_a_handler_that_catches_it(handler: str) -> None:
    check_noop(SHIM, f"try:\n    from flash_attn import flash_attn_func\n{handler}\n", "2: already")


@pytest.mark.parametrize(
    "line", ["import flash_attn", "from flash_attn import *", "import flash_attn.ops as o", "import os, flash_attn"]
)
def test_a_guarded_import_may_have_any_form(line: str) -> None:
    check_noop(SHIM, f"try:\n    {line}\nexcept ImportError:\n    flash_attn = None\n", "2: already")


def test_a_flag_made_by_hand() -> None:
    text = code(
        """
        try:
            from flash_attn import flash_attn_func
            HAS_FLASH = True
        except ImportError:
            HAS_FLASH = False
        """
    )
    check_noop(SHIM, text, "2: already")
    check_noop({**CODE, "flag": "HAS_FLASH"}, text, "2: already")


def test_a_handler_with_a_guarded_import_of_its_own() -> None:
    text = code(
        """
        try:
            from flash_attn_interface import flash_attn_func
        except ImportError:
            try:
                from flash_attn import flash_attn_func
            except ImportError:
                flash_attn_func = None
        """
    )
    check_noop(SHIM, text, "2: already")


def test_a_suppressed_error() -> None:
    check_noop(
        SHIM, "import contextlib\nwith contextlib.suppress(ImportError):\n    from flash_attn import f\n", "3: already"
    )
    check_noop(SHIM, "from contextlib import suppress\nwith suppress(ImportError): import flash_attn\n", "2: already")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f():\n    from flash_attn import x\n", "it runs only when its function is called, and is left"),
        (
            "def f():\n    try:\n        import flash_attn\n    except OSError: pass\n",
            "it runs only when its function is called, and is left",
        ),
        ("if x:\n\n    import flash_attn\n", "it stands under an if, and is left"),
        ("if TYPE_CHECKING:\n\n    from flash_attn import y\n", "it stands under an if, and is left"),
        ("if find_spec('flash_attn'):\n    pass\nelse:\n    import flash_attn\n", "it stands under an if, and is left"),
        ("match x:\n    case 1:\n        import flash_attn\n", "it stands under a case, and is left"),
    ],
)
def test_what_does_not_run_at_import_is_told_and_left(text: str, reason: str) -> None:
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "import" in one)
    check_noop(SHIM, text, f"{line}: absent: {reason}")


@pytest.mark.parametrize(
    "text",
    [
        "import flash_attn_2\n",
        "from .flash_attn import flash_attn_func\n",
        "from . import flash_attn\n",
        "from mine.flash_attn import flash_attn_func\n",
        "flash_attn.flash_attn_func(1)\n",
        "importlib.import_module('flash_attn')\n",
        "# from flash_attn import flash_attn_func\n",
        "'''\nfrom flash_attn import flash_attn_func\n'''\n",
        "",
    ],
)
def test_no_import_of_the_package(text: str) -> None:
    check_noop(SHIM, text)


def test_a_stub_runs_nothing() -> None:
    check_noop(SHIM, {"a.pyi": "from flash_attn import flash_attn_func\n"})


# --- a package as a whole -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "second", "use"),
    [
        ("import flash_attn", "import flash_attn_torch as flash_attn", "flash_attn.flash_attn_func(1)"),
        ("import flash_attn as fa", "import flash_attn_torch as fa", "fa.layers.rotary.RotaryEmbedding(2)"),
        (
            "import flash_attn.layers.rotary",
            "import flash_attn_torch as flash_attn",
            "flash_attn.layers.rotary.apply_rotary_emb(1)",
        ),
        (
            "import flash_attn.layers.rotary as rotary",
            "from flash_attn_torch.layers import rotary",
            "rotary.apply_rotary_emb(1)",
        ),
        (
            "import flash_attn_interface",
            "from flash_attn_torch import flash_attn_interface_torch as flash_attn_interface",
            "flash_attn_interface.flash_attn_func(1)",
        ),
        ("import flash_attn", "import flash_attn_torch as flash_attn", "getattr(flash_attn, 'x', None)"),
        ("import flash_attn", "import flash_attn_torch as flash_attn", "flash_attn.__version__.split('.')"),
    ],
)
def test_a_package_as_a_whole(line: str, second: str, use: str) -> None:
    check_transformed(
        SHIM, f"{line}\n{use}\n", f"try:\n    {line}\nexcept ImportError:\n    {second}\n{use}\n", "1: applied"
    )


def test_a_package_and_its_modules_share_one_arm() -> None:
    lines = "import flash_attn\nimport flash_attn.layers.rotary\n"
    use = "flash_attn.layers.rotary.RotaryEmbedding(flash_attn.flash_attn_func)\n"
    check_transformed(
        SHIM,
        {"net/__init__.py": "", "net/a.py": lines + use},
        {
            "net/a.py": f"try:\n    {lines.replace(chr(10), chr(10) + '    ', 1)}except ImportError:\n"
            f"    from . import flash_attn_torch as flash_attn\n{use}"
        },
    )


def test_the_files_that_are_read_through_a_package_are_copied(tmp_path: Path) -> None:
    text = "import flash_attn\nflash_attn.layers.rotary.RotaryEmbedding(flash_attn.bert_padding.pad_input)\n"
    write_tree(tmp_path, {"a.py": text})
    added = {change.path for change in tree_plan(SHIM, tmp_path).changes if change.before is None}
    assert {"flash_attn_torch/layers/rotary.py", "flash_attn_torch/bert_padding.py"} <= added
    assert not any("losses" in path or "modules" in path for path in added)


# --- in functions ---------------------------------------------------------------------------------------------------

LAZY = {**SHIM, "lazy": "yes"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def f():\n    from flash_attn import flash_attn_func\n    return flash_attn_func\n",
            "def f():\n    try:\n        from flash_attn import flash_attn_func\n    except ImportError:\n"
            "        from flash_attn_torch import flash_attn_func\n    return flash_attn_func\n",
        ),
        (
            "if config.use_flash:\n    from flash_attn import flash_attn_func\n",
            "if config.use_flash:\n    try:\n        from flash_attn import flash_attn_func\n    except ImportError:\n"
            "        from flash_attn_torch import flash_attn_func\n",
        ),
        (
            "try:\n    def f():\n        import flash_attn\nexcept ImportError:\n    pass\n",
            "try:\n    def f():\n        try:\n            import flash_attn\n        except ImportError:\n"
            "            import flash_attn_torch as flash_attn\nexcept ImportError:\n    pass\n",
        ),
    ],
)
def test_lazy_guards_what_runs_later_too(before: str, after: str) -> None:
    check_transformed(LAZY, before, after)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("if TYPE_CHECKING:\n    import flash_attn\n", "it is for type checkers alone, and is left"),
        *(
            (
                f"if {test}:\n    import flash_attn\n",
                "it stands under an if that asks whether the package is there, and is left",
            )
            for test in ("HAS_FLASH", "is_flash_attn_2_available()", "importlib.util.find_spec('flash_attn')")
        ),
    ],
)
def test_lazy_leaves_what_is_asked_for_first(text: str, reason: str) -> None:
    check_noop(LAZY, text, f"2: absent: {reason}")


def test_lazy_leaves_a_function_that_catches_it() -> None:
    check_noop(
        LAZY, "def f():\n    try:\n        import flash_attn\n    except ImportError:\n        pass\n", "3: already"
    )


def test_lazy_takes_no_flag() -> None:
    with pytest.raises(PatternError, match="`lazy` takes no flag, which a function would keep for itself"):
        GuardImport.compile({**LAZY, "flag": "HAS"})


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (
            "except ImportError:\n    raise RuntimeError('install it')",
            "its handler raises in line 4 on purpose; decide there what should happen instead",
        ),
        (
            "except ImportError as error:\n    if x:\n        raise",
            "its handler raises in line 5 on purpose; decide there what should happen instead",
        ),
        (
            "except ModuleNotFoundError:\n    raise\nexcept ImportError:\n    pass",
            "its handler raises in line 4 on purpose; decide there what should happen instead",
        ),
        (
            "except ImportError:\n    import sys\n    sys.exit('install it')",
            "its handler ends the program in line 5 on purpose; decide there what should happen instead",
        ),
        (
            "except ImportError:\n    exit(1)",
            "its handler ends the program in line 4 on purpose; decide there what should happen instead",
        ),
        (
            "except ModuleNotFoundError:\n    flash_attn_func = None",
            "its handler catches ModuleNotFoundError only, and a package built for another torch raises ImportError; "
            "catch ImportError there",
        ),
    ],
)
def test_a_handler_that_decides_for_itself_is_not_overruled_by_code(handler: str, reason: str) -> None:
    check_noop(CODE, f"try:\n    from flash_attn import flash_attn_func\n{handler}\n", f"2: refused: {reason}")


@pytest.mark.parametrize(
    "handler",
    [
        "except ImportError:\n    raise RuntimeError('install it')",
        "except ModuleNotFoundError:\n    flash_attn_func = None",
        "except ImportError:\n    exit(1)",
    ],
)
def test_a_handler_that_decides_for_itself_is_not_reached_where_a_shim_has_all(handler: str) -> None:
    check_transformed(
        SHIM,
        f"try:\n    from flash_attn import flash_attn_func\n{handler}\n",
        "try:\n    try:\n        from flash_attn import flash_attn_func\n    except ImportError:\n"
        f"        from flash_attn_torch import flash_attn_func\n{handler}\n",
        "2: applied",
    )


def test_everything_is_refused_with_and_without_a_shim() -> None:
    reason = "it imports everything (*), so it cannot be told which names are meant; import them by name"
    for step in (SHIM, CODE):
        check_noop(step, "from flash_attn import *\n", f"1: refused: {reason}")


@pytest.mark.parametrize(
    ("line", "use", "name"),
    [
        ("import flash_attn", "flash_attn.triton(1)", "flash_attn.triton"),
        ("import flash_attn as fa", "fa.layers.patch_embed.PatchEmbed()", "flash_attn.layers.patch_embed"),
        ("import flash_attn.ops.rms_norm", "flash_attn.ops.rms_norm.other", "flash_attn.ops.rms_norm.other"),
        ("import flash_attn.models.gpt as gpt", "gpt.GPT()", "flash_attn.models.gpt"),
    ],
)
def test_what_is_read_through_a_package_and_the_shim_lacks_is_refused(line: str, use: str, name: str) -> None:
    reason = f"the shim has no {name}, and it is used here; write it by hand, or remove its use"
    check_noop(SHIM, f"{line}\n{use}\n", f"1: refused: {reason}")


@pytest.mark.parametrize("keys", [{}, {"always": "yes"}, {"lazy": "yes"}])
@pytest.mark.parametrize("shim", ["nope", "nope.more", "flash_attn_torch.nope"])
def test_a_shim_that_there_is_not_is_told_as_such(keys: dict[str, str], shim: str) -> None:
    step = {"guard_import": "flash_attn", "otherwise": f"shim.{shim}", **keys}
    reason = f"there is no shim called {shim}; name another one in the recipe"
    for line in ("import flash_attn", "from flash_attn import flash_attn_func", "from flash_attn import nothing"):
        check_noop(step, f"{line}\n", f"1: refused: {reason}")


@pytest.mark.parametrize(
    ("line", "shim", "instead"),
    [
        ("import flash_attn, os  # both", ["import flash_attn_torch as flash_attn", "import os"], "import os  # both"),
        (
            "import os.path as path, flash_attn as fa, sys",
            ["import os.path as path", "import flash_attn_torch as fa", "import sys"],
            "import sys",
        ),
        ("import flash_attn, \\\n  os", ["import flash_attn_torch as flash_attn", "import os"], "import os"),
    ],
)
def test_another_package_of_the_statement_is_in_both_arms(line: str, shim: list[str], instead: str) -> None:
    arm = "".join(f"    {one}\n" for one in shim)
    moved = line.replace("\n", "\n    ")
    check_transformed(SHIM, f"{line}\n", f"try:\n    {moved}\nexcept ImportError:\n{arm}")
    check_transformed({**SHIM, "always": "yes"}, f"{line}\n", "\n".join([*shim[:-1], instead]) + "\n")


def test_another_package_of_the_statement_follows_the_code_and_a_flag() -> None:
    check_transformed(
        FLAG,
        "import os, wandb\nwandb, os\n",
        code("""
        try:
            import os, wandb
            HAS_WANDB = True
        except ImportError:
            wandb = None
            import os
            HAS_WANDB = False
        wandb, os
        """),
    )


def test_two_guarded_packages_in_one_statement() -> None:
    before = "import flash_attn, flash_attn_interface as fa3\nflash_attn.flash_attn_func, fa3.flash_attn_func\n"
    check_transformed(
        SHIM,
        before,
        code("""
        try:
            import flash_attn, flash_attn_interface as fa3
        except ImportError:
            import flash_attn_torch as flash_attn
            from flash_attn_torch import flash_attn_interface_torch as fa3
        flash_attn.flash_attn_func, fa3.flash_attn_func
        """),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("import os; from flash_attn import flash_attn_func", "shares its line with another statement"),
        ("class A: from flash_attn import flash_attn_func", "stands on the line of its header"),
    ],
)
def test_a_shared_line_is_refused(line: str, why: str) -> None:
    check_noop(SHIM, f"{line}\n{USE}", f"1: refused: it {why}; {ALONE}")


def test_a_used_name_that_the_shim_lacks_is_refused() -> None:
    reason = "the shim has no pad_input, and it is used here; write it by hand, or remove its use"
    for use in ("pad_input(1)", "__all__ = ['pad_input']", "def f(x=pad_input): ..."):
        check_noop(SHIM, f"from flash_attn import flash_attn_func, pad_input\n{use}\n", f"1: refused: {reason}")


def test_a_name_that_another_file_imports_from_here_is_used() -> None:
    reason = "the shim has no pad_input, and it is used in train.py; write it by hand, or remove its use"
    check_noop(
        SHIM,
        {"net/__init__.py": "from flash_attn import pad_input\n", "train.py": "from net import pad_input\n"},
        f"net/__init__.py:1: refused: {reason}",
    )


ELSEWHERE = pytest.mark.parametrize(
    "text", ["import a\na.log(1)\n", "import a as b\nb.log\n", "from a import *\nlog(1)\n"]
)


@ELSEWHERE
def test_a_name_that_another_file_reads_through_here_is_used(text: str) -> None:
    files = {"a.py": "from flash_attn import log\n", "train.py": text}
    reason = "the shim has no log, and it is used in train.py; write it by hand, or remove its use"
    check_noop(SHIM, files, f"a.py:1: refused: {reason}")
    reason = "the shim has no log, and it is used in train.py; write it by hand, or remove it"
    check_noop(ALWAYS, files, f"a.py:1: refused: {reason}")


@ELSEWHERE
def test_code_that_leaves_a_name_unbound_for_what_reads_it_through_here_is_refused(text: str) -> None:
    reason = "`otherwise` does not bind log, and it is used in b.py; bind it there too"
    check_noop(NONE, {"a.py": "from wandb import log\n", "b.py": text}, f"a.py:1: refused: {reason}")


def test_a_name_of_which_others_have_but_the_word_is_left_out() -> None:
    files = {"a.py": "from wandb import log\n", "b.py": "import a\nfrom c import log\na.x, log(1), self.log(1)\n"}
    second = "try:\n    from wandb import log\nexcept ImportError:\n    wandb = None\n"
    why = "log is left out of the second arm: `otherwise` lacks it, and nothing in the tree reads it"
    check_transformed(NONE, files, {"a.py": second}, "a.py:1: applied", f"a.py:1: absent: {why}")


def test_an_unused_name_that_the_shim_lacks_is_left_out() -> None:
    check_transformed(
        SHIM,
        f"from flash_attn import flash_attn_func, pad_input\n{USE}",
        "try:\n    from flash_attn import flash_attn_func, pad_input\nexcept ImportError:\n"
        f"    from flash_attn_torch import flash_attn_func\n{USE}",
    )


def test_where_every_name_is_left_out_nothing_is_copied() -> None:
    outcome = check_transformed(
        SHIM,
        "from flash_attn.nowhere import nothing_like_it\n",
        "try:\n    from flash_attn.nowhere import nothing_like_it\nexcept ImportError:\n    pass\n",
    )
    left = "nothing_like_it is left out of the second arm: the shim lacks it, and nothing in the tree reads it"
    assert [(place.status, place.reason) for place in outcome.places] == [(Status.APPLIED, ""), (Status.ABSENT, left)]


def test_a_chain_is_guarded_whole_or_not_at_all() -> None:
    reason = "the shim has no nothing_like_it, and it is used here; write it by hand, or remove its use"
    check_noop(
        SHIM,
        "from flash_attn import flash_attn_func\nfrom flash_attn.nowhere import nothing_like_it\n"
        "flash_attn_func, nothing_like_it\n",
        f"1: refused: {reason}",
    )


def test_a_refused_chain_does_not_keep_another() -> None:
    check_transformed(
        SHIM,
        f"from flash_attn import *\nimport os\nfrom flash_attn import flash_attn_func\n{USE}",
        "from flash_attn import *\nimport os\ntry:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n"
        f"    from flash_attn_torch import flash_attn_func\n{USE}",
        "1: refused: it imports everything (*), so it cannot be told which names are meant; import them by name",
        "3: applied",
        partly=True,
    )


# --- code and flags -------------------------------------------------------------------------------------------------


def test_code_in_the_second_arm() -> None:
    check_transformed(
        CODE,
        f"from flash_attn import flash_attn_func\n{USE}",
        f"try:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n    flash_attn_func = None\n{USE}",
    )


def test_code_over_several_lines_has_the_indentation_of_the_file() -> None:
    lines = "def attend(q):\n    if q:\n        return q\n\n    return None\nkind = 'none'"
    check_transformed(
        {**CODE, "otherwise": lines},
        "try:\n\tpass\nfinally:\n\tfrom flash_attn import attend\n",
        "try:\n\tpass\nfinally:\n\ttry:\n\t\tfrom flash_attn import attend\n\texcept ImportError:\n"
        "\t\tdef attend(q):\n\t\t\tif q:\n\t\t\t\treturn q\n\n\t\t\treturn None\n\t\tkind = 'none'\n",
    )


def test_a_package_as_a_whole_and_a_flag() -> None:
    check_transformed(
        FLAG,
        "import os\nimport wandb  # logs\n\nwandb.log(1)\n",
        "import os\ntry:\n    import wandb  # logs\n    HAS_WANDB = True\nexcept ImportError:\n    wandb = None\n"
        "    HAS_WANDB = False\n\nwandb.log(1)\n",
    )


def test_a_flag_with_a_shim() -> None:
    check_transformed(
        {**SHIM, "flag": "HAS"},
        f"from flash_attn import flash_attn_func\n{USE}",
        "try:\n    from flash_attn import flash_attn_func\n    HAS = True\nexcept ImportError:\n"
        f"    from flash_attn_torch import flash_attn_func\n    HAS = False\n{USE}",
    )


GUARDED = "try:\n    import wandb\nexcept ImportError:\n    wandb = None\n"
FLAGGED = "try:\n    import wandb\n    HAS_WANDB = True\nexcept ImportError:\n    wandb = None\n    HAS_WANDB = False\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GUARDED, FLAGGED),
        (GUARDED + "else:\n    pass\nfinally:\n    pass\n", FLAGGED + "else:\n    pass\nfinally:\n    pass\n"),
        (
            "try: import wandb\nexcept ImportError: wandb = None\n",
            "try: import wandb; HAS_WANDB = True\nexcept ImportError: wandb = None; HAS_WANDB = False\n",
        ),
        (FLAGGED.replace("    HAS_WANDB = True\n", ""), FLAGGED),
        (FLAGGED.replace("    HAS_WANDB = False\n", ""), FLAGGED),
        (GUARDED.replace("None\n", "None  # c"), FLAGGED.replace("None\n", "None  # c\n").removesuffix("\n")),
        (f"{GUARDED}import os\n{GUARDED}", f"{FLAGGED}import os\n{FLAGGED}"),
    ],
)
def test_a_guard_that_somebody_wrote_gets_the_flag_in_both_arms(before: str, after: str) -> None:
    check_transformed(FLAG, before, after)


def test_a_chain_of_guards_gets_the_flag_in_each_arm() -> None:
    check_transformed(
        {**CODE, "guard_import": ["flash_attn", "flash_attn_interface"], "flag": "HAS"},
        code(
            """
            try:
                from flash_attn_interface import flash_attn_func
            except ImportError:
                from flash_attn import flash_attn_func
            flash_attn_func(1)
            """
        ),
        code(
            """
            try:
                from flash_attn_interface import flash_attn_func
                HAS = True
            except ImportError:
                try:
                    from flash_attn import flash_attn_func
                    HAS = True
                except ImportError:
                    flash_attn_func = None
                    HAS = False
            flash_attn_func(1)
            """
        ),
    )


def test_a_flag_that_is_bound_in_both_arms_is_there() -> None:
    check_noop(FLAG, FLAGGED, "2: already")


def test_a_flag_that_is_bound_above_and_in_one_arm_is_there() -> None:
    check_noop(FLAG, "HAS_WANDB = False\n" + FLAGGED.replace("    HAS_WANDB = False\n", ""), "3: already")


def test_a_flag_that_another_guard_sets_is_there() -> None:
    check_noop(FLAG, f"{FLAGGED}import os\n{GUARDED}", "2: already", "9: already")


@pytest.mark.parametrize(
    "text",
    [
        f"{GUARDED}except OSError:\n    wandb = None\n",
        "try:\n    import apex\nexcept ImportError:\n    import wandb\nwandb\n",
    ],
)
def test_a_guard_of_another_form_gets_no_flag(text: str) -> None:
    line = 2 if text.startswith(GUARDED) else 4
    reason = "it cannot be told where `HAS_WANDB` belongs in its guard; set it in each arm by hand"
    check_noop(FLAG, text, f"{line}: refused: {reason}")


def test_an_error_that_is_suppressed_has_no_arm_for_a_flag() -> None:
    reason = "no try guards it, so there is no second arm for `HAS_WANDB`; write one, or set it there by hand"
    text = "import contextlib\nwith contextlib.suppress(ImportError):\n    import wandb\n"
    check_noop(FLAG, text, f"3: refused: {reason}")


def test_a_flag_that_is_taken_beside_a_guard_is_refused() -> None:
    reason = "`HAS_WANDB` is bound in line 5 already; choose another flag in the recipe"
    check_noop(FLAG, f"{GUARDED}HAS_WANDB = 1\n", f"2: refused: {reason}")


# --- what code binds --------------------------------------------------------------------------------------------------

NONE = {"guard_import": "wandb", "otherwise": "wandb = None"}


def test_code_for_several_names() -> None:
    check_transformed(
        {**NONE, "otherwise": "wandb = None\ndef init(*_): ...\nlog = init"},
        "import wandb\nfrom wandb import init, log as log\nwandb, init(), log()\n",
        "try:\n    import wandb\n    from wandb import init, log as log\nexcept ImportError:\n    wandb = None\n"
        "    def init(*_): ...\n    log = init\nwandb, init(), log()\n",
    )


def test_a_name_that_nobody_reads_needs_no_code() -> None:
    found = check_transformed(
        NONE,
        "from wandb import log\n",
        "try:\n    from wandb import log\nexcept ImportError:\n    wandb = None\n",
        "1: applied",
        "1: absent: log is left out of the second arm: `otherwise` lacks it, and nothing in the tree reads it",
    )
    assert found.status is Status.APPLIED


def test_code_takes_the_indentation_of_its_place() -> None:
    keys = {**NONE, "otherwise": "class wandb:\n  def run():\n    pass"}
    check_transformed(
        keys,
        "def f():\n    pass\nclass A:\n\timport wandb\n\tx = wandb\n",
        "def f():\n    pass\nclass A:\n\ttry:\n\t\timport wandb\n\texcept ImportError:\n\t\tclass wandb:\n"
        "\t\t\tdef run():\n\t\t\t\tpass\n\tx = wandb\n",
    )


def test_the_inside_of_a_string_in_the_code_stays() -> None:
    keys = {**NONE, "otherwise": 'class wandb:\n    """One\n        two\n  three."""\n    run = None'}
    check_transformed(
        keys,
        "import wandb\nwandb.run\n",
        'try:\n    import wandb\nexcept ImportError:\n    class wandb:\n        """One\n        two\n  three."""\n'
        "        run = None\nwandb.run\n",
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from wandb import init\ninit()\n", "init"),
        ("import wandb as w\nw.run\n", "w"),
        ("from wandb import init, log\nlog()\n", "log"),
        ("import wandb\nimport wandb.sdk\nfrom wandb import init as i\nwandb, i()\n", "i"),
        ("from wandb import log\n__all__ = ['log']\n", "log"),
        ("from wandb import log\ndef f(run: log): ...\n", "log"),
    ],
)
def test_code_that_leaves_a_name_unbound_is_refused(text: str, name: str) -> None:
    reason = f"`otherwise` does not bind {name}, and it is used here; bind it there too"
    check_noop(NONE, text, f"1: refused: {reason}")


def test_code_that_leaves_a_name_unbound_for_another_file_is_refused() -> None:
    files = {"a.py": "from wandb import log\n", "b.py": "from a import log\nlog()\n"}
    reason = "`otherwise` does not bind log, and it is used in b.py; bind it there too"
    check_noop(NONE, files, f"a.py:1: refused: {reason}")


def test_a_flag_that_is_taken_is_refused() -> None:
    reason = "`HAS_WANDB` is bound in line 2 already; choose another flag in the recipe"
    check_noop(FLAG, "import wandb\nHAS_WANDB = 1\n", f"1: refused: {reason}")


# --- where the shim goes --------------------------------------------------------------------------------------------


def guarded(module: str) -> str:
    return (
        "try:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n"
        f"    from {module} import flash_attn_func\n{USE}"
    )


PLAIN = f"from flash_attn import flash_attn_func\n{USE}"


def test_a_package_reaches_it_relatively() -> None:
    check_transformed(
        SHIM,
        {"net/__init__.py": "", "net/layers.py": PLAIN},
        {"net/layers.py": guarded(".flash_attn_torch")},
    )


def test_an_absolute_import_of_the_project_decides() -> None:
    check_transformed(
        SHIM,
        {"net/common.py": "", "net/layers.py": f"from net.common import x\n{PLAIN}", "train.py": "import net.layers\n"},
        {"net/layers.py": f"from net.common import x\n{guarded('net.flash_attn_torch')}"},
    )


def test_two_ways_at_once_are_refused_until_the_recipe_says_where() -> None:
    head = "from net.common import x\nfrom .other import y\n"
    files = {"net/common.py": "", "net/other.py": "", "net/layers.py": head + PLAIN}
    reason = "it imports its project both relatively and absolutely; say `place:` in the recipe"
    check_noop(SHIM, files, f"net/layers.py:3: refused: {reason}")
    check_transformed({**SHIM, "place": "net"}, files, {"net/layers.py": head + guarded("net.flash_attn_torch")})


def test_several_importers_share_one_copy() -> None:
    net = {
        "net/a.py": f"import net.b\n{PLAIN}",
        "net/b.py": f"import net.a\n{PLAIN}",
        "train.py": f"import net.a\n{PLAIN}",
    }
    after = {
        "net/a.py": f"import net.b\n{guarded('net.flash_attn_torch')}",
        "net/b.py": f"import net.a\n{guarded('net.flash_attn_torch')}",
        "train.py": f"import net.a\n{guarded('net.flash_attn_torch')}",
    }
    check_transformed(SHIM, net, after)


def test_a_module_of_a_shim_and_what_it_imports(shims: Path) -> None:
    step = {"guard_import": "lib", "otherwise": "shim.lib_torch"}
    check_transformed(
        step,
        "from lib.ops import g\ng()\n",
        "try:\n    from lib.ops import g\nexcept ImportError:\n    from lib_torch.ops import g\ng()\n",
        shims=shims,
    )


def test_a_module_that_is_imported_as_a_name(shims: Path) -> None:
    step = {"guard_import": "lib", "otherwise": "shim.lib_torch"}
    check_transformed(
        step,
        "from lib import ops, f\nops.g(f)\n",
        "try:\n    from lib import ops, f\nexcept ImportError:\n    from lib_torch import ops, f\nops.g(f)\n",
        shims=shims,
    )


def test_a_name_that_another_module_of_the_shim_has_takes_that_along(shims: Path) -> None:
    write_tree(shims, {"lib_torch/__init__.py": "_ELSEWHERE = {'ops': ['g']}\n__all__ = ['f']\n\n\ndef f(): ...\n"})
    step = {"guard_import": "lib", "otherwise": "shim.lib_torch"}
    guarded = "try:\n    from lib import {0}\nexcept ImportError:\n    from lib_torch import {0}\n{0}\n"
    for names, files in (("f", 1), ("f, g", 3)):
        before = f"from lib import {names}\n{names}\n"
        check_transformed(step, before, guarded.format(names), shims=shims)
        assert len(copied(step, before, shims)) == files


def test_a_second_package_has_a_module_of_its_own_in_the_shim(shims: Path) -> None:
    """The functions of one name that flash_attn and flash_attn_interface have take other arguments."""
    write_tree(shims, {"lib_torch/other_torch.py": "def f(): ...\n", "lib_torch/other.py": "def f(): ...\n"})
    step = {"guard_import": ["lib", "other"], "otherwise": "shim.lib_torch"}
    for module, second in (
        ("lib", "lib_torch"),
        ("lib.other", "lib_torch.other"),
        ("other", "lib_torch.other_torch"),
    ):
        before = f"from {module} import f\n"
        after = f"try:\n    {before}except ImportError:\n    from {second} import f\n"
        check_transformed(step, f"{before}f()\n", f"{after}f()\n", shims=shims)


@pytest.mark.parametrize(
    ("before", "module", "files"),
    [
        ("from flash_attn import flash_attn_func", "", []),
        ("from flash_attn import flash_attn_varlen_func", "", ["cuda", "packed", "varlen"]),
        ("from flash_attn import flash_attn_with_kvcache, flash_attn_func", "", ["kvcache"]),
        ("from flash_attn.flash_attn_interface import flash_attn_func", ".flash_attn_interface", []),
        (
            "from flash_attn.flash_attn_interface import flash_attn_unpadded_func",
            ".flash_attn_interface",
            ["cuda", "packed", "varlen"],
        ),
        (
            "from flash_attn_interface import flash_attn_func",
            ".flash_attn_interface_torch",
            ["cuda", "kvcache", "packed", "varlen"],
        ),
        (
            "from flash_attn_interface import flash_attn_varlen_func as f",
            ".flash_attn_interface_torch",
            ["cuda", "kvcache", "packed", "varlen"],
        ),
    ],
)
def test_the_attention_of_flash_attn_by_need(before: str, module: str, files: list[str]) -> None:
    names = before.split(" import ")[1]
    uses = f"{names.rpartition(' ')[2]}\n"
    after = f"try:\n    {before}\nexcept ImportError:\n    from flash_attn_torch{module} import {names}\n{uses}"
    check_transformed(SHIM, f"{before}\n{uses}", after)
    modules = ["__init__", *files, *filter(None, [module[1:]])]
    assert copied(SHIM, f"{before}\n{uses}") == {f"flash_attn_torch/{one}.py" for one in modules}


@pytest.mark.parametrize("step", [SHIM, {**SHIM, "always": "yes"}], ids=["guard", "always"])
@pytest.mark.parametrize(
    ("call", "files"),
    [
        ("flash_attn_func(q, k, v, causal=True)", set()),
        ("flash_attn_func(q, k, v, window_sizes=3)", set()),
        ("flash_attn_func(q, k, v, softcap=5.0)", {"cuda"}),
        ("flash_attn_func(q, k, v, **{'alibi_slopes': slopes})", {"cuda"}),
    ],
)
def test_what_makes_an_option_fast_is_copied_where_the_option_is_named(
    step: dict[str, Any], call: str, files: set[str]
) -> None:
    found = copied(step, f"from flash_attn import flash_attn_func\n{call}\n")
    assert found == {f"flash_attn_torch/{one}.py" for one in {"__init__", *files}}


def test_a_name_that_the_shim_keeps_to_itself_is_none_of_its_own(shims: Path) -> None:
    step = {"guard_import": "lib", "otherwise": "shim.lib_torch"}
    reason = "the shim has no hidden, and it is used here; write it by hand, or remove its use"
    check_noop(step, "from lib import hidden\nhidden()\n", f"1: refused: {reason}", shims=shims)


def test_a_foreign_file_in_its_place_is_refused() -> None:
    reason = (
        "flash_attn_torch/__init__.py exists and is no copy of the shim; move it away, or say `place:` in the recipe"
    )
    check_noop(SHIM, {"a.py": PLAIN, "flash_attn_torch/__init__.py": "x = 1\n"}, f"a.py:1: refused: {reason}")


# --- scope ----------------------------------------------------------------------------------------------------------


def test_only_the_scope() -> None:
    check_noop({**SHIM, "in": "b.py"}, PLAIN)
    check_noop({**SHIM, "not_in": "a.py"}, PLAIN)
    check_noop({**SHIM, "in": "a.py::A"}, PLAIN)
    check_transformed(
        {**SHIM, "in": "a.py::A"},
        f"class A:\n    from flash_attn import flash_attn_func\n    {USE}",
        "class A:\n    try:\n        from flash_attn import flash_attn_func\n    except ImportError:\n"
        f"        from flash_attn_torch import flash_attn_func\n    {USE}",
    )


# --- layout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = code(
        """
        import os
        try:
            from flash_attn_interface import flash_attn_func  # type: ignore[import]
        except ImportError:
            # which
            from flash_attn import (
                flash_attn_func,  # type: ignore[import]
            )

        flash_attn_func(1)
        """
    )
    after = code(
        """
        import os
        try:
            from flash_attn_interface import flash_attn_func  # type: ignore[import]
        except ImportError:
            # which
            try:
                from flash_attn import (
                    flash_attn_func,  # type: ignore[import]
                )
            except ImportError:
                from flash_attn_torch import flash_attn_func

        flash_attn_func(1)
        """
    )
    check_transformed(SHIM, shaped(before, shape), shaped(after, shape))


def test_a_second_arm_stays_in_the_cell_of_a_notebook() -> None:
    first, second = "from flash_attn import flash_attn_func", "from flash_attn import flash_attn_kvpacked_func as k"
    arm = "try:\n    {}\nexcept ImportError:\n    from flash_attn_torch import {}"
    check_transformed(
        SHIM,
        {"a.ipynb": notebook(first, f"{second}\nflash_attn_func, k")},
        {
            "a.ipynb": notebook(
                arm.format(first, "flash_attn_func"),
                arm.format(second, "flash_attn_kvpacked_func as k") + "\nflash_attn_func, k",
            )
        },
    )


def test_the_last_line_of_a_file_without_a_line_end() -> None:
    check_transformed(
        FLAG,
        "import wandb",
        "try:\n    import wandb\n    HAS_WANDB = True\nexcept ImportError:\n    wandb = None\n    HAS_WANDB = False",
    )


# --- a recipe that cannot mean anything -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message", "at"),
    [
        ({"guard_import": "a"}, "guard_import needs `otherwise`", ("guard_import",)),
        ({"guard_import": "a.b", "otherwise": "x = 1"}, "`a.b` is no top-level package", ("guard_import",)),
        ({"guard_import": "a", "otherwise": "x ="}, "`x =` is neither a shim (shim.NAME) nor Python.", ("otherwise",)),
        ({"guard_import": "a", "otherwise": "# x"}, "`# x` is neither a shim", ("otherwise",)),
        ({"guard_import": "a", "otherwise": "x = 1", "flag": "A-B"}, "`A-B` is no name for a flag.", ("flag",)),
        ({"guard_import": "a", "otherwise": "shim.x", "place": "../y"}, "`../y` is no folder", ("place",)),
    ],
)
def test_a_wrong_recipe(keys: dict[str, Any], message: str, at: tuple[object, ...]) -> None:
    with pytest.raises(PatternError) as caught:
        GuardImport.compile(keys)
    assert str(caught.value).startswith(message)
    assert caught.value.at == at


# --- always ---------------------------------------------------------------------------------------------------------

ALWAYS = {**SHIM, "always": "yes"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from flash_attn import flash_attn_func  # fast", "from flash_attn_torch import flash_attn_func  # fast"),
        ("from  flash_attn  import (flash_attn_func)", "from  flash_attn_torch  import (flash_attn_func)"),
        (
            "from flash_attn.flash_attn_interface import flash_attn_func",
            "from flash_attn_torch.flash_attn_interface import flash_attn_func",
        ),
        (
            "from flash_attn_interface import flash_attn_func",
            "from flash_attn_torch.flash_attn_interface_torch import flash_attn_func",
        ),
        ("from flash_attn import bert_padding", "from flash_attn_torch import bert_padding"),
        (
            "from flash_attn import flash_attn_func, flash_attn_varlen_func as f",
            "from flash_attn_torch import flash_attn_func, flash_attn_varlen_func as f",
        ),
        ("x = 1; from flash_attn import flash_attn_func", "x = 1; from flash_attn_torch import flash_attn_func"),
        (
            "def f():\n    from flash_attn import flash_attn_func",
            "def f():\n    from flash_attn_torch import flash_attn_func",
        ),
        (
            "try:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n    raise",
            "try:\n    from flash_attn_torch import flash_attn_func\nexcept ImportError:\n    raise",
        ),
    ],
)
def test_always_puts_the_module_of_the_shim_in_the_place_of_the_package(before: str, after: str) -> None:
    check_transformed(
        ALWAYS, f"{before}\n", f"{after}\n", f"{before.count(chr(10), 0, before.index('from')) + 1}: applied"
    )


def test_always_in_a_package() -> None:
    before = {"net/__init__.py": "", "net/a.py": "from flash_attn import flash_attn_func\n"}
    check_transformed(ALWAYS, before, {"net/a.py": "from .flash_attn_torch import flash_attn_func\n"})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "import flash_attn\nflash_attn.nothing_like_it(1)",
            "the shim has no flash_attn.nothing_like_it, and it is used here; write it by hand, or remove it",
        ),
        (
            "from flash_attn import *",
            "it imports everything (*), so it cannot be told which names are meant; import them by name",
        ),
        (
            "from flash_attn import flash_attn_func, nothing_like_it\nnothing_like_it(1)",
            "the shim has no nothing_like_it, and it is used here; write it by hand, or remove it",
        ),
    ],
)
def test_always_refuses(line: str, reason: str) -> None:
    check_noop(ALWAYS, f"{line}\n", f"1: refused: {reason}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import flash_attn\nflash_attn.flash_attn_func(1)\n",
            "import flash_attn_torch as flash_attn\nflash_attn.flash_attn_func(1)\n",
        ),
        (
            "def f():\n    import flash_attn\n    import flash_attn.layers.rotary\n    return flash_attn.layers.rotary.RotaryEmbedding\n",
            "def f():\n    import flash_attn_torch as flash_attn\n    return flash_attn.layers.rotary.RotaryEmbedding\n",
        ),
        (
            "import flash_attn.layers.rotary as r, flash_attn as fa\nr.RotaryEmbedding(fa.flash_attn_func)\n",
            "from flash_attn_torch.layers import rotary as r\nimport flash_attn_torch as fa\n"
            "r.RotaryEmbedding(fa.flash_attn_func)\n",
        ),
        (
            "from flash_attn import flash_attn_func, nothing_like_it\n",
            "from flash_attn_torch import flash_attn_func\n",
        ),
    ],
)
def test_always_with_packages_as_a_whole_and_names_that_nobody_reads(before: str, after: str) -> None:
    check_transformed(ALWAYS, before, after)


def test_always_takes_out_an_import_of_which_the_shim_has_nothing_and_nobody_reads_it(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": "import os\nfrom flash_attn.models import gpt\n"})
    (change,) = tree_plan(ALWAYS, tmp_path).changes
    assert change.after == b"import os\n"


def test_always_leaves_what_is_another_package() -> None:
    check_noop(ALWAYS, "from flash_attn_jax import f\nfrom .flash_attn import g\n")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({**SHIM, "always": "perhaps"}, "`perhaps` is neither yes nor no."),
        ({**CODE, "always": "yes"}, "`always` needs a shim as `otherwise`, and no flag: nothing is left to tell."),
        ({**ALWAYS, "flag": "HAS"}, "`always` needs a shim as `otherwise`, and no flag: nothing is left to tell."),
    ],
)
def test_always_is_yes_or_no_and_for_shims(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(PatternError) as caught:
        GuardImport.compile(keys)
    assert str(caught.value) == message
