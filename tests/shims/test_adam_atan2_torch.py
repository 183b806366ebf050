"""adam_atan2_torch.AdamATan2 steps as the package adam-atan2 0.0.3 does."""

import ast
import copy
import inspect
import math
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import adam_atan2_torch as shim  # noqa: E402
from adam_atan2_torch import AdamATan2  # noqa: E402

pytestmark = pytest.mark.train

PATH = Path(shim.__file__)


def parameter(values, dtype=torch.float64):
    return torch.nn.Parameter(torch.tensor(values, dtype=dtype))


def run(optimizer, params, gradients):
    """One step for each row of gradients, a row having one tensor for each parameter."""
    for row in gradients:
        for p, g in zip(params, row, strict=True):
            p.grad = g.to(p.dtype).clone()
        optimizer.step()


# ---------------------------------------------------------------- the formula


def by_hand(p, gradients, lr, beta1, beta2, weight_decay):
    """The formula on plain numbers."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        p *= 1 - lr * weight_decay
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p -= lr / (1 - beta1**t) * math.atan2(m, math.sqrt(v) / math.sqrt(1 - beta2**t))
    return p, m, v


def test_the_first_step_in_closed_form():
    """m = 0.1 g and v corrected is g squared: whatever the gradient's size, p moves by 10 lr atan(0.1)."""
    p = parameter([1.0, 1.0, 1.0])
    run(AdamATan2([p], lr=0.01, weight_decay=0.0), [p], [[torch.tensor([1e-6, -3.0, 1e6])]])
    moved = 0.01 / 0.1 * math.atan(0.1)
    assert p.tolist() == pytest.approx([1 - moved, 1 + moved, 1 - moved], rel=1e-14)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.95), (0.0, 0.0), (0.3, 0.99)], ids=str)
def test_five_steps_equal_the_formula_on_plain_numbers(betas, weight_decay):
    start, gradients = (
        [0.7, -1.3, 2.0],
        [[0.5, -1.0, 0.0], [0.1, 2.0, 0.0], [-0.4, 3.0, 1e-3], [0, 0, 0], [1, 1, 1]],
    )
    p = parameter(start)
    optimizer = AdamATan2([p], lr=0.03, betas=betas, weight_decay=weight_decay)
    run(optimizer, [p], [[torch.tensor(g, dtype=torch.float64)] for g in gradients])
    for i in range(3):
        wanted = by_hand(start[i], [g[i] for g in gradients], 0.03, *betas, weight_decay)
        state = optimizer.state[p]
        got = (p[i].item(), state["exp_avg"][i].item(), state["exp_avg_sq"][i].item())
        assert got == pytest.approx(wanted, rel=1e-13, abs=1e-16)


def test_a_gradient_of_zero_moves_nothing_but_the_decay():
    p = parameter([2.0])
    run(AdamATan2([p], lr=0.1, weight_decay=0.5), [p], [[torch.zeros(1)]])
    assert p.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5), rel=1e-15)


def test_float32_follows_float64_over_many_steps():
    start, gradients = torch.randn(50), torch.randn(200, 50)
    narrow, wide = parameter(start.tolist(), torch.float32), parameter(start.tolist())
    for p in (narrow, wide):
        run(AdamATan2([p], lr=1e-2, weight_decay=0.0), [p], [[g] for g in gradients])
    assert torch.allclose(narrow.double(), wide, rtol=0, atol=5e-6)


def test_exp_avg_sq_does_not_drift_in_float32():
    """v * float32(0.999) + 0.001 g g would come out 1e-5 too large in the long run; the package lerps."""
    p, wanted = parameter([0.0] * 2000, torch.float32), torch.zeros(2000, dtype=torch.float64)
    optimizer = AdamATan2([p])
    for _ in range(2000):
        g = torch.randn(2000)
        run(optimizer, [p], [[g]])
        wanted = 0.999 * wanted + (1 - 0.999) * g.double() ** 2
    drift = (optimizer.state[p]["exp_avg_sq"].double() / wanted - 1).mean().item()
    assert abs(drift) < 1e-6


