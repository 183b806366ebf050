"""flash_attn_torch is attention as flash-attn defines it; the definition and the criterion are in attention.py."""

import ast
import importlib.util
import inspect
import itertools
import random
import shutil
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import flash_attn_torch as shim  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from flash_attn_torch import (  # noqa: E402
    flash_attn_func,
    flash_attn_kvpacked_func,
    flash_attn_qkvpacked_func,
)

from tests.shims.attention import (  # noqa: E402
    FLOAT_DTYPES,
    assert_attention,
    attention64,
    dtype_name,
    hide_newer_apis,
    judge,
    plain,
    qkv,
    with_gradients,
)

pytestmark = pytest.mark.train

PATH = Path(shim.__file__)


# ---------------------------------------------------------------- equal to the definition


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_equals_the_definition_in_every_dtype(dtype, causal):
    q, k, v = qkv(33, 33, heads=2, heads_k=2, dim=16, dtype=dtype)
    assert_attention(lambda *x: flash_attn_func(*x, causal=causal), q, k, v, causal=causal)


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("heads_k", [1, 2, 4], ids=["MQA", "GQA", "MHA"])
@pytest.mark.parametrize("seqlens", [(7, 7), (3, 9), (9, 3), (1, 9), (9, 1), (1, 1)], ids=str)
def test_equals_the_definition_for_every_pair_of_lengths_and_heads(seqlens, heads_k, causal):
    q, k, v = qkv(*seqlens, heads_k=heads_k)
    assert_attention(lambda *x: flash_attn_func(*x, causal=causal), q, k, v, causal=causal)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=dtype_name)
@pytest.mark.parametrize("seqlens", [(3, 9), (9, 3)], ids=str)
def test_grouped_heads_with_a_mask_in_16_bits(seqlens, dtype):
    q, k, v = qkv(*seqlens, heads_k=2, dtype=dtype)
    assert_attention(lambda *x: flash_attn_func(*x, causal=True), q, k, v, causal=True)


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("seqlens", [(7, 7), (3, 9), (9, 3)], ids=str)
@pytest.mark.parametrize(
    "window", [(2, 1), (0, 0), (2, -1), (-1, 1), (-1, 0), (0, 3), (1, 5), (5, 1), (7, 2), (100, 100)], ids=str
)
def test_window(window, seqlens, causal):
    q, k, v = qkv(*seqlens, heads_k=2)
    assert_attention(
        lambda *x: flash_attn_func(*x, causal=causal, window_size=window),
        q,
        k,
        v,
        causal=causal,
        window=window,
    )


