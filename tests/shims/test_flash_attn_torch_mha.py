"""modules.mha.MHA is its projections around attention, written out here in float64; generation is the same attention."""

import math
from dataclasses import dataclass, field

import pytest

torch = pytest.importorskip("torch")

from flash_attn_torch.layers.rotary import RotaryEmbedding  # noqa: E402
from flash_attn_torch.modules import mha  # noqa: E402
from flash_attn_torch.modules.mha import (  # noqa: E402
    MHA,
    CrossAttention,
    FlashCrossAttention,
    FlashSelfAttention,
    SelfAttention,
    get_alibi_slopes,
)

from tests.shims.parts import (  # noqa: E402
    FLOAT_DTYPES,
    assert_as_exact,
    assert_fit_for_other_trees,
    dtype_name,
    shapes,
    signature,
)

pytestmark = pytest.mark.train


def attention(q, k, v, causal=False, window=(-1, -1), slopes=None, keep=None, scale=None, bias=-math.inf):
    """[batch, seq, heads, dim], in the dtype of q. keep [batch, seqlen_k]: which keys there are."""
    group = q.shape[2] // k.shape[2]
    k, v = (torch.cat([x[:, :, h // group, None] for h in range(q.shape[2])], dim=2) for x in (k, v))
    scores = torch.einsum("bihd,bjhd->bhij", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    distance = torch.arange(k.shape[1]) - torch.arange(q.shape[1])[:, None] - (k.shape[1] - q.shape[1])
    if slopes is not None:
        scores = scores - (torch.tensor(slopes)[:, None, None] * distance.abs()).to(q.dtype)
    left, right = window[0], 0 if causal else window[1]
    hidden = ((distance < -left) & (left >= 0)) | ((distance > right) & (right >= 0))
    hidden = hidden if keep is None else hidden | ~keep[:, None, None]
    scores = scores + torch.zeros(()).to(q.dtype).masked_fill(hidden, bias)
    return torch.einsum("bhij,bjhd->bihd", torch.softmax(scores, -1), v)


def rotated(x, dim, interleaved=False):
    """x [batch, seqlen, heads, ...] turned by its position, in its own dtype."""
    angle = torch.arange(x.shape[1])[:, None, None] * 10000.0 ** (-torch.arange(0, dim, 2) / dim)
    cos, sin = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    a, b = (x[..., 0:dim:2], x[..., 1:dim:2]) if interleaved else (x[..., : dim // 2], x[..., dim // 2 : dim])
    a, b = a * cos - b * sin, a * sin + b * cos
    front = torch.stack((a, b), -1).flatten(-2) if interleaved else torch.cat((a, b), -1)
    return torch.cat((front, x[..., dim:]), -1)


def plain_mha(heads, heads_k=None, rotary=0, interleaved=False, **how):
    def plain(x, w_qkv, b_qkv, w_out, b_out):
        dim = x.shape[-1] // heads
        qkv = (x @ w_qkv.t() + b_qkv).unflatten(-1, (-1, dim))
        q, k, v = qkv.split((heads, heads_k or heads, heads_k or heads), dim=2)
        if rotary:
            q, k = rotated(q, rotary, interleaved), rotated(k, rotary, interleaved)
        return attention(q, k, v, **how).flatten(2) @ w_out.t() + b_out

    return plain


def run(module, *inputs_and_parameters, inputs=1, **named):
    given, parameters = inputs_and_parameters[:inputs], inputs_and_parameters[inputs:]
    names = [name for name, _ in module.named_parameters()]
    return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), given, named)


def parameters(module):
    return [x.detach() for x in module.parameters()]


CASES = {
    "full": ({}, {}),
    "causal": ({"causal": True}, {"causal": True}),
    "scale": ({"softmax_scale": 0.1}, {"scale": 0.1}),
    "GQA": ({"num_heads_kv": 2, "causal": True}, {"heads_k": 2, "causal": True}),
    "MQA": ({"num_heads_kv": 1}, {"heads_k": 1}),
    "rotary": ({"rotary_emb_dim": 8, "causal": True}, {"rotary": 8, "causal": True}),
    "half rotary": ({"rotary_emb_dim": 4}, {"rotary": 4}),
    "interleaved": ({"rotary_emb_dim": 8, "rotary_emb_interleaved": True}, {"rotary": 8, "interleaved": True}),
    "rotary GQA": ({"rotary_emb_dim": 4, "num_heads_kv": 2}, {"rotary": 4, "heads_k": 2}),
    "checkpointing": ({"checkpointing": True, "num_heads_kv": 2}, {"heads_k": 2}),
}
FLASH_CASES = {
    "window": ({"window_size": (2, 1)}, {"window": (2, 1)}),
    "causal window": ({"window_size": [3, -1], "causal": True}, {"window": (3, -1), "causal": True}),
    "alibi": ({"use_alibi": True, "causal": True}, {"slopes": [0.25, 0.0625, 0.015625, 0.00390625], "causal": True}),
}


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
@pytest.mark.parametrize("flash", [False, True], ids=["written out", "flash"])
@pytest.mark.parametrize("name", [*CASES, *FLASH_CASES])
def test_self_attention(name, flash, dtype):
    if name in FLASH_CASES and not flash:
        with pytest.raises(NotImplementedError, match=r"flash_attn_torch: MHA: .* needs use_flash_attn"):
            MHA(32, 4, **FLASH_CASES[name][0])
        return
    given, how = {**CASES, **FLASH_CASES}[name]
    module = MHA(32, 4, use_flash_attn=flash, dtype=dtype, **given)
    plain = plain_mha(4, **how)
    assert_as_exact(lambda *t: run(module, *t), plain, plain, torch.randn(2, 7, 32).to(dtype), *parameters(module))


@pytest.mark.parametrize("flash", [False, True], ids=["written out", "flash"])
@pytest.mark.parametrize("heads_k", [4, 2])
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_cross_attention(causal, heads_k, flash):
    module = MHA(32, 4, num_heads_kv=heads_k, cross_attn=True, causal=causal, use_flash_attn=flash)

    def plain(x, other, w_q, b_q, w_kv, b_kv, w_out, b_out):
        q = (x @ w_q.t() + b_q).unflatten(-1, (4, 8))
        k, v = (other @ w_kv.t() + b_kv).unflatten(-1, (2, heads_k, 8)).unbind(2)
        return attention(q, k, v, causal=causal).flatten(2) @ w_out.t() + b_out

    x, other = torch.randn(2, 5, 32), torch.randn(2, 9, 32)
    assert_as_exact(lambda *t: run(module, *t, inputs=2), plain, plain, x, other, *parameters(module))
    assert torch.equal(module(x), module(x, x))
    assert torch.allclose(module(x, other, mixer_subset=slice(4, 5)), module(x, other)[:, 4:], atol=1e-6)


def test_depthwise_convolution_looks_back_only():
    module = MHA(32, 4, dwconv=True)

    def plain(x, w_qkv, b_qkv, w_conv, b_conv, w_out, b_out):
        qkv = x @ w_qkv.t() + b_qkv
        padded = torch.cat((torch.zeros_like(qkv[:, :2]), qkv), dim=1)
        n = x.shape[1]
        qkv = sum(padded[:, i : i + n] * w_conv[:, 0, i] for i in range(3)) + b_conv
        q, k, v = qkv.unflatten(-1, (3, 4, 8)).unbind(2)
        return attention(q, k, v).flatten(2) @ w_out.t() + b_out

    assert_as_exact(lambda *t: run(module, *t), plain, plain, torch.randn(2, 7, 32), *parameters(module))


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_a_padding_mask_hides_keys(causal):
    keep = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    module = MHA(32, 4, causal=causal)
    x = torch.randn(2, 7, 32)
    wanted = plain_mha(4, causal=causal, keep=keep)(x, *parameters(module))
    assert torch.allclose(module(x, key_padding_mask=keep), wanted, atol=1e-5)


def test_cross_attention_aligns_at_the_last_key_that_is_there():
    keep = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    q, kv = torch.randn(2, 7, 4, 8), torch.randn(2, 7, 2, 2, 8)
    got = CrossAttention(causal=True)(q, kv, key_padding_mask=keep)
    assert torch.allclose(got[0], attention(q, *kv.unbind(2), causal=True)[0], atol=1e-5)
    # Of 4 keys the last query sees all, and query 3 the first; those before it see none.
    wanted = attention(q[1:, 3:], *kv[1:, :4].unbind(2), causal=True)
    assert torch.allclose(got[1:, 3:], wanted, atol=1e-5)
    full = CrossAttention()(q, kv, key_padding_mask=keep)
    assert torch.allclose(full, attention(q, *kv.unbind(2), keep=keep), atol=1e-5)


def test_hidden_keys_have_minus_10000_added():
    """Not minus infinity: a row whose keys are all hidden attends to them as if none was."""
    qkv = torch.randn(1, 3, 3, 2, 8)
    keep = torch.zeros(1, 3, dtype=torch.bool)
    q, k, v = qkv.unbind(2)
    assert torch.allclose(SelfAttention()(qkv, key_padding_mask=keep), attention(q, k, v), atol=1e-3)
    got = SelfAttention(causal=True)(qkv, key_padding_mask=keep)
    assert torch.allclose(got, attention(q, k, v, causal=True), atol=1e-3)
    got = CrossAttention()(q, qkv[:, :, 1:], key_padding_mask=keep)
    assert torch.allclose(got, attention(q, k, v), atol=1e-3)


@pytest.mark.parametrize("heads_k", [4, 2])
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_packed_sequences(causal, heads_k):
    if heads_k == 2:  # flash-attn's own MHA passes cu_seqlens alone to its cross attention
        module = MHA(32, 4, num_heads_kv=2, causal=causal, use_flash_attn=True)
        cu_seqlens = torch.tensor([0, 3, 3, 10], dtype=torch.int32)
        x = torch.randn(10, 32)
        with pytest.raises(ValueError, match="cu_seqlens_k and max_seqlen_k are needed"):
            module(x, cu_seqlens=cu_seqlens, max_seqlen=7)
        out = module(x, cu_seqlens=cu_seqlens, max_seqlen=7, cu_seqlens_k=cu_seqlens, max_seqlen_k=7)
    else:
        module = MHA(32, 4, causal=causal, use_flash_attn=True)
        x = torch.randn(10, 32)
        out = module(x, cu_seqlens=torch.tensor([0, 3, 3, 10], dtype=torch.int32), max_seqlen=7)
    wanted = torch.cat([module(part[None])[0] for part in (x[:3], x[3:])])
    assert torch.allclose(out, wanted, atol=1e-6)


def test_the_flash_attentions():
    q, kv = torch.randn(2, 5, 4, 8), torch.randn(2, 9, 2, 2, 8)
    k, v = kv.unbind(2)
    slopes = torch.tensor([0.5, 0.25, 0.125, 0.0625])
    cross = FlashCrossAttention(causal=True, softmax_scale=0.2, alibi_slopes=slopes, window_size=(3, -1))
    wanted = attention(q, k, v, causal=True, scale=0.2, slopes=slopes.tolist(), window=(3, -1))
    assert torch.allclose(cross(q, kv), wanted, atol=1e-6)
    wanted = attention(q, k, v, scale=0.2, slopes=slopes.tolist(), window=(3, -1))
    assert torch.allclose(cross(q, kv, causal=False), wanted, atol=1e-6)
    cu_q, cu_k = torch.tensor([0, 5, 10], dtype=torch.int32), torch.tensor([0, 9, 18], dtype=torch.int32)
    got = cross(q.flatten(0, 1), kv.flatten(0, 1), False, cu_q, 5, cu_k, 9)
    assert torch.allclose(got.unflatten(0, (2, 5)), wanted, atol=1e-6)

    qkv = torch.randn(2, 5, 3, 4, 8)
    own = FlashSelfAttention(causal=True, softmax_scale=0.2, window_size=(2, 0), alibi_slopes=slopes)
    wanted = attention(*qkv.unbind(2), causal=True, scale=0.2, window=(2, 0), slopes=slopes.tolist())
    assert torch.allclose(own(qkv), wanted, atol=1e-6)
    got = own(qkv.flatten(0, 1), cu_seqlens=cu_q, max_seqlen=5)
    assert torch.allclose(got.unflatten(0, (2, 5)), wanted, atol=1e-6)
    assert not own.state_dict()
    assert torch.allclose(own.bfloat16()(qkv), wanted, atol=1e-2)


@pytest.mark.parametrize("make", [FlashSelfAttention, SelfAttention])
def test_dropout_is_for_training(make):
    module, qkv = make(attention_dropout=0.5), torch.randn(2, 5, 3, 4, 8)
    assert not torch.equal(module(qkv), module(qkv))
    module.eval()
    assert torch.allclose(module(qkv), attention(*qkv.unbind(2)), atol=1e-6)


# ---------------------------------------------------------------- generation


@dataclass
class InferenceParams:
    """As in flash_attn.utils.generation."""

    max_seqlen: int = 12
    max_batch_size: int = 3
    seqlen_offset: int = 0
    batch_size_offset: int = 0
    key_value_memory_dict: dict = field(default_factory=dict)
    lengths_per_sample: object = None


def generated(module, x, prompt, params, step=1):
    """The module's outputs, the prompt at once and then `step` tokens at a time."""
    out = [module(x[:, :prompt], inference_params=params)]
    for start in range(prompt, x.shape[1], step):
        params.seqlen_offset = start
        if params.lengths_per_sample is not None:
            params.lengths_per_sample.fill_(start)
        out.append(module(x[:, start : start + step], inference_params=params))
    return torch.cat(out, dim=1)


@pytest.mark.parametrize("heads_k", [2, 1])
@pytest.mark.parametrize("rotary", [0, 8, 16], ids="rotary {}".format)
@pytest.mark.parametrize("flash", [False, True], ids=["written out", "flash"])
@torch.no_grad()
def test_generation_is_causal_attention_token_by_token(flash, rotary, heads_k):
    options = {"num_heads_kv": heads_k, "rotary_emb_dim": rotary, "causal": True, "use_flash_attn": flash}
    module = MHA(32, 2, layer_idx=5, **options)
    x = torch.randn(2, 9, 32)
    wanted = module(x)
    for step in (1, 2):
        params = InferenceParams()
        assert torch.allclose(generated(module, x, 3, params, step), wanted, atol=1e-5)
        cache = params.key_value_memory_dict[5]
        assert cache.shape == (3, 12, 2, heads_k, 16)
        kv = module.Wqkv(x)[..., 32:].unflatten(-1, (2, heads_k, 16))
        assert torch.allclose(cache[:2, :9, 1], kv[:, :, 1], atol=1e-6)


@torch.no_grad()
def test_generation_with_alibi_and_with_a_length_for_each_sequence():
    module = MHA(32, 2, causal=True, use_flash_attn=True, use_alibi=True, layer_idx=0)
    x = torch.randn(2, 9, 32)
    assert torch.allclose(generated(module, x, 4, InferenceParams()), module(x), atol=1e-5)
    module = MHA(32, 2, causal=True, use_flash_attn=True, rotary_emb_dim=16, layer_idx=0)
    params = InferenceParams(lengths_per_sample=torch.zeros(2, dtype=torch.int32))
    assert torch.allclose(generated(module, x, 4, params), module(x), atol=1e-5)

    # The second sequence is two tokens shorter: its next token follows its own last one.
    params.seqlen_offset, params.lengths_per_sample = 9, torch.tensor([9, 7], dtype=torch.int32)
    new = torch.randn(2, 1, 32)
    got = module(new, inference_params=params)
    assert torch.allclose(got[0], module(torch.cat((x[:1], new[:1]), 1))[0, -1:], atol=1e-5)
    assert torch.allclose(got[1], module(torch.cat((x[1:, :7], new[1:]), 1))[0, -1:], atol=1e-5)


@torch.no_grad()
def test_a_cache_of_ones_own_is_filled_at_its_offset():
    module = MHA(32, 4, num_heads_kv=2, causal=True, layer_idx=1)
    cache = module.allocate_inference_cache(3, 6)
    assert (cache.shape, cache.dtype) == ((3, 6, 2, 2, 8), torch.float32)
    assert module.allocate_inference_cache(1, 2, dtype=torch.bfloat16).dtype == torch.bfloat16
    cache.zero_()
    params = InferenceParams(batch_size_offset=1, key_value_memory_dict={1: cache})
    module(torch.randn(2, 4, 32), inference_params=params)
    assert not cache[0].any()
    assert cache[1:, :4].all()
    assert not cache[:, 4:].any()
    with pytest.raises(ValueError, match=r"cache has shape \(3, 6, 2, 2, 8\), but \(3, 7\) is needed"):
        module(torch.randn(2, 7, 32), inference_params=params)


# ---------------------------------------------------------------- the interface


def test_state_dicts():
    assert shapes(MHA(32, 4, rotary_emb_dim=8, use_alibi=True, use_flash_attn=True)) == {
        "Wqkv.weight": (96, 32),
        "Wqkv.bias": (96,),
        "out_proj.weight": (32, 32),
        "out_proj.bias": (32,),
    }
    assert shapes(MHA(32, 4, num_heads_kv=2, qkv_proj_bias=False, out_proj_bias=False)) == {
        "Wqkv.weight": (64, 32),
        "out_proj.weight": (32, 32),
    }
    assert shapes(MHA(32, 4, num_heads_kv=1, cross_attn=True)) == {
        "Wq.weight": (32, 32),
        "Wq.bias": (32,),
        "Wkv.weight": (16, 32),
        "Wkv.bias": (16,),
        "out_proj.weight": (32, 32),
        "out_proj.bias": (32,),
    }
    conv = shapes(MHA(32, 4, dwconv=True))
    assert (conv["dwconv_qkv.weight"], conv["dwconv_qkv.bias"]) == ((96, 1, 3), (96,))


def test_return_residual_and_what_is_passed_on():
    module, x = MHA(32, 4, return_residual=True, rotary_emb_dim=8, rotary_emb_base=500.0), torch.randn(2, 5, 32)
    out, same = module(x)
    assert same is x
    module.return_residual = False
    assert torch.equal(module(x), out)
    assert not torch.allclose(module(x, causal=True), out)
    rotary = MHA(32, 4, rotary_emb_dim=8, rotary_emb_base=500.0, rotary_emb_scale_base=64).rotary_emb
    assert isinstance(rotary, RotaryEmbedding)
    assert (rotary.dim, rotary.base, rotary.scale_base, rotary.interleaved) == (8, 500.0, 64, False)


def test_get_alibi_slopes():
    assert get_alibi_slopes(8) == [2.0**-i for i in range(1, 9)]
    assert get_alibi_slopes(1) == [2.0**-8]
    assert get_alibi_slopes(3) == [2.0**-4, 2.0**-8, 2.0**-2]
    twelve = get_alibi_slopes(12)
    assert twelve[:8] == get_alibi_slopes(8)
    assert twelve[8:] == pytest.approx([2.0**-i for i in (0.5, 1.5, 2.5, 3.5)])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"embed_dim": 30}, "embed_dim must be a multiple of num_heads"),
        ({"num_heads_kv": 3}, "num_heads of num_heads_kv"),
        ({"use_alibi": True}, "use_alibi needs use_flash_attn"),
        ({"window_size": (4, 0)}, "window_size needs use_flash_attn"),
        ({"rotary_emb_dim": 8, "cross_attn": True}, "rotary_emb_dim with cross_attn"),
        ({"dwconv": True, "num_heads_kv": 2}, "dwconv with cross_attn or num_heads_kv"),
    ],
    ids=str,
)
def test_what_cannot_be_made(given, sentence):
    with pytest.raises(NotImplementedError, match=f"flash_attn_torch: MHA: .*{sentence}"):
        MHA(**{"embed_dim": 32, "num_heads": 4, **given})


@pytest.mark.parametrize(
    ("made", "given", "sentence"),
    [
        ({}, {"cu_seqlens": 1, "max_seqlen": 1}, "cu_seqlens needs use_flash_attn"),
        ({"use_flash_attn": True}, {"cu_seqlens": 1}, "must be given together"),
        ({"use_flash_attn": True, "rotary_emb_dim": 8}, {"cu_seqlens": 1, "max_seqlen": 1}, "with dwconv or rotary"),
        ({"use_flash_attn": True}, {"key_padding_mask": 1}, "key_padding_mask with use_flash_attn"),
        ({"dwconv": True}, {"inference_params": 1}, "inference_params with"),
        ({}, {"inference_params": 1}, "inference_params needs layer_idx"),
        ({}, {"x_kv": 1}, "x_kv and mixer_subset need cross_attn"),
        ({"num_heads_kv": 2}, {"mixer_subset": 1}, "x_kv and mixer_subset need cross_attn"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_for(made, given, sentence):
    with pytest.raises(NotImplementedError, match=f"flash_attn_torch: MHA: .*{sentence}"):
        MHA(32, 4, **made)(torch.randn(2, 5, 32), **given)


def test_tensor_parallel_attention_can_be_imported_but_not_made():
    with pytest.raises(NotImplementedError, match="flash_attn_torch: ParallelMHA"):
        mha.ParallelMHA(32, 4, None)


def test_the_interface():
    assert signature(MHA) == (
        "embed_dim, num_heads, num_heads_kv=None, cross_attn=False, qkv_proj_bias=True, out_proj_bias=True, dropout=0.0, "
        "softmax_scale=None, causal=False, layer_idx=None, dwconv=False, rotary_emb_dim=0, rotary_emb_base=10000.0, "
        "rotary_emb_scale_base=None, rotary_emb_interleaved=False, use_alibi=False, window_size=(-1, -1), "
        "fused_bias_fc=False, use_flash_attn=False, return_residual=False, checkpointing=False, device=None, dtype=None"
    )
    assert signature(MHA.forward) == (
        "x, x_kv=None, key_padding_mask=None, cu_seqlens=None, max_seqlen=None, mixer_subset=None, "
        "inference_params=None, **kwargs"
    )
    assert signature(FlashSelfAttention) == (
        "causal=False, softmax_scale=None, attention_dropout=0.0, window_size=(-1, -1), alibi_slopes=None, "
        "deterministic=False"
    )
    assert signature(FlashCrossAttention) == (
        "causal=False, softmax_scale=None, attention_dropout=0.0, alibi_slopes=None, window_size=(-1, -1), "
        "deterministic=False"
    )
    assert signature(FlashSelfAttention.forward) == "qkv, causal=None, cu_seqlens=None, max_seqlen=None"
    assert signature(FlashCrossAttention.forward) == (
        "q, kv, causal=None, cu_seqlens=None, max_seqlen=None, cu_seqlens_k=None, max_seqlen_k=None"
    )
    for one in (SelfAttention, CrossAttention):
        assert signature(one) == "causal=False, softmax_scale=None, attention_dropout=0.0"
    assert signature(SelfAttention.forward) == "qkv, causal=None, key_padding_mask=None"
    assert signature(CrossAttention.forward) == "q, kv, causal=None, key_padding_mask=None"
    assert_fit_for_other_trees("flash_attn_torch.modules.mha", "flash_attn_torch.modules.inner_attention")
