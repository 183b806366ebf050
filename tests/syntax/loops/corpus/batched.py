"""Loops that become batched code. Above each: the axes of its inputs, B T D and so on; T is the number of turns."""

import torch
import torch.nn.functional as F
from torch import nn


# x: B T D
def appends_a_pointwise_result(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(torch.tanh(x[:, t]) * 2)
    return torch.stack(outputs, dim=1)


# x: B T D
def goes_through_names_of_one_turn(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t]
        gate = torch.sigmoid(now)
        mixed = gate * now + (1 - gate)
        outputs.append(mixed)
    return torch.stack(outputs, 1)


# x: T B D
def stacks_along_the_first_axis(x):
    outputs = []
    for t in range(x.size(0)):
        outputs.append(x[t, :].exp())
    return torch.stack(outputs)


# x: B T D
def stacks_along_another_axis(x):
    outputs = []
    for t in range(x.size(1)):
        outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=0)


# x: B T D
def stacks_along_the_last_axis(x):
    outputs = []
    for t in range(x.size(1)):
        outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=-1)


# x: B T D
def joins_slices_of_one(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t : t + 1] * 3)
    return torch.cat(outputs, dim=1)


# x: B T D
def joins_turns_to_one_long_axis(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].cos())
    return torch.cat(outputs, dim=-1)


# x: B T D
def keeps_a_list_that_is_returned(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].sin())
    return outputs


# x: B T D, w: D
def meets_a_tensor_of_known_axes(x, w):
    (size,) = w.shape
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t, :] * w)
    return torch.stack(outputs, dim=1)


# x: B T D, y: B T D
def reads_two_tensors(x, y):
    batch, length, size = x.shape
    b, l, s = y.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t] * y[:, t].abs())
    return torch.stack(outputs, dim=1)


# x: B S D, n: int 2
def goes_over_a_part_of_the_axis(x, n: int):
    outputs = []
    for t in range(n):
        outputs.append(x[:, t].sin())
    return torch.stack(outputs, dim=1)


# x: B T D
def begins_with_the_second(x):
    outputs = []
    for t in range(1, x.shape[1]):
        outputs.append(x[:, t] - x[:, t - 1])
    return torch.stack(outputs, dim=1)


# x: B T D
def reads_the_next_one(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length - 1):
        outputs.append(x[:, t + 1] * x[:, t])
    return torch.stack(outputs, dim=1)


# x: B T D
def takes_the_mean_of_the_last_axis(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].mean(-1))
    return torch.stack(outputs, dim=1)


# x: B T D
def takes_the_mean_of_the_batch(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t].mean(0))
    return torch.stack(outputs, dim=0)


# x: B T D E
def sums_an_axis_behind_the_loop(x):
    batch, length, size, more = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].sum(1))
    return torch.stack(outputs, dim=1)


# x: B T D E
def sums_two_axes(x):
    batch, length, size, more = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].sum(dim=(0, -1)))
    return torch.stack(outputs)


# x: B T D
def takes_the_mean_of_everything(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].mean())
    return torch.stack(outputs)


# x: B T D
def keeps_the_axis_that_it_sums(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t]
        outputs.append(now - now.mean(1, keepdim=True))
    return torch.stack(outputs, 1)


# x: B T D
def takes_a_softmax(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(F.softmax(x[:, t], dim=1))
    return torch.stack(outputs, dim=1)


# x: B T D
def normalizes_with_the_axis_left_out(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(F.normalize(x[:, t]))
    return torch.stack(outputs, dim=1)


# x: B T D
def cuts_the_last_axis(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t].relu()
        outputs.append(now[:, :2])
    return torch.stack(outputs, dim=1)


# x: B T D
def takes_one_place_of_each_turn(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t].relu()
        outputs.append(now[:, 0] + now[..., -1])
    return torch.stack(outputs, dim=1)


# x: B T D
def takes_an_axis_in_front(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t][0])
    return torch.stack(outputs)


# x: B T D
def adds_an_axis(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].unsqueeze(1))
    return torch.stack(outputs, dim=1)


