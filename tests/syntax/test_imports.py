"""How a replacement's names are spelled at one site, and where an import that is missing goes."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest

from patcher.checkout import Checkout
from patcher.errors import PatternError, SiteError
from patcher.syntax.draft import Draft
from patcher.syntax.imports import Spelling, add_statement, as_spelled, imported_names
from patcher.syntax.needs import compile_needs
from patcher.syntax.pattern import compile_code
from patcher.syntax.source import Source
from tests.helpers import ROOT, write_tree


def source_of(text: str, path: str = "a.py") -> Source:
    return Source(path, dedent(text).lstrip("\n").encode())


def here(source: Source) -> cst.CSTNode:
    """The one name HERE of a file."""
    return next(node for node in source.of(cst.Name) if node.value == "HERE")


def spell(text: str, target: str, *needs: str, packages: str = "") -> tuple[str, str]:
    """Return how a name is written at HERE, and the file with what that adds."""
    source = source_of(text)
    spelling = Spelling(source, here(source), compile_needs(needs), frozenset(packages.split()))
    return spelling(target), source.splice(spelling.edits).decode()


def refused(text: str, target: str, *needs: str, packages: str = "") -> str:
    with pytest.raises(SiteError) as caught:
        spell(text, target, *needs, packages=packages)
    return str(caught.value)


# --- spelling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target", "written"),
    [
        ("import torch\nHERE\n", "torch.cuda.f", "torch.cuda.f"),
        ("import torch as t\nHERE\n", "torch.cuda.f", "t.cuda.f"),
        ("import torch.cuda as c\nHERE\n", "torch.cuda.f", "c.f"),
        ("from torch import cuda\nHERE\n", "torch.cuda.f", "cuda.f"),
        ("from torch.cuda import f as g\nHERE\n", "torch.cuda.f", "g"),
        ("import torch\nfrom torch.cuda import f\nHERE\n", "torch.cuda.f", "f"),
        ("import torch\ndef h(f):\n    from torch.cuda import f\n    HERE\n", "torch.cuda.f", "f"),
        ("def h():\n    import torch\n    HERE\n", "torch.f", "torch.f"),
        ("import torch\nclass A:\n    torch = 1\n    def f(self): HERE\n", "torch.f", "torch.f"),
        ("def f(config): HERE\n", "config.lr", "config.lr"),
        ("from c import config\nHERE\n", "config.lr", "config.lr"),
        ("HERE\n", "len", "len"),
        ("HERE\n", "int.from_bytes", "int.from_bytes"),
        ("def f():\n    HERE\nimport torch\n", "torch.f", "torch.f"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None\nHERE\n", "torch.f", "torch.f"),
    ],
)
def test_a_name_is_written_as_the_file_has_it(text: str, target: str, written: str) -> None:
    assert spell(text, target) == (written, text)


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("HERE\n", "config.lr", "`config` is not in scope there, and the replacement needs it"),
        ("def f(config): ...\nHERE\n", "config.lr", "`config` is not in scope there, and the replacement needs it"),
        (
            "class A:\n    x = 1\n    def f(self): HERE\n",
            "x",
            "`x` is not in scope there, and the replacement needs it",
        ),
        ("HERE\nconfig = 1\n", "config.lr", "`config` is bound only further down, and the replacement needs it"),
        ("config = HERE\n", "config.lr", "`config` is bound only further down, and the replacement needs it"),
        (
            "for config in HERE: pass\n",
            "config.lr",
            "`config` is bound only further down, and the replacement needs it",
        ),
        ("len = 1\nHERE\n", "len", "`len` is bound to something else there, and the replacement needs len"),
        ("HERE\n", "torch.f", "`torch` is not imported there, and the replacement needs torch.f"),
        ("torch = 1\nHERE\n", "torch.f", "`torch` is bound to something else there, and the replacement needs torch.f"),
        (
            "from torch import cuda\nHERE\n",
            "torch.f",
            "`torch` is not imported there, and the replacement needs torch.f",
        ),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(text: str, target: str, message: str) -> None:
    assert refused(text, target, packages="torch") == message


def test_a_free_name_that_is_spelled_like_a_local_one_is_that() -> None:
    """Only a package that the step speaks of must be the package."""
    assert spell("torch = 1\nHERE\n", "torch.f", packages="")[0] == "torch.f"


# --- needs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("need", "target", "written"),
    [
        ("import torch", "torch.f", "torch.f"),
        ("import torch as t", "torch.f", "t.f"),
        ("from torch import cuda", "torch.cuda.f", "cuda.f"),
        ("from torch.cuda import f as g", "torch.cuda.f", "g"),
        ("import torch.distributed as dist", "torch.distributed.f", "dist.f"),
        ("LIMIT = 3", "LIMIT", "LIMIT"),
    ],
)
def test_what_is_needed_is_put_in(need: str, target: str, written: str) -> None:
    assert spell("import os\n\nHERE\n", target, need) == (written, f"import os\n{need}\n\nHERE\n")


@pytest.mark.parametrize(
    "text",
    [
        "if TYPE_CHECKING:\n    import torch\nHERE\n",
        "def f():\n    import torch\nHERE\n",
        "def f():\n    torch = 1\nHERE\n",
    ],
)
def test_what_is_needed_is_put_in_where_it_is_not_there_at_run_time(text: str) -> None:
    assert spell(text, "torch.f", "import torch") == ("torch.f", f"import torch\n{text}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torch = 1\nHERE\n", "is bound to something else there, and the replacement needs `import torch`"),
        ("from x import torch\nHERE\n", "is bound to something else there, and the replacement needs `import torch`"),
        ("def f(torch): HERE\n", "is bound to something else there, and the replacement needs `import torch`"),
        ("HERE\nimport torch\n", "is bound only further down, and the replacement needs it"),
        ("def f():\n    HERE\n    import torch\n", "is bound only further down, and the replacement needs it"),
    ],
)
def test_what_cannot_be_put_in_is_refused(text: str, message: str) -> None:
    assert refused(text, "torch.f", "import torch") == f"`torch` {message}"


def test_bare_names_and_statements_that_no_result_asks_for() -> None:
    source = source_of("import os\nHERE\n")
    needs = compile_needs(["os", "import torch", "import sys"], [compile_code("torch.f($X)")])
    assert (needs.bare, needs.asked, needs.packages) == ({"os"}, {"torch"}, {"torch", "sys"})
    spelling = Spelling(source, here(source), needs, frozenset())
    spelling.check_needs()
    assert source.splice(spelling.edits) == b"import os\nimport sys\nHERE\n"


@pytest.mark.parametrize("text", ["1 + 2", "import", "import a, b", "import a; import b", "x", ""])
def test_a_need_is_a_name_or_one_statement(text: str) -> None:
    if text.isidentifier():
        assert compile_needs([text]).bare == {text}
        return
    with pytest.raises(PatternError, match="is neither a name nor one import or assignment of one name"):
        compile_needs([text])


def test_a_shim_is_imported_as_the_file_reaches_it(tmp_path: Path) -> None:
    files = {
        "net/__init__.py": "",
        "net/a.py": "import os\nHERE\n",
        "b.py": "from flash_attn_torch import flash_attn_func as f\nHERE\n",
    }
    draft = Draft(Checkout.open(write_tree(tmp_path, files)), ROOT / "recipes" / "shims")
    source = draft.source("net/a.py")
    spelling = Spelling(source, here(source), compile_needs(()), frozenset(), draft)
    assert spelling("shim.flash_attn_torch.flash_attn_func.x") == "flash_attn_func.x"
    assert source.splice(spelling.edits) == b"import os\nfrom .flash_attn_torch import flash_attn_func\nHERE\n"
    assert list(spelling.files) == ["net/flash_attn_torch/__init__.py"]
    draft.add("flash_attn_torch/__init__.py", "s", (spelling.files["net/flash_attn_torch/__init__.py"]))
    again = draft.source("b.py")
    spelling = Spelling(again, here(again), compile_needs(()), frozenset(), draft)
    assert (spelling("shim.flash_attn_torch.flash_attn_func"), spelling.edits, spelling.files) == ("f", [], {})


# --- where it goes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x\n", "import y\nx\n"),
        ("import a\nx\n", "import a\nimport y\nx\n"),
        ("import a\nimport b\n\nx\nimport c\n", "import a\nimport b\nimport y\n\nx\nimport c\n"),
        ("import a", "import a\nimport y"),
        ("import a  # b\n", "import a  # b\nimport y\n"),
        ("import a; import b\n", "import a; import b\nimport y\n"),
        ("import a; b\n", "import y\nimport a; b\n"),
        ("'''a'''\nx\n", "'''a'''\n\nimport y\nx\n"),
        ("'a' 'b'\nimport c\n", "'a' 'b'\nimport c\nimport y\n"),
        ("'a'", "'a'\n\nimport y"),
        ("import a\n'no docstring'\n", "import a\nimport y\n'no docstring'\n"),
        ("#!a\n# b\nx\n", "#!a\n# b\nimport y\nx\n"),
        ("# a\n\n# b\nx\n", "# a\n\nimport y\n# b\nx\n"),
        ("# a\n\nx\n", "# a\n\nimport y\nx\n"),
        ("\n# coding: utf-8\nx\n", "\n# coding: utf-8\nimport y\nx\n"),
        ("from a import (\n    b,\n)\nx\n", "from a import (\n    b,\n)\nimport y\nx\n"),
        ("if a:\n    import b\n", "import y\nif a:\n    import b\n"),
    ],
)
def test_a_statement_goes_behind_the_imports_at_the_top(before: str, after: str) -> None:
    source = Source("a.py", before.encode())
    assert source.splice([add_statement(source, "import y")]).decode() == after
    crlf = Source("a.py", before.replace("\n", "\r\n").encode())
    if "\n" in before:
        assert crlf.splice([add_statement(crlf, "import y")]).decode() == after.replace("\n", "\r\n")


def test_a_statement_takes_the_line_end_of_the_line_before() -> None:
    source = Source("a.py", b"import a\r\nx\ny\n")
    assert source.splice([add_statement(source, "import y")]) == b"import a\r\nimport y\r\nx\ny\n"


def test_a_future_import_goes_first() -> None:
    source = source_of('"""a"""\nfrom __future__ import b\nimport c\n')
    edit = add_statement(source, "from __future__ import d")
    assert source.splice([edit]) == b'"""a"""\nfrom __future__ import b\nfrom __future__ import d\nimport c\n'


# --- results as they read -------------------------------------------------------------------------------------------


def test_a_result_as_it_reads_at_a_place() -> None:
    result = compile_code("config.lr if torch.ok() else len(x)")
    source = source_of("import torch\nfrom c import config\ndef f(x): HERE\n")
    assert as_spelled(result, source, here(source), frozenset()).local == {"config", "x"}
    source = source_of("def f(torch): HERE\n")
    assert as_spelled(result, source, here(source), frozenset({"torch"})) is result
    assert as_spelled(result, source, here(source), frozenset()).local == {"torch"}


# --- imported names -------------------------------------------------------------------------------------------------


def test_the_names_of_an_import_and_whether_they_are_read() -> None:
    source = source_of("from a.b import c, d as e, f, g as f2\n__all__ = ['f']\ndef h(c): c\nprint(e)\n")
    (statement,) = source.of(cst.ImportFrom)
    module, names = imported_names(source, statement)
    assert module == "a.b"
    assert [(one.name, one.local, one.written, one.used) for one in names] == [
        ("c", "c", "c", False),
        ("d", "e", "d as e", True),
        ("f", "f", "f", True),
        ("g", "f2", "g as f2", False),
    ]
