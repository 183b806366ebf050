"""ops.layer_norm, ops.rms_norm and ops.triton.layer_norm are the norms of the definition, dropout and residual included."""

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from flash_attn_torch.ops import add_norm, layer_norm, rms_norm  # noqa: E402
from flash_attn_torch.ops.triton import layer_norm as triton  # noqa: E402

from tests.shims.parts import (  # noqa: E402
    FLOAT_DTYPES,
    assert_as_exact,
    assert_fit_for_other_trees,
    dtype_name,
    grid,
    shapes,
    signature,
)

pytestmark = pytest.mark.train

BF16, FP16, FP32, FP64 = torch.bfloat16, torch.float16, torch.float32, torch.float64
# The dtypes of x, of the residual, and of the weights.
MIXES = [
    (FP64, FP64, FP64),
    (FP32, FP32, FP32),
    (BF16, BF16, BF16),
    (BF16, FP32, FP32),
    (BF16, BF16, FP32),
    (FP16, FP32, FP16),
]


def mix_name(mix):
    return "-".join(dtype_name(dtype) for dtype in mix)


def normed(x, weight, bias, eps, rms):
    """The definition, in the dtype of x."""
    weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
    centred = x if rms else x - x.sum(-1, keepdim=True) / x.shape[-1]
    z = centred / (centred.pow(2).sum(-1, keepdim=True) / x.shape[-1] + eps).sqrt() * weight
    return z if bias is None else z + bias


def summed(x, residual=None, x1=None, rowscale=None, colscale=None, kept=None, kept1=None, p=0.0):
    x = x if rowscale is None else x * rowscale.to(x.dtype)[..., None]
    x = x if kept is None else torch.where(kept.bool(), x / (1 - p), torch.zeros_like(x))
    x = x if colscale is None else x * colscale.to(x.dtype)
    if x1 is not None:
        x = x + (x1 if kept1 is None else torch.where(kept1.bool(), x1 / (1 - p), torch.zeros_like(x1)))
    return x if residual is None else x.to(torch.promote_types(x.dtype, residual.dtype)) + residual


def made(mix, rows=(3, 5), dim=24, **which):
    """x, residual, x1, weight, bias, weight1, bias1, rowscale, colscale; those that are not wanted are None."""
    x, residual, weight = mix
    dtypes = {
        "x": x,
        "residual": residual,
        "x1": x,
        "weight": weight,
        "bias": weight,
        "weight1": weight,
        "bias1": weight,
    }
    out = []
    for name, dtype in dtypes.items():
        size = (*rows, dim) if name in ("x", "residual", "x1") else (dim,)
        wanted = name in ("x", "weight") or which.get(name)
        out.append((torch.randn(size) + 0.5).to(dtype) if wanted else None)
    out.append(torch.rand(rows).to(x) if which.get("rowscale") else None)
    out.append(torch.rand(dim).to(weight) if which.get("colscale") else None)
    return out


# ---------------------------------------------------------------- ops.rms_norm and ops.layer_norm


@pytest.mark.parametrize("prenorm", [False, True], ids=["", "prenorm"])
@pytest.mark.parametrize("rms", [False, True], ids=["layer", "rms"])
@pytest.mark.parametrize("mix", MIXES, ids=mix_name)
def test_dropout_add_norm(mix, rms, prenorm):
    function = rms_norm.dropout_add_rms_norm if rms else layer_norm.dropout_add_layer_norm
    for how in grid(
        residual=[False, True], bias=[False, True], rowscale=[False, True], colscale=[False, True], p=[0, 0.4]
    ):
        x, residual, _, weight, bias, _, _, rowscale, colscale = made(mix, **how)
        p = how["p"]
        torch.manual_seed(1)
        mask = function(x, residual, weight, bias, p, 1e-5, rowscale, colscale, prenorm, False, True)[-1]
        assert mask.dtype == torch.uint8
        assert mask.bool().all() == (p == 0)

        def shim(x, residual, weight, bias, colscale):
            torch.manual_seed(1)
            return function(x, residual, weight, bias, p, 1e-5, rowscale, colscale, prenorm)  # noqa: B023

        def plain(x, residual, weight, bias, colscale):
            total = summed(x, residual, rowscale=rowscale, colscale=colscale, kept=mask, p=p)  # noqa: B023
            out = normed(total, weight, bias, 1e-5, rms).to(x.dtype)
            return (out, total.to(x.dtype if residual is None else residual.dtype)) if prenorm else out

        assert_as_exact(shim, plain, plain, x, residual, weight, bias, colscale)


