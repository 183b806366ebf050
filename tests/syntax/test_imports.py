"""Where an import that a file lacks goes, and the names of one that it has."""

from __future__ import annotations

import libcst as cst
import pytest

from patcher.syntax.imports import add_statement, imported_names
from patcher.syntax.source import Source
from tests.syntax.python import parsed

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
    source = parsed('"""a"""\nfrom __future__ import b\nimport c\n')
    edit = add_statement(source, "from __future__ import d")
    assert source.splice([edit]) == b'"""a"""\nfrom __future__ import b\nfrom __future__ import d\nimport c\n'


# --- imported names -------------------------------------------------------------------------------------------------


def test_the_names_of_an_import_and_whether_they_are_read() -> None:
    source = parsed("from a.b import c, d as e, f, g as f2\n__all__ = ['f']\ndef h(c): c\nprint(e)\n")
    (statement,) = source.of(cst.ImportFrom)
    module, names = imported_names(source, statement)
    assert module == "a.b"
    assert [(one.name, one.local, one.written, one.used) for one in names] == [
        ("c", "c", "c", False),
        ("d", "e", "d as e", True),
        ("f", "f", "f", True),
        ("g", "f2", "g as f2", False),
    ]
