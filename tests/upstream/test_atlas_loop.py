"""Atlas's loop over tokens and the batched call in its place, on the real trees: numbers, buffers, and what fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Patcher, git
from tests.upstream.conftest import Upstream
from tests.upstream.trees import Property

FIRST = "248beb3e1c6148fcdca4fdae078c832e6614492b"
SECOND = "07f9e710e6a7732d3a6f94e5fff950c746bb8e05"
BY_UPSTREAM = "7c579367517e152c381feca72eefc7163ec7f487"  # where upstream has written its own batched forward
CONFIGURATIONS = 300
# What the loop cannot be run without at the first commit; at the second it runs as it is.
LOOP = """
recipe: loop
summary: Atlas with its loop
steps:
  - {use: factorial, in: model.py}
  - id: feature-shape
    why: three names do not take four dimensions
    in: model.py::PolynomialFeatureMap.forward
    delete: $_, $_, $_ = x.shape
    local: [x]
    effect: enables
  - id: constant-term
    why: the features are as wide as the memory
    in: model.py::PolynomialFeatureMap.forward
    replace: "torch.ones_like(x[..., :1])"
    with: torch.ones_like(x)
    local: [x]
    effect: enables
"""


def trees(patcher: Patcher, upstream: Upstream, tmp_path: Path, commit: str) -> tuple[Path, Path]:
    """Return the tree with its loop, changed only as far as it must be to run, and the tree as the recipe leaves it."""
    loop = upstream("atlas", commit)
    batched = tmp_path / "batched"
    git(tmp_path, "clone", "--quiet", str(loop), str(batched))
    git(batched, "checkout", "--quiet", commit)
    if commit == FIRST:
        (tmp_path / "loop.yaml").write_text(LOOP)
        assert patcher("apply", loop, "-r", str(tmp_path / "loop.yaml")).code == 0
    assert patcher("apply", batched, "-r", "atlas", "-p", "stability=as-is").code == 0
    return loop, batched


@pytest.mark.train
@pytest.mark.parametrize("commit", [FIRST, SECOND], ids=["first", "second"])
def test_the_batched_forward_is_that_of_the_loop(
    patcher: Patcher, upstream: Upstream, tmp_path: Path, commit: str, record_property: Property
) -> None:
    pytest.importorskip("torch")
    from tests.upstream.atlas_loop import compared, loaded, shapes

    old, new = (loaded(tree, f"atlas_{at}") for at, tree in enumerate(trees(patcher, upstream, tmp_path, commit)))
    found = [compared(old, new, shape) for shape in shapes(CONFIGURATIONS, seed=1)]
    worst = {kind: max(getattr(one, kind) for one in found) for kind in ("outputs", "gradients", "buffers")}
    for kind, error in worst.items():
        record_property(kind, error)
    assert worst["outputs"] <= 1e-12 and worst["gradients"] <= 1e-12
    assert worst["buffers"] <= 1e-15
    assert all(one.exact for one in found), "a counter or a None gradient is another one"


@pytest.mark.train
def test_the_forward_that_upstream_wrote_itself_is_not(
    patcher: Patcher, upstream: Upstream, tmp_path: Path, record_property: Property
) -> None:
    pytest.importorskip("torch")
    from tests.upstream.atlas_loop import compared, loaded, shapes

    tree, other = upstream("atlas", SECOND), tmp_path / "other"
    loop = loaded(tree, "atlas_loop_of_upstream")
    git(tmp_path, "clone", "--quiet", str(tree), str(other))
    git(other, "checkout", "--quiet", BY_UPSTREAM)
    written = loaded(other, "atlas_by_upstream")
    found = {shape: compared(loop, written, shape) for shape in shapes(30, seed=1)}
    record_property("buffers", max(one.buffers for one in found.values()))
    assert not any(one.exact for one in found.values()), "the counter goes on by one, not by one a token"
    assert all(one.buffers > 1e-3 for shape, one in found.items() if shape.window > 1), "one place of many is written"


def test_a_changed_loop_is_not_batched_without_a_new_proof(
    patcher: Patcher, upstream: Upstream, tmp_path: Path
) -> None:
    tree = upstream("atlas", FIRST)
    path = tree / "model.py"
    path.write_text(path.read_text().replace("current_v.mean(0)", "current_v.mean(0) * 2"))
    result = patcher("apply", tree, "-r", "atlas", "--allow-dirty", "--format", "json")
    step = next(one for one in result.json["steps"] if one["id"] == "tokens")
    assert (result.code, step["status"]) == (3, "refused")
    assert "patcher prove" in step["places"][0]["reason"]
    assert "for t in range(seq_len)" in path.read_text()
