"""Where a layer is called from."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import torch
import torchvision
from torch import nn

from lens_pipeline.compat import torchlens as tl
from tests import zoo

if TYPE_CHECKING:
    from lens_pipeline.compat.history import ModelHistory


def test_line_of_the_call(history: ModelHistory) -> None:
    """The third convolution is called where AlexNet's forward calls its features."""
    place = history["conv2d_3"].func_call_stack[0]
    assert place.file == inspect.getsourcefile(torchvision.models.AlexNet)
    assert place.func_name == "forward"
    assert place.code_qualname == "AlexNet.forward"
    lines, first = inspect.getsourcelines(torchvision.models.AlexNet.forward)
    assert lines[place.line_number - first].strip() == place.call_line == "x = self.features(x)"
    assert "    x = self.avgpool(x)" in place.code_context


def test_text_points_at_the_line(history: ModelHistory) -> None:
    """Printed, a place names file, line and function and marks the line with an arrow."""
    place = history["linear_1"].func_call_stack[0]
    text = repr(place).splitlines()
    assert text[:5] == [
        "FuncCallLocation:",
        f"  file: {place.file}",
        f"  line: {place.line_number}",
        "  function: forward",
        "  code:",
    ]
    marked = [line for line in text if "--->" in line]
    assert [line.split("--->")[1].strip() for line in marked] == ["x = self.classifier(x)"]


def test_innermost_first() -> None:
    """A call in a module's module leads outwards, to the model's forward and no further."""
    stack = tl.get_model_metadata(zoo.Stack(), torch.ones(1, 5))["linear_1"].func_call_stack
    assert all(place.file == zoo.__file__ for place in stack)
    assert stack[-1].code_qualname == "Stack.forward"


def test_model_of_torch_alone() -> None:
    """Torch's own functions are shown where there are no others."""
    model = nn.Sequential(nn.Linear(2, 2))
    stack = tl.get_model_metadata(model, torch.ones(1, 2))["linear_1"].func_call_stack
    assert [place.code_qualname for place in stack] == ["Linear.forward", "Sequential.forward"]


def test_inputs_are_called_from_nowhere(history: ModelHistory) -> None:
    """An input has no place in the source."""
    assert history[0].func_call_stack == ()
