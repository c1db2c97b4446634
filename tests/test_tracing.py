"""Keeping by name: the model runs once and only what was selected has a value."""

from __future__ import annotations

import pytest
import torch
import torchvision

from lens_pipeline import Inputs, trace, validate
from lens_pipeline.errors import SelectorError
from lens_pipeline.tracer.rerun import outline, rerun
from tests import zoo


def kept(keep) -> list[str]:
    torch.manual_seed(0)
    model = torchvision.models.alexnet(weights=None).eval()
    traced = trace(model, torch.rand(1, 3, 64, 64), keep=keep)
    return [op.label for op in traced.ops if op.value is not None]


def test_selectors_say_what_is_kept() -> None:
    """Labels, modules, layer numbers and patterns, in execution order."""
    assert kept(["conv2d_3_7", "features", -5, "linear_*"]) == [
        *("conv2d_3_7", "maxpool2d_3_13", "linear_1_17", "dropout_2_19", "linear_2_20"),
        "linear_3_22",
    ]
    assert kept("features.6") == ["conv2d_3_7"]
    assert kept(None) == []


def test_unknown_selector_is_refused() -> None:
    """A selector that matches nothing names the nearest."""
    with pytest.raises(SelectorError, match="nearest: conv2d_"):
        kept("conv2d_9")


def test_model_runs_once() -> None:
    """State that a forward pass changes is changed once, however little is kept."""
    model = torch.nn.BatchNorm1d(3)
    trace(model, torch.ones(2, 3), keep="batchnorm_1")
    assert model.num_batches_tracked == 1


def test_one_pass_of_a_recurrent_layer() -> None:
    """A pass can be kept alone."""
    traced = trace(zoo.Recurrent(), torch.ones(2, 5), keep="linear_1:3")
    assert [op.label for op in traced.ops if op.value is not None] == ["linear_1_1:3"]


class Mixed(torch.nn.Module):
    """Takes an argument by position alone, one by keyword alone, and some without a name."""

    def forward(self, x, /, pair, *rest, scale):
        x += pair[0] + pair[1]["mask"]
        return sum(rest, x) * scale


def mixed() -> Inputs:
    one, two, three = (torch.full((2,), float(number)) for number in (1, 2, 3))
    pair = (one, {"mask": two})
    return Inputs((torch.zeros(2), pair, three, torch.ones(2)), {"scale": torch.tensor(2.0)})


def test_arguments_by_position_and_by_keyword() -> None:
    """Inputs are both; each tensor has the name that forward gives it."""
    traced = trace(Mixed(), mixed())
    names = ["input.x", "input.pair[0]", "input.pair[1].mask", "input[2]", "input[3]"]
    assert [op.name for op in traced.ops if op.kind == "input"] == [*names, "input.scale"]
    assert torch.equal(traced["output"].value, torch.full((2,), 14.0))
    assert traced["input.pair[1].mask"].label == "input_3_2"


def test_inputs_are_taken_everywhere() -> None:
    """Validation and a run over a known structure take them, too, and leave them as they are."""
    inputs = mixed()
    report = validate(Mixed(), inputs)
    assert report.ok, str(report)
    assert torch.equal(inputs.args[0], torch.zeros(2))
    known = outline(trace(Mixed(), mixed(), keep=None))
    last = len(known.names) - 1
    assert torch.equal(rerun(Mixed(), mixed(), known, keep=[last])[last], torch.full((2,), 14.0))
    assert len(trace(zoo.MadeInside(), Inputs((torch.ones(2, 3),))).ops) > 1
