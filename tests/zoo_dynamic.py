"""Tiny models about what runs when: autograd, transforms, failures, threads, changing graphs.

A model without parameters is a function that `zoo_values.Runs` runs.
"""

from __future__ import annotations

import threading

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

# ---- autograd ----------------------------------------------------------------------------------


class _Squares(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x + 0

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2 * x


def custom_function(x):
    return _Squares.apply(x) + 1


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool = False) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.reentrant = reentrant

    def forward(self, x):
        return checkpoint(lambda t: torch.sin(self.fc(t)), x, use_reentrant=self.reentrant) + 1


def no_grad_block(x):
    with torch.no_grad():
        y = x.sin()
    return y + x


def inference_block(x):
    with torch.inference_mode():
        y = x.sin()
        y.mul_(2)
    return y.clone() + x


def gradient_midway(x):
    with torch.enable_grad():
        y = x.detach().clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(y.sin().sum(), y)
    return x + slope


def backward_midway(x):
    with torch.enable_grad():
        y = x.detach().clone().requires_grad_(True)
        y.sin().sum().backward()
    return x + y.grad


def data_read(x):
    return x.sin().data * 2


def data_written(x):
    y = x * 1
    y.data.add_(1)
    return y + 0


# ---- transforms, compilers, contexts -----------------------------------------------------------


def mapped(x):
    return torch.vmap(lambda row: row.sin().sum())(x) + 1


def gradient_function(x):
    return torch.func.grad(lambda t: t.sin().sum())(x) + 1


class FunctionalCall(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        doubled = {name: value * 2 for name, value in self.fc.named_parameters()}
        return torch.func.functional_call(self.fc, doubled, (x,))


def autocast_region(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = x @ x
    return y.float() + x


def device_context(x):
    with torch.device("cpu"):
        return x + torch.ones(2)


# ---- failures ----------------------------------------------------------------------------------


def catches_a_failed_op(x):
    try:
        y = x @ x[:1]
    except RuntimeError:
        y = x.cos()
    return y + 1


class Interrupted(nn.Module):
    """The user presses Ctrl-C in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        self.fc(x)
        raise KeyboardInterrupt


# ---- threads -----------------------------------------------------------------------------------


class StartsAThread(nn.Module):
    """One of its modules runs in a thread of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        found = []
        thread = threading.Thread(target=lambda: found.append(self.fc(x)))
        thread.start()
        thread.join()
        return found[0] + 1


def function_in_a_thread(x):
    """The thread calls no module, only a function."""
    found = []
    thread = threading.Thread(target=lambda: found.append(x.sin()))
    thread.start()
    thread.join()
    return found[0] + 1


def function_in_a_pool(pool):
    """A thread that runs already calls a function."""
    return lambda x: pool.submit(torch.sin, x).result() + 1


# ---- graphs that change with the input ---------------------------------------------------------


class EarlyExit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        y = self.first(x)
        return y if x.mean() > 0 else self.second(y)


class Routed(nn.Module):
    """One of two experts of the same kind."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(2, 2) for _ in range(2))

    def forward(self, x):
        return self.experts[int(x.mean() > 0)](x)


class StochasticDepth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(8))

    def forward(self, x):
        for block in self.blocks:
            if torch.rand(()) > 0.5:
                x = block(x)
        return x


def conditional_operator(x):
    return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)) + 1


class CompiledInside(nn.Module):
    """A compiled callable as a submodule's part."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.quick = torch.compile(self._slow, backend="eager")

    def _slow(self, x):
        return torch.sin(self.fc(x))

    def forward(self, x):
        return self.quick(x) + 1
