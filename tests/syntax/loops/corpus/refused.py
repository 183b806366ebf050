"""Loops that must stay, each with a part of the reason."""

import math
import random

import torch
import torch.nn.functional as F
from torch import nn


# carries `h`
def recurrence(x, cell, h):
    outputs = []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] + h)
        outputs.append(h)
    return torch.stack(outputs, dim=1)


# carries `y`
def reads_what_the_turn_before_wrote(x):
    y = torch.zeros_like(x)
    for t in range(1, x.shape[1]):
        y[:, t] = y[:, t - 1] + x[:, t]
    return y


# carries `y`
def reads_what_a_later_turn_writes(x):
    y = x.clone()
    for t in range(x.shape[1] - 1):
        y[:, t] = y[:, t + 1] * 2
    return y


# plain number
def reads_a_number(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] * x[:, t].max().item())
    return torch.stack(outputs, dim=1)


# branches on a tensor
def branches_on_a_tensor(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t]
        if now.sum() > 0:
            now = now * 2
        outputs.append(now)
    return torch.stack(outputs, dim=1)


# branches on `t`
def branches_on_the_turn(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t]
        if t == 0:
            now = now * 2
        outputs.append(now)
    return torch.stack(outputs, dim=1)


# as a number
def counts_with_the_variable(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] * 0.9**t)
    return torch.stack(outputs, dim=1)


# in place
def writes_in_place_to_a_view(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t]
        now += 1
        outputs.append(now)
    return torch.stack(outputs, dim=1)


# in place
def calls_what_writes_in_place(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t].clamp_(min=0))
    return torch.stack(outputs, dim=1)


# random
def draws_at_random(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] + torch.randn_like(x[:, t]))
    return torch.stack(outputs, dim=1)


# random
def drops_out(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(F.dropout(x[:, t], 0.5))
    return torch.stack(outputs, dim=1)


# random
class DropsOut(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(0.1))

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            outputs.append(self.net(x[:, t, :]))
        return torch.stack(outputs, dim=1)


# takes each turn for a batch
class NormalizesTheBatch(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            outputs.append(self.norm(x[:, t]))
        return torch.stack(outputs, dim=1)


# another module
class HasAModuleForEachTurn(nn.Module):
    def __init__(self, dim, count):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(count)])

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            outputs.append(self.layers[t](x[:, t]))
        return torch.stack(outputs, dim=1)


# not known
def calls_what_is_not_known(x, net):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(net(x[:, t]))
    return torch.stack(outputs, dim=1)


# `try`
def tries(x):
    outputs = []
    for t in range(x.shape[1]):
        try:
            outputs.append(torch.linalg.inv(x[:, t]))
        except RuntimeError:
            outputs.append(x[:, t])
    return torch.stack(outputs, dim=1)


# depend on data
def ends_where_the_data_says(x, lengths):
    outputs = []
    for t in range(lengths.max().item()):
        outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=1)


# `break`
def ends_early(x, limit):
    outputs = []
    for t in range(x.shape[1]):
        if t > limit:
            break
        outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=1)


# `continue`
def leaves_turns_out(x, mask):
    outputs = []
    for t in range(x.shape[1]):
        if mask[t]:
            continue
        outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=1)


# under a condition
def appends_under_a_condition(x, wanted):
    outputs = []
    for t in range(x.shape[1]):
        if wanted:
            outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=1)


# counts from the end
def reads_before_the_first(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] - x[:, t - 1])
    return torch.stack(outputs, dim=1)


# depends on `t`
def reads_all_up_to_now(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, : t + 1].mean(1))
    return torch.stack(outputs, dim=1)


# need not be a tensor
def reads_a_list(xs):
    outputs = []
    for t in range(len(xs)):
        outputs.append(torch.exp(xs[t]))
    return torch.stack(outputs, dim=1)


# read behind it
def leaves_its_last_value(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t].exp()
        outputs.append(now)
    return torch.stack(outputs, dim=1), now


# did not make
def writes_to_what_it_was_given(x, y):
    for t in range(x.shape[1]):
        y[:, t] = x[:, t] * 2