# ---------------------------------------------------------------- not adam-atan2-pytorch


def step_of_adam_atan2_pytorch(m, v, t, lr, beta1, beta2, a=1.27):
    """What the other package takes off p: the first bias correction stands inside of atan2."""
    return lr * a * torch.atan2(m / (1 - beta1**t), torch.sqrt(v / (1 - beta2**t)))


@pytest.mark.parametrize(
    ("t", "ratio", "ratio_with_a_of_one"), [(1, 1.001, 0.788), (10, 1.207, 0.951), (100, 1.270, 1.000)]
)
def test_adam_atan2_pytorch_takes_other_steps(t, ratio, ratio_with_a_of_one):
    p = parameter([0.0] * 4000)
    optimizer = AdamATan2([p], lr=1e-3, weight_decay=0.0)
    run(optimizer, [p], [[torch.randn(4000)] for _ in range(t - 1)])
    before = p.detach().clone()
    run(optimizer, [p], [[torch.randn(4000)]])
    own = (before - p.detach()).norm()
    m, v = optimizer.state[p]["exp_avg"], optimizer.state[p]["exp_avg_sq"]
    others = step_of_adam_atan2_pytorch(m, v, t, 1e-3, 0.9, 0.999)
    with_a_of_one = step_of_adam_atan2_pytorch(m, v, t, 1e-3, 0.9, 0.999, a=1.0)
    # The ends are the same for any gradients, the way between them is not.
    tolerance = 2e-2 if t == 10 else 1e-3
    assert (others.norm() / own).item() == pytest.approx(ratio, abs=tolerance)
    assert (with_a_of_one.norm() / own).item() == pytest.approx(ratio_with_a_of_one, abs=tolerance)


# ---------------------------------------------------------------- arguments


