"""Cross entropy as in flash_attn.losses.cross_entropy (2.8), in plain torch: no triton, no GPU.

Replaces, with the same arguments and results::

    CrossEntropyLoss(ignore_index=-100, reduction="mean", label_smoothing=0.0, logit_scale=1.0,
                     lse_square_scale=0.0, inplace_backward=False, process_group=None, return_z_loss=False)
    cross_entropy_loss(logits, labels, ...)  -> (losses, z_losses), [rows] each

For s = logits * logit_scale, lse = logsumexp(s) and a label y, the loss of a row is::

    lse - (1 - label_smoothing) * s[y] - label_smoothing * mean(s) + lse_square_scale * lse^2

whose last term is the z-loss, already in the loss and returned once more for logging, without gradient. A row whose
label is ignore_index has loss, z-loss and gradient 0, and does not count in the mean.

Equal to what: the formula in float32 (float64 for float64); losses are float32 whatever the logits, gradients have
the dtype of the logits. Only the logits and [rows] numbers are kept for the backward pass.

Accepted here though flash-attn refuses it: CPU, float64.

Refused: a process_group (tensor parallelism), by name; a label outside of the classes that is not ignore_index, where
flash-attn gives a loss of 0 and a gradient that does not belong to it (on a GPU this is torch's own device assert).

Without effect: inplace_backward. It writes the gradient over the logits, which saves memory and changes no number.
"""

import torch

__all__ = ["CrossEntropyLoss", "cross_entropy_loss"]


def cross_entropy_loss(
    logits,
    labels,
    precomputed_lse=None,
    label_smoothing=0.0,
    logit_scale=1.0,
    lse_square_scale=0.0,
    ignore_index=-100,
    inplace_backward=False,
    process_group=None,
):
    """logits [rows, classes] and labels [rows] -> the losses and the z-losses, [rows] each, float32.

    precomputed_lse: [rows], used only if logit_scale is 1 and there is no label smoothing, as in flash-attn.
    """
    if process_group is not None:
        raise NotImplementedError("flash_attn_torch: process_group (tensor parallelism) is not supported")
    _check(logits, labels, precomputed_lse, logit_scale, ignore_index)
    if logit_scale != 1.0 or label_smoothing != 0.0:
        precomputed_lse = None
    return _CrossEntropy.apply(
        logits, labels, precomputed_lse, label_smoothing, logit_scale, lse_square_scale, ignore_index
    )


def _check(logits, labels, lse, logit_scale, ignore_index):
    wrong = None
    if logits.dim() != 2 or labels.shape != logits.shape[:1]:
        shapes = f"{tuple(logits.shape)} and {tuple(labels.shape)}"
        wrong = f"logits must be [rows, classes] and labels [rows], but have shapes {shapes}"
    elif lse is not None and lse.shape != labels.shape:
        wrong = f"precomputed_lse must be [rows], but has shape {tuple(lse.shape)}"
    elif not logit_scale > 0.0:
        wrong = f"logit_scale must be above 0, but is {logit_scale}"
    elif labels.device.type == "cpu":  # elsewhere this would wait for the device at each step
        outside = ((labels < 0) | (labels >= logits.shape[1])) & (labels != ignore_index)
        if outside.any():
            label = labels[outside][0].item()
            wrong = f"the label {label} is neither ignore_index ({ignore_index}) nor one of {logits.shape[1]} classes"
    if wrong:
        raise ValueError(f"flash_attn_torch: {wrong}")


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, labels, lse, smoothing, logit_scale, lse_square_scale, ignore_index):
        ignored = labels == ignore_index
        labels = labels.long().masked_fill(ignored, 0)[:, None]
        scaled = logits.to(torch.promote_types(logits.dtype, torch.float32)) * logit_scale
        lse = torch.logsumexp(scaled, dim=-1) if lse is None else lse.to(scaled.dtype)
        losses = lse - (1.0 - smoothing) * scaled.gather(1, labels)[:, 0]
        if smoothing != 0.0:
            losses = losses - smoothing * scaled.mean(dim=-1)
        z_losses = (lse_square_scale * lse.square()).masked_fill(ignored, 0.0)
        losses = losses.masked_fill(ignored, 0.0) + z_losses
        ctx.save_for_backward(logits, labels, lse, ignored)
        ctx.numbers = smoothing, logit_scale, lse_square_scale
        ctx.mark_non_differentiable(z_losses)
        return losses, z_losses

    @staticmethod
    def backward(ctx, grad, _):
        logits, labels, lse, ignored = ctx.saved_tensors
        smoothing, logit_scale, lse_square_scale = ctx.numbers
        # d loss / d s = softmax(s) * (1 + 2 * lse_square_scale * lse) - (1 - smoothing) * onehot - smoothing / classes
        slope = (logits.to(lse.dtype) * logit_scale).sub_(lse[:, None]).exp_()
        slope.mul_((1.0 + 2.0 * lse_square_scale * lse)[:, None]).sub_(smoothing / logits.shape[1])
        slope.scatter_add_(1, labels, torch.full_like(labels, smoothing - 1.0, dtype=slope.dtype))
        grad = (grad * logit_scale).masked_fill(ignored, 0.0)[:, None]
        return slope.mul_(grad).to(logits.dtype), None, None, None, None, None, None


class CrossEntropyLoss(torch.nn.Module):
    """The options are explained in the header; reduction is "mean", "sum" or "none"."""

    def __init__(
        self,
        ignore_index=-100,
        reduction="mean",
        label_smoothing=0.0,
        logit_scale=1.0,
        lse_square_scale=0.0,
        inplace_backward=False,
        process_group=None,
        return_z_loss=False,
    ):
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise NotImplementedError(f"flash_attn_torch: reduction must be mean, sum or none, but is {reduction!r}")
        if process_group is not None:
            raise NotImplementedError("flash_attn_torch: process_group (tensor parallelism) is not supported")
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing
        self.logit_scale = logit_scale
        self.lse_square_scale = lse_square_scale
        self.inplace_backward = inplace_backward
        self.process_group = process_group
        self.return_z_loss = return_z_loss

    def forward(self, input, target, precomputed_lse=None):
        """input [rows, classes], target [rows]; returns the loss, or with return_z_loss the loss and the z-loss."""
        losses, z_losses = cross_entropy_loss(
            input,
            target,
            precomputed_lse,
            self.label_smoothing,
            self.logit_scale,
            self.lse_square_scale,
            self.ignore_index,
            self.inplace_backward,
            self.process_group,
        )
        loss = self._reduced(losses, target)
        return (loss, self._reduced(z_losses, target)) if self.return_z_loss else loss

    def _reduced(self, losses, target):
        if self.reduction == "mean":
            return losses.sum() / (target != self.ignore_index).sum()
        return losses.sum() if self.reduction == "sum" else losses
