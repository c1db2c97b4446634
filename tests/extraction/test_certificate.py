"""Stimuli that depend on their neighbours are refused; what rounding does is measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.errors import TraceError
from lens_pipeline.extraction import Structure, probe
from lens_pipeline.models.loading import LoadedModel, load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.task import Runtime


def probed(module: nn.Module, *layers: str, certify: bool = True) -> Structure:
    torch.manual_seed(0)
    whole = load_model(ModelSpec("cornet", "cornet_z", "random"))
    loaded = LoadedModel(**{**vars(whole), "module": module})
    return probe(loaded, layers, examples=torch.rand(3, 3, 9, 9), runtime=Runtime(certify=certify))


class Apart(nn.Module):
    """A convolution, then something that may mix the stimuli of a batch."""

    def __init__(self, mixing: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.mixing = mixing

    def forward(self, x):
        return self.mixing(self.conv(x))


class Centred(nn.Module):
    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class ByChance(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5, training=True)


class SharedNoise(nn.Module):
    def forward(self, x):
        return x + torch.randn(1, 4, 1, 1)


MIXING = {
    "batch normalisation in training": lambda: nn.BatchNorm2d(4).train(),
    "a mean over the batch": Centred,
}


@pytest.mark.parametrize("name", MIXING)
def test_a_layer_that_depends_on_its_neighbours_is_refused(name: str) -> None:
    """The layer and the number are named; the layer before it is fine."""
    with pytest.raises(
        TraceError,
        match=r"Layer mixing of cornet_z depends on which other stimuli .* differ by \d.* of the",
    ):
        probed(Apart(MIXING[name]()), "mixing")
    assert probed(Apart(MIXING[name]()), "conv").layers


@pytest.mark.parametrize("kind", [ByChance, SharedNoise])
def test_a_layer_of_chance_is_called_random(kind: type[nn.Module]) -> None:
    """Dropout that is always on; noise that all stimuli of a batch share, and batches do not."""
    with pytest.raises(TraceError, match=r"Layer mixing of cornet_z is random: the same stimuli"):
        probed(Apart(kind()), "mixing")


def test_it_can_be_left_out() -> None:
    """`runtime.certify=false` stores such a layer as it comes."""
    structure = probed(Apart(Centred()), "mixing", certify=False)
    assert "difference_by_batch" not in dict(structure.layers[0].attrs)


def test_rounding_is_measured_and_kept_with_each_layer() -> None:
    """A convolution differs by its last bits at most; threads are put back."""
    before = torch.get_num_threads()
    structure = probed(Apart(nn.BatchNorm2d(4).eval()), "conv", "mixing")
    assert torch.get_num_threads() == before
    for layer in structure.layers:
        facts = dict(layer.attrs)
        assert 0 <= facts["difference_by_batch"] < 1e-5
        assert 0 <= facts["difference_by_threads"] < 1e-5


def test_a_model_that_cannot_run_one_stimulus_alone_is_judged_by_two() -> None:
    """It squeezes the batch away, or raises; two and three stimuli still tell."""

    class NeedsTwo(nn.Module):
        def forward(self, x):
            if len(x) < 2:
                raise ValueError("Expected more than 1 value per channel")
            return x * 2

    assert probed(Apart(NeedsTwo()), "mixing").layers
    with pytest.raises(TraceError, match="Layer mixing of cornet_z depends"):
        probed(Apart(nn.Sequential(NeedsTwo(), Centred())), "mixing")


def test_places_that_rounding_may_swap_are_not_refused() -> None:
    """Whole numbers are compared by their share and never refused."""

    class Places(nn.Module):
        def forward(self, x):
            return (x - x.mean(0)).flatten(1).argsort(1)

    structure = probed(Apart(Places()), "mixing")
    assert dict(structure.layers[0].attrs)["difference_by_batch"] > 0.01


def test_only_what_is_kept_is_measured() -> None:
    """`all` leaves out a value without stimuli, which the traces keep all the same."""

    class Scaled(nn.Module):
        def forward(self, x):
            return x * torch.arange(7).exp()

    structure = probed(Apart(Scaled()), "all")
    assert [name for name, _ in structure.skipped] == ["arange_1_2", "exp_1_3"]
    assert all("difference_by_threads" in dict(layer.attrs) for layer in structure.layers)
