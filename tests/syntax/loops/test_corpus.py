"""Every loop of the corpus is what its file says: batched, mapped with torch.func.vmap, or refused for its reason."""

from __future__ import annotations

import ast

import pytest

from patcher.syntax.loops import BATCHED as INLINED
from patcher.syntax.loops import VMAP
from tests.syntax.loops.written import BATCHED, MAPPED, REFUSED, Example, batched

# Those of which a loop stays: what carries, or what the batched code has as it was.
LEAVES_A_LOOP = {"splits_off_what_is_independent", "KeepsTheLast", "keeps_a_plain_loop_inside"}


def test_there_are_enough_of_each() -> None:
    assert (len(BATCHED) >= 50, len(MAPPED) >= 10, len(REFUSED) >= 55) == (True, True, True)


@pytest.mark.parametrize("example", BATCHED, ids=str)
def test_it_is_batched(example: Example) -> None:
    text, forms, reasons = example.batched()
    assert forms and set(forms) == {INLINED}, reasons
    assert bool(reasons) is (example.name in LEAVES_A_LOOP)
    ast.parse(text)


@pytest.mark.parametrize("example", MAPPED, ids=str)
def test_it_is_mapped(example: Example) -> None:
    text, forms, reasons = example.batched()
    assert (forms, reasons) == ([VMAP], [])
    assert "torch.func.vmap(" in text


@pytest.mark.parametrize("example", REFUSED, ids=str)
def test_it_must_stay(example: Example) -> None:
    text, forms, reasons = example.batched()
    assert forms == [] and text == example.text
    assert example.comment in reasons[-1]


@pytest.mark.parametrize("example", [*BATCHED, *MAPPED], ids=str)
def test_a_second_time_there_is_nothing_left(example: Example) -> None:
    text, _, reasons = example.batched()
    assert batched(text, example.name) == (text, [], reasons)
