"""The functions for packed sequences of flash_attn_torch: each sequence is attended to as the dense function does it."""

import inspect
import itertools
import random

import pytest

torch = pytest.importorskip("torch")

import flash_attn_torch as dense  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from flash_attn_torch import flash_attn_func, varlen  # noqa: E402
from flash_attn_torch.varlen import (  # noqa: E402
    flash_attn_unpadded_func,
    flash_attn_unpadded_kvpacked_func,
    flash_attn_unpadded_qkvpacked_func,
    flash_attn_varlen_func,
    flash_attn_varlen_kvpacked_func,
    flash_attn_varlen_qkvpacked_func,
)

from tests.shims.attention import (  # noqa: E402
    FLOAT_DTYPES,
    assert_varlen,
    attention64,
    dtype_name,
    ends,
    hide_newer_apis,
    with_gradients,
)

pytestmark = pytest.mark.train

RAGGED = ([3, 0, 5, 7, 7, 1, 9, 0], [5, 4, 0, 7, 7, 9, 1, 0])
SAME = ([3, 1, 8, 8, 2], [3, 1, 8, 8, 2])
EQUAL = ([6, 6, 6], [6, 6, 6])
LENGTHS = {"ragged": RAGGED, "same": SAME, "equal": EQUAL, "one": ([5], [9]), "shorter q": ([1, 1, 1], [4, 1, 30])}


def packed(lengths, heads=4, heads_k=4, dim=8, dtype=torch.float32, tail=(0, 0)):
    q = torch.randn(sum(lengths[0]) + tail[0], heads, dim).to(dtype)
    k, v = (torch.randn(sum(lengths[1]) + tail[1], heads_k, dim).to(dtype) for _ in range(2))
    return q, k, v


def attend(q, k, v, lengths, **options):
    longest = [max(one, default=0) for one in lengths]
    return flash_attn_varlen_func(q, k, v, ends(lengths[0]), ends(lengths[1]), *longest, **options)


# ---------------------------------------------------------------- equal to the definition


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_equals_the_definition(lengths, dtype, causal):
    q, k, v = packed(lengths, heads_k=2, dtype=dtype)
    assert_varlen(lambda *x: attend(*x, lengths, causal=causal), q, k, v, *lengths, causal=causal)


GRID = list(
    itertools.product(
        LENGTHS,
        [(1, 1), (4, 4), (4, 2), (6, 1)],
        [5, 8, 32],
        [{}, {"causal": True}, {"window": (3, 2)}, {"window": (0, 5)}, {"causal": True, "window": (4, -1)}],
        [0.0, 1.5],
        [None, "heads", "batch"],
        FLOAT_DTYPES,
        [None, 0.3],
        [(0, 0), (3, 0), (2, 5)],
    )
)
random.Random(1).shuffle(GRID)  # noqa: S311


def hold_to_the_grid(name, heads, dim, masking, softcap, alibi, dtype, scale, tail):
    lengths = LENGTHS[name]
    q, k, v = packed(lengths, *heads, dim, dtype, tail)
    batch = len(lengths[0])
    slopes = {None: None, "heads": torch.rand(heads[0]), "batch": torch.rand(batch, heads[0])}[alibi]
    options = {"softcap": softcap, "alibi_slopes": slopes, "softmax_scale": scale, "causal": "causal" in masking}
    options["window_size"] = masking.get("window", (-1, -1))
    how = {"softcap": softcap, "slopes": slopes, "scale": scale, **masking}
    assert_varlen(lambda *x: attend(*x, lengths, **options), q, k, v, *lengths, **how)


def hold_all(cases):
    for case in cases:
        try:
            hold_to_the_grid(*case)
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error


@pytest.mark.parametrize("part", range(4))
def test_a_sample_of_the_grid(part):
    hold_all(GRID[part * 25 : (part + 1) * 25])


@pytest.mark.full
@pytest.mark.parametrize("part", range(40))
def test_the_grid(part):
    hold_all(GRID[part::40][:100])