# x: B T D
def joins_parts_of_one_turn(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t]
        outputs.append(torch.cat([now, now * 2], dim=1))
    return torch.stack(outputs, dim=1)


# x: B T D, w: D E
def multiplies_by_a_matrix(x, w):
    batch, length, size = x.shape
    rows, columns = w.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t] @ w)
    return torch.stack(outputs, dim=1)


# x: B T D
def writes_to_places_of_a_tensor(x):
    y = torch.zeros_like(x)
    for t in range(x.shape[1]):
        y[:, t] = x[:, t] ** 2
    return y


# x: B T D
def writes_to_a_tensor_of_its_own_sizes(x):
    batch, length, size = x.shape
    y = torch.empty(batch, size, length, dtype=x.dtype)
    for t in range(length):
        y[:, :, t] = x[:, t] + 1
    return y


# x: B T D
def adds_to_places_of_a_tensor(x):
    y = torch.ones_like(x)
    for t in range(x.shape[1]):
        y[:, t] += x[:, t]
    return y


# x: B T D
def writes_where_it_reads(x):
    y = x.clone()
    for t in range(x.shape[1]):
        y[:, t] = y[:, t] + x[:, t].exp()
    return y


# x: B T D
def adds_up(x):
    total = 0
    for t in range(x.shape[1]):
        total = total + x[:, t] ** 2
    return total


# x: B T D, w: T
def adds_up_with_weights(x, w):
    batch, length, size = x.shape
    (steps,) = w.shape
    total = torch.zeros(size, dtype=x.dtype)
    for t in range(length):
        total += w[t, None] * x[:, t].mean(0)
    return total


# x: T B, w: T
def adds_up_one_number_a_turn(x, w):
    length, batch = x.shape
    (steps,) = w.shape
    total = 0.0
    for t in range(length):
        total += w[t, ...] * x[t, :].mean()
    return total


# x: B T D
def gathers_two_things(x):
    batch, length, size = x.shape
    firsts = []
    seconds = []
    for t in range(length):
        now = x[:, t].tanh()
        firsts.append(now)
        seconds.append(now.sum(-1))
    return torch.stack(firsts, dim=1), torch.stack(seconds, dim=1)


# x: B T H D
def has_a_loop_in_the_loop(x):
    batch, length, heads, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t]
        parts = []
        for h in range(heads):
            parts.append(now[:, h].tanh())
        now = torch.stack(parts, dim=1)
        outputs.append(now)
    return torch.stack(outputs, dim=1)


# x: B T M
def takes_blocks_of_heads(x):
    batch, length, size = x.shape
    heads, width = 2, size // 2
    outputs = []
    for h in range(heads):
        part = x[:, :, h * width : (h + 1) * width]
        outputs.append(part.softmax(dim=-1))
    return torch.stack(outputs, dim=2)


# x: T D, w: T
def iterates_over_tensors(x: torch.Tensor, w: torch.Tensor):
    length, size = x.shape
    (steps,) = w.shape
    total = 0
    for row, weight in zip(x, w):
        total = total + weight * row.sum()
    return total


# x: T D, y: T D
def enumerates_tensors(x: torch.Tensor, y: torch.Tensor):
    length, size = x.shape
    length, size = y.shape
    outputs = []
    for i, (a, b) in enumerate(zip(x, y)):
        outputs.append(a * y[i, :])
    return torch.stack(outputs)


# x: B T D
def branches_on_a_shape(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t]
        if now.shape[-1] > 2:
            now = now[:, :2]
        else:
            now = now * 1
        outputs.append(now)
    return torch.stack(outputs, dim=1)


# x: B T D
def leaves_out_what_nothing_reads(x):
    outputs = []
    for t in range(x.shape[1]):
        unused = torch.exp(-x[:, t]).sum()
        outputs.append(x[:, t] * 2)
    return torch.stack(outputs, dim=1)