@pytest.mark.parametrize("form", [list, tuple, torch.tensor], ids=["list", "tuple", "tensor"])
def test_a_window_may_be_a_list_a_tuple_or_a_tensor(form):
    q, k, v = qkv()
    assert torch.equal(flash_attn_func(q, k, v, window_size=form([2, 1])), flash_attn_func(q, k, v, window_size=(2, 1)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=dtype_name)
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_softcap_comes_after_the_scale(causal, dtype):
    q, k, v = qkv(5, 8, heads_k=2, dtype=dtype)
    assert_attention(
        lambda *x: flash_attn_func(*x, causal=causal, softcap=0.7, softmax_scale=0.9),
        *(q, k, v),
        causal=causal,
        softcap=0.7,
        scale=0.9,
    )


@pytest.mark.parametrize("shape", [(4,), (2, 4)], ids=["per head", "per batch and head"])
@pytest.mark.parametrize("seqlens", [(7, 7), (3, 9), (9, 3)], ids=str)
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_alibi(causal, seqlens, shape):
    q, k, v = qkv(*seqlens, heads_k=2)
    slopes = torch.rand(shape)
    assert_attention(
        lambda *x: flash_attn_func(*x, causal=causal, alibi_slopes=slopes),
        q,
        k,
        v,
        causal=causal,
        slopes=slopes,
    )


def test_softcap_alibi_and_window_together_in_the_order_of_flash_attn():
    q, k, v = qkv(6, 9, heads_k=2)
    slopes = torch.rand(4)
    assert_attention(
        lambda *x: flash_attn_func(*x, window_size=(3, 1), softcap=1.5, alibi_slopes=slopes),
        *(q, k, v),
        window=(3, 1),
        softcap=1.5,
        slopes=slopes,
    )


@pytest.mark.parametrize("scale", [0.0, 0.05, 1.0, 3.0])
def test_softmax_scale(scale):
    q, k, v = qkv(5, 8)
    assert_attention(lambda *x: flash_attn_func(*x, softmax_scale=scale), q, k, v, scale=scale)


@pytest.mark.parametrize("dim", [1, 5, 40, 264])
def test_any_head_dim_and_the_default_scale_is_of_its_unpadded_size(dim):
    q, k, v = qkv(5, 5, heads=2, heads_k=2, dim=dim)
    assert_attention(flash_attn_func, q, k, v)


# ---------------------------------------------------------------- the grid

GRID = list(
    itertools.product(
        [(1, 1), (1, 7), (7, 1), (5, 5), (33, 33), (17, 40), (40, 17), (64, 64), (3, 129)],
        [(1, 1), (4, 4), (4, 2), (6, 1)],
        [5, 8, 64],
        [{}, {"causal": True}, {"window": (3, 2)}, {"window": (0, 5)}, {"causal": True, "window": (4, -1)}],
        [0.0, 1.5],
        [None, "heads", "batch"],
        FLOAT_DTYPES,
        [None, 0.3],
        ["apart", "kv", "qkv"],
    )
)
random.Random(0).shuffle(GRID)  # noqa: S311


def hold_to_the_grid(seqlens, heads, dim, masking, softcap, alibi, dtype, scale, packing):
    q, k, v = qkv(*seqlens, heads=heads[0], heads_k=heads[1], dim=dim, dtype=dtype)
    slopes = {None: None, "heads": torch.rand(heads[0]), "batch": torch.rand(2, heads[0])}[alibi]
    how = {"softcap": softcap, "slopes": slopes, "scale": scale, **masking}
    options = {"softcap": softcap, "alibi_slopes": slopes, "softmax_scale": scale, "causal": "causal" in masking}
    options["window_size"] = masking.get("window", (-1, -1))
    function = {
        "apart": lambda *x: flash_attn_func(*x, **options),
        "kv": lambda q, k, v: flash_attn_kvpacked_func(q, torch.stack((k, v), 2), **options),
        "qkv": lambda *x: flash_attn_qkvpacked_func(torch.stack(x, 2), **options),
    }["kv" if packing == "qkv" and q.shape != k.shape else packing]
    upstream = torch.randn(q.shape).to(dtype)
    # Whole matrices are quicker than query by query; that they say the same is tested below.
    wanted = with_gradients(lambda *x: plain(*x, **how), [x.double() for x in (q, k, v)], upstream)
    usual = with_gradients(lambda *x: plain(*x, **how), (q, k, v), upstream)
    judge(with_gradients(function, (q, k, v), upstream), wanted, usual, dtype)


def hold_all(cases):
    for case in cases:
        try:
            hold_to_the_grid(*case)
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error


@pytest.mark.parametrize("part", range(4))
def test_a_sample_of_the_grid(part):
    hold_all(GRID[part * 50 : (part + 1) * 50])


@pytest.mark.full
@pytest.mark.parametrize("part", range(60))
def test_the_grid(part):
    hold_all(GRID[part::60][:200])


@pytest.mark.parametrize("part", range(2))
@pytest.mark.usefixtures("torch_2_0")
def test_a_sample_of_the_grid_without_the_newer_apis(part):
    hold_all(GRID[500 + part * 50 : 500 + (part + 1) * 50])


@pytest.mark.full
@pytest.mark.parametrize("part", range(20))
@pytest.mark.usefixtures("torch_2_0")
def test_the_grid_without_the_newer_apis(part):
    hold_all(GRID[part::20][:200])


@pytest.mark.parametrize("seqlens", [(3, 9), (9, 3)], ids=str)
def test_the_reference_of_the_grid_is_the_definition(seqlens):
    q, k, v = qkv(*seqlens, heads_k=2, dtype=torch.float64)
    how = {"window": (3, 1), "softcap": 1.5, "slopes": torch.rand(2, 4).double(), "scale": 0.4}
    assert torch.allclose(plain(q, k, v, **how), attention64(q, k, v, **how)[0], atol=1e-12)


# ---------------------------------------------------------------- nothing to see


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=dtype_name)
@pytest.mark.parametrize(
    "how",
    [
        {"causal": True},
        {"window_size": (1, 2)},
        {"causal": True, "softcap": 1.0},
        {"causal": True, "return_attn_probs": True},
        {"causal": True, "dropout_p": 0.5},
    ],
    ids=str,
)
def test_a_query_without_a_visible_key_gives_zero_and_no_gradient(how, dtype):
    q, k, v = qkv(8, 3, dtype=dtype)
    out, dq, dk, dv = with_gradients(lambda *x: flash_attn_func(*x, **how), (q, k, v), torch.ones_like(q))
    blind = 3 if "window_size" in how else 5
    assert (out[:, :blind] == 0).all()
    assert (dq[:, :blind] == 0).all()
    assert all(x.isfinite().all() for x in (out, dq, dk, dv))
    if "dropout_p" not in how:
        assert (out[:, blind:] != 0).any(-1).all()


