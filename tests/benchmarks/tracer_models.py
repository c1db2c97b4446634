"""The models that tracers are measured on, by name, seeded; imports no tracer."""

from __future__ import annotations

import torch
import torchvision


class Loop(torch.nn.Module):
    """The same tiny addition, over and over."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.times):
            x = x + 1
        return x


class Flat(torch.nn.Module):
    """Tiny additions, each on a line of its own."""

    def __init__(self, times: int) -> None:
        super().__init__()
        names: dict[str, object] = {}
        body = "    x = x + 1\n" * times
        exec(f"def run(x):\n{body}    return x\n", names)
        self.run = names["run"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(x)  # type: ignore[operator]


def build(name: str) -> tuple[torch.nn.Module, torch.Tensor]:
    """Return a model in eval mode and its input: "resnet50", "resnet18@64", "loop 1000", ..."""
    torch.manual_seed(0)
    kind, _, times = name.partition(" ")
    if times:
        return {"loop": Loop, "flat": Flat}[kind](int(times)), torch.rand(4)
    architecture, _, side = name.partition("@")
    model = torchvision.models.get_model(architecture, weights=None).eval()
    return model, torch.rand(1, 3, int(side or 224), int(side or 224))