# same place
def writes_to_one_place(x):
    y = torch.zeros(4)
    for t in range(x.shape[1]):
        y[0] = x[0, t]
    return y


# not seen to be empty
def appends_to_what_it_was_given(x, outputs):
    for t in range(x.shape[1]):
        outputs.append(x[:, t].exp())
    return torch.stack(outputs, dim=1)


# carries `self.kept`
class ReadsItsRing(nn.Module):
    def __init__(self, dim, window):
        super().__init__()
        self.window = window
        self.register_buffer("kept", torch.zeros(window, dim))
        self.register_buffer("position", torch.zeros(1, dtype=torch.long))

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            slot = self.position.item() % self.window
            self.kept[slot] = x[:, t].mean(0)
            self.position += 1
            outputs.append(x[:, t] + self.kept.mean(0))
        return torch.stack(outputs, dim=1)


# `print`
def prints(x):
    outputs = []
    for t in range(x.shape[1]):
        print(t)
        outputs.append(x[:, t] * 2)
    return torch.stack(outputs, dim=1)


# `while`
def has_a_while(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t]
        while now.sum() > 1:
            now = now / 2
        outputs.append(now)
    return torch.stack(outputs, dim=1)


# `yield`
def yields(x):
    for t in range(x.shape[1]):
        yield x[:, t] * 2


# twice
def reads_the_diagonal(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[t, t])
    return torch.stack(outputs)


# plain number
def takes_python_for_arithmetic(x):
    total = 0
    for t in range(x.shape[1]):
        total += float(x[0, t])
    return total


