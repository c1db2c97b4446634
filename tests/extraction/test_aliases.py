"""What is the same by structure is stored once and found under every name."""

from __future__ import annotations

import json

import torch
from torch import nn

from lens_pipeline.extraction import Structure, probe
from lens_pipeline.extraction.aliases import origins
from lens_pipeline.models.loading import LoadedModel, load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.tracer.run import trace


class Same(nn.Module):
    """A block whose last part is a dropout, and an Identity after it."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout(0.5))
        self.rest = nn.Identity()
        self.twice = nn.Linear(4, 4)

    def forward(self, x):
        x = self.rest(self.block(x)).mean((2, 3))
        x = self.twice(x)
        return self.twice(x)


def of_module(module: nn.Module) -> LoadedModel:
    whole = load_model(ModelSpec("cornet", "cornet_z", "random"))
    return LoadedModel(**{**vars(whole), "module": module})


def probed(module: nn.Module, *layers: str) -> Structure:
    examples = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return probe(of_module(module), layers, examples=examples)


def aliases(structure: Structure) -> dict[str, list[str]]:
    return {
        layer.name: json.loads(dict(layer.attrs).get("aliases", "[]")) for layer in structure.layers
    }


def test_identical_outputs_are_stored_once() -> None:
    """Dropout in eval mode and Identity hold what the ReLU gave; all names lead to it."""
    found = aliases(probed(Same().eval(), "block", "block.1", "block.2", "rest", "mean_1"))
    assert found == {
        "block.1": ["block", "block.2", "rest", "relu_1_2", "dropout_1_3", "identity_1_4"],
        "mean_1_5": [],
    }


def test_dropout_in_training_is_no_copy() -> None:
    """What drops changes values."""
    model = Same().eval()
    model.block[2].train()
    traced = trace(model, torch.rand(2, 3, 8, 8))
    same_as = origins(traced)
    dropout = next(op.index for op in traced.ops if op.name == "dropout")
    assert same_as[dropout] == dropout


def test_equal_numbers_of_different_operations_are_kept_apart() -> None:
    """A ReLU of positive values gives what came in, for these stimuli."""

    class Positive(nn.Module):
        def forward(self, x):
            return torch.relu(x.abs())

    structure = probed(Positive(), "all")
    assert [layer.name for layer in structure.layers] == ["abs_1_1", "relu_1_2"]


def test_a_name_has_the_same_passes_or_more() -> None:
    """Of a repeated layer one pass is found under every name of the whole, and not elsewhere."""
    model = Same().eval()
    assert aliases(probed(model, "twice")) == {"twice": ["linear_1_6"]}
    assert aliases(probed(model, "twice:2")) == {"twice": ["linear_1_6"]}
