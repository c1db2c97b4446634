"""Models that replace, add or remove their own state in forward: validated, and put back."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from lens_pipeline.validation.checking import validate
from lens_pipeline.validation.whole import state_kept

X = torch.rand(2, 2, generator=torch.Generator().manual_seed(0))


class ReplacesParameter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(2, 2))

    def forward(self, x):
        self.weight = nn.Parameter(self.weight * 2)
        return x @ self.weight


class SetsData(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        self.fc.weight.data = self.fc.weight.data * 0.5
        return self.fc(x)


class Hypernetwork(nn.Module):
    """Another module makes the weight that a layer is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.maker = nn.Linear(2, 2), nn.Linear(2, 4)

    def forward(self, x):
        del self.fc._parameters["weight"]
        self.fc.weight = self.maker(x[:1]).view(2, 2)
        y = self.fc(x)
        del self.fc.weight
        self.fc.weight = nn.Parameter(torch.ones(2, 2))
        return y


class ReplacesBuffer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.ones(2))

    def forward(self, x):
        self.state = self.state * 2
        return x + self.state


class AddsBuffer(nn.Module):
    """The first call leaves a buffer for the next ones."""

    def forward(self, x):
        if not hasattr(self, "cache"):
            self.register_buffer("cache", x.detach() * 2)
        return x + self.cache


class AddsModule(nn.Module):
    """The first call makes a layer."""

    def forward(self, x):
        if not hasattr(self, "fc"):
            self.fc = nn.Linear(2, 2)
            nn.init.constant_(self.fc.weight, 0.25)
            nn.init.zeros_(self.fc.bias)
        return self.fc(x)


class CountsCalls(nn.Module):
    """What it computes depends on how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


def old_weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(nn.Linear(2, 2))


def pruned() -> nn.Module:
    layer = nn.Linear(2, 2)
    prune.random_unstructured(layer, "weight", 0.5)
    return layer


MODELS = {
    "replaces a parameter": ReplacesParameter,
    "sets a parameter's data": SetsData,
    "hypernetwork": Hypernetwork,
    "replaces a buffer": ReplacesBuffer,
    "adds a buffer": AddsBuffer,
    "adds a module": AddsModule,
    "counts its calls": CountsCalls,
    "lazy": lambda: nn.LazyLinear(3),
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(2, 2)),
    "weight norm by a hook": old_weight_norm,
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(2, 2)),
    "pruned": pruned,
}


def identity_of_state(model: nn.Module) -> dict[str, Any]:
    """Every parameter, buffer, module and plain attribute by its place, in order."""
    found: dict[str, Any] = {}
    for address, module in model.named_modules():
        for kind in ("_parameters", "_buffers", "_modules"):
            places = getattr(module, kind)
            found |= {f"{address}.{kind}.{name}": id(value) for name, value in places.items()}
        found |= {f"{address}.{name}": id(value) for name, value in vars(module).items()}
    return found


@pytest.mark.parametrize("name", MODELS)
def test_changed_state_is_validated_and_put_back(name: str) -> None:
    """The trace is right, and the model has its own tensors with their contents afterwards."""
    torch.manual_seed(0)
    model = MODELS[name]()
    before = identity_of_state(model)
    state = model.state_dict(keep_vars=True).values()
    tensors = [(one, one.clone()) for one in state if not nn.parameter.is_lazy(one)]
    report = validate(model, X)
    assert report.ok, str(report)
    assert identity_of_state(model) == before
    assert list(identity_of_state(model)) == list(before)
    for tensor, contents in tensors:
        assert torch.equal(tensor, contents)


def test_state_is_put_back_after_an_exception() -> None:
    """A forward that replaces its state and then raises leaves the model as it was."""
    model = ReplacesParameter()
    before = identity_of_state(model)
    with pytest.raises(RuntimeError), torch.no_grad(), state_kept(model):
        model(torch.ones(2, 3))
    assert identity_of_state(model) == before


def test_empty_memory_is_no_uninitialised_memory() -> None:
    """`torch.empty` of no numbers is validated, so the replay on other inputs is, too."""

    class Empty(nn.Module):
        def forward(self, x):
            return torch.cat([x, torch.empty(0, 2)])

    report = validate(Empty(), X)
    assert {verdict.outcome for verdict in report.ops} == {"validated"}
    assert {check.outcome for check in report.checks} == {"validated"}
