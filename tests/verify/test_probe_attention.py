"""The reference is attention by its definition, and each wrong attention is wrong in the one way that its name says."""

from __future__ import annotations

import importlib
import sys

import pytest

from patcher.verify.run import PROBE
from tests.helpers import ROOT

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

sdpa = torch.nn.functional.scaled_dot_product_attention
OPTIONS = [
    {},
    {"causal": True},
    {"window_size": (2, 1)},
    {"window_size": [1, -1], "causal": True},
    {"softcap": 2.0},
    {"softmax_scale": 0.3, "causal": True},
    {"deterministic": True, "return_attn_probs": False, "alibi_slopes": None},
]
SHAPES = [(5, 5, 4, 4), (5, 5, 4, 2), (3, 6, 4, 1), (6, 3, 2, 2)]  # seqlen_q, seqlen_k, heads, heads_k


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(PROBE))
    yield importlib.import_module("_patcher_calls")
    for name in [name for name in sys.modules if name.startswith("_patcher_")]:
        del sys.modules[name]


@pytest.fixture
def shim(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "recipes" / "shims"))
    return importlib.import_module("flash_attn_torch")


def tensors(*shapes, dtype=torch.float64):
    """Return numbers that the same shapes always have."""
    generator = torch.Generator().manual_seed(len(shapes) + sum(map(sum, shapes)))
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def flash(seqlen_q, seqlen_k, heads, heads_k, dtype=torch.float64, batch=2, dim=8):
    """Return q, k and v as flash-attn takes them."""
    return tensors(
        *[(batch, *rest, dim) for rest in ((seqlen_q, heads), (seqlen_k, heads_k), (seqlen_k, heads_k))], dtype=dtype
    )


def close(got, expected, allowed=1e-12):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    torch.testing.assert_close(got, expected, rtol=allowed, atol=allowed)


def same(got, expected, inputs, allowed=1e-12):
    """Compare outputs, and what a backward pass through each leaves."""
    close(got, expected, allowed)
    weights = torch.linspace(-1, 2, got.numel(), dtype=got.dtype).reshape(got.shape)
    ours, theirs = [torch.autograd.grad((out * weights).sum(), inputs, retain_graph=True) for out in (got, expected)]
    for one, other in zip(ours, theirs, strict=True):
        close(one, other, 20 * allowed)


def wrong(calls, plant, inputs, **options):
    """Return what a plant makes of flash_attn_func, with gradients, and different from what is right."""
    out = calls.flash("flash_attn_func", plant)({**dict(zip("qkv", inputs, strict=True)), **options})
    right = calls.flash("flash_attn_func", "float64")({**dict(zip("qkv", inputs, strict=True)), **options})
    assert (out - right).abs().max() > 1e-3
    assert out.is_contiguous()
    return out


def heads_first(*tensors):
    return [x.transpose(1, 2) for x in tensors]


# --- the reference --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_reference_is_flash_attention(calls, shim, shape, options) -> None:
    inputs = flash(*shape)
    got = calls.flash("flash_attn_func", "float64")({**dict(zip("qkv", inputs, strict=True)), **options})
    same(got, shim.flash_attn_func(*inputs, **options), inputs, 1e-6 if "softcap" in options else 1e-12)


def test_in_float32_it_agrees_to_rounding_and_is_its_own_result_in_float64(calls, shim) -> None:
    inputs = flash(5, 7, 4, 2, dtype=torch.float32)
    given = dict(zip("qkv", inputs, strict=True))
    got = calls.flash("flash_attn_func", "float64")({**given, "causal": True})
    same(got, shim.flash_attn_func(*inputs, causal=True), inputs, 1e-6)
    wide = {name: value.double() for name, value in given.items()}
    assert torch.equal(got, calls.flash("flash_attn_func", "float64")({**wide, "causal": True}).float())


@pytest.mark.parametrize("slopes", [(4,), (2, 4)], ids=str)
def test_alibi(calls, shim, slopes) -> None:
    inputs, (given,) = flash(5, 7, 4, 2), tensors(slopes)
    got = calls.flash("flash_attn_func", "float64")({**dict(zip("qkv", inputs, strict=True)), "alibi_slopes": given})
    same(got, shim.flash_attn_func(*inputs, alibi_slopes=given), inputs)


