"""Tiny models that fail, hide something, or change with their input."""

from __future__ import annotations

import torch
from torch import nn


class Scripted(nn.Module):
    """Half of it runs outside Python."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.jit.trace(nn.Sequential(nn.Linear(5, 5), nn.Tanh()), torch.zeros(1, 5))

    def forward(self, x):
        return self.hidden(x) + 1


class Raises(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        self.fc(x)
        raise ValueError("in the middle")


class CatchesInside(nn.Module):
    """A submodule raises and the model goes on without it."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = Raises()

    def forward(self, x):
        try:
            x = self.bad(x)
        except ValueError:
            x = x + 1
        return x * 2


class DataDependent(nn.Module):
    """The graph depends on the input."""

    def forward(self, x):
        return torch.sin(x) if x.sum() > 0 else torch.cos(x)


class MadeInForward(nn.Module):
    """A Linear that no module holds."""

    def forward(self, x):
        torch.manual_seed(0)
        return nn.Linear(5, 5)(x)
