"""What is printed of a history and of an entry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import nn

from lens_pipeline.compat import reports
from lens_pipeline.compat import torchlens as tl
from tests import zoo

if TYPE_CHECKING:
    import pytest

    from lens_pipeline.compat.history import ModelHistory


def lines(text: object) -> list[str]:
    """Return the lines of a text without indent, and with times as T."""
    return [re.sub(r"[\d.]+(E-\d+)?s$", "T", line.strip()) for line in str(text).splitlines()]


def test_history(history: ModelHistory) -> None:
    """Structure, totals, seed, time, the tree of modules, and the numbered layers."""
    text = lines(history)
    assert text[:7] == [
        "Log of AlexNet forward pass:",
        "Model structure: purely feedforward, without branching; 23 total modules.",
        "24 tensors (4.8 MB) computed in forward pass; 24 tensors (4.8 MB) saved.",
        "16 params (61100840 params total; 233.1 MB).",
        "Random seed: 7",
        "Time elapsed: T",
        "Module Hierarchy:",
    ]
    assert text[7] == "features (Sequential, 13 inside)"
    assert text[8] == "0-12 (Conv2d, ReLU, MaxPool2d)"
    assert text[9] == "avgpool (AdaptiveAvgPool2d)"
    assert text[text.index("Layers:") + 8] == "7: conv2d_3_7"
    assert text[-1] == "23: output_1_23"


def test_passes_and_seed_of_a_loop() -> None:
    """A layer with passes says which; without a seed the generators stand as they were."""
    text = lines(tl.log_forward_pass(zoo.Recurrent(), torch.ones(1, 5)))
    assert text[1].startswith("Model structure: recurrent, at most 4 loops, without branching; 1 ")
    assert "4: linear_1_1 (pass 2/4)" in text
    assert "Random seed: the state the generators were in" in text


def test_long_history_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many layers those in the middle are left out, and counted."""
    monkeypatch.setattr(reports, "MOST_LAYERS", 4)
    text = lines(tl.get_model_metadata(zoo.Recurrent(), torch.ones(1, 5)))
    assert text[-5:] == [
        "0: input_1_0",
        "1: linear_1_1 (pass 1/4)",
        "... 10 left out; layer_labels has them all",
        "12: mul_1_3 (pass 4/4)",
        "13: output_1_4",
    ]


def test_entry(history: ModelHistory) -> None:
    """Shape, first values, parameters, neighbours, call, modules, time and keys."""
    entry = history["conv2d_3_7"]
    text = lines(entry)
    assert text[0] == "Layer conv2d_3_7, operation 8/24:"
    size, shapes = "size=253.5 KB", "(384, 192, 3, 3), (384,)"
    names = "conv2d_3, conv2d_3:1, conv2d_3_7, conv2d_3_7:1"
    assert text[1] == f"Output tensor: shape=(1, 384, 13, 13), dtype=torch.float32, {size}"
    assert text[2].startswith("tensor([[")
    assert (
        str(entry.activation[0, 0, :5, :5]).split()
        == "".join(f"{line} " for line in text[2:7]).removesuffix("... ").split()
    )
    assert text[7:] == [
        f"Params: Computed from params with shape {shapes}; 663936 params total (2.5 MB)",
        "Parent Layers: maxpool2d_2_6",
        "Child Layers: relu_3_8",
        "Function: conv2d (grad_fn=ConvolutionBackward0)",
        "Computed inside module: features.6",
        "Time elapsed: T",
        "Output of modules: features.6",
        "Output of bottom-level module: features.6:1",
        f"Lookup keys: -17, 7, {names}, features.6, features.6:1",
    ]


def test_sparse_values() -> None:
    """A value without rows and columns is named by its layout, and its bytes are those stored."""

    class Sparse(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.to_sparse()

    found = tl.log_forward_pass(Sparse(), torch.eye(3), activation_postfunc=lambda t: t * 2)
    assert "(as torch.sparse_coo)" in lines(found[1])
    assert "Transformed: (as torch.sparse_coo)" in lines(found[1])
    stored = 3 * (2 * 8 + 4)
    assert found[1].transformed_activation_memory == stored
    assert found.saved_activation_memory == 2 * (9 * 4 + 2 * stored)
    assert "saved." in str(found)


def test_entry_without_its_value(alexnet: nn.Module, image: torch.Tensor) -> None:
    """What was not saved is said, and what was transformed is shown."""
    entry = tl.get_model_metadata(alexnet, image)["flatten"]
    assert "(not saved)" in lines(entry)
    assert "Params: no params used" in lines(entry)
    assert "Computed inside module: the model itself" in lines(entry)
    transformed = tl.log_forward_pass(
        zoo.Recurrent(),
        torch.ones(1, 5),
        layers_to_save=["linear_1:2"],
        activation_postfunc=lambda t: t.sum().abs() * 0,
        save_raw_activation=False,
    )
    text = lines(transformed["linear_1_1:2"])
    assert text[0] == "Layer linear_1_1, pass 2/4, operation 5/14:"
    assert text[2] == "Transformed: tensor(0.)"