@pytest.mark.parametrize("part", range(2))
def test_a_sample_of_the_grid_without_the_newer_apis(part, monkeypatch):
    hide_newer_apis(monkeypatch, dense)
    monkeypatch.setattr(varlen.cuda, "varlen_attn", None)
    hold_all(GRID[500 + part * 25 : 500 + (part + 1) * 25])


@pytest.mark.full
@pytest.mark.parametrize("part", range(20))
def test_the_grid_without_the_newer_apis(part, monkeypatch):
    hide_newer_apis(monkeypatch, dense)
    monkeypatch.setattr(varlen.cuda, "varlen_attn", None)
    hold_all(GRID[part::20][:100])


# ---------------------------------------------------------------- lengths


def test_a_sequence_without_keys_gives_zero_and_no_gradient():
    q, k, v = packed(RAGGED)
    out, dq, dk, dv = with_gradients(lambda *x: attend(*x, RAGGED), (q, k, v), torch.ones_like(q))
    assert (out[3:8] == 0).all()
    assert (dq[3:8] == 0).all()
    assert (dk[5:9] == 0).all()  # the keys of the sequence without queries
    assert (dv[5:9] == 0).all()


@pytest.mark.parametrize("want", [False, True], ids=["", "lse"])
@pytest.mark.parametrize("lengths", [([], []), ([0, 0], [0, 0]), ([0, 0], [3, 1]), ([2, 1], [0, 0])], ids=str)
def test_nothing_at_all_is_zero_and_connected(lengths, want):
    q, k, v = (x.requires_grad_() for x in packed(lengths, tail=(2, 1)))
    out = attend(q, k, v, lengths, return_attn_probs=want)
    if want:
        assert out[1].shape == (4, len(q))
        assert torch.isinf(out[1]).all()
        out = out[0]
    assert torch.equal(out, torch.zeros_like(q))
    out.sum().backward()
    assert torch.equal(q.grad, torch.zeros_like(q))


def test_tokens_behind_the_last_sequence_are_zero_whatever_they_hold():
    q, k, v = packed(SAME, tail=(3, 2))
    q[-3:], k[-2:], v[-2:] = torch.nan, torch.inf, torch.nan
    out, dq, dk, dv = with_gradients(lambda *x: attend(*x, SAME, causal=True), (q, k, v), torch.ones_like(q))
    assert torch.equal(out[:-3], attend(q[:-3], k[:-2], v[:-2], SAME, causal=True))
    assert (out[-3:] == 0).all()
    assert all((x[-2:] == 0).all() for x in (dq, dk, dv))
    assert all(x.isfinite().all() for x in (out, dq, dk, dv))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("longest", [8, 100, torch.tensor(8)], ids=str)
def test_an_oversized_max_seqlen_changes_nothing(longest, dtype):
    q, k, v = packed(SAME)
    cu = ends(SAME[0], dtype)
    out = flash_attn_varlen_func(q, k, v, cu, cu, longest, longest, causal=True)
    assert torch.equal(out, attend(q, k, v, SAME, causal=True))


def test_equal_lengths_are_one_call(monkeypatch):
    calls = []
    sdpa = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *x, **o: calls.append(x[0].shape) or sdpa(*x, **o))
    q, k, v = packed(EQUAL)
    out = attend(q, k, v, EQUAL, causal=True)
    assert calls == [(3, 4, 6, 8)]
    assert torch.equal(out.view(3, 6, 4, 8), flash_attn_func(*(x.view(3, 6, 4, 8) for x in (q, k, v)), causal=True))
    calls.clear()
    attend(*packed(SAME), SAME)
    assert calls == [(1, 4, 3, 8), (1, 4, 1, 8), (2, 4, 8, 8), (1, 4, 2, 8)]


