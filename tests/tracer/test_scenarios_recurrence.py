"""Same layer or not, beyond plain loops: ties, chance, parallel ways, growing caches, nets."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline import trace
from lens_pipeline.models import cornet
from tests import zoo, zoo_loops
from tests.tracer.plain import seed, traced_like_plain
from tests.tracer.test_loops import passes

CASES = [
    (zoo_loops.TiedStack(), "linear_1_1x2 linear_2_2x1"),
    (zoo_loops.ParallelLoops(), "linear_1_1x3 sin_1_2x3 linear_2_3x2 sin_2_4x2 add_1_5x1"),
    (zoo_loops.InterleavedLinear(), "neg_1_1x1 linear_1_2x6 add_1_3x1"),
    (zoo_loops.Diamond(), "linear_1_1x3 sin_1_2x3 cos_1_3x3 add_1_4x3"),
    (zoo_loops.CollectsOutputs(), "linear_1_1x3 mul_1_2x3 stack_1_3x1"),
    (zoo_loops.InputInjected(), "add_1_1x4 sin_1_2x4 linear_1_3x4"),
    (
        zoo_loops.InTurn(),
        "add_1_1x2 linear_1_2x2 sin_1_3x2 sub_1_4x2 linear_2_5x2 sin_2_6x2 add_2_7x1",
    ),
]


@pytest.mark.parametrize(("model", "expected"), CASES, ids=lambda case: type(case).__name__)
def test_outcome(model: nn.Module, expected: str) -> None:
    """Every case has exactly these layers and passes."""
    assert passes(model) == expected


def test_tied_weight_is_one_layer_with_both_addresses() -> None:
    """One weight at two addresses: one layer, and the trace lists both."""
    traced = trace(zoo.Tied(), torch.ones(2, 5))
    assert len(traced.layer("linear_1").ops) == 2
    assert [one.addresses for one in traced.parameters] == [("encoder.weight", "decoder.weight")]
    assert traced["encoder"].label == "linear_1_1:1"
    assert traced["decoder"].label == "linear_1_1:2"


@pytest.mark.parametrize("number", range(4))
def test_stochastic_steps_have_the_passes_that_were_executed(number: int) -> None:
    """A random number of steps leaves as many passes as the generator said."""
    seed(number)
    steps = int(torch.randint(2, 6, ()))
    model = zoo_loops.StochasticSteps()
    seed(number)
    traced = trace(model, torch.ones(2, 5))
    assert len(traced.layer("linear_1").ops) == len(traced.layer("relu_1").ops) == steps
    hidden = torch.ones(2, 5)
    for index in traced.layer("relu_1").ops:
        hidden = torch.relu(model.fc(hidden))
        assert torch.equal(traced.ops[index].value, hidden)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_data_dependent_while_has_the_passes_that_were_executed(times: int) -> None:
    """A while loop on the input leaves one pass per round."""
    model = zoo_loops.DepthOfTheInput()
    calls = []
    handle = model.fc.register_forward_hook(lambda *_: calls.append(1))
    traced = trace(model, torch.full((1, 5), times / 2))
    handle.remove()
    types = Counter(traced.layers[op.layer].type for op in traced.ops)
    assert types["linear"] == len(calls) == len(traced.layer("linear_1").ops)
    assert len(traced.layer("tanh_1").ops) == len(calls)


def test_parallel_loops_keep_their_own_inputs() -> None:
    """Each way of two loops side by side reads its own state, pass by pass."""
    traced = traced_like_plain(zoo_loops.ParallelLoops(), torch.ones(2, 5))
    parents = {op.label: [traced.ops[p].label for p in op.parents] for op in traced.ops}
    assert parents["linear_1_1:3"] == ["sin_1_2:2"]
    assert parents["linear_2_3:1"] == ["input_1_0"]
    assert parents["add_1_5"] == ["sin_1_2:3", "sin_2_4:2"]


def test_interleaved_passes_are_in_execution_order() -> None:
    """Two states in turn through one Linear: the passes alternate between them."""
    traced = traced_like_plain(zoo_loops.InterleavedLinear(), torch.ones(2, 5))
    ops = [traced.ops[index] for index in traced.layer("linear_1").ops]
    assert [op.pass_number for op in ops] == [1, 2, 3, 4, 5, 6]
    assert [traced.ops[op.parents[0]].label for op in ops] == [
        *("input_1_0", "neg_1_1", "linear_1_2:1", "linear_1_2:2", "linear_1_2:3", "linear_1_2:4")
    ]


def test_growing_cache_has_its_shape_per_pass() -> None:
    """A cache that grows is one layer; its passes differ in shape, and so do its readers'."""
    traced = traced_like_plain(zoo_loops.KeyValueCache(), torch.ones(2, 5))
    grown = [traced.ops[index].shape for index in traced.layer("cat_1").ops]
    assert grown == [(2, 5), (4, 5), (6, 5)]
    weights = [traced.ops[index].shape for index in traced.layer("softmax_1").ops]
    assert weights == [(2, 2), (2, 4), (2, 6)]


def test_changing_scalar_is_an_argument_of_the_pass() -> None:
    """A Python number that changes with the step stands in each pass's arguments."""
    traced = trace(zoo.ChangingScalar(), torch.ones(2, 5))
    assert [traced.ops[index].args[1] for index in traced.layer("add_1").ops] == [0.0, 1.0, 2.0]


# Block of CORnet-S -> time steps.
TIMES = {"V2": 2, "V4": 4, "IT": 2}
ONCE_PER_STEP = ("conv1", "nonlin1", "conv2", "nonlin2", "conv3", "nonlin3", "output")


def test_cornet_s_passes_are_time_steps() -> None:
    """Convolutions, nonlinearities and outputs recur; each time step has batch norms of its own."""
    seed()
    model = cornet.cornet_s().eval()
    with torch.no_grad():
        traced = trace(model, torch.rand(1, 3, 64, 64), keep=None)
    for block, times in TIMES.items():
        for name in ONCE_PER_STEP:
            layers = {traced[f"{block}.{name}:{step}"].layer for step in range(1, times + 1)}
            assert len(layers) == 1, (block, name)
            assert len(traced.layers[layers.pop()].ops) == times
        norms = {traced[f"{block}.norm{n}_{t}"].layer for n in (1, 2, 3) for t in range(times)}
        assert len(norms) == 3 * times
        shapes = [traced[f"{block}.conv1:{step}"].shape for step in range(1, times + 1)]
        assert len(set(shapes)) == 2, "the first step sees the larger map of the block before"


# Network -> the layers that do recur: Swin fills its mask of 3 x 3 regions in a loop.
NETS: dict[str, list[tuple[str, int]]] = {
    "resnet18": [],
    "googlenet": [],
    "densenet121": [],
    "swin_v2_t": [("setitem", 9)],
}


@pytest.mark.parametrize("name", NETS)
def test_no_false_recurrence(name: str) -> None:
    """Each op of a feedforward network is a layer of its own, at least one per weight."""
    seed()
    more = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **more).eval()
    with torch.no_grad():
        traced = trace(model, torch.rand(1, 3, 64, 64), keep=None)
    assert traced.complete, traced.gaps
    assert [(layer.type, len(layer.ops)) for layer in traced.layers if len(layer.ops) > 1] == (
        NETS[name]
    )
    weighted = nn.Conv2d | nn.Linear
    with_weights = sum(isinstance(module, weighted) for module in model.modules())
    layers = [layer for layer in traced.layers if layer.type in ("conv2d", "linear")]
    assert len(layers) >= with_weights
