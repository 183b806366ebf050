# ruff: noqa: D101, D103
"""flash-attn's own modules, on the shim's kernels, beside the shim's: the same weights, results and gradients.

Run by bench/flash_attn_parts.py, which makes the package `original` from a clone.
"""

import itertools
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from flash_attn import bert_padding
from flash_attn.layers import rotary
from flash_attn.modules import mha, mlp
from original import bert_padding as own_padding
from original.layers import rotary as own_rotary
from original.modules import mha as own_mha
from original.modules import mlp as own_mlp


def grid(**axes):
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def both(classes, *given, **named):
    """One object of each class, from the same seed."""
    made = []
    for one in classes:
        torch.manual_seed(0)
        made.append(one(*given, **named))
    return made


def assert_same(modules, *inputs, **named):
    states = [module.state_dict() for module in modules]
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    results = []
    for module in modules:
        torch.manual_seed(1)
        leaves = [x.clone().requires_grad_() for x in inputs]
        out = module(*leaves, **named)
        outs = out if isinstance(out, tuple) else (out,)
        total = sum((one * torch.linspace(-1, 1, one.numel()).reshape(one.shape)).sum() for one in outs)
        used = [*leaves, *module.parameters()]
        results.append([*outs, *torch.autograd.grad(total, used, allow_unused=True)])
    for theirs, ours in zip(*results, strict=True):
        assert (theirs is None) == (ours is None)
        assert theirs is None or (theirs.dtype == ours.dtype and torch.allclose(theirs, ours, rtol=1e-4, atol=2e-6))


MHA = grid(
    num_heads_kv=[None, 2, 1],
    use_flash_attn=[False, True],
    causal=[False, True],
    rotary_emb_dim=[0, 8, 4],
    return_residual=[False, True],
    checkpointing=[False, True],
)


@pytest.mark.parametrize("how", MHA, ids=str)
def test_mha(how):
    assert_same(both((own_mha.MHA, mha.MHA), 32, 4, **how), torch.randn(2, 7, 32))


@pytest.mark.parametrize(
    "how",
    [
        {"dwconv": True},
        {"dropout": 0.3},
        {"dropout": 0.3, "use_flash_attn": True, "num_heads_kv": 2},
        {"softmax_scale": 0.1},
        {"rotary_emb_dim": 8, "rotary_emb_scale_base": 512, "rotary_emb_base": 100.0},
        {"rotary_emb_dim": 8, "rotary_emb_interleaved": True, "num_heads_kv": 2},
        {"use_alibi": True, "use_flash_attn": True, "causal": True},
        {"window_size": (2, 1), "use_flash_attn": True},
        {"qkv_proj_bias": False, "out_proj_bias": False, "fused_bias_fc": True},
        {"dtype": torch.float64},
    ],
    ids=str,
)
def test_mha_with(how):
    assert_same(both((own_mha.MHA, mha.MHA), 32, 4, **how), torch.randn(2, 7, 32, dtype=how.get("dtype")))


@pytest.mark.parametrize(
    "how", grid(num_heads_kv=[None, 2], use_flash_attn=[False, True], causal=[False, True]), ids=str
)
def test_cross_attention(how):
    modules = both((own_mha.MHA, mha.MHA), 32, 4, cross_attn=True, **how)
    assert_same(modules, torch.randn(2, 5, 32), torch.randn(2, 9, 32))
    assert_same(modules, torch.randn(2, 5, 32), torch.randn(2, 9, 32), mixer_subset=slice(0, 1))


@pytest.mark.parametrize("how", grid(num_heads_kv=[None, 2], causal=[False, True]), ids=str)
def test_padding_mask(how):
    keep = torch.arange(7) < torch.tensor([[7], [4], [0]])
    assert_same(both((own_mha.MHA, mha.MHA), 32, 4, **how), torch.randn(3, 7, 32), key_padding_mask=keep)


def test_packed_sequences():
    modules = both((own_mha.MHA, mha.MHA), 32, 4, causal=True, use_flash_attn=True)
    assert_same(modules, torch.randn(10, 32), cu_seqlens=torch.tensor([0, 3, 3, 10], dtype=torch.int32), max_seqlen=7)


@dataclass
class InferenceParams:
    max_seqlen: int
    max_batch_size: int
    seqlen_offset: int = 0
    batch_size_offset: int = 0
    key_value_memory_dict: dict = field(default_factory=dict)
    lengths_per_sample: object = None


GENERATION = grid(
    num_heads_kv=[None, 1],
    use_flash_attn=[False, True],
    causal=[False, True],
    rotary_emb_dim=[0, 8, 16],
    rotary_emb_interleaved=[False, True],
    lengths=[False, True],
)