@pytest.mark.parametrize("mix", MIXES, ids=mix_name)
def test_the_short_functions(mix):
    x, _, _, weight, bias, *_ = made(mix, bias=True)

    def plain_rms(x, w):
        return normed(x, w, None, 1e-3, True).to(x.dtype)

    def plain(x, w, b):
        return normed(x, w, b, 1e-3, False).to(x.dtype)

    assert_as_exact(lambda x, w: rms_norm.rms_norm(x, w, 1e-3), plain_rms, plain_rms, x, weight)
    assert_as_exact(lambda x, w, b: layer_norm.layer_norm(x, w, b, 1e-3), plain, plain, x, weight, bias)


@pytest.mark.parametrize("rms", [False, True], ids=["layer", "rms"])
@pytest.mark.parametrize("mix", [MIXES[1], MIXES[3]], ids=mix_name)
def test_parallel_residual(mix, rms):
    function = (
        rms_norm.dropout_add_rms_norm_parallel_residual if rms else layer_norm.dropout_add_layer_norm_parallel_residual
    )
    for how in grid(residual=[False, True], x1=[False, True], weight1=[False, True], prenorm=[False, True], p=[0, 0.4]):
        x, residual, x1, w0, b0, w1, b1, _, _ = made(mix, bias=True, bias1=how["weight1"], **how)
        p, prenorm = how["p"], how["prenorm"]
        torch.manual_seed(1)
        masked = function(x, x1, residual, w0, b0, w1, b1, p, 1e-5, prenorm, False, True)
        assert len(masked) == 4 + prenorm
        assert (masked[1] is None) == (w1 is None)
        kept, kept1 = masked[-2:]

        def shim(x, x1, residual, w0, b0, w1, b1):
            torch.manual_seed(1)
            out = function(x, x1, residual, w0, b0, w1, b1, p, 1e-5, prenorm=prenorm)  # noqa: B023
            return tuple(one for one in out if one is not None)

        def plain(x, x1, residual, w0, b0, w1, b1):
            total = summed(x, residual, x1, kept=kept, kept1=kept1, p=p)  # noqa: B023
            out = [normed(total, w0, b0, 1e-5, rms).to(x.dtype)]
            out += [] if w1 is None else [normed(total, w1, b1, 1e-5, rms).to(x.dtype)]
            out += [total.to(x.dtype if residual is None else residual.dtype)] if prenorm else []  # noqa: B023
            return tuple(out)

        assert_as_exact(shim, plain, plain, x, x1, residual, w0, b0, w1, b1)


def test_a_residual_that_is_dropped_fails_the_criterion():
    x, residual, _, weight, *_ = made(MIXES[3], residual=True)

    def plain(x, residual, weight):
        return normed(summed(x, residual), weight, None, 1e-5, True).to(x.dtype)

    assert_as_exact(
        lambda x, r, w: rms_norm.dropout_add_rms_norm(x, r, w, None, 0.0, 1e-5), plain, plain, x, residual, weight
    )
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_as_exact(
            lambda x, r, w: rms_norm.rms_norm(x + 0 * r, w, 1e-5).to(x.dtype), plain, plain, x, residual, weight
        )


# ---------------------------------------------------------------- ops.triton.layer_norm


@pytest.mark.parametrize("prenorm", [False, True], ids=["", "prenorm"])
@pytest.mark.parametrize("rms", [False, True], ids=["layer", "rms"])
@pytest.mark.parametrize("mix", MIXES, ids=mix_name)
def test_layer_norm_fn(mix, rms, prenorm):
    axes = {"residual": [False, True], "x1": [False, True], "weight1": [False, True], "rowscale": [False, True]}
    for how in grid(**axes, bias=[False, True], p=[0, 0.4], centred=[False, True]):
        if how["x1"] and how["rowscale"]:
            continue
        x, residual, x1, w, b, w1, b1, rowscale, _ = made(mix, bias1=how["bias"] and how["weight1"], **how)
        p, centred = how["p"], how["centred"]
        options = {"dropout_p": p, "rowscale": rowscale, "prenorm": prenorm, "zero_centered_weight": centred}
        options = {**options, "is_rms_norm": rms, "eps": 1e-4}
        torch.manual_seed(1)
        *_, kept, kept1 = triton.layer_norm_fn(x, w, b, residual, x1, w1, b1, return_dropout_mask=True, **options)
        assert (kept is None) == (p == 0)
        assert (kept1 is None) == (p == 0 or x1 is None)
        assert kept is None or kept.dtype == torch.bool

        def shim(x, w, b, residual, x1, w1, b1):
            torch.manual_seed(1)
            return triton.layer_norm_fn(x, w, b, residual, x1, w1, b1, **options)  # noqa: B023

        def plain(x, w, b, residual, x1, w1, b1):
            total = summed(x, residual, x1, rowscale, kept=kept, kept1=kept1, p=p)  # noqa: B023
            out = [normed(total, w + centred, b, 1e-4, rms).to(x.dtype)]  # noqa: B023
            out += [] if w1 is None else [normed(total, w1 + centred, b1, 1e-4, rms).to(x.dtype)]  # noqa: B023
            out += [total.to(x.dtype if residual is None else residual.dtype)] if prenorm else []
            return tuple(out) if len(out) > 1 else out[0]

        assert_as_exact(shim, plain, plain, x, w, b, residual, x1, w1, b1)


