"""Tiny models about values and graphs: containers, state, and where tensors come from.

A model without parameters is a function that `Runs` runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable


class Runs(nn.Module):
    """A model whose forward is one function."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


# ---- which tensor is which ---------------------------------------------------------------------


def equal_numbers(x):
    """Two parents with the same numbers."""
    a, b = x * 1, x * 1
    return a - b.exp()


def returns_arguments(x):
    a = x.sin()
    return a.contiguous().to(torch.float32).requires_grad_(False).view_as(x).float()


def one_tensor_in_three_places(x):
    return torch.cat([x, x, x])


# ---- what goes in and comes out ----------------------------------------------------------------


@dataclass
class Result:
    logits: torch.Tensor
    hidden: list[torch.Tensor]
    loss: torch.Tensor | None = None


def nothing_in():
    return torch.ones(2) * 3


def star_arguments(*tensors, **named):
    return sum(tensors) + named["last"]


def star_positional(*tensors):
    return tensors[0] + tensors[1] * tensors[2]


def two_of_one_shape(a, b):
    return a - b


def dataclass_out(x):
    return Result(x.sin(), [x.cos(), x.tan()])


def twice_out(x):
    y = x.sin()
    return y, {"again": y}


def input_out(x):
    return x.sin(), x


def none_out(x):
    x.sin()


def number_out(x):
    return x.sin(), 3, "text", None


class ParameterOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return x * self.scale, self.scale


# ---- tensors made inside -----------------------------------------------------------------------


class Mask(nn.Module):
    def forward(self, x):
        return x + torch.ones(x.shape[-1], x.shape[-1]).triu()


class MaskDeepInside(nn.Module):
    """A constant made two modules down."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = nn.Sequential(nn.Sequential(Mask()))

    def forward(self, x):
        return self.outer(x)


def dead_end_and_island(x):
    x.cos()
    torch.zeros(2) + 1
    return x.sin()


# ---- through Python and back -------------------------------------------------------------------


def through_item(x):
    return x * float(x.sum())


def through_int(x):
    return x[: int(x[0, 0])] * 1


def through_list(x):
    return torch.tensor([value * 2 for value in x[0].tolist()]) + x


def through_numpy(x):
    return torch.from_numpy(np.sqrt(x.numpy())) + 1


def through_numpy_itself(x):
    return torch.from_numpy(x.sin().numpy()) + 1


def through_shape(x):
    return x.reshape(x.shape[0] * x.shape[1])


# ---- state -------------------------------------------------------------------------------------


class BufferInALoop(nn.Module):
    """The buffer is rewritten in place at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(2))

    def forward(self, x):
        for _ in range(3):
            self.state.mul_(0.5).add_(x.mean(0))
        return self.state + 0


class BufferReplaced(nn.Module):
    """The buffer becomes another tensor at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(2))

    def forward(self, x):
        for _ in range(3):
            self.state = self.state * 0.5 + x.mean(0)
        return self.state


class CachedOnSelf(nn.Module):
    """A tensor made at the first call is used at the second."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = None

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.ones(x.shape[-1])
        return x * self.mask


class ParameterByFunction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        return nn.functional.linear(x, self.fc.weight.t(), self.fc.bias * 2)


# ---- randomness --------------------------------------------------------------------------------


class DropoutAndNoise(nn.Module):
    def forward(self, x):
        noisy = x + torch.randn_like(x) * np.random.rand()
        return nn.functional.dropout(noisy, 0.5, training=True)


def seeds_inside(x):
    torch.manual_seed(7)
    return x + torch.rand(x.shape)


def own_generator(x):
    generator = torch.Generator().manual_seed(3)
    return x + torch.rand(x.shape, generator=generator)
