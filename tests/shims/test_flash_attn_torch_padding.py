"""bert_padding: the tokens that a mask marks, told by loops over Python lists."""

import pytest

torch = pytest.importorskip("torch")

from flash_attn_torch import bert_padding as shim  # noqa: E402
from flash_attn_torch.bert_padding import (  # noqa: E402
    index_first_axis,
    index_first_axis_residual,
    index_put_first_axis,
    pad_input,
    unpad_input,
    unpad_input_for_concatenated_sequences,
)

from tests.shims.parts import assert_fit_for_other_trees, signature  # noqa: E402

pytestmark = pytest.mark.train

MASKS = {
    "ragged": [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]],
    "holes": [[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 1, 0]],
    "an empty row": [[1, 1, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1]],
    "empty rows at both ends": [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]],
    "full": [[1] * 4] * 3,
    "one": [[1]],
}


def told(x, rows):
    """The marked tokens, their places, the cumulative lengths and the greatest length, by counting."""
    seqlen = len(rows[0])
    places = [b * seqlen + s for b, row in enumerate(rows) for s, mark in enumerate(row) if mark]
    tokens = [x[place // seqlen, place % seqlen] for place in places]
    ends = [0]
    for row in rows:
        ends.append(ends[-1] + sum(map(bool, row)))
    longest = max(sum(map(bool, row)) for row in rows)
    return torch.stack(tokens), places, ends, longest


@pytest.mark.parametrize("mask_dtype", [torch.bool, torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("rest", [(5,), (2, 3), (3, 2, 4)], ids=str)
@pytest.mark.parametrize("name", MASKS)
def test_unpad_input_and_back(name, rest, mask_dtype):
    mask = torch.tensor(MASKS[name]).to(mask_dtype)
    x = torch.randn(*mask.shape, *rest)
    tokens, indices, cu_seqlens, max_seqlen, used = unpad_input(x, mask)
    wanted, places, ends, longest = told(x, MASKS[name])
    assert torch.equal(tokens, wanted)
    assert tokens.is_contiguous()
    assert indices.tolist() == places
    assert indices.dtype == torch.int64
    assert cu_seqlens.tolist() == ends
    assert cu_seqlens.dtype == used.dtype == torch.int32
    assert max_seqlen == longest
    assert type(max_seqlen) is int
    assert used.tolist() == [sum(row) for row in MASKS[name]]

    padded = pad_input(tokens, indices, *mask.shape)
    assert torch.equal(padded, x * mask.bool().reshape(*mask.shape, *(1 for _ in rest)))


def test_room_that_is_not_used_is_kept_but_not_counted():
    x = torch.randn(2, 4, 3)
    used, unused = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0]]), torch.tensor([[0, 0, 1, 0], [0, 1, 1, 0]])
    for cast in (torch.Tensor.int, torch.Tensor.bool):
        tokens, indices, cu_seqlens, max_seqlen, counts = unpad_input(x, cast(used), cast(unused))
        assert torch.equal(tokens, torch.cat((x[0, :3], x[1, :3])))
        assert indices.tolist() == [0, 1, 2, 4, 5, 6]
        assert cu_seqlens.tolist() == [0, 3, 6]
        assert (max_seqlen, counts.tolist()) == (3, [2, 1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_gradients_pass_where_tokens_passed(dtype):
    mask = torch.tensor(MASKS["holes"])
    x = torch.randn(3, 4, 5, dtype=dtype, requires_grad=True)
    tokens, indices, *_ = unpad_input(x, mask)
    padded = pad_input(2 * tokens, indices, 3, 4)
    g = torch.randn(3, 4, 5).to(dtype)
    padded.backward(g)
    assert torch.equal(x.grad, 2 * g * mask[..., None])
    assert padded.dtype == dtype


def test_tokens_alone_can_be_unpadded():
    ids = torch.tensor([[5, 6, 0], [7, 0, 0]])
    assert unpad_input(ids, ids != 0)[0].tolist() == [5, 6, 7]


def test_sequences_within_a_row():
    """The example of flash-attn's documentation."""
    lengths = torch.tensor([[2, 3, 0, 0, 0, 0], [3, 2, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0]])
    x = torch.randn(3, 6, 2, requires_grad=True)
    tokens, indices, cu_seqlens, max_seqlen = unpad_input_for_concatenated_sequences(x, lengths)
    assert torch.equal(tokens, torch.cat((x[0, :5], x[1, :5], x[2])))
    assert indices.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17]
    assert cu_seqlens.tolist() == [0, 2, 5, 8, 10, 16]
    assert cu_seqlens.dtype == torch.int32
    assert (type(max_seqlen), max_seqlen) == (int, 6)
    assert torch.autograd.grad(tokens.sum(), x)[0].sum().item() == 32


def test_index_first_axis_takes_and_gives_back():
    x = torch.randn(4, 2, 3, requires_grad=True)
    out = index_first_axis(x, torch.tensor([3, 0, 3]))
    assert torch.equal(out, x[[3, 0, 3]])
    out.sum().backward()
    assert x.grad[:, 0, 0].tolist() == [1, 0, 0, 2]


def test_index_first_axis_residual_adds_both_gradients():
    x = torch.randn(4, 3, requires_grad=True)
    out, again = index_first_axis_residual(x, torch.tensor([2, 1]))
    assert torch.equal(out, x[[2, 1]])
    assert torch.equal(again, x)
    (3 * out.sum() + again.sum()).backward()
    assert x.grad[:, 0].tolist() == [1, 4, 4, 1]


def test_index_put_first_axis_fills_with_zeros():
    values = torch.randn(2, 3, requires_grad=True)
    out = index_put_first_axis(values, torch.tensor([3, 1]), 5)
    assert torch.equal(out[[3, 1]], values)
    assert not out[[0, 2, 4]].any()
    (out * torch.arange(5.0)[:, None]).sum().backward()
    assert values.grad[:, 0].tolist() == [3, 1]


def test_the_autograd_functions_can_be_called_as_such():
    x, indices = torch.randn(4, 3), torch.tensor([1, 2])
    assert torch.equal(shim.IndexFirstAxis.apply(x, indices), x[1:3])
    assert torch.equal(shim.IndexPutFirstAxis.apply(x[1:3], indices, 4)[1:3], x[1:3])
    assert torch.equal(shim.IndexFirstAxisResidual.apply(x, indices)[0], x[1:3])


def test_the_interface():
    assert signature(unpad_input) == "hidden_states, attention_mask, unused_mask=None"
    assert signature(unpad_input_for_concatenated_sequences) == "hidden_states, attention_mask_in_length"
    assert signature(pad_input) == "hidden_states, indices, batch, seqlen"
    assert signature(index_first_axis) == "input, indices"
    assert signature(index_put_first_axis) == "values, indices, first_axis_dim"
    assert_fit_for_other_trees("flash_attn_torch.bert_padding")
