"""Batch after batch: the values of plain hooks, and a named error where the structure changes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from lens_pipeline.models.cornet import cornet_s
from lens_pipeline.runtime.passes import forward_passes
from lens_pipeline.runtime.wiring import Wiring, wire
from lens_pipeline.task import Runtime
from lens_pipeline.tracer.rerun import StructureError
from lens_pipeline.tracer.run import trace
from tests.runtime.models import Branching, Chain, Rounds


def wired(model: nn.Module, x: torch.Tensor, *names: str) -> Wiring:
    """The outputs of modules, every call of them, and of functions, wired."""
    with torch.no_grad():
        traced = trace(model, (x,))
    ops = {op for call in traced.module_calls if call.address in names for op in call.outputs}
    ops |= {op.index for op in traced.ops if op.name in names}
    return wire(model, x, traced, ops=ops)


def hooked(model: nn.Module, x: torch.Tensor, name: str) -> list[torch.Tensor]:
    """What a plain hook sees of each call of a module."""
    seen: list[torch.Tensor] = []
    hook = model.get_submodule(name).register_forward_hook(
        lambda _m, _a, out: seen.append(out.clone())
    )
    with torch.no_grad():
        model(x)
    hook.remove()
    return seen


@pytest.mark.parametrize("names", [("V4.output",), ("V4.output", "V2.conv1", "add_")])
def test_exact_is_what_plain_hooks_see(names: tuple[str, ...]) -> None:
    """By hooks, and by counting where a function is wanted too: the same bits in every batch."""
    torch.manual_seed(0)
    model = cornet_s().eval()
    batches = [torch.randn(3, 3, 32, 32) for _ in range(3)]
    wiring = wired(model, batches[0], *names)
    assert (wiring.hooks_for(wiring.ops) is None) == (len(names) > 1)
    with torch.no_grad():
        traced = trace(model, (batches[0],), keep=())
    ops = [c.outputs[0] for c in traced.module_calls if c.address == "V4.output"]
    with forward_passes(model, wiring, Runtime()) as forward:
        for batch in batches:
            values = forward(batch)
            assert tuple(values) == wiring.ops
            for op, expected in zip(ops, hooked(model, batch, "V4.output"), strict=True):
                assert torch.equal(values[op], expected)


def test_later_layers_do_not_run_after_the_first_batch() -> None:
    """By hooks and by counting; the first batch is traced in full."""
    for name in ("first", "tanh"):
        model = Chain()
        x = torch.randn(2, 4)
        wiring = wired(model, x, name)
        model.last.runs = 0
        with forward_passes(model, wiring, Runtime()) as forward:
            for _ in range(3):
                forward(x)
        assert model.last.runs == 1


def test_a_branch_is_named_where_values_decide() -> None:
    """A model that looks at its input is followed operation by operation, hooks or not."""
    model, x = Branching(), torch.ones(2, 4)
    wiring = wired(model, x, "last")
    assert len(wiring.taps) == 1
    with forward_passes(model, wiring, Runtime()) as forward:
        forward(x)
        with pytest.raises(StructureError, match="computed cos where sin_1_5 came before"):
            forward(-3 * x)


def test_a_swallowed_difference_is_told_at_the_end() -> None:
    """A model that catches every Exception cannot hide that it went another way."""

    class Swallowing(Branching):
        def forward(self, x):
            try:
                return super().forward(x)
            except Exception:  # noqa: BLE001
                return torch.sin(x)

    model, x = Swallowing(), torch.ones(2, 4)
    with forward_passes(model, wired(model, x, "last"), Runtime()) as forward:
        forward(x)
        with pytest.raises(StructureError, match="computed cos where"):
            forward(-3 * x)


def test_the_first_batch_is_compared_with_the_probe() -> None:
    """A worker whose model computes something else stops before it writes."""
    model, x = Rounds(), torch.randn(2, 4)
    wiring = wired(model, x, "step")
    model.rounds = 3
    for runtime in (Runtime(), Runtime(mode="fast")):
        fast = dataclasses.replace(wiring, fast=wiring.ops)
        with (
            forward_passes(model, fast, runtime) as forward,
            pytest.raises(StructureError, match="Rounds's graph depends on its input"),
        ):
            forward(x)


def test_fast_gives_float32_close_to_exact_and_leaves_the_model_as_it_was() -> None:
    """Bfloat16 values are widened; Ops that are not among the fast ones have exact bits."""
    torch.manual_seed(0)
    model = cornet_s().eval()
    state = {name: (t.clone(), t.stride()) for name, t in model.state_dict().items()}
    x = torch.randn(3, 3, 32, 32)
    wiring = wired(model, x, "V1.output", "V2.output")
    fast = dataclasses.replace(wiring, fast=wiring.ops[:1], half=True)
    with forward_passes(model, wiring, Runtime()) as forward:
        exact = forward(x)
    with forward_passes(model, fast, Runtime(mode="fast")) as forward:
        for _ in range(2):
            values = forward(x)
            first, *rest = wiring.ops
            assert values[first].dtype == torch.float32
            assert not values[first].is_inference()
            apart = (values[first] - exact[first]).norm() / exact[first].norm()
            assert 0 < apart < 0.05
            assert all(torch.equal(values[op], exact[op]) for op in rest)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name][0])
        assert tensor.stride() == state[name][1]
