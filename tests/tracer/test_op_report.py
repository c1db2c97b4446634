"""What a printed op says."""

from __future__ import annotations

import re

import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline import trace
from lens_pipeline.tracer.keeping import Keep
from lens_pipeline.tracer.trace import Trace
from tests import zoo

CONV = """\
conv2d_3_7: layer 7 of 0 to 23, operation 7 of 0 to 23
  Output: shape=(1, 384, 3, 3), dtype=torch.float32, size=13.5 KB
  First values:
    *
  Parameters: features.6.weight (384, 192, 3, 3), features.6.bias (384,); 663,936 numbers (2.5 MB)
  Parents: maxpool2d_2_6
  Children: relu_3_8
  Function: conv2d (autograd function ConvolutionBackward0)
  Inside module: features.6 (Conv2d)
  Output of modules: features.6
  Output of bottom-level modules: features.6
  Time: *
  Lookup keys: 7, -17, conv2d_3_7, conv2d_3_7:1, conv2d_3, conv2d_3:1, features.6, features.6:1, \
features.6.weight, features.6.bias"""


def line(text: str, start: str) -> str:
    return next(row.strip() for row in text.splitlines() if row.strip().startswith(start))


def test_a_whole_report() -> None:
    """The third convolution of AlexNet: all that is known of it, and how to ask for it."""
    torch.manual_seed(0)
    model = torchvision.models.alexnet(weights=None).eval()
    traced = trace(model, torch.rand(1, 3, 64, 64))
    text = str(traced["conv2d_3_7"])
    values = str(traced["conv2d_3_7"].value[0, 0, :5, :5].detach())
    shown = "\n".join(f"    {row}" for row in values.splitlines())
    assert shown in text
    text = re.sub(r"(?<=Time: ).*", "*", text.replace(shown, "    *"))
    assert text == CONV
    pooled = str(traced["features"])
    assert line(pooled, "Output of modules") == "Output of modules: features.12, features"
    assert line(pooled, "Output of bottom") == "Output of bottom-level modules: features.12"


def test_one_pass_of_several() -> None:
    """A pass names its number, its siblings, the call of its module, and keys with passes."""
    text = str(trace(zoo.Recurrent(), torch.ones(2, 5))["fc:2"])
    assert text.startswith("linear_1_1:2: layer 1 of 0 to 4, pass 2 of 4, operation 4 of 0 to 13\n")
    assert line(text, "Other") == "Other passes: linear_1_1:1, linear_1_1:3, linear_1_1:4"
    assert line(text, "Inside") == "Inside module: fc (Linear), call 2"
    assert line(text, "Output of modules") == "Output of modules: fc:2"
    keys = "1:2, -4:2, linear_1_1:2, linear_1:2, fc:2, fc.weight:2, fc.bias:2"
    assert line(text, "Lookup") == f"Lookup keys: {keys}"


def test_one_of_several_tensors() -> None:
    """An output of a call with several says which; so does the module it leaves."""
    text = str(trace(zoo.Recurrence(), torch.ones(2, 3, 4))["lstm@1"])
    assert line(text, "Output 1 of the call") == (
        "Output 1 of the call: shape=(1, 2, 3), dtype=torch.float32, size=24 B"
    )
    assert line(text, "Output of modules") == "Output of modules: lstm@1"


def test_inputs_outputs_and_ends() -> None:
    """An input has no parents and no function, an output no children."""
    traced = trace(zoo.ThreeSines(), torch.ones(2))
    first, last = str(traced[0]), str(traced[-1])
    assert line(first, "Parents") == "Parents: none"
    assert line(first, "Function") == "Function: none, this is input.x"
    assert line(first, "Inside") == "Inside module: none"
    assert line(last, "Children") == "Children: none"
    assert line(first, "Parameters") == "Parameters: none"
    assert line(str(traced["sin_1:1"]), "Inside") == "Inside module: the model (ThreeSines)"


def test_state_and_writes() -> None:
    """Buffers that were read and writes in place are named."""
    norm = trace(nn.BatchNorm1d(5).eval(), torch.ones(2, 5))["batchnorm_1"]
    assert line(str(norm), "Buffers") == "Buffers: running_mean, running_var"
    written = trace(zoo.InPlace(), torch.ones(2, 5))["relu_1"]
    assert line(str(written), "Function") == "Function: relu_ (in place)"


def test_reads_by_python() -> None:
    """An op whose contents decided something says so."""
    traced = trace(zoo.DataDependent(), torch.ones(2, 5))
    assert line(str(traced["gt_1"]), "Read by Python") == "Read by Python: __bool__ gave True"


VALUES = {
    "a number": torch.tensor(1.5),
    "nothing": torch.zeros(0, 3),
    "a vector": torch.arange(7),
    "five axes": torch.zeros(2, 2, 2, 7, 7),
    "an empty axis in front": torch.zeros(0, 2, 2),
    "half": torch.ones(2, 2, dtype=torch.bfloat16),
    "complex": torch.ones(2, 2, dtype=torch.complex64),
    "truth": torch.ones(2, 2, dtype=torch.bool),
    "without a device": torch.ones(2, 9, device="meta"),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_of_every_kind(name: str) -> None:
    """Every kind of tensor can be printed; of five axes a matrix, of a matrix its corner."""
    value = VALUES[name]
    text = str(trace(nn.Identity(), value)[0])
    corner = value
    while corner.ndim > 2 and corner.numel():
        corner = corner[0]
    if corner.numel():
        corner = corner[tuple(slice(5) for _ in corner.shape)]
    shown = re.sub(r"\s+", " ", text)
    assert re.sub(r"\s+", " ", f"Values: {corner!r}") in shown.replace("First values", "Values")


def test_sparse_values() -> None:
    """Values without rows and columns say their layout."""
    traced = trace(nn.Identity(), torch.eye(3).to_sparse())
    assert line(str(traced[0]), "Values") == "Values: kept, as torch.sparse_coo"


def test_values_not_kept() -> None:
    """Metadata alone prints too."""
    traced = trace(nn.Linear(2, 2), torch.ones(1, 2), keep=None)
    assert isinstance(traced, Trace)
    assert line(str(traced["linear_1"]), "Values") == "Values: not kept"


def test_values_after_a_postfunction() -> None:
    """Where only the postfunction's result was kept, that is shown, with its shape."""
    keep = Keep(postfunction=lambda value: value.sum(0), raw=False)
    traced = trace(nn.Identity(), torch.ones(3, 2), keep=keep)
    text = str(traced[0])
    assert line(text, "Output") == "Output: shape=(3, 2), dtype=torch.float32, size=24 B"
    assert line(text, "Values") == "Values after the postfunction, of shape (2,):"
    assert line(text, "tensor(") == "tensor([3., 3.])"
    tensors = "Tensors: 3 computed (72 B), 0 kept (0 B), 3 kept after a postfunction (24 B)"
    assert line(str(traced), "Tensors") == tensors
    assert "not kept" not in str(traced)