def test_no_memory_of_all_tokens_squared():
    lengths = ([1] * 20_000 + [2] * 20_000,) * 2  # a mask of all tokens would take 3.6 GB
    q, k, v = packed(lengths, heads=1, heads_k=1, dim=2)
    assert attend(q, k, v, lengths, window_size=(1, 0)).shape == q.shape


# ---------------------------------------------------------------- the results


@pytest.mark.parametrize("tail", [(0, 0), (3, 1)], ids=str)
def test_return_attn_probs_is_a_tuple_with_the_lse(tail):
    q, k, v = packed(RAGGED, heads_k=2, tail=tail)
    out, lse, dropped = attend(q, k, v, RAGGED, causal=True, return_attn_probs=True)
    assert (lse.shape, lse.dtype, dropped.shape) == ((4, len(q)), torch.float32, (0,))
    assert torch.allclose(out, attend(q, k, v, RAGGED, causal=True), atol=1e-6)
    at_q = at_k = 0
    for n_q, n_k in zip(*RAGGED, strict=True):
        parts = q[None, at_q : at_q + n_q], k[None, at_k : at_k + n_k], v[None, at_k : at_k + n_k]
        if n_q:
            wanted = attention64(*parts, causal=True)[1][0]
            assert torch.allclose(lse[:, at_q : at_q + n_q].double(), wanted, atol=1e-5)
        at_q, at_k = at_q + n_q, at_k + n_k
    assert torch.isinf(lse[:, at_q:]).all()


def test_a_large_lse_does_not_overflow():
    q, k, v = packed(SAME)
    lse = attend(q * 100, k * 100, v, SAME, return_attn_probs=True)[1]
    assert lse.isfinite().all()
    assert lse.max() > 1000