def test_a_query_without_a_key_gives_zero_and_no_nan(calls) -> None:
    inputs = flash(6, 3, 2, 2)
    got = calls.flash("flash_attn_func", "float64")({**dict(zip("qkv", inputs, strict=True)), "causal": True})
    assert not got[:, :3].any()
    assert all(torch.isfinite(one).all() for one in torch.autograd.grad(got.sum(), inputs))


@pytest.mark.parametrize("lead", [(), (2,), (2, 4), (3, 2, 4)], ids=str)
@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}], ids=str)
def test_the_reference_is_torchs_function(calls, lead, options) -> None:
    inputs = tensors((*lead, 5, 8), (*lead, 6, 8), (*lead, 6, 3))
    names = dict(zip(("query", "key", "value"), inputs, strict=True))
    same(calls.sdpa("float64")({**names, **options}), sdpa(*inputs, **options), inputs)


def test_masks_of_both_kinds_and_of_every_shape(calls) -> None:
    inputs = tensors((2, 4, 5, 8), (2, 4, 6, 8), (2, 4, 6, 8))
    names = dict(zip(("query", "key", "value"), inputs, strict=True))
    (bias,) = tensors((2, 1, 5, 6))
    seen = bias.detach() > -0.5
    for mask in (seen, seen[0, 0], bias, bias.detach().masked_fill(~seen, -torch.inf)):
        inside = [*inputs, mask] if mask is bias else inputs
        same(calls.sdpa("float64")({**names, "attn_mask": mask}), sdpa(*inputs, mask), inside)


def test_a_mask_of_torchs_own_kind(calls) -> None:
    from torch.nn.attention.bias import causal_lower_right

    inputs = tensors((2, 4, 5, 8), (2, 4, 6, 8), (2, 4, 6, 8))
    names = dict(zip(("query", "key", "value"), inputs, strict=True))
    got = calls.sdpa("float64")({**names, "attn_mask": causal_lower_right(5, 6)})
    same(got, sdpa(*inputs, torch.ones(5, 6, dtype=torch.bool).tril(1)), inputs)


def test_fewer_key_heads(calls) -> None:
    inputs = tensors((2, 4, 5, 8), (2, 2, 5, 8), (2, 2, 5, 8))
    names = dict(zip(("query", "key", "value"), inputs, strict=True))
    same(calls.sdpa("float64")({**names, "enable_gqa": True}), sdpa(*inputs, enable_gqa=True), inputs)


def test_the_result_lies_in_memory_as_that_of_the_fused_kernel(calls) -> None:
    names = dict(zip(("query", "key", "value"), tensors(*[(2, 4, 5, 8)] * 3), strict=True))
    assert calls.sdpa("float64")(names).transpose(1, 2).is_contiguous()


