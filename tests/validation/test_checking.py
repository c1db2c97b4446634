"""Validation passes on right traces, fails on corrupted ones, and leaves everything as it was."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline import trace
from lens_pipeline.errors import TraceError
from lens_pipeline.validation.checking import check, validate
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


def test_another_model_fails() -> None:
    """A trace does not validate against a model with other weights."""
    torch.manual_seed(0)
    traced = trace(zoo.Recurrent(), SMALL)
    report = check(traced, zoo.Recurrent(), inputs=SMALL)
    assert not report.ok
    assert "output equals a plain forward pass: output 0" in str(report)


class Host(nn.Module):
    """Divides by a number that left the tensors, through Python arithmetic if `by` is not 1."""

    def __init__(self, by: int = 1) -> None:
        super().__init__()
        self.by = by

    def forward(self, x):
        largest = x.max().item()
        return x / (largest if self.by == 1 else largest * self.by)


@pytest.mark.parametrize(("by", "use"), [(1, "came back in div_1_2"), (2, "may have come back")])
def test_a_host_round_trip_is_named(by: int, use: str) -> None:
    """A number that leaves the tensors and comes back is used as it was, and the report says so."""
    report = validate(Host(by), SMALL)
    assert report.ok
    assert f"contents that Python read are used as they were: item of max_1_1 {use}" in str(report)


def test_a_hidden_dependency_fails() -> None:
    """Where nothing was read on the way, an output that the graph does not explain is an error."""
    model = Host()
    with torch.no_grad():
        traced = trace(model, SMALL)
    ops = tuple(dataclasses.replace(op, host_reads=()) for op in traced.ops)
    hidden = dataclasses.replace(traced, ops=ops, host_reads=())
    report = check(hidden, model, inputs=SMALL)
    assert not report.ok
    assert "something depends on the input outside the graph" in str(report)


def test_what_cannot_be_repeated_is_exempt() -> None:
    """An array from NumPy and a backward pass inside are taken as they were, and said to be."""

    class Outside(nn.Module):
        def forward(self, x):
            with torch.enable_grad():
                y = (x * 1).requires_grad_()
                (slope,) = torch.autograd.grad((y**2).sum(), y)
            return slope + torch.from_numpy(np.ones(5, dtype=np.float32))

    report = validate(Outside(), SMALL)
    assert report.ok, str(report)
    reasons = {verdict.reason for verdict in report.ops if verdict.outcome == "exempt"}
    assert len(reasons) == 2
    assert any("backward pass" in reason for reason in reasons)
    assert any("outside torch" in reason for reason in reasons)


def test_a_parameter_that_a_call_returned_stays_one() -> None:
    """Whoever reads it lists it, and the record is not contradicted."""
    model = nn.utils.parametrizations.spectral_norm(nn.Linear(5, 5)).eval()
    assert validate(model, SMALL).ok


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
