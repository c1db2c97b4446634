"""Validation passes on right traces, fails on corrupted ones, and leaves everything as it was."""

from __future__ import annotations

import dataclasses
import random

import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline import trace
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.records import ConstantRef
from lens_pipeline.tracer.validation import check, validate
from tests import zoo

SMALL = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

MODELS = {
    "recurrent": (zoo.Recurrent, SMALL),
    "branch": (zoo.AlternatingBranch, SMALL),
    "siamese": (zoo.Siamese, SMALL),
    "tied": (zoo.Tied, SMALL),
    "residual, train mode": (zoo.ResidualBlock, IMAGES),
    "in place": (zoo.InPlace, SMALL),
    "in place through a view": (zoo.InPlaceThroughView, SMALL),
    "setitem": (zoo.SetItem, SMALL),
    "returns its argument": (zoo.ReturnsItsArgument, SMALL),
    "several outputs": (zoo.MultiOutput, SMALL[:, :4]),
    "lstm": (zoo.Recurrence, torch.rand(2, 3, 4)),
    "random": (zoo.MadeInside, SMALL),
    "attention": (zoo.Attention, torch.rand(2, 3, 4)),
    "catches": (zoo.CatchesInside, SMALL),
}


@pytest.mark.parametrize("name", MODELS)
def test_right_traces_pass(name: str) -> None:
    """Every operation of a right trace is validated, without an exemption."""
    build, x = MODELS[name]
    torch.manual_seed(1)
    report = validate(build(), x)
    assert report.ok, str(report)
    assert {verdict.outcome for verdict in report.ops} == {"validated"}


def vision_transformer() -> nn.Module:
    return torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )


NETS = {
    "resnet18": lambda: torchvision.models.resnet18(weights=None),
    "mobilenet": lambda: torchvision.models.mobilenet_v3_small(weights=None),
    "vit": vision_transformer,
}


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", NETS)
def test_whole_networks_pass(name: str, training: bool) -> None:  # noqa: FBT001
    """Networks pass in eval and train mode, with dropout and batch norm, by the very same bits."""
    torch.manual_seed(1)
    report = validate(NETS[name]().train(training), IMAGES)
    assert report.ok, str(report)
    assert "up to rounding" not in {verdict.reason for verdict in report.ops}


def test_nothing_is_left_changed() -> None:
    """Buffers, tensor attributes, inputs and generators are what and where they were."""

    class Changing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(5)
            self.scale = nn.Parameter(torch.ones(5))
            self.register_buffer("state", torch.zeros(5))
            self.cache = torch.zeros(5)
            self.last = None

        def forward(self, x):
            x.relu_()
            self.state = self.state + x.mean(0)
            self.cache.add_(1)
            self.scale.data.mul_(2)
            self.last = x
            return self.norm(x * self.scale) + self.state + torch.rand(5) * random.random()

    model, x = Changing(), SMALL.clone()
    state = {name: (id(t), t.clone()) for name, t in model.state_dict(keep_vars=True).items()}
    cache, generators = model.cache, (random.getstate(), torch.get_rng_state())
    report = validate(model, x)
    assert not [v for v in report.ops if v.outcome == "failed"], str(report)
    for name, tensor in model.state_dict(keep_vars=True).items():
        assert id(tensor) == state[name][0]
        assert torch.equal(tensor, state[name][1]), name
    assert model.cache is cache
    assert not cache.any()
    assert model.last is None
    assert torch.equal(x, SMALL)
    assert random.getstate() == generators[0]
    assert torch.equal(torch.get_rng_state(), generators[1])


def replaced(traced, index, **changes):
    """The trace with other fields in one Op."""
    ops = list(traced.ops)
    ops[index] = dataclasses.replace(ops[index], **changes)
    return dataclasses.replace(traced, ops=tuple(ops))


def corrupt_value(traced):
    value = traced.ops[3].value.clone()
    value[0, 0] += 0.01
    return replaced(traced, 3, value=value)


def drop_parent(traced):
    return replaced(traced, 3, parents=())


def drop_edge_and_argument(traced):
    op = traced.ops[3]
    args = (ConstantRef(traced.ops[op.parents[0]].value.clone()), *op.args[1:])
    return replaced(traced, 3, parents=(), args=args)


def other_parent(traced):
    return replaced(traced, 5, args=traced.ops[2].args, parents=traced.ops[2].parents)


def swap_labels(traced):
    one, other = traced.ops[2].label, traced.ops[3].label
    return replaced(replaced(traced, 2, label=other), 3, label=one)


def swap_layers(traced):
    layers = list(traced.layers)
    one, other = layers[1], layers[2]
    layers[1] = dataclasses.replace(one, ops=other.ops)
    layers[2] = dataclasses.replace(other, ops=one.ops)
    return dataclasses.replace(traced, layers=tuple(layers))