def test_rms_norm_fn_is_layer_norm_fn_with_is_rms_norm():
    x, residual, x1, w, b, w1, b1, *_ = made(MIXES[3], residual=True, x1=True, bias=True, weight1=True, bias1=True)
    given = (x, w, b, residual, x1, w1, b1, 1e-3, 0.3, None, True, True, True)
    torch.manual_seed(1)
    got = triton.rms_norm_fn(*given, True, torch.float32)
    torch.manual_seed(1)
    wanted = triton.layer_norm_fn(*given, True, True, torch.float32)
    assert len(got) == 5
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
    assert [one.dtype for one in got] == [FP32, FP32, FP32, torch.bool, torch.bool]


@pytest.mark.parametrize("dtype", [BF16, FP16, FP32, FP64], ids=dtype_name)
def test_residual_in_fp32_is_for_the_first_layer(dtype):
    x, residual, _, w, b, *_ = made((dtype, dtype, dtype), residual=True, bias=True)
    wide = FP64 if dtype == FP64 else FP32
    for given, wanted in ((None, wide), (residual, dtype)):
        for total in (
            triton.layer_norm_fn(x, w, b, given, prenorm=True, residual_in_fp32=True)[1],
            triton.RMSNorm(24, dtype=dtype)(x, given, prenorm=True, residual_in_fp32=True)[1],
            triton.layer_norm_linear_fn(x, w, b, w[None], None, given, prenorm=True, residual_in_fp32=True)[1],
            layer_norm.dropout_add_layer_norm(x, given, w, b, 0.0, 1e-5, prenorm=True, residual_in_fp32=True)[1],
            rms_norm.DropoutAddRMSNorm(24, prenorm=True, residual_in_fp32=True)(x, given)[1],
        ):
            assert total.dtype == wanted
            assert torch.equal(total, (x if given is None else x.to(wide) + given.to(wide)).to(wanted))


def test_the_norm_is_of_the_sum_before_it_is_rounded():
    x = torch.full((1, 2), 512.0, dtype=BF16)
    residual = torch.tensor([[0.5, -0.5]], dtype=BF16)  # lost in a sum in bfloat16
    out, total = layer_norm.dropout_add_layer_norm(x, residual, torch.ones(2), torch.zeros(2), 0.0, 1e-5, prenorm=True)
    assert torch.equal(total, x)
    assert out.tolist() == [[1.0, -1.0]]  # rounded in bfloat16, 1 - 2e-5


@pytest.mark.parametrize("rms", [False, True], ids=["layer", "rms"])
@pytest.mark.parametrize("prenorm", [False, True], ids=["", "prenorm"])
@pytest.mark.parametrize("mix", [MIXES[0], MIXES[1], MIXES[3]], ids=mix_name)
def test_layer_norm_linear_fn(mix, prenorm, rms):
    x, residual, _, w, b, *_ = made(mix, residual=True, bias=not rms)
    linear, bias = torch.randn(6, 24).to(mix[2]), None if rms else torch.randn(6).to(mix[2])

    def plain(x, residual, w, b, linear, bias):
        total = summed(x, residual)
        y = normed(total, w, b, 1e-6, rms).to(x.dtype)
        out = y @ linear.to(x.dtype).t()
        out = out if bias is None else out + bias.to(x.dtype)
        return (out, total.to(residual.dtype)) if prenorm else out

    def shim(x, residual, w, b, linear, bias):
        return triton.layer_norm_linear_fn(x, w, b, linear, bias, residual, prenorm=prenorm, is_rms_norm=rms)

    assert_as_exact(shim, plain, plain, x, residual, w, b, linear, bias)
    with torch.autocast("cpu", dtype=BF16):
        out = shim(x, residual, w, b, linear, bias)
    assert (out[0] if prenorm else out).dtype == (FP64 if mix[0] == FP64 else BF16)


