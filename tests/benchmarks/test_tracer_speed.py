"""A full trace with all values over the plain forward pass: medians of interleaved rounds.

Run with `pytest tests/benchmarks/test_tracer_speed.py -m benchmark -s`.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision

from lens_pipeline import trace

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.benchmark

# model -> most times a plain forward pass, at 224 x 224 and batch 1
LIMITS = {"resnet50": 1.25, "swin_v2_t": 1.4, "vit_b_16": 1.1}


class _Tiny(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(4000):
            x = x + 1
        return x


def _median_seconds(*actions: Callable[[], object], rounds: int) -> list[float]:
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, found in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            found.append(time.perf_counter() - start)
    return [statistics.median(found) for found in times]


@pytest.mark.parametrize("name", LIMITS)
def test_full_trace_over_plain_forward(name: str) -> None:
    """Every value kept and every fact written down costs a fraction of the forward pass."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        trace(model, x)
        plain, traced = _median_seconds(lambda: model(x), lambda: trace(model, x), rounds=15)
    print(f"\n{name}: {traced / plain:.2f} times a plain forward pass of {plain * 1e3:.0f} ms")
    assert traced / plain <= LIMITS[name]


def test_cost_of_a_tiny_op() -> None:
    """A loop of 4,000 additions of four numbers: at most 30 microseconds each."""
    model, x = _Tiny(), torch.rand(4)
    trace(model, x)
    plain, traced = _median_seconds(lambda: model(x), lambda: trace(model, x), rounds=9)
    each = (traced - plain) / 4000 * 1e6
    print(f"\n{each:.1f} us per op over a plain forward pass")
    assert each <= 30
