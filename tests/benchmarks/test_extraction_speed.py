"""Five outputs of ResNet-50 for 92 images over plain forward passes: medians of interleaved rounds.

Run with `pytest tests/benchmarks/test_extraction_speed.py -m benchmark -s`; LENS_BENCHMARK_SIZE and
LENS_BENCHMARK_ROUNDS make it quicker.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import dataclasses
import os
import statistics
import time
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision

from lens_pipeline.extraction.batch_size import even_size
from lens_pipeline.runtime.passes import forward_passes
from lens_pipeline.runtime.settings import has_bfloat16
from lens_pipeline.runtime.wiring import Wiring, wire
from lens_pipeline.task import Runtime
from lens_pipeline.tracer.run import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

pytestmark = pytest.mark.benchmark

SIZE = int(os.environ.get("LENS_BENCHMARK_SIZE", "224"))
ROUNDS = int(os.environ.get("LENS_BENCHMARK_ROUNDS", "5"))
IMAGES, BATCH = 92, 32
BLOCKS = ("layer1", "layer2", "layer3", "layer4", "avgpool")
# what is captured, in which mode -> most times the plain forward pass
LIMITS = {
    "module outputs": 1.10,
    "arbitrary operations": 1.15,
    "the first three blocks": 1.0,
    "fast": 0.4,
}


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    """ResNet-50 with seeded weights."""
    torch.manual_seed(0)
    return torchvision.models.resnet50(weights=None).eval()


def _wired(model: torch.nn.Module, x: torch.Tensor, names: Collection[str], kind: str) -> Wiring:
    """The outputs of modules by address, or of the last functions called `kind` before them."""
    with torch.no_grad():
        traced = trace(model, (x[:3],))
    ends = [call.outputs[0] for call in traced.module_calls if call.address in names]
    if kind:
        ends = [max(op.index for op in traced.ops[:end] if op.name == kind) for end in ends]
    return wire(model, x[:3], traced, ops=set(ends))


def _plain(model: torch.nn.Module, images: torch.Tensor) -> None:
    with torch.no_grad():
        for batch in images.split(BATCH):
            model(batch)


def _cloned(model: torch.nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """Hooks that clone, as most extraction code has them."""
    kept: list[torch.Tensor] = []
    hooks = [
        model.get_submodule(name).register_forward_hook(
            lambda _m, _a, out: kept.append(out.detach().clone())
        )
        for name in BLOCKS
    ]
    _plain(model, images)
    for hook in hooks:
        hook.remove()
    return kept


def _captured(
    model: torch.nn.Module, images: torch.Tensor, wiring: Wiring, runtime: Runtime
) -> list[dict[int, torch.Tensor]]:
    """As a task does it: batches of one size, the last filled up, values kept."""
    size = even_size(len(images), BATCH)
    with forward_passes(model, wiring, runtime) as forward:
        return [forward(_filled(batch, size)) for batch in images.split(size)]


def _filled(batch: torch.Tensor, size: int) -> torch.Tensor:
    return torch.cat([batch, batch[-1:].expand(size - len(batch), *batch.shape[1:])])


def _medians(actions: dict[str, Callable[[], object]]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def test_extraction_over_plain_forward(model: torch.nn.Module) -> None:
    """Exact by hooks, exact by counting, stopped early, and fast."""
    images = torch.rand(IMAGES, 3, SIZE, SIZE)
    modules = _wired(model, images, BLOCKS, "")
    functions = _wired(model, images, BLOCKS, "add_")
    early = _wired(model, images, BLOCKS[:3], "")
    fast = dataclasses.replace(modules, fast=modules.ops, half=has_bfloat16("cpu"))
    assert modules.hooks_for(modules.ops)
    exact, quick = Runtime(), Runtime(mode="fast")
    found = _medians(
        {
            "plain": lambda: _plain(model, images),
            "hooks that clone": lambda: _cloned(model, images),
            "module outputs": lambda: _captured(model, images, modules, exact),
            "arbitrary operations": lambda: _captured(model, images, functions, exact),
            "the first three blocks": lambda: _captured(model, images, early, exact),
            "fast": lambda: _captured(model, images, fast, quick),
        }
    )
    ratios = {name: seconds / found["plain"] for name, seconds in found.items()}
    print()
    for name, ratio in ratios.items():
        print(f"{name:24s} {ratio:.2f}")
    for name, limit in LIMITS.items():
        assert (name == "fast" and not fast.half) or ratios[name] <= limit, name


def test_compiled_fast_over_plain_forward(model: torch.nn.Module) -> None:
    """`runtime.compile=true`, the minute of compiling left out."""
    images = torch.rand(2 * BATCH, 3, SIZE, SIZE)
    modules = _wired(model, images, BLOCKS, "")
    fast = dataclasses.replace(modules, fast=modules.ops, half=has_bfloat16("cpu"))
    runtime = Runtime(mode="fast", compile=True)
    start = time.perf_counter()
    _captured(model, images, fast, runtime)
    first = time.perf_counter() - start
    found = _medians(
        {
            "plain": lambda: _plain(model, images),
            "compiled": lambda: _captured(model, images, fast, runtime),
        }
    )
    ratio = found["compiled"] / found["plain"]
    print(f"\ncompiled {ratio:.2f} of a plain forward pass, after {first:.0f} s")
    assert not fast.half or ratio <= LIMITS["fast"]
