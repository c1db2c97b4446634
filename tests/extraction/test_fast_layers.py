"""The fast mode is measured, and what is not faithful is computed exactly or refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.errors import TraceError
from lens_pipeline.extraction import Structure, fast_layers, probe
from lens_pipeline.models.loading import LoadedModel, load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.runtime.fidelity import compare
from lens_pipeline.runtime.passes import forward_passes
from lens_pipeline.task import Runtime
from tests.runtime.models import normed

EXAMPLES = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Sensitive(nn.Module):
    """A convolution, and a stage in which only the last bits of it count."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.rest = LastBits()

    def forward(self, x):
        return self.rest(self.conv(x))


class LastBits(nn.Module):
    def forward(self, x):
        return torch.sin(x * 1e3)


@pytest.fixture(autouse=True)
def _both_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try bfloat16 on every machine."""
    monkeypatch.setattr(fast_layers, "has_bfloat16", lambda _device: True)


def probed(module: nn.Module, *layers: str, **runtime) -> Structure:
    whole = load_model(ModelSpec("cornet", "cornet_z", "random"))
    loaded = LoadedModel(**{**vars(whole), "module": module})
    runtime = Runtime(mode="fast", certify=False, **runtime)
    return probe(loaded, layers, examples=EXAMPLES, runtime=runtime)


def facts(structure: Structure) -> dict[str, dict[str, object]]:
    return {layer.name: dict(layer.attrs) for layer in structure.layers}


def model() -> nn.Module:
    torch.manual_seed(0)
    return Sensitive().eval()


def test_faithful_layers_are_taken_in_bfloat16_with_their_numbers() -> None:
    """Both measures are kept with the layer."""
    structure = probed(model(), "conv")
    (layer,) = facts(structure).values()
    assert structure.wiring.half
    assert structure.wiring.fast == structure.wiring.ops
    assert layer["computed"] == "fast, bfloat16"
    assert 1e-4 < layer["fast_relative_error"] < 1e-2
    assert 0.999 <= layer["fast_rdm_spearman"] < 1


def test_one_unfaithful_layer_turns_bfloat16_off() -> None:
    """Float32 is faithful to the last bits' sine too."""
    structure = probed(model(), "conv", "rest")
    assert not structure.wiring.half
    assert structure.wiring.fast == structure.wiring.ops
    assert {layer["computed"] for layer in facts(structure).values()} == {"fast, float32"}


def test_a_layer_below_the_fidelity_is_computed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is bfloat16 alone, the layers that fail it are named exact."""
    monkeypatch.setattr(fast_layers, "_precisions", lambda _device: (True,))
    structure = probed(model(), "conv", "rest")
    found = facts(structure)
    assert found["conv"]["computed"] == "fast, bfloat16"
    assert found["rest"]["computed"] == "exact"
    assert found["rest"]["fast_rdm_spearman"] < 0.9
    assert len(structure.wiring.fast) == 1


def test_a_layer_below_the_fidelity_can_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the number, the limit and what to set."""
    monkeypatch.setattr(fast_layers, "_precisions", lambda _device: (True,))
    with pytest.raises(
        TraceError,
        match=r"Layer rest of cornet_z is not faithful in runtime.mode=fast: its RDM correlates "
        r"with the exact one by 0\.\d+, and runtime.fidelity=0.999 .* runtime.on_infidelity=exact",
    ):
        probed(model(), "conv", "rest", on_infidelity="refuse")


def test_a_layer_without_an_rdm_keeps_no_number() -> None:
    """A constant layer of the same bits is faithful; NaN is never written."""

    class Zero(nn.Module):
        def forward(self, x):
            return x * 0

    found = facts(probed(nn.Sequential(Zero(), nn.Flatten(), nn.Linear(192, 3)), "0"))
    assert found["0"]["fast_rdm_spearman"] == 1


def test_what_is_measured_is_what_runs() -> None:
    """Folded normalisations and all: later passes are as far from the exact ones as was found."""
    structure = probed(normed(), "1", "2")
    found = facts(structure)
    assert structure.wiring.folded == (("0", "1"),)
    values = []
    for runtime in (Runtime(), Runtime(mode="fast")):
        module = normed()
        with forward_passes(module, structure.wiring, runtime) as forward:
            values.append(forward(EXAMPLES))
    for op, name in zip(structure.wiring.ops, ("1", "2"), strict=True):
        measured = compare(*(one[op] for one in values))
        assert found[name]["fast_relative_error"] == measured.relative_error > 0
        assert found[name]["fast_rdm_spearman"] == measured.rdm_spearman
