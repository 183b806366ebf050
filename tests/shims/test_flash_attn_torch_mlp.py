"""modules.mlp: which half is the gate, how wide the hidden layer is, and what the state_dict is called."""

import inspect

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from flash_attn_torch.modules import mlp  # noqa: E402
from flash_attn_torch.modules.mlp import FusedMLP, GatedMlp, Mlp  # noqa: E402

from tests.shims.parts import (  # noqa: E402
    FLOAT_DTYPES,
    assert_as_exact,
    assert_fit_for_other_trees,
    dtype_name,
    shapes,
    signature,
)

pytestmark = pytest.mark.train

GATES = {
    F.sigmoid: lambda x: 1 / (1 + torch.exp(-x)),
    F.silu: lambda x: x / (1 + torch.exp(-x)),
    F.gelu: lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
    torch.tanh: torch.tanh,
}


def gate_name(gate):
    return gate.__name__


def run(module, x, *parameters):
    """The module with other parameters, which get gradients then."""
    names = [name for name, _ in module.named_parameters()]
    return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (x,))


def plain_gated(gate, swapped=False):
    def plain(x, w1, b1, w2, b2):
        value, gated = (x @ w1.t() + b1).split(w1.shape[0] // 2, dim=-1)
        value, gated = (gated, value) if swapped else (value, gated)
        return value * gate(gated) @ w2.t() + b2

    return plain


def gated(gate, dtype):
    module = GatedMlp(8, 6, 5, activation=gate, multiple_of=1, dtype=dtype)
    return module, [x.detach() for x in module.parameters()]


@pytest.mark.parametrize("gate", GATES, ids=gate_name)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_gated_mlp(dtype, gate):
    module, parameters = gated(gate, dtype)
    plain = plain_gated(GATES[gate])
    assert_as_exact(lambda *t: run(module, *t), plain, plain, torch.randn(2, 3, 8).to(dtype), *parameters)


@pytest.mark.parametrize("gate", GATES, ids=gate_name)
def test_the_first_half_as_the_gate_fails_the_criterion(gate):
    module, parameters = gated(gate, torch.bfloat16)
    plain = plain_gated(GATES[gate], swapped=True)
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_as_exact(lambda *t: run(module, *t), plain, plain, torch.randn(2, 3, 8).bfloat16(), *parameters)


@pytest.mark.parametrize("activation", [F.gelu, torch.tanh], ids=gate_name)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_mlp(dtype, activation):
    module = Mlp(8, activation=activation, dtype=dtype)
    parameters = [x.detach() for x in module.parameters()]

    def plain(x, w1, b1, w2, b2):
        return GATES[activation](x @ w1.t() + b1) @ w2.t() + b2

    assert_as_exact(lambda *t: run(module, *t), plain, plain, torch.randn(2, 3, 8).to(dtype), *parameters)


@pytest.mark.parametrize("make", [Mlp, GatedMlp, FusedMLP])
def test_return_residual(make):
    module, x = make(8, return_residual=True), torch.randn(2, 8)
    out, same = module(x)
    assert same is x
    module.return_residual = False
    assert torch.equal(module(x), out)


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ({"in_features": 48}, 128),
        ({"in_features": 49}, 256),
        ({"in_features": 768}, 2048),
        ({"in_features": 1000}, 2688),  # 2666.7, rounded down, then up to a multiple of 128
        ({"in_features": 8, "hidden_features": 129}, 256),
        ({"in_features": 8, "hidden_features": 128}, 128),
        ({"in_features": 8, "multiple_of": 1}, 21),
        ({"in_features": 8, "hidden_features": 10, "multiple_of": 4}, 12),
    ],
    ids=str,
)
def test_the_hidden_size_of_gated_mlp(given, hidden):
    module = GatedMlp(**given, device="meta")
    n = given["in_features"]
    assert shapes(module) == {
        "fc1.weight": (2 * hidden, n),
        "fc1.bias": (2 * hidden,),
        "fc2.weight": (n, hidden),
        "fc2.bias": (n,),
    }


def test_state_dicts():
    assert shapes(Mlp(8)) == {"fc1.weight": (32, 8), "fc1.bias": (32,), "fc2.weight": (8, 32), "fc2.bias": (8,)}
    assert shapes(Mlp(8, 12, 6, bias1=False, bias2=False)) == {"fc1.weight": (12, 8), "fc2.weight": (6, 12)}
    assert shapes(GatedMlp(8, 12, 6, bias1=False, bias2=False)) == {"fc1.weight": (256, 8), "fc2.weight": (6, 128)}


@pytest.mark.parametrize("name", ["ParallelMLP", "ParallelGatedMlp", "ParallelFusedMLP"])
def test_tensor_parallel_classes_can_be_imported_but_not_made(name):
    with pytest.raises(NotImplementedError, match=f"flash_attn_torch: {name} "):
        getattr(mlp, name)(8, 8, None)


def test_the_interface():
    function = {name: p.default for name, p in inspect.signature(Mlp).parameters.items()}
    assert function["activation"] is F.gelu
    assert list(function) == [
        *("in_features", "hidden_features", "out_features", "activation", "bias1", "bias2"),
        *("return_residual", "device", "dtype"),
    ]
    assert "activation=<function sigmoid" in signature(GatedMlp)
    assert signature(GatedMlp).split("activation")[0] == "in_features, hidden_features=None, out_features=None, "
    assert signature(GatedMlp).endswith(
        "bias1=True, bias2=True, multiple_of=128, return_residual=False, device=None, dtype=None"
    )
    assert_fit_for_other_trees("flash_attn_torch.modules.mlp")
