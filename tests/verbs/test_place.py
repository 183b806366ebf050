"""`place` in every verb whose replacement may name a shim: where the shim goes, and that it decides."""

from __future__ import annotations

from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.verbs import VERBS
from tests.verbs.checks import check_noop, check_transformed

SHIM = "shim.flash_attn_torch.flash_attn_func"
VERB: dict[str, tuple[dict[str, Any], str]] = {
    "replace": ({"replace": "lib.f($X)", "with": f"lib.g({SHIM}, $X)"}, "lib.g(flash_attn_func, 1)\n"),
    "edit": ({"edit": "lib.f($X)", "to": {"X": SHIM}}, "lib.f(flash_attn_func)\n"),
    "insert": ({"insert": f"{SHIM}()", "after": "lib.f($X)"}, "lib.f(1)\nflash_attn_func()\n"),
    "wrap": ({"wrap": "lib.f($X)", "under": f"if {SHIM}"}, "if flash_attn_func:\n    lib.f(1)\n"),
}
# Both ways to import the project: nothing but the recipe can tell how the shim is imported, and so where it goes.
HEAD = "import lib\nfrom net.common import x\nfrom .other import y\n"
FILES = {"net/common.py": "", "net/other.py": "", "net/a.py": f"{HEAD}lib.f(1)\n"}


@pytest.mark.parametrize(("keys", "after"), VERB.values(), ids=VERB)
def test_two_ways_at_once_are_refused_until_the_recipe_says_where(keys: dict[str, Any], after: str) -> None:
    reason = "it imports its project both relatively and absolutely; say `place:` in the recipe"
    check_noop(keys, FILES, f"net/a.py:4: refused: {reason}")
    added = "from net.flash_attn_torch import flash_attn_func\n"
    check_transformed({**keys, "place": "net"}, FILES, {"net/a.py": f"{HEAD}{added}{after}"})


@pytest.mark.parametrize(("keys", "after"), VERB.values(), ids=VERB)
def test_a_shim_goes_where_the_recipe_says(keys: dict[str, Any], after: str) -> None:
    added = "from third_party.flash_attn_torch import flash_attn_func\n"
    check_transformed({**keys, "place": "third_party"}, "import lib\nlib.f(1)\n", f"import lib\n{added}{after}")


def test_a_shim_that_a_need_imports_goes_there_too() -> None:
    keys = {"edit": "lib.f($X)", "to": {"X": "2"}, "needs": [f"from {SHIM.rpartition('.')[0]} import flash_attn_func"]}
    added = "from third_party.flash_attn_torch import flash_attn_func\n"
    check_transformed({**keys, "place": "third_party"}, "import lib\nlib.f(1)\n", f"import lib\n{added}lib.f(2)\n")


@pytest.mark.parametrize("keys", [keys for keys, _ in VERB.values()], ids=VERB)
@pytest.mark.parametrize("place", ["../x", "/x"])
def test_a_place_out_of_the_tree_does_not_load(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(PatternError, match="is no folder of the tree") as caught:
        VERBS[next(iter(keys))].compile({**keys, "place": place})
    assert caught.value.at == ("place",)
