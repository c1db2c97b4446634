"""Looking things up in a trace, and what is said when they are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torchvision

from lens_pipeline import trace
from lens_pipeline.errors import SelectorError
from tests import zoo

if TYPE_CHECKING:
    from lens_pipeline.tracer.trace import Trace


@pytest.fixture(scope="module")
def alexnet() -> Trace:
    torch.manual_seed(0)
    model = torchvision.models.alexnet(weights=None).eval()
    with torch.no_grad():
        return trace(model, torch.rand(1, 3, 64, 64), keep=None)


KEYS = ["conv2d_3_7", "conv2d_3", "conv2d_3_7:1", "features.6", "features.6:1", 7, -17]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_one_op(alexnet: Trace, key: str | int) -> None:
    """Label, short label, pass, module, module call and ordinals all find the third convolution."""
    assert alexnet[key].label == "conv2d_3_7"


def test_unique_part_of_a_name(alexnet: Trace) -> None:
    """A substring that only one op's names contain finds it."""
    assert alexnet["adaptiveavg"].label == "adaptiveavgpool2d_1_14"


def test_unknown_and_ambiguous_names_list_candidates(alexnet: Trace) -> None:
    """An error names the nearest labels."""
    with pytest.raises(SelectorError, match=r"'conv9d_1' names nothing .* nearest: conv2d_"):
        alexnet["conv9d_1"]
    with pytest.raises(SelectorError, match=r"'relu' matches \d+ names"):
        alexnet["relu"]
    with pytest.raises(SelectorError, match=r"no layer number 99; its layers are 0 to 23"):
        alexnet[99]
    with pytest.raises(SelectorError, match=r"has no layer 'conv2d_9'"):
        alexnet.layer("conv2d_9")


def test_layer_with_passes_needs_one() -> None:
    """A layer visited four times does not pretend to have one value."""
    traced = trace(zoo.Recurrent(), torch.ones(2, 5))
    with pytest.raises(SelectorError, match=r"names 4 operations .* linear_1_1:1, linear_1_1:2"):
        traced["linear_1_1"]
    assert traced["linear_1_1:2"].pass_number == 2
    assert traced["fc:3"].label == "linear_1_1:3"
    assert traced.layer("linear_1").ops == (1, 4, 7, 10)


def test_report_of_a_trace(alexnet: Trace) -> None:
    """The printed trace says structure, totals and layers."""
    text = str(alexnet)
    assert "purely feedforward; 24 modules" in text
    assert "16 parameters (61,100,840 numbers; 233.1 MB)" in text
    assert "    7: conv2d_3_7" in text
    assert "Complete: yes" in text


def test_report_of_an_op(alexnet: Trace) -> None:
    """The printed op says what ran, on what, where."""
    text = alexnet.describe("features.6")
    for line in ("Op conv2d_3_7", "Parents: maxpool2d_2_6", "Children: relu_3_8"):
        assert line in text
    assert "Parameters: features.6.weight, features.6.bias" in text
    assert "Output of modules: features.6:1" in text
