"""`patcher loops` on public model repositories: it finishes, says why each loop must stay, and offers what it proved."""

from __future__ import annotations

import sys

import pytest

from tests.helpers import Patcher
from tests.upstream.conftest import Upstream
from tests.upstream.language import COMMITS
from tests.upstream.trees import Property

REPOSITORIES = ("safari", "hyena-dna", "contrastors", "mdlm", "bd3lms", "Lumina-T2X", "flash-linear-attention")


@pytest.mark.train
@pytest.mark.parametrize("name", REPOSITORIES)
def test_every_loop_is_told_and_what_is_offered_was_proved(
    patcher: Patcher, upstream: Upstream, name: str, record_property: Property
) -> None:
    pytest.importorskip("torch")
    tree = upstream(name, COMMITS[name])
    result = patcher("loops", tree, "--prove", "--python", sys.executable, "--format", "json")
    assert result.code == 0
    loops = result.json["loops"]
    assert loops
    for one in loops:
        assert one["reason"] if one["class"] == "refused" else one["offered"] or one["not_run"]
        assert not one["offered"] or one["error"] <= 1e-12
    record_property("loops", len(loops))
    record_property("offered", sum(one["offered"] for one in loops))