def test_dropout_keeps_the_mean_and_draws_a_mask_for_each_input():
    x, w = torch.ones(400, 100), torch.ones(100)
    out = triton.layer_norm_fn(x, w, None, x1=x, dropout_p=0.3, prenorm=True, return_dropout_mask=True)
    total, kept, kept1 = out[1:]
    assert total.mean().item() == pytest.approx(2.0, abs=0.02)
    assert not torch.equal(kept, kept1)
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert torch.allclose(total, (kept.float() + kept1.float()) / 0.7)


def test_dropout_of_zero_draws_no_random_numbers():
    before = torch.get_rng_state()
    triton.layer_norm_fn(torch.randn(2, 4), torch.ones(4), None)
    after = torch.get_rng_state()
    assert not torch.equal(before, after)  # by randn
    rms_norm.rms_norm(torch.ones(2, 4), torch.ones(4), 1e-5)
    assert torch.equal(after, torch.get_rng_state())


@pytest.mark.parametrize("name", ["rms", "layer", "triton"])
def test_the_modules_drop_in_training_only(name):
    module = {
        "rms": rms_norm.DropoutAddRMSNorm(64, p=0.5),
        "layer": layer_norm.DropoutAddLayerNorm(64, p=0.5),
        "triton": triton.RMSNorm(64, dropout_p=0.5),
    }[name]
    x, residual = torch.randn(2, 64), torch.randn(2, 64)
    assert not torch.equal(module(x, residual), module(x, residual))
    module.eval()
    wanted = normed(x + residual, module.weight, None, 1e-5, name != "layer")
    assert torch.allclose(module(x, residual), wanted, atol=1e-5)


@pytest.mark.parametrize("mix", MIXES, ids=mix_name)
def test_rms_norm_without_the_newer_api(monkeypatch, mix):
    monkeypatch.setattr(add_norm, "_rms_norm", None)
    x, _, _, weight, bias, *_ = made(mix, bias=True)

    def plain(x, w, b):
        return normed(x, w, b, 1e-6, True).to(x.dtype)

    assert_as_exact(triton.rms_norm_fn, plain, plain, x, weight, bias)


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_autocast_changes_nothing(dtype):
    x, residual, _, w, b, *_ = made((dtype, dtype, FP32), residual=True, bias=True)
    for rms in (False, True):
        wanted = triton.layer_norm_fn(x, w, b, residual, prenorm=True, is_rms_norm=rms)
        with torch.autocast("cpu", dtype=BF16):
            got = triton.layer_norm_fn(x, w, b, residual, prenorm=True, is_rms_norm=rms)
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
        assert [one.dtype for one in got] == [dtype, dtype]


def test_any_number_of_dimensions_and_none_of_the_rows():
    w = torch.ones(8)
    for shape in ((8,), (0, 8), (2, 1, 3, 8)):
        assert rms_norm.rms_norm(torch.ones(shape), w, 1e-5).shape == shape
        assert layer_norm.layer_norm(torch.ones(shape), w, w, 1e-5).shape == shape


# ---------------------------------------------------------------- refused, and the interface


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda x, w: triton.layer_norm_fn(x, w, None, out=x), NotImplementedError, "out and residual_out"),
        (lambda x, w: triton.rms_norm_fn(x, w, None, residual_out=x), NotImplementedError, "out and residual_out"),
        (
            lambda x, w: triton.rms_norm_fn(x, w, None, x1=x, rowscale=x[:, 0]),
            NotImplementedError,
            "rowscale together with x1",
        ),
        (
            lambda x, w: triton.rms_norm_fn(x, w, None, x[:1]),
            ValueError,
            r"residual must have .* \(1, 4\) and \(2, 4\)",
        ),
        (lambda x, w: triton.rms_norm_fn(x, w, None, x1=x[:1]), ValueError, "x1 must have the shape of the input"),
        (lambda x, w: triton.rms_norm_fn(x, w, None, dropout_p=1.0), ValueError, "dropout_p .* is 1.0"),
        (
            lambda x, w: layer_norm.dropout_add_layer_norm_subset(x),
            NotImplementedError,
            "dropout_add_layer_norm_subset",
        ),
        (lambda x, w: rms_norm.dropout_add_rms_norm_subset(x), NotImplementedError, "dropout_add_rms_norm_subset"),
    ],
)
def test_what_is_refused(call, error, sentence):
    with pytest.raises(error, match=sentence) as refused:
        call(torch.randn(2, 4), torch.ones(4))
    assert str(refused.value).startswith("flash_attn_torch: ")


