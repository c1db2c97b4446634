"""The pictures whose text is on file in golden/; `python -m tests.drawing.drawings` writes them.

Whoever writes them anew looks at each as a picture: a folder as argument gets them as PNG.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lens_pipeline import draw, trace
from tests import zoo, zoo_values

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"
X = torch.ones(2, 5)
IMAGE = torch.ones(1, 3, 4, 4)


class Frames(nn.Module):
    """Modules inside modules, one called twice, one frozen parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
        self.second = nn.Sequential(nn.Sequential(nn.Linear(5, 3, bias=False)), nn.Tanh())
        self.first[0].bias.requires_grad_(False)

    def forward(self, x):
        return self.second(self.first(self.first(x)) + torch.zeros(5))


class Branches(nn.Module):
    """An if with an elif, whose second arm is taken, and an if in that."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(5, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, x):
        gate = self.gate(x)
        if gate.mean() > 1:
            x = torch.sin(x)
        elif gate.sum() < 1:
            x = torch.cos(x)
            x = x * 2 if x.max() > 5 else x - gate
        else:
            x = -x
        return x + 1


class Inner(nn.Module):
    """One module called in two others, where its frame is another each time."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
        self.left = nn.Sequential(shared, nn.ReLU())
        self.right = nn.Sequential(shared, nn.Tanh())

    def forward(self, x):
        return torch.cat([self.left(x), self.right(x)], dim=1)


class Switched(nn.Module):
    """An if by a gate, taken: what the README shows."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(5, 1)
        nn.init.ones_(self.gate.weight)
        self.on = nn.Linear(5, 5)
        self.off = nn.Linear(5, 5)

    def forward(self, x):
        if self.gate(x).mean() > 0:
            return torch.relu(self.on(x))
        return torch.tanh(self.off(x))


def through_item(x: torch.Tensor) -> torch.Tensor:
    return x * x.max().item()


class Numbers(nn.Module):
    def forward(self, x):
        return through_item(x)


# name of the file -> (model, inputs, options of draw)
DRAWINGS: dict[str, tuple[Callable[[], nn.Module], Any, dict[str, Any]]] = {
    "recurrent_rolled": (zoo.Recurrent, X, {}),
    "recurrent_unrolled": (zoo.Recurrent, X, {"rolled": False}),
    "nested_loops": (zoo.NestedLoops, X, {}),
    "alternating": (zoo.AlternatingBranch, X, {}),
    "while": (zoo.WhileLoop, torch.ones(2, 2), {}),
    "frames_rolled": (Frames, X, {}),
    "frames_unrolled": (Frames, X, {"rolled": False}),
    "frames_depth_1": (Frames, X, {"depth": 1}),
    "frames_depth_2": (Frames, X, {"depth": 2}),
    "frames_first_call": (Frames, X, {"module": "first:2", "rolled": False}),
    "shared_module": (Inner, X, {}),
    "branches": (Branches, X, {}),
    "switched": (Switched, X, {}),
    "in_place": (zoo.InPlaceThroughView, X, {}),
    "residual": (zoo.ResidualBlock, IMAGE, {"direction": "right"}),
    "residual_buffers": (zoo.ResidualBlock, IMAGE, {"buffers": "all"}),
    "residual_flops": (zoo.ResidualBlock, IMAGE, {"color": "flops", "title": "Where it computes"}),
    "buffer_in_a_loop": (zoo_values.BufferInALoop, torch.ones(3, 2), {}),
    "made_inside": (zoo.MadeInside, torch.ones(4), {}),
    "multi_output": (zoo.MultiOutput, torch.ones(2, 4), {}),
    "lstm": (zoo.Recurrence, torch.ones(1, 2, 4), {}),
    "numbers": (Numbers, X, {}),
    "attention": (zoo.Attention, torch.ones(1, 3, 4), {"legend": False}),
}


def drawn(name: str, path: Path | None = None) -> str:
    """The text of one of DRAWINGS."""
    build, inputs, options = DRAWINGS[name]
    torch.manual_seed(0)
    return draw(trace(build(), inputs, keep=None), path, **options)


if __name__ == "__main__":
    for name in DRAWINGS:
        drawn(name, GOLDEN / f"{name}.dot")
        if len(sys.argv) > 1:
            drawn(name, Path(sys.argv[1]) / f"{name}.png")
