"""What a printed trace says."""

from __future__ import annotations

import re

import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline import trace
from lens_pipeline.tracer.report import MOST_LAYERS, report
from tests import zoo

ALEXNET = """\
One forward pass of AlexNet
  Structure: feedforward, without branching
  Tensors: 24 computed (512.8 KB), 2 kept (49.0 KB)
  Parameters: 16 with 61,100,840 numbers (233.1 MB; 58,631,144 trainable, 2,469,696 frozen), \
read by 8 operations
  Time: *
  Complete: yes, every tensor operation was seen
  Modules: 24, 24 called
    features (Sequential, 13 inside)
      0-12 (Conv2d, ReLU, MaxPool2d)
    avgpool (AdaptiveAvgPool2d)
    classifier (Sequential, 7 inside)
      0-6 (Dropout, Linear, ReLU)
  Layers: 24
       0: input_1_0                (1, 3, 64, 64) float32
       1: conv2d_1_1               (1, 64, 15, 15) float32  not kept
       2: relu_1_2                 (1, 64, 15, 15) float32  not kept
       3: maxpool2d_1_3            (1, 64, 7, 7) float32  not kept
       4: conv2d_2_4               (1, 192, 7, 7) float32  not kept
       5: relu_2_5                 (1, 192, 7, 7) float32  not kept
       6: maxpool2d_2_6            (1, 192, 3, 3) float32  not kept
       7: conv2d_3_7               (1, 384, 3, 3) float32  not kept
       8: relu_3_8                 (1, 384, 3, 3) float32  not kept
       9: conv2d_4_9               (1, 256, 3, 3) float32  not kept
      10: relu_4_10                (1, 256, 3, 3) float32  not kept
      11: conv2d_5_11              (1, 256, 3, 3) float32  not kept
      12: relu_5_12                (1, 256, 3, 3) float32  not kept
      13: maxpool2d_3_13           (1, 256, 1, 1) float32
      14: adaptiveavgpool2d_1_14   (1, 256, 6, 6) float32  not kept
"""


class Masked(nn.Module):
    """Fills a mask of the input's shape in a loop, as Swin does."""

    def forward(self, x):
        mask = x.new_zeros(x.shape)
        for row in range(3):
            mask[row] = row
        return x * mask


class Reads(nn.Module):
    """Takes numbers out of tensors."""

    def forward(self, x):
        if x.sum() > 0:
            x = x * x.max().item()
        return x + x.mean().item()


class Steps(nn.Module):
    """As many operations as asked for, each a layer of its own."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.ReLU() for _ in range(count))

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


def sentence(model: nn.Module, start: str, *shape: int) -> str:
    """The line of the model's report that begins with `start`, or an empty one."""
    text = str(trace(model, torch.ones(shape or (3, 5))))
    return next((line.strip() for line in text.splitlines() if line.strip().startswith(start)), "")


def test_a_whole_report() -> None:
    """AlexNet: structure, totals, frozen parameters, modules, layers with what was kept."""
    torch.manual_seed(0)
    model = torchvision.models.alexnet(weights=None).eval()
    model.features.requires_grad_(requires_grad=False)
    with torch.no_grad():
        text = str(trace(model, torch.rand(1, 3, 64, 64), keep=[0, 13]))
    text = re.sub(r"(?<=Time: ).*", "*", text)
    assert text.startswith(ALEXNET)
    assert len(text.splitlines()) == 13 + 24


@pytest.mark.parametrize(
    ("model", "structure"),
    [
        (zoo.Recurrent(), "recurrent, 3 layers with up to 4 passes, without branching"),
        (zoo.Recurrent(times=1), "feedforward, without branching"),
        (zoo.ThreeSines(), "recurrent, 1 layer with up to 3 passes, without branching"),
        (zoo.HandUnrolled(), "recurrent, 2 layers with up to 2 passes, without branching"),
        (zoo.Siamese(), "feedforward, 2 layers with up to 2 passes, with branching (1 tensor read"),
        (zoo.Stack(), "feedforward, with branching (3 tensors read more than once)"),
        (Masked(), "feedforward, 1 layer with up to 3 passes, with branching (1 tensor read more"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_structure(model: nn.Module, structure: str) -> None:
    """Recurrent is a cycle that an input leads into; twice visited alone is feedforward."""
    assert sentence(model, "Structure").startswith(f"Structure: {structure}")


def test_a_fused_recurrence_is_named() -> None:
    """An LSTM is one operation without a cycle, and recurrent inside."""
    assert sentence(zoo.Recurrence(), "Recurrent inside", 2, 3, 4).endswith(
        "lstm_1_3, lstm_2_4, lstm_3_5"
    )
    assert not sentence(zoo.Recurrent(), "Recurrent inside")


def test_tensors_made_inside_are_named() -> None:
    """What reads no computed contents is named, and so is what takes only a shape."""
    line = sentence(zoo.MadeInside(), "Made inside")
    assert line == "Made inside, not from an input: 2 (rand_1_1, arange_1_3)"
    assert sentence(Masked(), "Made inside").endswith(": 1 (newzeros_1_1)")
    assert not sentence(zoo.Recurrent(), "Made inside")


def test_conditionals_and_reads_by_python() -> None:
    """A truth value that was asked for is a conditional; other contents are counted by kind."""
    asked = "With conditionals: Python asked 1 time whether a tensor is true"
    assert sentence(Reads(), "With conditionals") == asked
    assert sentence(Reads(), "Contents") == "Contents that left for Python: item 2 times"
    assert not sentence(zoo.Recurrent(), "With conditionals")


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_gaps_are_listed() -> None:
    """A trace that misses something says so, with the reasons."""
    text = str(trace(zoo.Scripted(), torch.ones(2, 5)))
    assert "\n  Complete: NO\n    aten." in text


def test_a_model_without_parameters_or_modules() -> None:
    """Nothing is nothing, not zero of zero."""
    assert sentence(zoo.ThreeSines(), "Parameters") == "Parameters: none"
    assert sentence(zoo.ThreeSines(), "Modules") == "Modules: 1, 1 called"


def test_shapes_that_differ_between_passes() -> None:
    """A growing tensor shows the shapes of its passes."""
    line = sentence(zoo.GrowingTensor(), "1:")
    assert (
        line
        == "1: cat_1_1                  (6, 5) float32, (9, 5) float32, (12, 5) float32  3 passes"
    )


def test_long_traces_leave_out_the_middle() -> None:
    """The first and last layers stay, with the number of those between; None shows all."""
    traced = trace(Steps(MOST_LAYERS + 100), torch.ones(1), keep=None)
    lines = str(traced).splitlines()
    layers = lines[lines.index(f"  Layers: {MOST_LAYERS + 102}") + 1 :]
    assert len(layers) == MOST_LAYERS + 1
    middle = MOST_LAYERS // 2
    assert layers[middle].strip().startswith("... 102 layers left out; ")
    assert layers[middle - 1].split()[:2] == ["149:", "relu_149_149"]
    assert layers[middle + 1].split()[:2] == ["252:", "relu_252_252"]
    assert "not kept" not in str(traced)
    assert "left out" not in report(traced, most=None)
    assert len(report(traced, most=None).splitlines()) == len(lines) + 101
    assert " 3 layers left out" in report(traced, most=MOST_LAYERS + 99)
    assert "0-399 (ReLU)" in str(traced)