# comprehension
def has_a_comprehension(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(torch.stack([row * 2 for row in x[:, t]]))
    return torch.stack(outputs, dim=1)


# carries `total`
def reads_the_sum_so_far(x):
    total, outputs = 0, []
    running = []
    for t in range(x.shape[1]):
        total = total + x[:, t]
        running.append(total)
    return torch.stack(running, dim=1)


# carries `product`
def multiplies_up(x):
    product = 1
    for t in range(x.shape[1]):
        product *= x[:, t]
    return product


# same at every turn
def gathers_the_same(x, y):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(torch.exp(y))
    return torch.stack(outputs)


# step
def goes_in_steps(x):
    outputs = []
    for t in range(0, x.shape[1], 2):
        outputs.append(x[:, t] * 2)
    return torch.stack(outputs, dim=1)


# not known
def asks_chance(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(x[:, t] * random.random())
    return torch.stack(outputs, dim=1)


# as a number
def reads_backwards(x):
    batch, length, size = x.shape
    outputs = []
    for t in range(length):
        outputs.append(x[:, length - 1 - t] * math.pi)
    return torch.stack(outputs, dim=1)


# which may have another name too
def writes_to_what_has_another_name(x):
    y = torch.zeros_like(x)
    first = y[:, 0]
    for t in range(x.shape[1]):
        y[:, t] = x[:, t] + first
    return y


# which may have another name too
def writes_to_what_stands_in_a_tuple(x):
    y = torch.zeros_like(x)
    both = (x, y)
    for t in range(x.shape[1]):
        y[:, t] = both[0][:, t]
    return y


# which may have another name too
def keeps_a_loop_that_writes_to_what_is_read(x):
    y = torch.zeros_like(x)
    first = y[:, 0]
    outputs = []
    for t in range(x.shape[1]):
        y[:, t] = x[:, t].relu() + first
        outputs.append(first * x[:, t])
    return torch.stack(outputs, dim=1)


# did not make
def adds_in_place_to_a_part_of_its_input(x):
    total = x[:, 0]
    for t in range(x.shape[1]):
        total += x[:, t] * x[:, 0]
    return total


# stands in a `try`
def stands_in_a_try(x):
    outputs = []
    try:
        for t in range(x.shape[1]):
            outputs.append(torch.linalg.inv(x[:, t]))
    except RuntimeError:
        return outputs
    return torch.stack(outputs, dim=1)


# may end before it begins
def may_end_before_it_begins(x, width):
    y = x.clone()
    for t in range(x.shape[1] - width):
        y[:, t] = x[:, t] * 2
    return y


# may end before it begins
def ends_where_something_else_does(x, n):
    y = x.clone()
    for t in range(n - 1):
        y[:, t] = x[:, t] * 2
    return y


# carries `self.kept`
class ReadsItsRingInAMethod(nn.Module):
    def __init__(self, dim, window):
        super().__init__()
        self.window = window
        self.register_buffer("kept", torch.zeros(window, dim))
        self.register_buffer("position", torch.zeros(1, dtype=torch.long))

    def look(self, value):
        return value + self.kept.mean()

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            slot = self.position.item() % self.window
            outputs.append(self.look(x[:, t]))
            self.kept[slot] = x[:, t].mean(0).detach()
            self.position += 1
        return torch.stack(outputs, dim=1)


# carries `self.count`
class ReadsItsCounterInAMethod(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    def scaled(self, value):
        return value * self.count

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            self.count += 1
            outputs.append(self.scaled(x[:, t]))
        return torch.stack(outputs, dim=1)


# hands on `self`
class HandsItselfOn(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            self.count += 1
            outputs.append(counted(self, x[:, t]))
        return torch.stack(outputs, dim=1)


def counted(module, value):
    return value * module.count


CALLS = 0


# has a `global`
def calls_what_counts_in_a_global(x):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(counting(x[:, t]))
    return torch.stack(outputs, dim=1)


def counting(value):
    global CALLS
    CALLS += 1
    return value * CALLS


# writes in place
def calls_what_writes_to_its_argument(x):
    w = torch.zeros(3)
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(bumped(x[:, t], w))
    return torch.stack(outputs, dim=1) * w


def bumped(value, w):
    w += 1
    return value * 2


# `helper`, which is not known
def calls_a_function_within(x):
    calls = [0]

    def helper(value):
        calls[0] += 1
        return value * calls[0]

    outputs = []
    for t in range(x.shape[1]):
        outputs.append(helper(x[:, t]))
    return torch.stack(outputs, dim=1)


def helper(value):
    return value * 2


# which was read before
def changes_what_it_appended(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t] * 1
        outputs.append(now)
        now *= 2
    return torch.stack(outputs, dim=1)


# which was read before
def changes_what_another_name_has(x):
    outputs = []
    for t in range(x.shape[1]):
        now = x[:, t] * 1
        other = now
        now += 1
        outputs.append(other)
    return torch.stack(outputs, dim=1)


# several places of `y`
def writes_what_a_later_turn_writes_over(x):
    y = torch.zeros(2, 9, 3)
    for t in range(x.shape[1]):
        y[:, t] = x[:, t]
        y[:, t + 1] = -x[:, t]
    return y


# `assert`
def asserts(x):
    outputs = []
    for t in range(x.shape[1]):
        assert torch.isfinite(x[:, t]).all()
        outputs.append(x[:, t] * 2)
    return torch.stack(outputs, dim=1)


# random
def sums_random_numbers(x):
    outputs = []
    for t in range(x.shape[1]):
        noise = sum([torch.randn(3) for _ in (1, 2)])
        outputs.append(x[:, t] + noise)
    return torch.stack(outputs, dim=1)


# `scaled`, which is not known
def calls_an_argument(x, scaled):
    outputs = []
    for t in range(x.shape[1]):
        outputs.append(scaled(x[:, t]))
    return torch.stack(outputs, dim=1)


def scaled(value):
    return value * 2


# a property
class ReadsAProperty(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    @property
    def scale(self):
        self.count += 1
        return self.count

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            outputs.append(x[:, t] * self.scale)
        return torch.stack(outputs, dim=1)


# which may do anything
class CallsAMethodForNothing(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    def norm(self, value):
        self.count += 1

    def forward(self, x):
        outputs = []
        for t in range(x.shape[1]):
            self.norm(x[:, t])
            outputs.append(x[:, t] * 2)
        return torch.stack(outputs, dim=1) * self.count
