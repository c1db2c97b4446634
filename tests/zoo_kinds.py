"""Tiny models about kinds of tensors: other numbers, other layouts, other classes.

A model without parameters is a function that `zoo_values.Runs` runs.
"""

from __future__ import annotations

import copy

import torch
from torch import nn


def complex_numbers(x):
    return torch.view_as_real(torch.complex(x, -x).conj() * 1j).abs()


def zero_dimensional(x):
    return x.sum() * x.mean()


def empty(x):
    return torch.cat([x[:0], x[:0] * 2]).sum(0)


def bfloat16(x):
    return x.bfloat16() @ x.bfloat16().t()


def sparse(x):
    return torch.sparse.mm(torch.eye(x.shape[0]).to_sparse(), x)


def sparse_kept(x):
    return (x.to_sparse() * 2).to_dense()


def quantised(x):
    return torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).dequantize()


class Tagged(torch.Tensor):
    """A subclass without rules of its own."""


def subclass(x):
    return x.as_subclass(Tagged).sin() + 1


def deep_copied(x):
    y = x.sin().detach()
    return copy.deepcopy(y) * 2


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)

    def forward(self, x):
        return torch.relu(self.conv(x.contiguous(memory_format=torch.channels_last)))
