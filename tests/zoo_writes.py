"""Tiny models that write in place, each in another way.

A model without parameters is a function that `zoo_values.Runs` runs.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import leaky_relu


def augmented(x):
    a = x * 1
    a += 2
    return a * 3


def disjoint_views_in_turn(x):
    """Top and bottom are written one after the other; each reader depends on its own writer."""
    a = x * 1
    top, bottom = a[:1], a[1:]
    top.add_(1)
    bottom.mul_(2)
    return top + 0, bottom + 0, a + 0


def interleaved_views_in_turn(x):
    """Left and right columns lie between each other in memory."""
    a = x * 1
    left, right = a[:, :1], a[:, 1:]
    left.add_(1)
    right.mul_(2)
    return left + 0, right + 0, a + 0


def out_argument(x):
    result = torch.empty(x.shape)
    torch.mul(x, 2, out=result)
    return result + 1


def several_out_arguments(x):
    values, places = torch.empty(0), torch.empty(0, dtype=torch.long)
    torch.max(x, dim=1, out=(values, places))
    return values + places


def ignored_return(x):
    a = x * 1
    a.clamp_(min=0)
    return a + 1


def copies_into(x):
    a = torch.zeros(x.shape)
    a.copy_(x)
    return a + 1


def zeroes(x):
    a = x * 1
    b = a + 1
    a.zero_()
    return a + b


def masked_setitem(x):
    a = x * 1
    a[a > 0] = x.sum()
    return a + 1


def writes_to_a_view_of_a_view(x):
    a = x * 1
    a.t()[0].unsqueeze(0).mul_(5)
    return a + 1


def writes_to_its_input(x):
    x.mul_(2)
    return x + 1


def base_written_after_the_view(x):
    a = x * 1
    view = a[0]
    a.add_(1)
    return view * 2


def index_put(x):
    a = x * 1
    a.index_put_((torch.tensor([0]),), torch.tensor(9.0))
    return a + 1


def written_in_a_loop(x):
    a = torch.zeros(3, 2)
    for step in range(3):
        a[step] = x[0] * step
    return a.sum(0)


def rows_of_an_unbound_tensor(x):
    a = x * 1
    for row in a.unbind(0):
        row.add_(1)
    return a * 2


def diagonal(x):
    a = x * 1
    a.diagonal().copy_(torch.ones(2))
    return a + 1


def strided_view(x):
    """Every third number in memory."""
    a = x * 1
    a.as_strided((2,), (3,)).zero_()
    return a + 1


def base_of_an_expanded_view(x):
    a = x[0] * 1
    wide = a.expand(2, 2)
    a.add_(1)
    return wide * 2


def view_of_another_type(x):
    a = x * 1
    a.view(torch.int32).zero_()
    return a + 1


def real_part(x):
    c = torch.complex(x, x)
    c.real.zero_()
    return c.abs()


def many_at_once(x):
    """One call that writes two tensors and returns none."""
    a, b = x * 1, x * 2
    torch._foreach_add_([a, b], 1.0)
    return a * b


def flag_in_place(x):
    a = x * 1
    leaky_relu(a, inplace=True)
    return a + 1


def data_replaced(x):
    a, b = x * 1, x + 1
    a.data = b
    return a * 2


class BufferByRow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(2))

    def forward(self, x):
        self.state[:] = x[0]
        return self.state + x


class ParameterWritten(nn.Module):
    """A parameter changes in the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x):
        with torch.no_grad():
            self.scale.add_(1)
        return self.scale * x


class RenormalisedEmbedding(nn.Module):
    """The lookup itself shortens the rows that it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 2, max_norm=0.1)

    def forward(self, x):
        return self.embedding(torch.tensor([0, 1])) + x
