"""The pictures of networks that the README shows; see README.md beside this file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torchvision
from torch import nn

from lens_pipeline import draw, trace
from lens_pipeline.models.cornet import cornet_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Gated(nn.Module):
    """A network that looks before it acts: one of two ways, by the mean of a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(8, 1)
        self.far = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        self.near = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, 8) to (batch, 4)."""
        if torch.sigmoid(self.gate(x)).mean() > 0.2:  # noqa: SIM108  an if is what is shown
            y = self.far(x)
        else:
            y = self.near(x)
        return torch.softmax(y, dim=1)


def googlenet() -> nn.Module:
    """Return GoogLeNet with random weights, which a picture does not show."""
    return torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=False)


def image(size: int) -> torch.Tensor:
    """Return one random image."""
    return torch.rand(1, 3, size, size)


def numbers(size: int) -> torch.Tensor:  # noqa: ARG001  as many as Gated takes, whatever the size
    """Return eight random numbers."""
    return torch.rand(1, 8)


# name of the figure -> (model, its input by the size asked for, options of draw)
FIGURES: dict[
    str, tuple[Callable[[], nn.Module], Callable[[int], torch.Tensor], dict[str, Any]]
] = {
    "cornet_s_rolled": (cornet_s, image, {"title": "CORnet-S, rolled"}),
    "cornet_s_unrolled": (cornet_s, image, {"title": "CORnet-S, unrolled", "rolled": False}),
    "cornet_s_v2_rolled": (
        cornet_s,
        image,
        {"title": "V2 of CORnet-S, its two passes rolled", "module": "V2"},
    ),
    "cornet_s_v2_unrolled": (
        cornet_s,
        image,
        {"title": "V2 of CORnet-S, unrolled", "module": "V2", "rolled": False},
    ),
    "cornet_s_flops": (
        cornet_s,
        image,
        {"title": "CORnet-S, where it computes", "depth": 1, "color": "flops"},
    ),
    "inception_depth_1": (googlenet, image, {"module": "inception3a", "depth": 1}),
    "inception_depth_2": (googlenet, image, {"module": "inception3a", "depth": 2}),
    "inception_depth_3": (googlenet, image, {"module": "inception3a", "depth": 3}),
    "branching": (Gated, numbers, {}),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write every figure, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FIGURES)}; default all")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--size", type=int, default=224, help="pixels of the image's sides")
    parser.add_argument("--ending", default="svg", help="svg, pdf, png or dot")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in FIGURES]
    if unknown:
        parser.error(f"there is no figure {unknown[0]}")
    for name in options.names or FIGURES:
        write(name, options.output / f"{name}.{options.ending}", size=options.size)
        print(options.output / f"{name}.{options.ending}")
    return 0


def write(name: str, path: Path, *, size: int) -> None:
    """Trace the model of a figure on one random image and draw it."""
    build, example, how = FIGURES[name]
    torch.manual_seed(0)
    model = build().eval()
    with torch.no_grad():
        draw(trace(model, example(size), keep=None), path, **how)


if __name__ == "__main__":
    sys.exit(main())
