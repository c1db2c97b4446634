"""Keeping by name: the model runs once and only what was selected has a value."""

from __future__ import annotations

import pytest
import torch
import torchvision

from lens_pipeline import trace
from lens_pipeline.errors import SelectorError
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
