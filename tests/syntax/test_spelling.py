"""How a replacement's names are spelled at one site, and what is put in where the file does not have them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest

from patcher.checkout import Checkout
from patcher.errors import PatternError, SiteError
from patcher.syntax.draft import Draft
from patcher.syntax.needs import compile_needs
from patcher.syntax.pattern import compile_code
from patcher.syntax.source import Source
from patcher.syntax.spelling import Spelling, as_spelled
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
    assert (needs.bare, [one.statement for one in needs.asked]) == ({"os"}, ["import torch"])
    assert needs.packages == {"torch", "sys"}
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


# --- results as they read -------------------------------------------------------------------------------------------


def test_a_result_as_it_reads_at_a_place() -> None:
    result = compile_code("config.lr if torch.ok() else len(x)")
    source = source_of("import torch\nfrom c import config\ndef f(x): HERE\n")
    assert as_spelled(result, source, here(source), frozenset()).local == {"config", "x"}
    source = source_of("def f(torch): HERE\n")
    assert as_spelled(result, source, here(source), frozenset({"torch"})) is result
    assert as_spelled(result, source, here(source), frozenset()).local == {"torch"}


# --- what surely runs -----------------------------------------------------------------------------------------------

PARSE = "xml.etree.ElementTree.parse"


@pytest.mark.parametrize(
    ("text", "need", "written", "added"),
    [
        ("import xml\n", "import xml.etree.ElementTree", PARSE, True),
        ("import xml\n", "import xml.etree.ElementTree as ET", "ET.parse", True),
        ("import xml\n", "from xml.etree import ElementTree", "ElementTree.parse", True),
        ("import xml.etree\n", "from xml.etree import ElementTree", "ElementTree.parse", True),
        ("import xml as x\n", "import xml.etree.ElementTree", "x.etree.ElementTree.parse", True),
        ("import xml.dom\n", "import xml.etree.ElementTree", PARSE, True),
        ("import xml.etree.ElementTree\n", "import xml.etree.ElementTree as ET", PARSE, False),
        ("from xml.etree import ElementTree as E\n", "import xml.etree.ElementTree", "E.parse", False),
        ("import xml\nfrom xml.etree.ElementTree import XML\n", "import xml.etree.ElementTree", PARSE, False),
        ("from xml.etree.ElementTree import parse\n", "import xml.etree.ElementTree", "parse", False),
    ],
)
def test_what_is_needed_is_loaded_and_not_only_the_package_above_it(
    text: str, need: str, written: str, added: bool
) -> None:
    assert spell(f"{text}HERE\n", PARSE, need) == (written, f"{text}{need}\nHERE\n" if added else f"{text}HERE\n")


@pytest.mark.parametrize("target", ["torch.cuda.is_available", "torch.nn.functional.relu", "torch.optim.Adam"])
@pytest.mark.parametrize("needs", [(), ("import torch",)])
def test_a_package_leads_to_all_below_it_where_nothing_more_is_needed(target: str, needs: tuple[str, ...]) -> None:
    assert spell("import torch\nHERE\n", target, *needs) == (target, "import torch\nHERE\n")


def test_each_need_of_a_package_is_put_in() -> None:
    needs = compile_needs(["import xml.dom", "import xml.etree.ElementTree"], [compile_code(f"{PARSE}($X)")])
    source = source_of("import xml\nHERE\n")
    spelling = Spelling(source, here(source), needs, frozenset())
    spelling.check_needs()
    assert spelling(PARSE) == PARSE
    assert source.splice(spelling.edits) == b"import xml\nimport xml.dom\nimport xml.etree.ElementTree\nHERE\n"


@pytest.mark.parametrize(
    "text",
    [
        "def f(): HERE\nif __name__ == '__main__':\n    import new\n    f()\n",
        "for i in x:\n    import new\nHERE\n",
        "if x:\n    import new\nHERE\n",
        "if x:\n    from new import B\nHERE\n",
        "def g():\n    global new\n    import new\ndef f(): HERE\n",
        "class A:\n    if x:\n        import new\n    HERE\n",
    ],
)
def test_an_import_that_may_not_run_does_not_count(text: str) -> None:
    assert spell(text, "new.B", "import new") == ("new.B", f"import new\n{text}")
    what = "`B`" if "B" in text else "`new`"
    assert refused(text, "new.B").startswith(f"{what} is bound in line ")
    assert refused(text, "new.B").endswith(", which may not have run there, and the replacement needs it")


def test_the_import_that_surely_runs_is_written() -> None:
    text = "import new\nif x:\n    from new import B\nHERE\n"
    assert spell(text, "new.B") == ("new.B", text)


OPTIONAL = "try:\n    import new\nexcept ImportError: pass\n"
GOES_ON = (
    "the program goes on where line {} cannot import `new`, and the replacement needs it; decide there what should "
    "happen then"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{OPTIONAL}HERE\n", GOES_ON.format(2)),
        ("import contextlib\nwith contextlib.suppress(ImportError):\n    import new\nHERE\n", GOES_ON.format(3)),
        ("import new\ndel new\nHERE\n", "`new` may be deleted there, and the replacement needs it"),
        (
            "def f():\n    if x:\n        import new\n    HERE\n",
            "`new` is bound in line 3, which may not have run there, and the replacement needs it",
        ),
        (
            "def f():\n    if TYPE_CHECKING:\n        import new\n    HERE\n",
            "`new` is bound in line 3, which may not have run there, and the replacement needs it",
        ),
    ],
)
def test_where_an_import_at_the_top_would_not_help_the_place_is_refused(text: str, reason: str) -> None:
    assert refused(text, "new.B", "import new") == reason


@pytest.mark.parametrize("place", ["if ok: new.a(HERE)\n", "if ok:\n    new.a()\n    HERE\n", "new and HERE\n"])
def test_where_the_file_reads_a_name_it_is_bound(place: str) -> None:
    assert spell(OPTIONAL + place, "new.B", "import new") == ("new.B", OPTIONAL + place)