def test_under_autocast_each_entry_has_the_dtype_that_it_always_has(calls, shim) -> None:
    inputs = flash(5, 5, 4, 4, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = calls.sdpa("float64")(dict(zip(("query", "key", "value"), inputs, strict=True)))
        assert got.dtype == sdpa(*inputs).dtype == torch.bfloat16
        got = calls.flash("flash_attn_func", "float64")(dict(zip("qkv", inputs, strict=True)))
        assert got.dtype == shim.flash_attn_func(*inputs).dtype == torch.float32


# --- packed sequences -----------------------------------------------------------------------------------------------


ENDS = torch.tensor([0, 3, 3, 7], dtype=torch.int32)


def test_each_sequence_attends_to_itself(calls, shim) -> None:
    q, k, v = inputs = tensors((9, 4, 8), (9, 2, 8), (9, 2, 8))
    lengths = {"cu_seqlens_q": ENDS, "cu_seqlens_k": ENDS, "max_seqlen_q": 4, "max_seqlen_k": 4, "causal": True}
    got = calls.flash("flash_attn_varlen_func", "float64")({"q": q, "k": k, "v": v, **lengths})
    parts = [[x[None, begin:end] for x in inputs] for begin, end in ((0, 3), (3, 7))]
    expected = [shim.flash_attn_func(*part, causal=True)[0] for part in parts]
    same(got, torch.cat([*expected, torch.zeros(2, 4, 8)]), inputs)


def test_what_is_packed_together_is_taken_apart(calls) -> None:
    (qkv,) = tensors((9, 3, 4, 8))
    q, k, v = qkv.unbind(1)
    lengths = {"cu_seqlens_q": ENDS, "cu_seqlens_k": ENDS}
    expected = calls.flash("flash_attn_varlen_func", "float64")({"q": q, "k": k, "v": v, **lengths})
    together = {"qkv": qkv, "cu_seqlens": ENDS, "max_seqlen": 4}
    same(calls.flash("flash_attn_varlen_qkvpacked_func", "float64")(together), expected, [qkv])
    together = {"q": q, "kv": torch.stack([k, v], 1), **lengths}
    same(calls.flash("flash_attn_varlen_kvpacked_func", "float64")(together), expected, [qkv])
    (qkv,) = tensors((2, 5, 3, 4, 8))
    expected = calls.flash("flash_attn_func", "float64")(dict(zip("qkv", qkv.unbind(2), strict=True)))
    same(calls.flash("flash_attn_qkvpacked_func", "float64")({"qkv": qkv}), expected, [qkv])


def test_across_the_batch_of_a_pack_is_across_its_sequences(calls, shim) -> None:
    q, k, v = inputs = tensors((9, 4, 8), (9, 2, 8), (9, 2, 8))
    got = calls.flash("flash_attn_varlen_func", "across-batch")(
        {"q": q, "k": k, "v": v, "cu_seqlens_q": ENDS, "cu_seqlens_k": ENDS, "causal": True}
    )
    expected = shim.flash_attn_func(*[x[None, :7] for x in inputs], causal=True)[0]
    same(got, torch.cat([expected, torch.zeros(2, 4, 8)]), inputs)


# --- with one thing wrong -------------------------------------------------------------------------------------------


def test_scale_1(calls, shim) -> None:
    inputs = flash(5, 5, 4, 2)
    got = wrong(calls, "scale-1", inputs, causal=True)
    same(got, shim.flash_attn_func(*inputs, softmax_scale=1.0, causal=True), inputs)


@pytest.mark.parametrize("causal", [True, False])
def test_causal_flipped(calls, shim, causal) -> None:
    inputs = flash(4, 6, 4, 2)
    got = wrong(calls, "causal-flipped", inputs, causal=causal)
    same(got, shim.flash_attn_func(*inputs, causal=not causal), inputs)


def test_a_mask_that_is_causal_is_flipped_too(calls) -> None:
    inputs = tensors(*[(2, 4, 5, 8)] * 3)
    names = dict(zip(("query", "key", "value"), inputs, strict=True))
    seen = torch.ones(5, 5, dtype=torch.bool).tril()
    for mask in (seen, torch.zeros(5, 5).masked_fill(~seen, -torch.inf), torch.zeros(5, 5).masked_fill(~seen, -1e9)):
        same(calls.sdpa("causal-flipped")({**names, "attn_mask": mask}), sdpa(*inputs), inputs)
    every = torch.ones(5, 5, dtype=torch.bool)
    same(calls.sdpa("causal-flipped")({**names, "attn_mask": every}), sdpa(*inputs, is_causal=True), inputs)


@pytest.mark.parametrize("causal", [True, False])
def test_no_transpose(calls, causal) -> None:
    inputs = flash(5, 5, 4, 4)
    got = wrong(calls, "no-transpose", inputs, causal=causal)
    same(got, sdpa(*inputs, is_causal=causal), inputs)  # the layout goes straight into torch's own


def test_no_transpose_in_torchs_own_layout(calls) -> None:
    inputs = tensors(*[(2, 4, 5, 8)] * 3)
    names = dict(zip(("query", "key", "value"), inputs, strict=True))
    expected = sdpa(*heads_first(*inputs)).transpose(1, 2)
    same(calls.sdpa("no-transpose")({**names, "attn_mask": torch.ones(5, 5, dtype=torch.bool)}), expected, inputs)


def test_values_only(calls) -> None:
    inputs = flash(5, 5, 4, 2)
    got = wrong(calls, "values-only", inputs, causal=True)
    close(got, inputs[2].repeat_interleave(2, 2))
    assert [one.any().item() for one in torch.autograd.grad(got.sum(), inputs)] == [False, False, True]
    inputs = flash(3, 6, 4, 4)
    close(wrong(calls, "values-only", inputs, causal=True), inputs[2].mean(1, keepdim=True).expand(-1, 3, -1, -1))


def test_heads_mixed(calls, shim) -> None:
    inputs = flash(5, 5, 4, 2)
    got = wrong(calls, "heads-mixed", inputs)
    right = shim.flash_attn_func(*inputs).transpose(1, 2)
    same(got, right.contiguous().view(2, 5, 4, 8), inputs)


def test_across_batch(calls) -> None:
    inputs = flash(5, 5, 4, 4, batch=3)
    got = wrong(calls, "across-batch", inputs, causal=True)
    by_position = [x.permute(1, 2, 0, 3) for x in inputs]  # [seqlen, heads, batch, dim]
    same(got, sdpa(*by_position).permute(2, 0, 1, 3), inputs)


@pytest.mark.parametrize("plant", ["no-transpose", "across-batch"])
def test_a_call_whose_axes_cannot_be_taken_for_each_other_stays_right(calls, plant) -> None:
    inputs, told = flash(3, 6, 4, 4), []
    names = dict(zip("qkv", inputs, strict=True))
    expected = calls.flash("flash_attn_func", "float64")({**names})
    same(calls.flash("flash_attn_func", plant)({**names}, told.append), expected, inputs)
    assert told == ["its calls have more or fewer queries than keys"]
    named = dict(zip(("query", "key", "value"), (x.transpose(1, 2) for x in inputs), strict=True))
    same(calls.sdpa(plant)({**named}, told.append).transpose(1, 2), expected, inputs)


@pytest.mark.parametrize("plant", ["no-transpose", "across-batch"])
def test_a_call_of_the_same_run_that_can_have_it_gets_it(calls, plant) -> None:
    told = []
    names = dict(zip("qkv", flash(5, 5, 4, 4), strict=True))
    got = calls.flash("flash_attn_func", plant)({**names}, told.append)
    assert told == [""]
    assert not torch.allclose(got, calls.flash("flash_attn_func", "float64")({**names}))


def test_of_packed_sequences_those_that_can_have_it_get_it(calls) -> None:
    told = []
    q, k, v = tensors((8, 4, 8), (9, 4, 8), (9, 4, 8))
    ends = {"cu_seqlens_q": torch.tensor([0, 5, 8]), "cu_seqlens_k": torch.tensor([0, 5, 9])}
    got = calls.flash("flash_attn_varlen_func", "no-transpose")({"q": q, "k": k, "v": v, **ends}, told.append)
    right = calls.flash("flash_attn_varlen_func", "float64")({"q": q, "k": k, "v": v, **ends})
    assert told == ["", "its calls have more or fewer queries than keys"]
    assert not torch.allclose(got[:5], right[:5])
    assert torch.equal(got[5:], right[5:])


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"dropout_p": 0.1}, "dropout_p > 0"),
        ({"return_attn_probs": True}, "return_attn_probs"),
        ({"block_table": torch.zeros(1)}, "block_table"),
        ({"qv": torch.zeros(1)}, "qv"),
    ],
    ids=str,
)
def test_what_is_not_honoured_is_named(calls, options, named) -> None:
    with pytest.raises(RuntimeError, match=f"in the place of flash_attn_func does not honour {named}"):
        calls.flash("flash_attn_func", "float64")({**dict(zip("qkv", flash(5, 5, 4, 4), strict=True)), **options})


