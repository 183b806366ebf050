"""losses.cross_entropy is the cross entropy that flash-attn documents, row by row."""

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from flash_attn_torch.losses.cross_entropy import CrossEntropyLoss, cross_entropy_loss  # noqa: E402
from flash_attn_torch.ops.triton.cross_entropy import cross_entropy_loss as same_function  # noqa: E402

from tests.shims.parts import (  # noqa: E402
    FLOAT_DTYPES,
    assert_as_exact,
    assert_fit_for_other_trees,
    dtype_name,
    grid,
    results_and_gradients,
    signature,
)

pytestmark = pytest.mark.train

OPTIONS = grid(label_smoothing=[0.0, 0.2], logit_scale=[1.0, 0.7], lse_square_scale=[0.0, 0.1])
LABELS = torch.tensor([3, 0, -100, 10, 5, -100, 3])


def rows(logits, labels, label_smoothing=0.0, logit_scale=1.0, lse_square_scale=0.0, ignore_index=-100):
    """The losses and z-losses of rows, in float32 or the logits' dtype if that is wider."""
    losses, z_losses = [], []
    for row, label in zip(
        logits.to(torch.promote_types(logits.dtype, torch.float32)) * logit_scale, labels, strict=True
    ):
        if label == ignore_index:
            losses.append(0 * row.sum())
            z_losses.append(0 * row.sum())
            continue
        top = row.max()
        lse = (row - top).exp().sum().log() + top
        targets = torch.full_like(row, label_smoothing / len(row))
        targets[label] += 1 - label_smoothing
        z_losses.append(lse_square_scale * lse * lse)
        losses.append((targets * (lse - row)).sum() + z_losses[-1])
    return torch.stack(losses), torch.stack(z_losses)


@pytest.mark.parametrize("how", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_each_row(dtype, how):
    logits = (3 * torch.randn(7, 11)).to(dtype)
    assert_as_exact(
        lambda x: cross_entropy_loss(x, LABELS, **how)[0],
        lambda x: rows(x, LABELS, **how)[0],
        lambda x: rows(x, LABELS, **how)[0],
        logits,
    )
    losses, z_losses = cross_entropy_loss(logits, LABELS, **how)
    assert losses.dtype == z_losses.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.allclose(z_losses.double(), rows(logits.double(), LABELS, **how)[1], atol=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("how", OPTIONS, ids=str)
def test_the_module_reduces(how, reduction):
    def plain(x):
        loss = rows(x, LABELS, **how)[0]
        return {"mean": loss.sum() / 5, "sum": loss.sum(), "none": loss}[reduction]

    logits = 3 * torch.randn(7, 11)
    assert_as_exact(lambda x: CrossEntropyLoss(reduction=reduction, **how)(x, LABELS), plain, plain, logits)
    loss, z_loss = CrossEntropyLoss(reduction=reduction, return_z_loss=True, **how)(logits, LABELS)
    wanted = rows(logits.double(), LABELS, **how)[1]
    wanted = {"mean": wanted.sum() / 5, "sum": wanted.sum(), "none": wanted}[reduction]
    assert torch.equal(loss, CrossEntropyLoss(reduction=reduction, **how)(logits, LABELS))
    assert torch.allclose(z_loss.double(), wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=dtype_name)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_equals_torch_where_torch_has_it(smoothing, dtype):
    logits, labels = torch.randn(40, 1000).to(dtype), torch.randint(0, 1000, (40,))
    labels[::7] = -1
    (loss, grad), upstream = results_and_gradients(
        lambda x: CrossEntropyLoss(ignore_index=-1, label_smoothing=smoothing)(x, labels), (logits,)
    )
    (wanted, wanted_grad), _ = results_and_gradients(
        lambda x: F.cross_entropy(x.float(), labels, ignore_index=-1, label_smoothing=smoothing), (logits,), upstream
    )
    assert torch.allclose(loss, wanted, rtol=1e-6)
    assert torch.allclose(grad, wanted_grad, rtol=torch.finfo(dtype).eps, atol=1e-8)


@pytest.mark.parametrize("ignored", ["label_smoothing", "logit_scale", "lse_square_scale"])
def test_an_option_that_is_ignored_fails_the_criterion(ignored):
    how = {"label_smoothing": 0.1, "logit_scale": 0.9, "lse_square_scale": 0.01}
    less = {name: value for name, value in how.items() if name != ignored}

    def plain(x):
        return rows(x, LABELS, **how)[0]

    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_as_exact(lambda x: cross_entropy_loss(x, LABELS, **less)[0], plain, plain, torch.randn(7, 11).bfloat16())


def test_the_z_loss_is_for_logging_but_its_part_of_the_loss_has_a_gradient():
    logits = torch.randn(7, 11, requires_grad=True)
    losses, z_losses = cross_entropy_loss(logits, LABELS, lse_square_scale=0.5)
    assert not z_losses.requires_grad
    assert losses.requires_grad
    plain = cross_entropy_loss(logits, LABELS)[0]
    assert torch.allclose(losses - plain, z_losses, atol=1e-6)
    extra = torch.autograd.grad((losses - plain).sum(), logits)[0]
    wanted = torch.autograd.grad((0.5 * logits.logsumexp(-1).square())[LABELS != -100].sum(), logits)[0]
    assert torch.allclose(extra, wanted, atol=1e-5)


def test_a_given_lse_is_used_where_flash_attn_uses_it():
    logits = torch.randn(7, 11, dtype=torch.bfloat16, requires_grad=True)
    lse = logits.detach().float().logsumexp(-1)
    wanted = cross_entropy_loss(logits, LABELS, lse_square_scale=0.1)[0]
    got = cross_entropy_loss(logits, LABELS, lse, lse_square_scale=0.1)[0]
    assert torch.allclose(got, wanted)
    grads = [torch.autograd.grad(one.sum(), logits)[0] for one in (got, wanted)]
    assert torch.allclose(*grads)
    counted = (LABELS != -100).float()
    wanted = (cross_entropy_loss(logits, LABELS)[0] + 1) * counted
    assert torch.allclose(CrossEntropyLoss(reduction="none")(logits, LABELS, lse + 1), wanted)
    for how in ({"label_smoothing": 0.1}, {"logit_scale": 0.5}):
        wanted = cross_entropy_loss(logits, LABELS, **how)[0]
        assert torch.equal(cross_entropy_loss(logits, LABELS, lse + 1, **how)[0], wanted)


def test_large_logits_and_many_classes():
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], requires_grad=True)
    losses = cross_entropy_loss(logits, torch.tensor([0, 1]))[0]
    assert torch.allclose(losses, torch.tensor([0.0, 1.0986]), atol=1e-3)
    losses.sum().backward()
    assert logits.grad.isfinite().all()


