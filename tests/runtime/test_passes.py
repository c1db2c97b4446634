"""Batch after batch: the values of plain hooks, and a named error where the structure changes."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lens_pipeline import task
from lens_pipeline.models.cornet import cornet_s
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.runtime.passes import exact_passes, forward_passes
from lens_pipeline.runtime.wiring import Wiring, wire
from lens_pipeline.task import Runtime, Task, task_key
from lens_pipeline.tracer.rerun import StructureError
from lens_pipeline.tracer.run import trace
from tests.runtime.models import Branching, Chain, Rounds, SharedConvolution, UsedTwice, normed


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


FOLDING = {
    "cornet_s": (cornet_s, ("V1.output", "V2.output")),
    "a shared convolution": (SharedConvolution, ("relu", "norm_3")),
    "a selected convolution": (normed, ("0", "2")),
    "an output used twice": (UsedTwice, ("norm",)),
    "a normalisation that is overwritten": (normed, ("1",)),
}


@pytest.mark.parametrize("which", FOLDING)
def test_exact_passes_beside_fast_ones_keep_their_bits(which: str) -> None:
    """Before, between and after them, by hooks and in full; fast ones differ by rounding alone."""
    torch.manual_seed(0)
    make, names = FOLDING[which]
    model, x = make().eval(), torch.randn(3, 3, 32, 32)
    wiring = wired(model, x, *names)
    fast = dataclasses.replace(wiring, fast=wiring.ops)
    with exact_passes(model, wiring, wiring.ops) as exact, torch.no_grad():
        whole, before = model(x), exact(x)
        with forward_passes(model, fast, Runtime(mode="fast")) as forward:
            for _ in range(2):
                values = forward(x)
                assert torch.equal(model(x), whole)
                assert all(torch.equal(exact(x)[op], before[op]) for op in wiring.ops)
                for op in wiring.ops:
                    torch.testing.assert_close(values[op], before[op], rtol=1e-3, atol=1e-4)
        assert torch.equal(model(x), whole)
        assert all(torch.equal(exact(x)[op], before[op]) for op in wiring.ops)


def test_normalisations_are_folded_in_fast_passes_by_hooks_alone() -> None:
    """Where operations are counted, they all have to run."""
    model, x = nn.Sequential(*normed(), Waves()), torch.randn(3, 3, 6, 6)
    for name, n in ("3", 1), ("sin", 0):
        wiring = wired(model, x, name)
        assert len(wiring.folded) == n
        fast = dataclasses.replace(wiring, fast=wiring.ops)
        with forward_passes(model, fast, Runtime(mode="fast")) as forward, _Named() as seen:
            forward(x)
            seen.names.clear()
            forward(x)
        assert seen.names.count("batch_norm") == 1 - n


class Waves(nn.Module):
    def forward(self, x):
        return torch.cos(torch.sin(x))


class _Named(TorchFunctionMode):
    """The names of the functions that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, function, _types, args=(), kwargs=None):
        self.names.append(getattr(function, "__name__", ""))
        return function(*args, **(kwargs or {}))


def test_a_fast_model_is_traced_once_in_a_process() -> None:
    """For inputs of a shape; a module that is gone is forgotten."""
    model, x = Chain(), torch.randn(3, 4)
    wiring = wired(model, x, "first")
    fast = dataclasses.replace(wiring, fast=wiring.ops)
    model.last.runs = 0
    for inputs, runs in ((x, 1), (x[:2], 1), (torch.randn(3, 2, 4), 2)):
        with forward_passes(model, fast, Runtime(mode="fast")) as forward:
            forward(inputs)
        assert model.last.runs == runs
    gone = weakref.ref(model)
    del model, forward
    gc.collect()
    assert gone() is None


def test_fast_passes_of_another_structure_are_refused_again_and_again() -> None:
    """What a module does not follow is not taken for known."""
    model, x = Rounds(), torch.randn(2, 4)
    wiring = wired(model, x, "step")
    model.rounds = 3
    fast = dataclasses.replace(wiring, fast=wiring.ops)
    for _ in range(2):
        with (
            forward_passes(model, fast, Runtime(mode="fast")) as forward,
            pytest.raises(StructureError, match="Rounds's graph depends on its input"),
        ):
            forward(x)


def test_fast_arithmetic_is_part_of_the_key_of_fast_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards that were computed in another way are not taken up; exact ones stay as they are."""
    none = Task(ModelSpec("cornet", "cornet_z", "random"), (), Path(), (), (), (), ())
    tasks = [dataclasses.replace(none, runtime=Runtime(mode=mode)) for mode in ("exact", "fast")]
    exact, fast = map(task_key, tasks)
    monkeypatch.setattr(task, "_FAST_FORMAT", -1)
    assert task_key(tasks[0]) == exact
    assert task_key(tasks[1]) != fast


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_passes_give_what_the_model_gives() -> None:
    """The copy that is compiled has the weights of the fast mode, and the model its own."""
    torch.compiler.reset()
    model, x = normed(), torch.randn(3, 3, 6, 6)
    wiring = wired(model, x, "1")
    assert wiring.folded
    fast = dataclasses.replace(wiring, fast=wiring.ops)
    with forward_passes(model, wiring, Runtime()) as forward:
        exact = forward(x)
    with forward_passes(model, fast, Runtime(mode="fast", compile=True)) as forward:
        for _ in range(2):
            torch.testing.assert_close(forward(x), exact)
            with torch.no_grad():
                assert torch.equal(model[:2](x), exact[wiring.ops[0]])
