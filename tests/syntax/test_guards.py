"""Which imports can end the program, and the edits of a second arm; the verb's own tests say it in whole files."""

from __future__ import annotations

from textwrap import dedent

import libcst as cst
import pytest

from patcher.errors import SiteError
from patcher.model import Status
from patcher.syntax.guards import ImportStatement, guard, roots_of
from patcher.syntax.source import Source


def source_of(text: str, path: str = "net/a.py") -> Source:
    return Source(path, dedent(text).lstrip("\n").encode())


def arm(group: list[ImportStatement]) -> list[str]:
    return [f"second = {len(group)}"]


def told(text: str, flag: str | None = None) -> list[tuple[int, Status]]:
    source = source_of(text)
    return [(source.line_column(site.offset)[0], site.status) for site in guard(source, ["lib"], arm, flag)]


def made(text: str, flag: str | None = None) -> str:
    source = source_of(text)
    sites = guard(source, ["lib"], arm, flag)
    return source.splice([edit for site in sites for edit in site.edits]).decode()


@pytest.mark.parametrize(
    ("line", "roots"),
    [
        ("import a", ["a"]),
        ("import a.b, c as d", ["a", "c"]),
        ("from a.b import c", ["a"]),
        ("from .a import b", []),
        ("from . import a", []),
        ("from a import *", ["a"]),
    ],
)
def test_the_packages_of_an_import(line: str, roots: list[str]) -> None:
    source = source_of(line)
    statements: list[ImportStatement] = [*source.of(cst.Import), *source.of(cst.ImportFrom)]
    assert roots_of(source, statements[0]) == roots


def test_neighbours_are_one_site_and_the_rest_are_their_own() -> None:
    text = """
    from lib import a
    from lib.x import b
    import os
    from lib import c
    if os:
        import lib
    def f():
        import lib
    """
    assert told(text) == [(1, Status.APPLIED), (4, Status.APPLIED), (6, Status.ABSENT), (8, Status.ABSENT)]
    assert made(text).startswith(
        "try:\n    from lib import a\n    from lib.x import b\nexcept ImportError:\n    second = 2\nimport os\ntry:\n"
    )


def test_the_arms_of_one_try_are_one_site() -> None:
    text = """
    try:
        import lib
    except ImportError:
        try:
            import lib.b
        except OSError:
            import lib.c
    """
    assert told(text) == [(5, Status.APPLIED)]
    assert made(text).count("second = 1") == 2


def test_a_site_is_one_problem_at_its_place() -> None:
    text = """
    try:
        import lib
    except ImportError:
        try:
            import lib.b
        except ImportError:
            raise
    """
    assert told(text) == [(2, Status.REFUSED)]


def test_a_raise_that_is_only_defined_does_not_count() -> None:
    text = """
    try:
        import lib
    except ImportError:
        def lib(): raise RuntimeError
        class Lib:
            def f(self): exit()
        g = lambda: exit()
    """
    assert told(text) == [(2, Status.ALREADY)]


def test_a_name_like_an_ending_is_none() -> None:
    text = """
    try:
        import lib
    except ImportError:
        exit = print
        exit("lib is not there")
    """
    assert told(text) == [(2, Status.ALREADY)]


def test_a_refusal_of_the_arm_is_a_refusal_of_the_site() -> None:
    def no(group: list[ImportStatement]) -> list[str]:
        raise SiteError("it cannot be")

    (site,) = guard(source_of("import lib\n"), ["lib"], no)
    assert (site.status, site.reason, site.edits) == (Status.REFUSED, "it cannot be", ())


def test_only_what_is_inside_a_scope() -> None:
    source = source_of("import lib\nclass A:\n    import lib\n")
    (site,) = guard(source, ["lib"], arm, None, lambda node: source.names.qualname(node) == "A")
    assert source.line_column(site.offset)[0] == 3


def test_a_flag_in_both_arms() -> None:
    assert made("import lib\n", "HAS") == (
        "try:\n    import lib\n    HAS = True\nexcept ImportError:\n    second = 1\n    HAS = False\n"
    )


def test_the_star_form_of_except() -> None:
    text = "try:\n    import lib\nexcept* OSError:\n    pass\n"
    assert told(text) == [(2, Status.APPLIED)]