@pytest.mark.parametrize("autocast", [False, True], ids=["", "autocast"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_the_output_is_contiguous_and_has_the_dtype_of_q(dtype, lengths, autocast):
    q, k, v = packed(lengths, heads_k=2, dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        out = attend(q, k, v, lengths, causal=True)
    assert out.dtype == dtype
    assert out.is_contiguous()
    assert out.view(-1, 32).shape == (len(q), 32)
    assert torch.equal(out, attend(q, k, v, lengths, causal=True))


def test_dropout_drops_weights_and_keeps_the_mean():
    lengths = ([9] * 100 + [5] * 100,) * 2
    q, k, v = packed(lengths)
    out = attend(q, k, torch.ones_like(v), lengths, dropout_p=0.4)
    assert out.mean().item() == pytest.approx(1.0, abs=0.03)
    assert out.std() > 0.1


def test_dropout_and_the_random_mask_are_refused_together():
    with pytest.raises(NotImplementedError, match="return_attn_probs with dropout_p > 0"):
        attend(*packed(SAME), SAME, dropout_p=0.1, return_attn_probs=True)


# ---------------------------------------------------------------- packed and old names


@pytest.mark.parametrize("options", [{}, {"causal": True, "softmax_scale": 0.2}, {"return_attn_probs": True}], ids=str)
def test_packed_functions_are_the_same_attention(options):
    q, k, v = packed(SAME)
    wanted = attend(q, k, v, SAME, **options)
    cu, longest = ends(SAME[0]), max(SAME[0])
    for got in (
        flash_attn_varlen_qkvpacked_func(torch.stack((q, k, v), 1), cu, longest, **options),
        flash_attn_varlen_kvpacked_func(q, torch.stack((k, v), 1), cu, cu, longest, longest, **options),
        flash_attn_varlen_kvpacked_func(
            q, torch.stack((k, v), 1), cu_seqlens_q=cu, cu_seqlens_k=cu, max_seqlen_q=9, max_seqlen_k=9, **options
        ),
    ):
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_the_options_come_in_the_same_order():
    q, k, v = packed(SAME)
    options = (0.0, 0.3, True, (2, 0), 1.5, torch.rand(4), True, True)
    names = ("dropout_p", "softmax_scale", "causal", "window_size", "softcap", "alibi_slopes", "deterministic")
    wanted = attend(q, k, v, SAME, **dict(zip((*names, "return_attn_probs"), options, strict=True)))
    cu, longest = ends(SAME[0]), max(SAME[0])
    for got in (
        flash_attn_varlen_func(q, k, v, cu, cu, longest, longest, *options),
        flash_attn_varlen_qkvpacked_func(torch.stack((q, k, v), 1), cu, longest, *options),
        flash_attn_varlen_kvpacked_func(q, torch.stack((k, v), 1), cu, cu, longest, longest, *options),
    ):
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_the_names_of_flash_attn_1_with_its_order():
    q, k, v = packed(SAME)
    cu, longest = ends(SAME[0]), max(SAME[0])
    wanted = attend(q, k, v, SAME, softmax_scale=0.3, causal=True, return_attn_probs=True)
    options = (0.0, 0.3, True, True, False)
    for got in (
        flash_attn_unpadded_func(q, k, v, cu, cu.clone(), longest, longest, *options),
        flash_attn_unpadded_qkvpacked_func(torch.stack((q, k, v), 1), cu, longest, *options),
        flash_attn_unpadded_kvpacked_func(q, torch.stack((k, v), 1), cu, cu, longest, longest, *options),
    ):
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
    dropout_p = inspect.signature(flash_attn_unpadded_func).parameters["dropout_p"]
    assert dropout_p.default is inspect.Parameter.empty


def test_the_causal_mask_of_flash_attn_1_is_refused_where_it_lies_elsewhere():
    q, k, v = packed(RAGGED)
    lengths = (ends(RAGGED[0]), ends(RAGGED[1]), 9, 9)
    with pytest.raises(NotImplementedError, match="flash-attn 1 aligned the mask at the top left"):
        flash_attn_unpadded_func(q, k, v, *lengths, 0.0, causal=True)
    assert torch.equal(flash_attn_unpadded_func(q, k, v, *lengths, 0.0), attend(q, k, v, RAGGED))


def test_all_names_the_public_functions():
    public = {name for name, x in vars(varlen).items() if inspect.isfunction(x) and x.__module__ == varlen.__name__}
    assert set(varlen.__all__) == {name for name in public if not name.startswith("_")}


# ---------------------------------------------------------------- refused by name


@pytest.mark.parametrize(
    ("cu", "sentence"),
    [
        (torch.tensor([0, 3, 2, 22]), "cu_seqlens_q must begin with 0, not decrease, and end at 22 tokens or before"),
        (torch.tensor([1, 3, 22]), "cu_seqlens_q must begin with 0"),
        (torch.tensor([0, 3, 23]), "cu_seqlens_q must begin with 0, not decrease, .* but goes from 0 to 23"),
        (
            torch.tensor([0.0, 3.0, 22.0]),
            r"cu_seqlens_q must be \[batch \+ 1\] integers, but is \(3,\) of torch.float32",
        ),
        (torch.tensor([[0, 22]]), r"cu_seqlens_q must be \[batch \+ 1\] integers, but is \(1, 2\) of torch.int64"),
        (torch.tensor([], dtype=torch.int32), r"cu_seqlens_q must be \[batch \+ 1\] integers"),
        (torch.tensor([0, 22]), "cu_seqlens_q has a sequence of 22 tokens, but its max_seqlen is 8"),
        (torch.tensor([0, 3, 4, 12]), "cu_seqlens_q and cu_seqlens_k have 3 and 5 sequences"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(cu, sentence):
    q, k, v = packed(SAME)
    with pytest.raises(ValueError, match=sentence):
        flash_attn_varlen_func(q, k, v, cu, ends(SAME[1]), 8, 8)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda q, k, v: (q[None], k, v), r"three dimensions, \[tokens, heads, dim\]"),
        (lambda q, k, v: (q, k[:, :3], v[:, :3]), "heads of q must be a multiple"),
        (lambda q, k, v: (q, k, v[:, :2]), "k and v must have the same shape"),
        (lambda q, k, v: (q, k[..., :4], v[..., :4]), "same head dim"),
        (lambda q, k, v: (q, k.half(), v.half()), "one floating dtype"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, sentence):
    q, k, v = change(*packed(EQUAL))
    with pytest.raises(ValueError, match=sentence):
        flash_attn_varlen_func(q, k, v, torch.zeros(4).int(), torch.zeros(4).int(), 6, 6)


def test_slopes_are_counted_by_sequences():
    q, k, v = packed(SAME)
    attend(q, k, v, SAME, alibi_slopes=torch.ones(5, 4))
    with pytest.raises(ValueError, match="alibi_slopes must be"):
        attend(q, k, v, SAME, alibi_slopes=torch.ones(22, 4))


def test_a_paged_cache_is_refused():
    with pytest.raises(NotImplementedError, match="block_table"):
        attend(*packed(SAME), SAME, block_table=torch.zeros(5, 1).int())


@pytest.mark.parametrize("shape", [(22, 2, 4, 8), (1, 22, 3, 4, 8), (22, 3, 32)], ids=str)
def test_a_packed_tensor_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"qkv must be \[tokens, 3, heads, dim\]"):
        flash_attn_varlen_qkvpacked_func(torch.randn(shape), ends(SAME[0]), 8)


# ---------------------------------------------------------------- the kernel of torch for packed sequences


def stand_in_kernel(seen):
    def varlen_attn(q, k, v, cu_q, cu_k, max_q, max_k, *, scale, window_size, enable_gqa):
        """torch's own runs on CUDA alone."""
        assert (cu_q.dtype, cu_k.dtype) == (torch.int32, torch.int32)
        assert (int(cu_q[-1]), int(cu_k[-1])) == (len(q), len(k))
        assert (max_q, max_k) == (max(cu_q.diff()), max(cu_k.diff()))
        seen.append((window_size, enable_gqa))
        lengths = (cu_q.diff().tolist(), cu_k.diff().tolist())
        options = (0.0, scale, False, window_size, 0.0)
        return varlen._by_batches(q, k, v, *lengths, options, None, False)[0]

    return varlen_attn


@pytest.mark.parametrize(
    ("options", "window"),
    [
        ({}, (-1, -1)),
        ({"causal": True}, (-1, 0)),
        ({"window_size": (2, 1)}, (2, 1)),
        ({"window_size": (20, -5)}, (-1, -1)),
        ({"window_size": (20, 3), "causal": True}, (-1, 0)),
        ({"window_size": (2, -1), "softmax_scale": 0.3}, (2, -1)),
    ],
)
def test_what_the_kernel_is_given(monkeypatch, options, window):
    seen = []
    q, k, v = packed(RAGGED, heads_k=2, tail=(2, 1), dtype=torch.bfloat16)
    wanted = attend(q, k, v, RAGGED, **options)
    monkeypatch.setattr(varlen.cuda, "takes_packed", lambda *_: True)
    monkeypatch.setattr(varlen.cuda, "varlen_attn", stand_in_kernel(seen))
    out = attend(q, k, v, RAGGED, **options)
    assert seen == [(window, True)]
    assert out.is_contiguous()
    assert torch.equal(out, wanted)


@pytest.mark.parametrize(
    "options",
    [{"softcap": 1.0}, {"dropout_p": 0.1}, {"alibi_slopes": torch.ones(4)}, {"return_attn_probs": True}],
    ids=str,
)
def test_what_the_kernel_cannot_do_is_not_given_to_it(monkeypatch, options):
    monkeypatch.setattr(varlen.cuda, "takes_packed", lambda *_: True)
    monkeypatch.setattr(varlen.cuda, "varlen_attn", None)
    attend(*packed(SAME), SAME, **options)


def test_the_kernel_is_for_cuda():
    assert not varlen.cuda.takes_packed(torch.zeros(4, 2, 8, dtype=torch.float16), [1, 3], [1, 3])