@pytest.mark.parametrize("how", [{}, {"causal": True}, {"softcap": 1.0}, {"window_size": (1, 1)}], ids=str)
def test_no_keys_at_all_give_zero_and_zero_gradients(monkeypatch, how):
    monkeypatch.setattr(F, "scaled_dot_product_attention", None)  # not every backend takes an empty sequence
    q, k, v = qkv(5, 0, heads_k=2)
    out, dq, dk, dv = with_gradients(lambda *x: flash_attn_func(*x, **how), (q, k, v), torch.ones_like(q))
    assert torch.equal(out, torch.zeros_like(q))
    assert torch.equal(dq, torch.zeros_like(q))
    assert dk.shape == dv.shape == k.shape


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("shape", [{"batch": 0}, {"seqlen_q": 0}], ids=str)
def test_an_empty_batch_or_no_queries_give_an_empty_output(shape, causal):
    q, k, v = qkv(**shape)
    assert flash_attn_func(q, k, v, causal=causal).shape == q.shape


# ---------------------------------------------------------------- layout and dtype


def test_inputs_need_not_be_contiguous():
    q, k, v = (torch.randn(2, 8, 4, 7).permute(0, 3, 2, 1) for _ in range(3))  # stride(-1) is 28
    assert_attention(lambda q, k, v: flash_attn_func(q, k, v, causal=True), q, k, v, causal=True)


def test_the_fused_kernels_are_given_a_last_dimension_of_stride_one(monkeypatch):
    strides = []
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *x, **_: strides.extend(y.stride(-1) for y in x[:3]) or x[0]
    )
    q, k, v = (torch.randn(2, 8, 4, 7).permute(0, 3, 2, 1) for _ in range(3))
    flash_attn_func(q, k, v)
    assert strides == [1, 1, 1]


def test_slices_of_one_projection_as_hrm_makes_them():
    projected = torch.randn(2, 7, 4 + 2 * 2, 8)
    q, k, v = projected[:, :, :4], projected[:, :, 4:6], projected[:, :, 6:]
    assert torch.equal(flash_attn_func(q=q, k=k, v=v), flash_attn_func(*(x.contiguous() for x in (q, k, v))))


HOWS = [
    {},
    {"causal": True},
    {"window_size": (1, 1)},
    {"dropout_p": 0.3},
    {"causal": True, "dropout_p": 0.3},
    {"softcap": 1.0},
]


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("seqlens", [(7, 7), (3, 9), (9, 3), (5, 0)], ids=str)
def test_the_output_is_contiguous_and_can_be_viewed(seqlens, how):
    q, k, v = qkv(*seqlens, heads_k=2)
    out = flash_attn_func(q, k, v, **how)
    assert out.is_contiguous()
    assert out.view(2, seqlens[0], 4 * 8).shape == (2, seqlens[0], 32)


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_autocast_changes_neither_the_dtype_nor_the_numbers(dtype, how):
    q, k, v = qkv(5, 8, heads_k=2, dtype=dtype)
    torch.manual_seed(1)
    outside = flash_attn_func(q, k, v, **how)
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = flash_attn_func(q, k, v, **how)
    assert inside.dtype == dtype
    assert torch.equal(inside, outside)


