"""flash_attn_torch.flash_attn_interface_torch: the same attention with the arguments of FlashAttention 3."""

import inspect

import pytest

torch = pytest.importorskip("torch")

import flash_attn_torch as fa2  # noqa: E402
from flash_attn_torch import flash_attn_interface_torch as fa3  # noqa: E402

from tests.shims.attention import assert_attention, ends, qkv  # noqa: E402

pytestmark = pytest.mark.train

SCALING = ["softmax_scale", "causal", "qv", "q_descale", "k_descale", "v_descale"]
TUNING = ["window_size", "attention_chunk", "softcap", "num_splits", "pack_gqa", "deterministic", "sm_margin"]


def packed(lengths):
    return [torch.randn(sum(lengths), 4, 8) for _ in range(3)]


def test_the_scale_is_fourth_and_causal_fifth():
    assert [*inspect.signature(fa3.flash_attn_func).parameters][3:-1] == SCALING + TUNING
    assert [*inspect.signature(fa3.flash_attn_varlen_func).parameters][9:-1] == SCALING + TUNING
    q, k, v = qkv(5, 8, heads_k=2)
    assert_attention(lambda *x: fa3.flash_attn_func(*x, 0.3, True), q, k, v, scale=0.3, causal=True)


def test_the_options():
    q, k, v = qkv(5, 8, heads_k=2)
    assert_attention(
        lambda *x: fa3.flash_attn_func(*x, window_size=(3, 1), softcap=1.5, num_splits=2, pack_gqa=True, sm_margin=3),
        *(q, k, v),
        window=(3, 1),
        softcap=1.5,
    )


def test_the_output_comes_alone_unless_the_lse_is_asked_for():
    q, k, v = qkv()
    wanted = fa2.flash_attn_func(q, k, v, causal=True, return_attn_probs=True)
    assert torch.allclose(fa3.flash_attn_func(q, k, v, causal=True), wanted[0], atol=1e-6)
    out, lse = fa3.flash_attn_func(q, k, v, causal=True, return_attn_probs=True)
    assert torch.equal(out, wanted[0])
    assert torch.equal(lse, wanted[1])


def test_one_tensor_for_all_three():
    q, k, v = qkv()
    wanted = fa2.flash_attn_func(q, k, v, softmax_scale=0.3, causal=True)
    assert torch.equal(fa3.flash_attn_qkvpacked_func(torch.stack((q, k, v), 2), 0.3, True), wanted)
    q, k, v = qkv(heads_k=2)
    wanted = fa2.flash_attn_func(q, k, v)
    assert torch.equal(fa3.flash_attn_qkvpacked_func(torch.cat((q, k, v), 2), num_heads_q=4), wanted)
    for shape, heads in (((2, 7, 9, 8), 4), ((2, 7, 8, 8), None), ((2, 7, 2, 4, 8), None)):
        with pytest.raises(ValueError, match="flash_attn_torch: "):
            fa3.flash_attn_qkvpacked_func(torch.randn(shape), num_heads_q=heads)


def test_packed_sequences():
    lengths = [3, 0, 5]
    q, k, v = packed(lengths)
    cu = ends(lengths)
    wanted = fa2.flash_attn_varlen_func(q, k, v, cu, cu, 5, 5, softmax_scale=0.3, causal=True, return_attn_probs=True)
    assert torch.equal(
        fa3.flash_attn_varlen_func(q, k, v, cu, cu, 5, 5, None, None, 0.3, True, return_attn_probs=True)[1], wanted[1]
    )
    out = fa3.flash_attn_varlen_func(q, k, v, cu, cu, 5, 5, softmax_scale=0.3, causal=True)
    assert torch.allclose(out, wanted[0], atol=1e-6)


def test_the_cache():
    q, k, v = qkv(2, 2, heads_k=2)
    caches = [torch.randn(2, 9, 2, 8) for _ in range(2)]
    copies = [x.clone() for x in caches]
    options = {"cache_seqlens": 4, "causal": True, "softmax_scale": 0.3, "return_softmax_lse": True}
    wanted = fa2.flash_attn_with_kvcache(q, *copies, k, v, **options)
    got = fa3.flash_attn_with_kvcache(q, *caches, k, v, num_splits=3, scheduler_metadata=q, **options)
    assert all(torch.equal(a, b) for a, b in zip((*got, *caches), (*wanted, *copies), strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [("qv", 1), ("q_descale", 1), ("k_descale", 1), ("v_descale", 1), ("attention_chunk", 64)],
)
def test_what_is_not_supported_is_refused_by_name(name, value):
    q, k, v = qkv()
    lengths = (ends([7, 7]), ends([7, 7]), 7, 7)
    calls = [
        lambda: fa3.flash_attn_func(q, k, v, **{name: value}),
        lambda: fa3.flash_attn_varlen_func(*(x.flatten(0, 1) for x in (q, k, v)), *lengths, **{name: value}),
        lambda: fa3.flash_attn_with_kvcache(q, k, v, **{name: value}),
    ]
    if name != "qv":
        calls.append(lambda: fa3.flash_attn_qkvpacked_func(torch.stack((q, k, v), 2), **{name: value}))
    for call in calls:
        with pytest.raises(NotImplementedError, match=f"{name} is not supported"):
            call()


@pytest.mark.parametrize("name", ["page_table", "rotary_seqlens", "cu_seqlens_q", "cu_seqlens_k_new", "max_seqlen_q"])
def test_what_a_cache_does_not_support(name):
    with pytest.raises(NotImplementedError, match=f"{name} is not supported"):
        fa3.flash_attn_with_kvcache(*qkv(), **{name: 1})


@pytest.mark.parametrize("name", ["seqused_q", "seqused_k"])
def test_parts_of_sequences_are_refused(name):
    with pytest.raises(NotImplementedError, match=f"{name} is not supported"):
        fa3.flash_attn_varlen_func(*packed([3]), ends([3]), ends([3]), 3, 3, **{name: ends([3])})


def test_neither_dropout_nor_alibi_are_taken():
    for name in ("dropout_p", "alibi_slopes"):
        with pytest.raises(TypeError, match=name):
            fa3.flash_attn_func(*qkv(), **{name: 0.0})