@pytest.mark.parametrize("how", GENERATION, ids=str)
@torch.no_grad()
def test_generation(how):
    how = dict(how)
    lengths = how.pop("lengths")
    x, results = torch.randn(2, 9, 32), []
    for module in both((own_mha.MHA, mha.MHA), 32, 2, layer_idx=3, **how):
        params = InferenceParams(12, 3, lengths_per_sample=torch.zeros(2, dtype=torch.int32) if lengths else None)
        out = [module(x[:, :4], inference_params=params)]
        for i in range(4, 9):
            params.seqlen_offset = i
            if lengths:
                params.lengths_per_sample = torch.tensor([i, i - 2 * how["use_flash_attn"]], dtype=torch.int32)
            out.append(module(x[:, i : i + 1], inference_params=params))
        results.append([torch.cat(out, 1), params.key_value_memory_dict[3][:2, :7]])  # behind it unwritten
    for theirs, ours in zip(*results, strict=True):
        assert torch.allclose(theirs, ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", range(1, 40))
def test_alibi_slopes(n):
    assert mha.get_alibi_slopes(n) == pytest.approx(own_mha.get_alibi_slopes(n))


@pytest.mark.parametrize("activation", [F.sigmoid, F.silu, F.gelu, torch.tanh], ids=lambda one: one.__name__)
@pytest.mark.parametrize("how", grid(bias1=[False, True], bias2=[False, True], return_residual=[False, True]), ids=str)
def test_mlp(how, activation):
    x = torch.randn(2, 3, 24)
    for name in ("Mlp", "GatedMlp"):
        classes = getattr(own_mlp, name), getattr(mlp, name)
        for given in ((24,), (24, 40), (24, 40, 16)):
            assert_same(both(classes, *given, activation=activation, **how), x)
    assert_same(both((own_mlp.GatedMlp, mlp.GatedMlp), 24, 40, multiple_of=32, activation=activation, **how), x)


@pytest.mark.parametrize("how", grid(interleaved=[False, True], scale_base=[None, 64], base=[1e4, 50.0]), ids=str)
@pytest.mark.parametrize("cast", [torch.float32, torch.bfloat16], ids=str)
def test_rotary_embedding(how, cast):
    modules = [one.to(cast) for one in both((own_rotary.RotaryEmbedding, rotary.RotaryEmbedding), 8, **how)]
    for given in (
        {},
        {"seqlen_offset": 3},
        {"max_seqlen": 20},
        {"seqlen_offset": torch.tensor([2, 9]), "max_seqlen": 20},
    ):
        assert_same(modules, torch.randn(2, 6, 3, 2, 12), **given)
        assert_same(modules, torch.randn(2, 6, 4, 12), torch.randn(2, 6, 2, 2, 12), **given)
        assert_same(modules, torch.randn(2, 6, 8, 12), num_heads_q=4, **given)
        for name in ("_cos_cached", "_sin_cached", "_cos_k_cached", "_sin_k_cached", "inv_freq", "scale"):
            theirs, ours = (getattr(module, name) for module in modules)
            assert (theirs is None and ours is None) or torch.equal(theirs, ours)


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_functions(interleaved):
    x, cos, sin = torch.randn(2, 6, 3, 12), torch.rand(6, 4), torch.rand(6, 4)
    for name in ("apply_rotary_emb_torch", "rotate_half"):
        theirs, ours = (getattr(one, name) for one in (own_rotary, rotary))
        given = (x, cos, sin) if name == "apply_rotary_emb_torch" else (x,)
        assert torch.allclose(theirs(*given, interleaved=interleaved), ours(*given, interleaved=interleaved))


@pytest.mark.parametrize("seed", range(20))
def test_bert_padding(seed):
    torch.manual_seed(seed)
    x = torch.randn(4, 6, 3, 2)
    mask, unused = torch.rand(4, 6) < 0.5, torch.rand(4, 6) < 0.2
    lengths = torch.tensor([[2, 3, 0, 0, 0, 0], [3, 2, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    for name, given in (
        ("unpad_input", (x, mask)),
        ("unpad_input", (x, mask.int(), (unused & ~mask).int())),
        ("unpad_input", (x, mask, unused)),
        ("unpad_input_for_concatenated_sequences", (x, lengths)),
        ("index_first_axis", (x, torch.tensor([2, 0]))),
        ("index_first_axis_residual", (x, torch.tensor([2, 0]))),
        ("index_put_first_axis", (x[:2], torch.tensor([5, 0]), 7)),
        ("pad_input", (x[0], torch.randperm(10)[:6], 2, 5)),
    ):
        theirs, ours = (getattr(one, name)(*given) for one in (own_padding, bert_padding))
        for one, other in zip(theirs, ours, strict=True):
            assert type(one) is type(other)
            assert one == other if isinstance(one, int) else (one.dtype == other.dtype and torch.equal(one, other))