def remove_op(traced):
    return dataclasses.replace(traced, ops=traced.ops[:3] + traced.ops[4:])


def skip_op(traced):
    last = len(traced.ops) - 1
    earlier = traced.ops[traced.ops[last].parents[0]]
    return replaced(traced, last, args=earlier.args[:1], parents=earlier.parents)


def wrong_pass(traced):
    return replaced(traced, 2, pass_number=2)


def wrong_parameters(traced):
    return replaced(traced, 1, parameters=("fc.weight",))


def wrong_argument(traced):
    return replaced(traced, 2, args=(traced.ops[2].args[0], 1.5))


def wrong_shape(traced):
    return replaced(traced, 2, shape=(1, 2))


def wrong_module(traced):
    return replaced(traced, 2, module_call=1)


def module_too_long(traced):
    calls = list(traced.module_calls)
    calls[1] = dataclasses.replace(calls[1], last=10**3)
    return dataclasses.replace(traced, module_calls=tuple(calls))


def incomplete(traced):
    return dataclasses.replace(traced, complete=False, gaps=("half of it ran elsewhere",))


CORRUPTIONS = {
    corrupt_value: "numbers differ",
    drop_parent: "but its arguments name",
    drop_edge_and_argument: "traced again on the same inputs the graph is another",
    other_parent: "run again it gives other values",
    swap_labels: "is labelled",
    swap_layers: "is not pass",
    remove_op: "stands at place",
    skip_op: "run again it gives other values",
    wrong_pass: "is not pass 1",
    wrong_parameters: "reads ['fc.bias', 'fc.weight'], but lists",
    wrong_argument: "run again it gives other values",
    wrong_shape: "the value of add_1_2:1 is",
    wrong_module: "but ran inside",
    module_too_long: "runs from Op",
    incomplete: "half of it ran elsewhere",
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda one: one.__name__)
def test_corrupted_traces_fail(corrupt) -> None:
    """Whatever is wrong in a trace is caught and said."""
    torch.manual_seed(0)
    model = zoo.Recurrent()
    with torch.no_grad():
        traced = trace(model, SMALL)
    assert check(traced, model, inputs=SMALL).ok
    report = check(corrupt(traced), model, inputs=SMALL)
    assert not report.ok
    assert CORRUPTIONS[corrupt] in str(report)


def test_a_corrupted_value_is_pinned_to_its_op() -> None:
    """The Op with the wrong value fails, and its child, which starts from it; no other does."""
    model = zoo.Recurrent()
    with torch.no_grad():
        report = check(corrupt_value(trace(model, SMALL)), model)
    assert [verdict.op for verdict in report.ops if verdict.outcome == "failed"] == [3, 4]


def test_a_parent_without_influence_fails() -> None:
    """An Op that would give its value whatever its parent held does not depend on it."""
    model = zoo.ThreeSines()
    traced = trace(model, SMALL)
    kept = traced.ops[2].value.clone()
    report = check(replaced(traced, 2, function=lambda _: kept.clone()), model)
    assert not report.ok
    assert "sin_1_1:1 -> sin_1_1:2: other contents of this parent left" in str(report)


def test_another_model_fails() -> None:
    """A trace does not validate against a model with other weights."""
    torch.manual_seed(0)
    traced = trace(zoo.Recurrent(), SMALL)
    report = check(traced, zoo.Recurrent(), inputs=SMALL)
    assert not report.ok
    assert "output equals a plain forward pass: output 0" in str(report)


def test_a_host_round_trip_is_found() -> None:
    """A number that leaves the tensors and comes back is a dependency the graph lacks."""

    class Host(nn.Module):
        def forward(self, x):
            return x / x.max().item()

    assert "outside the graph" in str(validate(Host(), SMALL))


def test_a_graph_that_changes_with_the_input_is_exempt() -> None:
    """Where the model takes another branch, the replay on other inputs says so."""
    report = validate(zoo.WhileLoop(), torch.ones(2, 2))
    assert report.ok
    assert "the graph changes with the input" in str(report)


def test_values_are_needed() -> None:
    """A trace without values is refused, and the sentence says what to do."""
    model = zoo.Recurrent()
    with pytest.raises(TraceError, match=r'14 values of Recurrent .* keep="all"'):
        check(trace(model, SMALL, keep=None), model)


def test_report_reads_well() -> None:
    """The report counts, names every check and gives each exemption its reason."""
    text = str(validate(zoo.DataDependent(), SMALL.abs()))
    assert text.startswith("Validation of DataDependent: ok\n  ")
    assert " operations run again: " in text
    assert "0 failed, 0 exempt" in text
    assert "  validated: labels" in text
