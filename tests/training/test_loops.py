"""Batched code computes what the loop does, in float64: the corpus, and random programs of a fixed seed."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from tests.syntax.loops.written import BATCHED, MAPPED, Example, batched
from tests.training.programs import AXES, program

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

TURNS = (0, 1, 2, 3, 4, 5, 9)
SIZES = {"B": 2, "D": 3, "E": 5, "H": 2, "M": 4, "S": 6}
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def inputs(axes: str, turns: int) -> dict[str, Any]:
    """Make random inputs from the comment above a function of the corpus."""
    torch.manual_seed(turns)
    found: dict[str, Any] = {}
    for part in axes.split(","):
        name, _, kind = (one.strip() for one in part.partition(":"))
        if kind.startswith("int "):
            found[name] = int(kind.removeprefix("int "))
        else:
            sizes = [3] if kind == "anything" else [turns if one == "T" else SIZES[one] for one in kind.split()]
            found[name] = torch.randn(sizes, dtype=torch.float64, requires_grad=True)
    return found


def flat(value: Any) -> list[Any]:
    """Return the tensors and numbers of a result."""
    return [one for item in value for one in flat(item)] if isinstance(value, tuple | list) else [value]


def computed(text: str, name: str, given: dict[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Return outputs, gradients, and what a module keeps; a module is called twice, so that its counters go on."""
    scope: dict[str, Any] = {}
    exec(compile(text, "a.py", "exec"), scope)  # noqa: S102
    made = scope[name]
    torch.manual_seed(1)
    module = made().double() if isinstance(made, type) else None
    outputs = [one for _ in range(2 if module else 1) for one in flat((module or made)(**given))]
    leaves = [one for one in given.values() if isinstance(one, torch.Tensor)]
    leaves += list(module.parameters()) if module else []
    wanted = [one for one in outputs if isinstance(one, torch.Tensor) and one.requires_grad]
    total = sum((one * (at + 1)).sum() for at, one in enumerate(wanted))
    grads = torch.autograd.grad(total, leaves, allow_unused=True) if wanted else []
    kept = [*module.buffers(), *(one for one in vars(module).values() if type(one) is int)] if module else []
    return outputs, list(grads), kept


def check_same(one: Any, other: Any, turns: int) -> None:
    """Compare two results; without turns a sum that began as a plain 0 is one still, and zeros in the batched code."""
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        assert type(one) is type(other) or turns == 0, (one, other)
        assert one is other is None or bool((torch.as_tensor(other) == one).all()), (one, other)
        return
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    torch.testing.assert_close(other, one, **CLOSE, equal_nan=True)


def check_equal(before: str, after: str, name: str, given: Any, turns: int) -> bool:
    """Tell whether the loop runs on these inputs; if it does, the batched code gives the same."""
    try:
        wanted = computed(before, name, given())
    except (RuntimeError, IndexError, ValueError, TypeError):
        return False
    found = computed(after, name, given())
    for kind, (one, other) in enumerate(zip(wanted, found, strict=True)):
        if turns == 0 and kind == 1 and len(one) != len(other):  # a plain 0 has no gradient
            continue
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            if turns == 0 and kind == 1:
                assert all(part is None or not part.any() for part in (a, b))
            else:
                check_same(a, b, turns)
    return True


@pytest.mark.parametrize("example", [*BATCHED, *MAPPED], ids=str)
def test_the_batched_code_computes_what_the_loop_does(example: Example) -> None:
    after, *_ = example.batched()
    turned = TURNS if "T" in example.comment else (1, 1, 1)
    ran = [
        check_equal(example.text, after, example.name, partial(inputs, example.comment, turns), turns)
        for turns in turned
    ]
    assert all(ran[2:]), "the loop itself does not run on these inputs"


@pytest.mark.parametrize("example", [*BATCHED, *MAPPED], ids=str)
def test_what_was_no_view_of_an_input_is_none(example: Example) -> None:
    """A stack is new memory; a caller may write to it."""
    after, *_ = example.batched()

    def shares(text: str) -> list[bool]:
        given = inputs(example.comment, 3)
        outputs, _, _ = computed(text, example.name, given)
        memory = {one.untyped_storage().data_ptr() for one in given.values() if isinstance(one, torch.Tensor)}
        return [isinstance(one, torch.Tensor) and one.untyped_storage().data_ptr() in memory for one in outputs]

    assert shares(after) == shares(example.text)


@pytest.mark.parametrize("seed", range(10))
def test_random_programs(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    rewritten = 0
    for _ in range(15):
        text, axis = program(draw)
        after, forms, _ = batched(text, "f")
        if not forms:
            continue
        ran = [check_equal(text, after, "f", partial(drawn, axis, turns), turns) for turns in (1, 2, 3, 4)]
        rewritten += any(ran)
    assert rewritten


def drawn(axis: int, turns: int) -> dict[str, Any]:
    """Make the inputs of a random program."""
    torch.manual_seed(3)
    sizes = {"x": AXES[axis], "u": "BTD", "w": "DD", "s": "D", "g": "T", "r": "BD"}
    known = {**SIZES, "T": turns}
    return {
        name: torch.randn([known[one] for one in axes], dtype=torch.float64, requires_grad=True)
        for name, axes in sizes.items()
    }