def test_the_state_dicts_and_what_they_begin_with():
    for module in (rms_norm.RMSNorm(8), rms_norm.DropoutAddRMSNorm(8), triton.RMSNorm(8)):
        assert shapes(module) == {"weight": (8,)}
        assert module.bias is None
        assert module.weight.tolist() == [1.0] * 8
        assert module.eps == 1e-5
    module = layer_norm.DropoutAddLayerNorm(8, dtype=BF16)
    assert shapes(module) == {"weight": (8,), "bias": (8,)}
    assert (module.weight.dtype, module.weight.tolist(), module.bias.tolist()) == (BF16, [1.0] * 8, [0.0] * 8)
    assert triton.RMSNorm(8, zero_centered_weight=True).weight.tolist() == [0.0] * 8
    x = torch.randn(2, 8)
    assert torch.equal(triton.RMSNorm(8, zero_centered_weight=True)(x), triton.RMSNorm(8)(x))
    assert torch.allclose(rms_norm.RMSNorm(8)(x), x / (x.pow(2).mean(-1, True) + 1e-5).sqrt(), atol=1e-6)
    assert torch.allclose(layer_norm.DropoutAddLayerNorm(8)(x), F.layer_norm(x, (8,)), atol=1e-6)


def test_the_interface():
    fused = (
        "x0, residual, weight, bias, dropout_p, epsilon, rowscale=None, layerscale=None, prenorm=False, "
        "residual_in_fp32=False, return_dropout_mask=False"
    )
    parallel = (
        "x0, x1, residual, weight0, bias0, weight1, bias1, dropout_p, epsilon, prenorm=False, "
        "residual_in_fp32=False, return_dropout_mask=False"
    )
    assert signature(rms_norm.dropout_add_rms_norm) == signature(layer_norm.dropout_add_layer_norm) == fused
    assert signature(rms_norm.dropout_add_rms_norm_parallel_residual) == parallel
    assert signature(layer_norm.dropout_add_layer_norm_parallel_residual) == parallel
    assert signature(rms_norm.rms_norm) == "x, weight, epsilon"
    assert signature(layer_norm.layer_norm) == "x, weight, bias, epsilon"
    before = (
        "x, weight, bias, residual=None, x1=None, weight1=None, bias1=None, eps=1e-06, dropout_p=0.0, rowscale=None, "
        "prenorm=False, residual_in_fp32=False, zero_centered_weight=False"
    )
    behind = "return_dropout_mask=False, out_dtype=None, out=None, residual_out=None"
    assert signature(triton.layer_norm_fn) == f"{before}, is_rms_norm=False, {behind}"
    assert signature(triton.rms_norm_fn) == f"{before}, {behind}"
    assert signature(triton.layer_norm_linear_fn) == (
        "x, norm_weight, norm_bias, linear_weight, linear_bias, residual=None, eps=1e-06, prenorm=False, "
        "residual_in_fp32=False, is_rms_norm=False"
    )
    assert signature(rms_norm.RMSNorm) == "hidden_size, eps=1e-05, device=None, dtype=None"
    for one in (rms_norm.DropoutAddRMSNorm, layer_norm.DropoutAddLayerNorm):
        assert signature(one) == (
            "hidden_size, prenorm=False, p=0.0, eps=1e-05, residual_in_fp32=False, device=None, dtype=None"
        )
        assert signature(one.forward) == "x0, residual=None"
    assert signature(triton.RMSNorm) == (
        "hidden_size, eps=1e-05, dropout_p=0.0, zero_centered_weight=False, device=None, dtype=None"
    )
    assert signature(triton.RMSNorm.forward) == "x, residual=None, prenorm=False, residual_in_fp32=False"
    assert_fit_for_other_trees(
        "flash_attn_torch.ops.add_norm",
        "flash_attn_torch.ops.layer_norm",
        "flash_attn_torch.ops.rms_norm",
        "flash_attn_torch.ops.triton.layer_norm",
    )