def test_positional_order_and_defaults():
    parameters = list(inspect.signature(AdamATan2).parameters.values())
    assert [(p.name, p.default) for p in parameters] == [
        ("params", inspect.Parameter.empty),
        ("lr", 1e-3),
        ("betas", (0.9, 0.999)),
        ("weight_decay", 1e-2),
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"lr": -1e-3}, r"lr must be .* -0\.001"),
        ({"lr": math.nan}, "lr must be .* nan"),
        ({"betas": (1.0, 0.999)}, r"betas\[0\] must be .* 1\.0"),
        ({"betas": (0.9, 1.5)}, r"betas\[1\] must be .* 1\.5"),
        ({"betas": (-0.1, 0.999)}, r"betas\[0\] must be .* -0\.1"),
        ({"weight_decay": -2.0}, r"weight_decay must be .* -2\.0"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_and_told(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        AdamATan2([parameter([1.0])], **arguments)


@pytest.mark.parametrize("lr", [0, 0.0])
def test_lr_of_zero_moves_no_parameter_but_advances_the_state(lr):
    p = parameter([1.0, -2.0])
    optimizer = AdamATan2([p], lr=lr)
    run(optimizer, [p], [[torch.tensor([3.0, 4.0])]] * 2)
    assert p.tolist() == [1.0, -2.0]
    assert optimizer.state[p]["step"].item() == 2
    assert optimizer.state[p]["exp_avg"].tolist() == pytest.approx([0.19 * 3, 0.19 * 4])


def test_a_schedule_may_overwrite_lr_between_the_steps_as_hrm_does():
    p = parameter([1.0])
    optimizer = AdamATan2([p], lr=0, weight_decay=0.0)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    run(optimizer, [p], [[torch.tensor([1.0])]])
    assert p.item() == pytest.approx(1 - 0.1 * math.atan(0.1))


def test_lr_may_be_a_tensor():
    gradients = [[torch.randn(5)] for _ in range(3)]
    p, q = parameter([0.0] * 5), parameter([0.0] * 5)
    run(AdamATan2([p], lr=torch.tensor(0.25)), [p], gradients)
    run(AdamATan2([q], lr=0.25), [q], gradients)
    assert torch.equal(p, q)


def test_groups_have_their_own_settings():
    p, q = parameter([1.0]), parameter([1.0])
    optimizer = AdamATan2(
        [{"params": [p]}, {"params": [q], "lr": 0.02, "betas": (0.5, 0.9), "weight_decay": 0.3}], lr=0.01
    )
    run(optimizer, [p, q], [[torch.tensor([2.0]), torch.tensor([2.0])]])
    assert p.item() == pytest.approx(by_hand(1.0, [2.0], 0.01, 0.9, 0.999, 1e-2)[0])
    assert q.item() == pytest.approx(by_hand(1.0, [2.0], 0.02, 0.5, 0.9, 0.3)[0])


def test_a_closure_is_run_with_gradients_and_its_value_returned():
    p = parameter([3.0])
    optimizer = AdamATan2([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert p.item() < 3.0


def test_a_parameter_without_a_gradient_is_left_alone():
    p, q = parameter([1.0]), parameter([1.0])
    optimizer = AdamATan2([p, q])
    p.grad = torch.ones(1, dtype=torch.float64)
    assert optimizer.step() is None
    assert q.item() == 1.0
    assert q not in optimizer.state


# ---------------------------------------------------------------- refused


def test_a_sparse_gradient_is_refused_before_anything_moves():
    p, table = parameter([1.0]), torch.nn.Embedding(5, 3, sparse=True)
    optimizer = AdamATan2([p, *table.parameters()])
    (p.sum() + table(torch.tensor([1, 2])).sum()).backward()
    with pytest.raises(RuntimeError, match="sparse gradients are not supported"):
        optimizer.step()
    assert p.item() == 1.0


def test_complex_parameters_are_refused():
    p = parameter([1 + 1j], torch.complex64)
    optimizer = AdamATan2([p])
    p.grad = torch.ones_like(p)
    with pytest.raises(RuntimeError, match="complex parameters are not supported"):
        optimizer.step()


# ---------------------------------------------------------------- state and dtypes


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_state_names_shapes_and_dtypes(dtype):
    p = torch.nn.Parameter(torch.randn(4, 3).to(dtype).t())
    optimizer = AdamATan2([p])
    run(optimizer, [p], [[torch.randn(3, 4)]])
    state = optimizer.state[p]
    assert set(state) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["step"].dtype == torch.float32
    assert state["step"].shape == ()
    assert state["exp_avg"].dtype == state["exp_avg_sq"].dtype == p.dtype == dtype
    assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == p.stride()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_16_bits_are_stored_and_float32_is_computed(dtype):
    """Each step: widen everything, step in float32, round once; so not a step of 16-bit operations."""
    gradients = torch.randn(10, 100).to(dtype)
    p = torch.nn.Parameter(torch.randn(100).to(dtype))
    stored = [p.detach().clone(), torch.zeros_like(p), torch.zeros_like(p)]
    for t, gradient in enumerate(gradients, start=1):
        x, m, v, g = (y.float() for y in (*stored, gradient))
        x = x * (1 - 0.1 * 0.01)
        m = m + (1 - 0.9) * (g - m)
        v = v + (1 - 0.999) * (g * g - v)
        x = x - 0.1 / (1 - 0.9**t) * torch.atan2(m, v.sqrt() / math.sqrt(1 - 0.999**t))
        stored = [y.to(dtype) for y in (x, m, v)]
    optimizer = AdamATan2([p], lr=0.1)
    run(optimizer, [p], [[g] for g in gradients])
    state = optimizer.state[p]
    # A float32 rounding may tip a rounding to 16 bits, rarely; 16-bit arithmetic would miss most.
    for want, got in zip(stored, (p, state["exp_avg"], state["exp_avg_sq"]), strict=True):
        assert (want != got).float().mean() < 0.03


def test_a_model_widened_after_some_steps_goes_on():
    """`model.float()` changes the parameters, not the optimizer's state."""
    p = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    optimizer = AdamATan2([p])
    run(optimizer, [p], [[torch.ones(3)]])
    p.data, p.grad = p.data.float(), None
    run(optimizer, [p], [[torch.ones(3)]])
    assert optimizer.state[p]["exp_avg"].tolist() == pytest.approx([0.19] * 3, rel=1e-2)


def test_state_dict_round_trip_continues_bit_for_bit():
    gradients = [[torch.randn(4, 3), torch.randn(3)] for _ in range(6)]
    params = [torch.nn.Parameter(torch.randn(4, 3)), torch.nn.Parameter(torch.randn(3))]
    optimizer = AdamATan2(params, lr=0.01, betas=(0.8, 0.99), weight_decay=0.2)
    run(optimizer, params, gradients[:3])
    saved = copy.deepcopy(optimizer.state_dict())

    resumed_params = copy.deepcopy(params)
    resumed = AdamATan2(resumed_params)  # other settings: the checkpoint has the right ones
    resumed.load_state_dict(saved)
    run(optimizer, params, gradients[3:])
    run(resumed, resumed_params, gradients[3:])

    for p, q in zip(params, resumed_params, strict=True):
        assert torch.equal(p, q)
        assert all(torch.equal(optimizer.state[p][name], resumed.state[q][name]) for name in optimizer.state[p])
        assert resumed.state[q]["step"].item() == 6


# ---------------------------------------------------------------- the foreach path, of which a GPU makes use


def parameters_that_differ_in_steps():
    params = [torch.nn.Parameter(torch.randn(n, 3)) for n in (1, 4, 2)]
    params.append(torch.nn.Parameter(torch.randn(0)))
    params.append(torch.nn.Parameter(torch.randn(5, dtype=torch.float64)))
    return params


def train(params):
    optimizer = AdamATan2(params, lr=0.02)
    generator = torch.Generator().manual_seed(1)
    for t in range(5):
        for i, p in enumerate(params):
            skipped = i == 1 and t < 2
            p.grad = None if skipped else torch.randn(p.shape, generator=generator, dtype=p.dtype)
        optimizer.step()
    return [*params, *(x for p in params for x in optimizer.state[p].values())]


@pytest.mark.skipif(not hasattr(torch, "_foreach_lerp_"), reason="this torch has no _foreach_lerp_")
def test_foreach_equals_the_loop_bit_for_bit(monkeypatch):
    params = parameters_that_differ_in_steps()
    by_loop = train(copy.deepcopy(params))
    monkeypatch.setattr(shim, "_foreach_is_faster", lambda device, dtype: True)
    monkeypatch.setattr(shim, "_update", None)  # it must not be needed
    by_foreach = train(copy.deepcopy(params))
    assert all(torch.equal(a, b) for a, b in zip(by_loop, by_foreach, strict=True))


def test_foreach_is_for_wide_dtypes_on_a_gpu(monkeypatch):
    faster = shim._foreach_is_faster
    monkeypatch.setattr(torch, "_foreach_lerp_", object(), raising=False)
    assert faster(torch.device("cuda"), torch.float32)
    assert not faster(torch.device("cuda"), torch.bfloat16)
    assert not faster(torch.device("cpu"), torch.float32)


def test_without_foreach_lerp_the_loop_serves(monkeypatch):
    monkeypatch.delattr(torch, "_foreach_lerp_", raising=False)
    assert not shim._foreach_is_faster(torch.device("cuda"), torch.float32)


def test_the_step_counts_are_read_once_for_all_parameters(monkeypatch):
    """Every read waits for a GPU."""
    reads = []
    stack = torch.stack
    monkeypatch.setattr(torch, "stack", lambda tensors: reads.append(len(tensors)) or stack(tensors))
    monkeypatch.setattr(torch.Tensor, "item", lambda self: pytest.fail("a read for a single parameter"))
    params = [torch.nn.Parameter(torch.randn(2)) for _ in range(7)]
    run(AdamATan2(params), params, [[torch.randn(2) for _ in params]])
    assert reads == [7]


# ---------------------------------------------------------------- a file for somebody else's tree


def test_python_3_8_can_parse_it():
    ast.parse(PATH.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_it_imports_torch_and_the_standard_library_only():
    tree = ast.parse(PATH.read_text(encoding="utf-8"))
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} - {"torch"} <= sys.stdlib_module_names


def test_all_names_the_class():
    assert shim.__all__ == ["AdamATan2"]