def test_inference_first_does_not_spoil_training_afterwards():
    q, k, v = qkv(3, 9)
    with torch.inference_mode():
        flash_attn_func(q, k, v, causal=True)
    assert_attention(lambda *x: flash_attn_func(*x, causal=True), q, k, v, causal=True)


# ---------------------------------------------------------------- the criterion can fail


def swapped(q, k, v):
    return [x.transpose(1, 2) for x in (q, k, v)]


def no_transpose(q, k, v, causal):
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def no_transpose_back(q, k, v, causal):
    return F.scaled_dot_product_attention(*swapped(q, k, v), is_causal=causal).reshape(q.shape)


def scale_of_one(q, k, v, causal):
    return flash_attn_func(q, k, v, softmax_scale=1.0, causal=causal)


def not_causal(q, k, v, causal):
    return flash_attn_func(q, k, v, causal=False)


def right(q, k, v, causal):
    return F.scaled_dot_product_attention(*swapped(q, k, v), is_causal=causal).transpose(1, 2)


def top_left(q, k, v):
    mask = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(*swapped(q, k, v), attn_mask=mask).transpose(1, 2)


def heads_by_repeat(q, k, v):
    k, v = (x.repeat(1, 1, q.shape[2] // x.shape[2], 1) for x in (k, v))
    return right(q, k, v, causal=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=dtype_name)
@pytest.mark.parametrize("wrong", [no_transpose, no_transpose_back, scale_of_one, not_causal])
def test_wrong_attention_fails_the_criterion(wrong, dtype):
    q, k, v = qkv(dtype=dtype)
    assert_attention(lambda *x: right(*x, causal=True), q, k, v, causal=True)
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_attention(lambda *x: wrong(*x, causal=True), q, k, v, causal=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=dtype_name)
def test_a_mask_aligned_at_the_top_left_fails_the_criterion(dtype):
    q, k, v = qkv(3, 9, dtype=dtype)
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_attention(top_left, q, k, v, causal=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=dtype_name)
def test_heads_paired_by_repeat_fail_the_criterion(dtype):
    q, k, v = qkv(heads_k=2, dtype=dtype)
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_attention(heads_by_repeat, q, k, v)


# ---------------------------------------------------------------- dropout, and the other results


@pytest.mark.parametrize("how", [{}, {"causal": True}, {"softcap": 2.0}], ids=str)
def test_dropout_keeps_the_mean_and_scales_what_it_keeps(how):
    q, k, _ = qkv(6, 6, heads_k=2)
    v = torch.ones_like(k)  # so that an output is the sum of its weights
    q, k, v = (x.repeat(200, 1, 1, 1) for x in (q, k, v))
    out = flash_attn_func(q, k, v, dropout_p=0.4, **how)
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    assert out.std() > 0.1
    if "causal" in how:  # the first query has one weight: dropped, or divided by what remains
        assert torch.allclose(out[:, 0].unique(), torch.tensor([0.0, 1 / 0.6]))


def test_dropout_of_zero_draws_no_random_numbers():
    q, k, v = qkv()
    before = torch.get_rng_state()
    flash_attn_func(q, k, v, dropout_p=0.0, softcap=1.0)
    flash_attn_func(q, k, v, dropout_p=0.0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("seqlens", [(7, 7), (3, 9), (9, 3), (4, 0)], ids=str)
def test_return_attn_probs_is_a_tuple_with_the_lse(seqlens):
    q, k, v = qkv(*seqlens, heads_k=2, dtype=torch.bfloat16)
    out, lse, dropped = flash_attn_func(q, k, v, causal=True, return_attn_probs=True)
    wanted = attention64(q, k, v, causal=True)[1]
    assert out.shape == q.shape
    assert dropped.shape == (0,)
    assert lse.dtype == torch.float32
    assert lse.shape == (2, 4, seqlens[0])
    assert torch.allclose(lse.double(), wanted, atol=1e-5)


@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "definition"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("seqlens", [(7, 7), (3, 9), (9, 3), (1, 1)], ids=str)
@pytest.mark.parametrize(
    "how",
    [{}, {"causal": True}, {"window": (2, 1)}, {"window": (0, 0)}, {"slopes": torch.tensor([0.5, 0.2, 0.1, 1.0])}],
    ids=["full", "causal", "window", "diagonal", "alibi"],
)
def test_the_output_beside_the_lse_is_the_same_attention(how, seqlens, dtype, kernel, monkeypatch):
    if not kernel:
        monkeypatch.setattr(shim, "_LSE_KERNEL", None)
    q, k, v = qkv(*seqlens, heads_k=2, dtype=dtype)
    known = {"window": "window_size", "slopes": "alibi_slopes"}
    options = {known.get(name, name): value for name, value in how.items()}
    assert_attention(lambda *x: flash_attn_func(*x, **options, return_attn_probs=True)[0], q, k, v, **how)
    lse = flash_attn_func(q, k, v, **options, return_attn_probs=True)[1]
    assert torch.allclose(lse.double(), attention64(q.double(), k.double(), v.double(), **how)[1], atol=1e-5)


def test_the_lse_has_no_gradient_and_neither_have_the_slopes():
    q, k, v = (x.requires_grad_() for x in qkv())
    slopes = torch.rand(4, requires_grad=True)
    out, lse, _ = flash_attn_func(q, k, v, alibi_slopes=slopes, return_attn_probs=True)
    assert not lse.requires_grad
    out.sum().backward()
    assert slopes.grad is None


def test_deterministic_changes_nothing():
    q, k, v = qkv()
    assert torch.equal(flash_attn_func(q, k, v, deterministic=True), flash_attn_func(q, k, v))


@pytest.mark.parametrize("how", [{}, {"causal": True, "softmax_scale": 0.2}], ids=str)
def test_packed_functions_are_the_same_attention(how):
    q, k, v = qkv()
    wanted = flash_attn_func(q, k, v, **how)
    assert torch.equal(flash_attn_qkvpacked_func(torch.stack((q, k, v), dim=2), **how), wanted)
    assert torch.equal(flash_attn_kvpacked_func(q, torch.stack((k, v), dim=2), **how), wanted)


# ---------------------------------------------------------------- refused by name


@pytest.mark.parametrize(
    ("q", "k", "v", "sentence"),
    [
        ((2, 5, 4, 8), (2, 5, 3, 8), (2, 5, 3, 8), "heads of q must be a multiple"),
        ((2, 5, 2, 8), (2, 5, 4, 8), (2, 5, 4, 8), "heads of q must be a multiple"),
        ((2, 5, 4, 8), (2, 5, 0, 8), (2, 5, 0, 8), "heads of q must be a multiple"),
        ((2, 5, 4, 8), (1, 5, 4, 8), (1, 5, 4, 8), "same batch size"),
        ((2, 5, 4, 8), (2, 5, 4, 4), (2, 5, 4, 4), "same head dim"),
        ((2, 5, 4, 8), (2, 5, 4, 8), (2, 5, 4, 4), "k and v must have the same shape"),
        ((2, 5, 4, 8), (2, 5, 4, 8), (2, 6, 4, 8), "k and v must have the same shape"),
        ((2, 5, 4, 8), (2, 5, 4, 8), (2, 5, 1, 8), "k and v must have the same shape"),
        ((5, 4, 8), (5, 4, 8), (5, 4, 8), "four dimensions"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_and_told(q, k, v, sentence):
    with pytest.raises(ValueError, match=sentence) as refused:
        flash_attn_func(torch.randn(q), torch.randn(k), torch.randn(v))
    assert str(q) in str(refused.value)
    assert str(k) in str(refused.value)


def test_mixed_dtypes_are_refused():
    q, k, v = qkv()
    with pytest.raises(ValueError, match=r"one floating dtype, but have torch\.float32, torch\.bfloat16"):
        flash_attn_func(q, k.bfloat16(), v.bfloat16())


def test_integers_are_refused():
    x = torch.ones(1, 2, 2, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="one floating dtype"):
        flash_attn_func(x, x, x)


def test_two_devices_are_refused():
    q, k, v = qkv()
    with pytest.raises(ValueError, match="one device, but are on cpu, meta and meta"):
        flash_attn_func(q, k.to("meta"), v.to("meta"))


@pytest.mark.parametrize("dropout_p", [-0.1, 1.0, 2.0])
def test_a_dropout_that_is_no_probability_is_refused(dropout_p):
    with pytest.raises(ValueError, match=f"dropout_p .* is {dropout_p}"):
        flash_attn_func(*qkv(), dropout_p=dropout_p)


@pytest.mark.parametrize("shape", [(1,), (3,), (1, 4), (4, 2), ()], ids=str)
def test_slopes_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="alibi_slopes must be"):
        flash_attn_func(*qkv(), alibi_slopes=torch.ones(shape))


def test_the_random_mask_of_dropout_is_refused():
    with pytest.raises(NotImplementedError, match="return_attn_probs with dropout_p > 0"):
        flash_attn_func(*qkv(), dropout_p=0.1, return_attn_probs=True)


@pytest.mark.parametrize("shape", [(2, 5, 2, 4, 8), (2, 5, 4, 8), (2, 3, 5, 4, 8)], ids=str)
def test_a_packed_tensor_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"qkv must be \[batch, seqlen, 3, heads, dim\]"):
        flash_attn_qkvpacked_func(torch.randn(shape))


def test_what_the_shim_lacks_is_an_import_error_that_names_it():
    with pytest.raises(ImportError, match="flash_attn_nothing"):
        from flash_attn_torch import flash_attn_nothing  # noqa: F401
    with pytest.raises(AttributeError, match="flash_attn_torch has no flash_attn_nothing"):
        shim.flash_attn_nothing  # noqa: B018


@pytest.mark.parametrize("module", ["flash_attn_torch", "flash_attn_torch.flash_attn_interface"])
@pytest.mark.parametrize("name", [*shim.__all__, *itertools.chain(*shim._ELSEWHERE.values())])
def test_both_modules_have_every_function(module, name):
    function = getattr(importlib.import_module(module), name)
    assert inspect.isfunction(function)
    assert function.__name__ == name
    assert getattr(importlib.import_module("flash_attn_torch"), name) is function


def test_a_copy_without_the_other_files_has_the_dense_functions(tmp_path, monkeypatch):
    (tmp_path / "alone_torch").mkdir()
    shutil.copy(PATH, tmp_path / "alone_torch")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("alone_torch")
    assert module.flash_attn_func(*qkv()).shape == (2, 7, 4, 8)
    with pytest.raises(ImportError, match=r"No module named 'alone_torch\.varlen'"):
        module.flash_attn_varlen_func  # noqa: B018
    assert len(PATH.read_text(encoding="utf-8").splitlines()) <= 300


# ---------------------------------------------------------------- the interface, as flash-attn 2.8 has it

OPTIONS = [
    ("dropout_p", 0.0),
    ("softmax_scale", None),
    ("causal", False),
    ("window_size", (-1, -1)),
    ("softcap", 0.0),
    ("alibi_slopes", None),
    ("deterministic", False),
    ("return_attn_probs", False),
]


def test_positional_order_names_and_defaults():
    parameters = inspect.signature(flash_attn_func).parameters.values()
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    assert [p.name for p in parameters][:3] == ["q", "k", "v"]
    assert [(p.name, p.default) for p in parameters][3:] == OPTIONS


def test_packed_functions_take_the_same_options_in_the_same_order():
    q, k, v = qkv()
    options = (0.0, 0.3, True, (2, 0), 1.5, torch.rand(4), True, True)
    wanted = flash_attn_func(q, k, v, **dict(zip([name for name, _ in OPTIONS], options, strict=True)))
    kv = torch.stack((k, v), dim=2)
    for got in (
        flash_attn_qkvpacked_func(torch.stack((q, k, v), dim=2), *options),
        flash_attn_kvpacked_func(q, kv, *options),
        flash_attn_kvpacked_func(q=q, kv=kv, **dict(zip([name for name, _ in OPTIONS], options, strict=True))),
    ):
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_an_option_that_flash_attn_does_not_have_is_a_type_error():
    q, k, v = qkv()
    with pytest.raises(TypeError, match="attention_mask"):
        flash_attn_kvpacked_func(q, torch.stack((k, v), dim=2), attention_mask=None)


def test_all_names_the_public_functions():
    public = {name for name, x in vars(shim).items() if inspect.isfunction(x) and x.__module__ == shim.__name__}
    assert set(shim.__all__) == {name for name in public if not name.startswith("_")}


# ---------------------------------------------------------------- an older torch


@pytest.fixture
def torch_2_0(monkeypatch):
    hide_newer_apis(monkeypatch, shim)


@pytest.mark.parametrize("scale", [None, 0.9])
@pytest.mark.parametrize("how", [{}, {"causal": True}, {"window": (2, 0)}, {"softcap": 1.0}], ids=str)
@pytest.mark.parametrize("seqlens", [(7, 7), (3, 9), (9, 3)], ids=str)
@pytest.mark.usefixtures("torch_2_0")
def test_equals_the_definition_without_the_newer_apis(seqlens, how, scale):
    q, k, v = qkv(*seqlens, heads_k=2)
    options = {"window_size" if name == "window" else name: value for name, value in how.items()}
    assert_attention(lambda *x: flash_attn_func(*x, softmax_scale=scale, **options), q, k, v, scale=scale, **how)


@pytest.mark.usefixtures("torch_2_0")
def test_autocast_without_the_newer_apis():
    q, k, v = qkv()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_attention(flash_attn_func, q, k, v)


@pytest.mark.parametrize("grouped", [False, True], ids=["repeated heads", "grouped kernel"])
def test_both_ways_to_share_key_heads_are_equal(monkeypatch, grouped):
    if grouped and "enable_gqa" not in shim._SDPA_TAKES:
        pytest.skip("this torch has no enable_gqa")
    monkeypatch.setattr(shim, "_has_grouped_kernel", lambda q, mask: grouped)
    q, k, v = qkv(3, 9, heads_k=2)
    assert_attention(lambda *x: flash_attn_func(*x, causal=True), q, k, v, causal=True)


@pytest.mark.skipif(shim.causal_lower_right is None, reason="this torch has no causal_lower_right")
@pytest.mark.parametrize("heads_k", [2, 4])
def test_the_lower_right_bias_is_the_same_mask(monkeypatch, heads_k):
    monkeypatch.setattr(shim, "_has_lower_right_kernel", lambda q: True)
    monkeypatch.setattr(shim, "_mask", None)  # it must not be needed
    q, k, v = qkv(3, 9, heads_k=heads_k)
    assert_attention(lambda *x: flash_attn_func(*x, causal=True), q, k, v, causal=True)


# ---------------------------------------------------------------- torch.compile


def compiled(backend, **how):
    torch.compiler.reset()
    return torch.compile(lambda *x: flash_attn_func(*x, **how), backend=backend, fullgraph=True)


@pytest.mark.parametrize("autocast", [False, True], ids=["", "autocast"])
@pytest.mark.parametrize("how", [{}, {"causal": True}, {"window_size": (2, 1)}, {"softcap": 2.0}], ids=str)
def test_traces_as_one_graph(how, autocast):
    q, k, v = qkv(3, 9, heads_k=2)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        out = compiled("aot_eager", **how)(q, k, v)
    assert torch.allclose(out, flash_attn_func(q, k, v, **how), atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_compiles_forward_and_backward(causal):
    q, k, v = qkv(heads_k=2)
    assert_attention(compiled("inductor", causal=causal), q, k, v, causal=causal)


# ---------------------------------------------------------------- a file for somebody else's tree


def test_python_3_8_can_parse_it():
    ast.parse(PATH.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_it_imports_torch_and_the_standard_library_only():
    tree = ast.parse(PATH.read_text(encoding="utf-8"))
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} - {"torch"} <= sys.stdlib_module_names


def test_a_copy_under_another_name_works(tmp_path, monkeypatch):
    copy = tmp_path / "models" / "flash_attn_torch"
    shutil.copytree(PATH.parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("models.flash_attn_torch")
    q, k, v = qkv()
    assert torch.equal(module.flash_attn_func(q, k, v), flash_attn_func(q, k, v))