# x: B T D
def keeps_a_plain_loop_inside(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        now = x[:, t]
        for _ in range(3):
            now = torch.tanh(now) + 0.1
        outputs.append(now)
    return torch.stack(outputs, dim=1)


# x: B T D
def calls_a_function_of_the_file(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(squashed(x[:, t]))
    return torch.stack(outputs, dim=1)


def squashed(value):
    scale = value.abs().amax(-1, keepdim=True)
    return value / (1 + scale)


# x: B T D
class OpensModules(nn.Module):
    def __init__(self, dim: int = 3):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.norm = nn.LayerNorm(dim)
        self.net = nn.Sequential(nn.Linear(dim, 5), nn.GELU(), nn.Linear(5, dim))
        self.block = Block(dim)

    def forward(self, x):
        batch, length, size = x.shape
        outputs = []
        for t in range(length):
            hidden = self.net(self.norm(x[:, t])) * self.scale
            outputs.append(self.block(hidden))
        return torch.stack(outputs, dim=1)


class Block(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(2)])
        self.act = nn.SiLU()

    def forward(self, x):
        for layer in self.layers:
            x = x + self.act(layer(x))
        return x


# x: B T D
class RingBuffer(nn.Module):
    def __init__(self, dim: int = 3, window: int = 4):
        super().__init__()
        self.window = window
        self.register_buffer("kept", torch.zeros(window, dim))
        self.register_buffer("position", torch.zeros(1, dtype=torch.long))

    def forward(self, x):
        batch, length, size = x.shape
        outputs = []
        for t in range(length):
            slot = self.position.item() % self.window
            self.kept[slot] = x[:, t, :].mean(0).detach()
            self.position += 1
            outputs.append(x[:, t].exp())
        return torch.stack(outputs, dim=1)


# x: B T D
class RingOfPlainNumbers(nn.Module):
    def __init__(self, dim: int = 3, window: int = 4):
        super().__init__()
        self.window = window
        self.at = 0
        self.register_buffer("kept", torch.zeros(window, 2, dim))

    def forward(self, x):
        batch, length, size = x.shape
        for t in range(length):
            self.kept[self.at] = x[:, t].detach()
            self.at = (self.at + 1) % self.window
        return x.sum() + self.at


# x: B T D
def splits_off_what_is_independent(x):
    batch, length, size = x.shape
    state = torch.zeros(batch, size, dtype=x.dtype)
    hidden = []
    opened = []
    for t in range(length):
        now = x[:, t]
        state = torch.tanh(now + state)
        hidden.append(state)
        opened.append(torch.sigmoid(now))
    return torch.stack(hidden, dim=1), torch.stack(opened, dim=1)


# x: B T D
def hands_out_no_views(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t])
    return torch.stack(outputs, dim=1) + 0


# x: B T D
def views_what_it_stacked(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=0).view(length * batch, size)


# x: B T D
def opens_code_with_names_of_its_own(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(centred(x[:, t]))
    return torch.stack(outputs, dim=1)


def centred(value):
    length = value.shape[-1]
    return value - value.sum(-1, keepdim=True) / length


# x: B T D
def writes_parts_of_one_place(x):
    batch, length, size = x.shape
    y = torch.zeros(batch, length, 6, dtype=x.dtype)
    for t in range(length):
        y[:, t, :3] = x[:, t]
        y[:, t, 3:] = -x[:, t]
    return y


# x: B T D
def adds_to_two_places_of_a_tensor(x):
    batch, length, size = x.shape
    y = torch.zeros(batch, length + 1, size, dtype=x.dtype)
    for t in range(length):
        y[:, t] += x[:, t]
        y[:, t + 1] += x[:, t] * 2
    return y


# x: B T D, w: E D, bias: T E
def adds_another_bias_in_each_turn(x, w, bias):
    batch, length, size = x.shape
    length, rows = bias.shape
    outputs = []
    for t in range(length):
        outputs.append(F.linear(x[:, t], w) + bias[t, :])
    return torch.stack(outputs, dim=1)


# x: B T D
class KeepsTheLast(nn.Module):
    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            self.last = x[:, t]
            outputs.append(x[:, t] * 2)
        return torch.stack(outputs, dim=1)


# x: T D
def knows_a_tensor_by_its_shape(x):
    outputs = []
    for t in range(x.shape[0]):
        outputs.append(torch.exp(x[t]))
    return torch.stack(outputs)