def test_all_rows_ignored():
    logits = torch.randn(2, 3, requires_grad=True)
    labels = torch.tensor([-100, -100])
    assert CrossEntropyLoss()(logits, labels).isnan()  # 0 / 0, as in flash-attn and in torch
    loss = CrossEntropyLoss(reduction="sum", lse_square_scale=1.0, label_smoothing=0.1)(logits, labels)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_int32_labels_another_index_to_ignore_and_strided_logits():
    logits = torch.randn(11, 7).t()
    labels = torch.tensor([3, 0, 0, 10, 5, 2, 3], dtype=torch.int32)
    got = cross_entropy_loss(logits, labels, ignore_index=0)[0]
    assert torch.allclose(got, F.cross_entropy(logits, labels.long(), ignore_index=0, reduction="none"), atol=1e-6)


@pytest.mark.parametrize("inplace", [False, True])
def test_inplace_backward_changes_no_number(inplace):
    logits = torch.randn(7, 11, requires_grad=True)
    loss = CrossEntropyLoss(inplace_backward=inplace)(logits, LABELS)
    loss.backward()
    wanted = torch.autograd.grad(F.cross_entropy(logits, LABELS), logits)[0]
    assert torch.allclose(logits.grad, wanted, atol=1e-7)


def test_only_the_logits_are_kept_for_backward():
    logits, kept = torch.randn(7, 1000, dtype=torch.bfloat16, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        CrossEntropyLoss()(logits, LABELS)
    assert [t.data_ptr() for t in kept if t.numel() > 7] == [logits.data_ptr()]


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda x, y: CrossEntropyLoss(reduction="batchmean"), NotImplementedError, "is 'batchmean'"),
        (lambda x, y: CrossEntropyLoss(process_group=object()), NotImplementedError, "process_group"),
        (lambda x, y: cross_entropy_loss(x, y, process_group=object()), NotImplementedError, "process_group"),
        (lambda x, y: cross_entropy_loss(x[None], y), ValueError, r"logits must be \[rows, classes\]"),
        (lambda x, y: cross_entropy_loss(x, y[:3]), ValueError, r"\(7, 11\) and \(3,\)"),
        (lambda x, y: cross_entropy_loss(x, y, x[0]), ValueError, r"precomputed_lse must be \[rows\]"),
        (lambda x, y: cross_entropy_loss(x, y, logit_scale=0.0), ValueError, "logit_scale must be above 0"),
        (lambda x, y: cross_entropy_loss(x, y + 1), ValueError, r"label -99 is neither ignore_index \(-100\)"),
        (lambda x, y: cross_entropy_loss(x[:, :10], y), ValueError, "label 10 is neither .* nor one of 10 classes"),
    ],
)
def test_what_is_refused(call, error, sentence):
    with pytest.raises(error, match=sentence) as refused:
        call(torch.randn(7, 11), LABELS)
    assert str(refused.value).startswith("flash_attn_torch: ")


def test_the_interface():
    assert same_function is cross_entropy_loss
    assert signature(cross_entropy_loss) == (
        "logits, labels, precomputed_lse=None, label_smoothing=0.0, logit_scale=1.0, lse_square_scale=0.0, "
        "ignore_index=-100, inplace_backward=False, process_group=None"
    )
    assert signature(CrossEntropyLoss) == (
        "ignore_index=-100, reduction='mean', label_smoothing=0.0, logit_scale=1.0, lse_square_scale=0.0, "
        "inplace_backward=False, process_group=None, return_z_loss=False"
    )
    assert signature(CrossEntropyLoss.forward) == "input, target, precomputed_lse=None"
    assert not CrossEntropyLoss().state_dict()
    assert_fit_for_other_trees("flash_attn_torch.losses.cross_entropy", "flash_attn_torch.ops.triton.cross_entropy")
