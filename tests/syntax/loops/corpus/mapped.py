"""Loops over which torch.func.vmap goes: their turns are pure, and the text does not show how the axis travels."""

import torch
import torch.nn.functional as F


# x: B T D, w: T D E
def multiplies_by_a_matrix_of_each_turn(x, w):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] @ w[t, :])
    return torch.stack(outputs, dim=1)


# x: T D D
def inverts_each(x):
    outputs = []
    for t in range(x.shape[0]):
        outputs.append(torch.linalg.inv(x[t, :, :] + 9 * torch.eye(3, dtype=x.dtype)))
    return torch.stack(outputs)


# q: B T D, k: B T D
def attends_within_each_turn(q, k):
    y = torch.zeros_like(q)
    for t in range(q.shape[1]):
        scores = torch.einsum("bd,cd->bc", q[:, t], k[:, t])
        y[:, t] = scores.softmax(-1) @ k[:, t]
    return y


# x: B T D, w: anything
def meets_a_tensor_of_unknown_axes(x, w):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] * w)
    return torch.stack(outputs, dim=1)


# x: B T D
def changes_the_axes_across_the_loop(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t].reshape(-1).cumsum(0))
    return torch.stack(outputs)


# x: B T D
def transposes(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t].transpose(0, 1))
    return torch.stack(outputs, dim=0)


# x: B T D
def takes_the_largest(x):
    outputs = []
    for t in range(x.shape[1]):
        values, places = x[:, t].topk(2, dim=-1)
        outputs.append(values)
    return torch.stack(outputs, dim=1)


# x: B T D
def adds_up_what_is_not_followed(x):
    total = 0
    for t in range(x.shape[1]):
        total = total + torch.outer(x[0, t], x[1, t])
    return total


# x: B T D, w: B D
def falls_back_on_another_tensor(x, w, scale=None):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] * (scale or w))
    return torch.stack(outputs, dim=1)


# x: B T D
def joins_lists_of_one_turn(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t]
        outputs.append(now * torch.stack([now] + [now * 2]).mean())
    return torch.stack(outputs, dim=1)


# x: B T D, w: T E D
def has_another_linear_map_in_each_turn(x, w):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(F.linear(x[:, t], w[t, :]))
    return torch.stack(outputs, dim=1)


# x: B T D
def asks_how_many_axes_a_turn_has(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(doubled_rows(x[:, t]))
    return torch.stack(outputs, dim=1)


def doubled_rows(value):
    if len(value.shape) == 2 and value.dim() == value.ndim:
        return value * 2
    return value


# x: B T D
def views_what_was_mapped(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].transpose(0, 1))
    return torch.stack(outputs, dim=1).view(size * length, batch)


# x: T D, w: T
def zips_what_has_unknown_lengths(x: torch.Tensor, w: torch.Tensor):
    total = 0
    for row, weight in zip(x, w):
        total = total + (row.sum() * weight).tanh()
    return total
