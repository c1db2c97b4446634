"""Marks: whatever tracing could leave behind is seen."""

from __future__ import annotations

import torch
from torch import nn

from tests.conformance.marks import changes, marks


def test_nothing_is_seen_where_nothing_changed() -> None:
    """A forward pass in eval mode leaves no mark."""
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    before = marks(model)
    model(torch.ones(1, 2))
    assert list(changes(before, marks(model))) == []


def test_every_kind_of_change_is_seen() -> None:
    """Generators, gradient mode, attributes, hooks, and contents of tensors."""
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = marks(model)
    with torch.no_grad():
        model[0].weight.add_(1)
        model(torch.rand(3, 2))
        model[0].register_forward_hook(lambda *_: None)
        model.forward = model.forward
        after = marks(model)
    assert set(changes(before, after)) == {
        "0.weight",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
        "the hooks of 0",
        "the attributes of the model",
        "the random generator",
        "the gradient mode",
    }
