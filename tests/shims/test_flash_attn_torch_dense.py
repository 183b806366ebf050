"""ops.fused_dense and ops.activations are torch's linear layers and the activations that their names say."""

import math

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from flash_attn_torch.ops import activations as shim  # noqa: E402
from flash_attn_torch.ops import fused_dense  # noqa: E402
from flash_attn_torch.ops.fused_dense import FusedDense, FusedMLP, fused_dense_func, fused_mlp_func  # noqa: E402

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


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {
    "gelu_approx": gelu,
    "relu": lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    "sqrelu": lambda x: torch.where(x > 0, x * x, torch.zeros_like(x)),
}


def linear(x, weight, bias):
    out = x @ weight.t()
    return out if bias is None else out + bias


# ---------------------------------------------------------------- fused_dense


@pytest.mark.parametrize("residual", [False, True], ids=["", "residual"])
@pytest.mark.parametrize("bias", [False, True], ids=["", "bias"])
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_fused_dense(dtype, bias, residual):
    x, weight = torch.randn(2, 5, 8).to(dtype), torch.randn(6, 8).to(dtype)
    bias = torch.randn(6).to(dtype) if bias else None

    def plain(x, weight, bias):
        out = linear(x, weight, bias)
        return (out, x) if residual else out

    assert_as_exact(lambda x, w, b: fused_dense_func(x, w, b, residual), plain, plain, x, weight, bias)
    module = FusedDense(8, 6, bias=bias is not None, return_residual=residual, dtype=dtype)
    got, wanted = module(x), fused_dense_func(x, module.weight, module.bias, residual)
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_fused_mlp(dtype, activation):
    act = ACTIVATIONS[activation]
    for how in grid(bias1=[False, True], bias2=[False, True], residual=[False, True], checkpoint_lvl=[0, 1, 2]):
        x, w1, w2 = torch.randn(2, 5, 8).to(dtype), torch.randn(16, 8).to(dtype), torch.randn(6, 16).to(dtype)
        b1 = torch.randn(16).to(dtype) if how["bias1"] else None
        b2 = torch.randn(6).to(dtype) if how["bias2"] else None
        options = {"return_residual": how["residual"], "checkpoint_lvl": how["checkpoint_lvl"]}

        def plain(x, w1, w2, b1, b2):
            out = linear(act(linear(x, w1, b1)), w2, b2)
            return (out, x) if options["return_residual"] else out  # noqa: B023

        assert_as_exact(lambda *t: fused_mlp_func(*t, activation, **options), plain, plain, x, w1, w2, b1, b2)  # noqa: B023


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("heuristic", ["auto", -1, 0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_module(activation, heuristic, training):
    module = FusedMLP(8, 16, 6, activation=activation, heuristic=heuristic, return_residual=True).train(training)
    x = torch.randn(3, 8)
    out, same = module(x)
    assert same is x
    hidden = ACTIVATIONS[activation](linear(x, module.fc1.weight, module.fc1.bias))
    assert torch.allclose(out, linear(hidden, module.fc2.weight, module.fc2.bias), atol=1e-6)


def test_under_autocast_the_residual_has_the_dtype_of_the_output():
    x, module = torch.randn(3, 8), FusedDense(8, 6, return_residual=True)
    mlp = FusedMLP(8, return_residual=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for out, residual in (module(x), mlp(x)):
            assert out.dtype == residual.dtype == torch.bfloat16
            assert torch.equal(residual, x.bfloat16())


def test_state_dicts_and_sizes():
    assert isinstance(FusedDense(8, 6), torch.nn.Linear)
    assert shapes(FusedDense(8, 6)) == {"weight": (6, 8), "bias": (6,)}
    assert shapes(FusedDense(8, 6, bias=False)) == {"weight": (6, 8)}
    assert shapes(FusedMLP(8)) == {"fc1.weight": (32, 8), "fc1.bias": (32,), "fc2.weight": (8, 32), "fc2.bias": (8,)}
    assert shapes(FusedMLP(8, 12, 6, bias1=False, bias2=False)) == {"fc1.weight": (12, 8), "fc2.weight": (6, 12)}


def test_the_weights_begin_as_in_torch():
    torch.manual_seed(3)
    module = FusedMLP(8)
    torch.manual_seed(3)
    for layer in (module.fc1, module.fc2):
        same = torch.nn.Linear(layer.in_features, layer.out_features)
        assert torch.equal(layer.weight, same.weight)
        assert torch.equal(layer.bias, same.bias)


@pytest.mark.parametrize("name", ["ColumnParallelLinear", "RowParallelLinear", "ParallelFusedMLP"])
def test_tensor_parallel_classes_can_be_imported_but_not_made(name):
    with pytest.raises(NotImplementedError, match=f"flash_attn_torch: {name} "):
        getattr(fused_dense, name)(8, 8, None)


def test_what_is_refused():
    x, w = torch.randn(2, 8), torch.randn(8, 8)
    for call in (
        lambda: fused_dense_func(x, w, process_group=object()),
        lambda: fused_mlp_func(x, w, w, process_group=object()),
        lambda: FusedDense(8, 8)(x, process_group=object()),
        lambda: FusedMLP(8)(x, process_group=object()),
    ):
        with pytest.raises(NotImplementedError, match="flash_attn_torch: process_group"):
            call()
    with pytest.raises(ValueError, match=r"activation must be one of .* but is 'gelu'"):
        FusedMLP(8, activation="gelu")
    with pytest.raises(ValueError, match="checkpoint_lvl must be 0, 1 or 2, but is 3"):
        fused_mlp_func(x, w, w, checkpoint_lvl=3)


# ---------------------------------------------------------------- activations


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_swiglu_gates_with_its_first_argument(dtype):
    x, y = torch.randn(3, 33).to(dtype), torch.randn(3, 33).to(dtype)

    def plain(x, y):
        return x / (1 + torch.exp(-x)) * y

    assert_as_exact(shim.swiglu, plain, plain, x, y)
    assert torch.equal(shim.swiglu_fwd(x, y), shim.swiglu(x, y))
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_as_exact(lambda x, y: shim.swiglu(y, x), plain, plain, x, y)


def test_swiglu_is_rounded_once_and_keeps_its_inputs_only():
    x, y = (torch.randn(1000).bfloat16().requires_grad_() for _ in range(2))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        out = shim.swiglu(x, y)
    assert torch.equal(out, (F.silu(x.double()) * y.double()).bfloat16())
    assert [t.data_ptr() for t in kept] == [x.data_ptr(), y.data_ptr()]


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_the_functions(dtype):
    x, bias = torch.randn(3, 33).to(dtype), torch.randn(33).to(dtype)
    for function in (shim.gelu_fwd, shim.fast_gelu_impl):
        assert_as_exact(function, gelu, gelu, x)
    for function in (shim.bias_gelu, shim.bias_gelu_impl):
        assert_as_exact(function, lambda x, b: gelu(x + b), lambda x, b: gelu(x + b), x, bias)
    assert_as_exact(shim.sqrelu_fwd, ACTIVATIONS["sqrelu"], ACTIVATIONS["sqrelu"], x)


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_the_derivatives(dtype):
    x, y, g, bias = (torch.randn(*size).to(dtype) for size in ((3, 33), (3, 33), (3, 33), (33,)))

    def by_autograd(function, *tensors):
        leaves = [t.double().requires_grad_() for t in tensors]
        return torch.autograd.grad(function(*leaves), leaves, g.double())

    for got, wanted in (
        ((shim.gelu_bwd(g, x),), by_autograd(gelu, x)),
        ((shim.relu_bwd(g, x),), by_autograd(torch.relu, x)),
        ((shim.sqrelu_bwd(g, x),), by_autograd(ACTIVATIONS["sqrelu"], x)),
        (shim.bias_gelu_back(g, x, bias), by_autograd(lambda x, b: gelu(x + b), x, bias)),
        (shim.swiglu_bwd(x, y, g), by_autograd(lambda x, y: F.silu(x) * y, x, y)),
    ):
        for have, want in zip(got, wanted, strict=True):
            assert have.dtype == dtype
            assert torch.allclose(have.double(), want, rtol=4 * torch.finfo(dtype).eps, atol=4 * torch.finfo(dtype).eps)


def test_relu_bwd_at_zero():
    assert shim.relu_bwd(torch.ones(3), torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0, 1, 1]


def test_the_interface():
    assert signature(fused_dense_func) == (
        "x, weight, bias=None, return_residual=False, process_group=None, sequence_parallel=True"
    )
    assert signature(fused_mlp_func) == (
        "x, weight1, weight2, bias1=None, bias2=None, activation='gelu_approx', save_pre_act=True, "
        "return_residual=False, checkpoint_lvl=0, heuristic=0, process_group=None, sequence_parallel=True"
    )
    assert (
        signature(FusedDense) == "in_features, out_features, bias=True, return_residual=False, device=None, dtype=None"
    )
    assert signature(FusedMLP) == (
        "in_features, hidden_features=None, out_features=None, bias1=True, bias2=True, activation='gelu_approx', "
        "return_residual=False, checkpoint_lvl=0, heuristic='auto', device=None, dtype=None"
    )
    assert_fit_for_other_trees("flash_attn_torch.ops.fused_dense", "flash_attn_torch.ops.activations")