def test_dropout_is_honoured_by_what_is_wrong_anyway(calls) -> None:
    inputs = flash(5, 5, 4, 4)
    out = calls.flash("flash_attn_func", "scale-1")({**dict(zip("qkv", inputs, strict=True)), "dropout_p": 0.5})
    assert (out - calls.flash("flash_attn_func", "scale-1")(dict(zip("qkv", inputs, strict=True)))).any()


def test_torchs_function_refuses_dropout_too(calls) -> None:
    names = dict(zip(("query", "key", "value"), tensors(*[(2, 4, 5, 8)] * 3), strict=True))
    with pytest.raises(RuntimeError, match="scaled_dot_product_attention does not honour dropout_p > 0"):
        calls.sdpa("float64")({**names, "dropout_p": 0.1})


def test_what_torch_would_broadcast_is_refused(calls) -> None:
    names = dict(zip(("query", "key", "value"), tensors((2, 4, 5, 8), (1, 4, 5, 8), (1, 4, 5, 8)), strict=True))
    with pytest.raises(RuntimeError, match="of another batch"):
        calls.sdpa("float64")(names)
    with pytest.raises(RuntimeError, match="4 query heads with 3 key heads"):
        calls.flash("flash_attn_func", "float64")(dict(zip("qkv", flash(5, 5, 4, 3), strict=True)))
