"""The fast mode on trained weights and photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from lens_pipeline.extraction import load_example, probe
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.runtime.settings import has_bfloat16
from lens_pipeline.task import Runtime

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_fast_is_faithful_to_trained_layers(test_data: Path) -> None:
    """Every block of a trained SqueezeNet keeps its RDM; bfloat16 suffices."""
    weights = next((test_data / "weights").glob("squeezenet1_1*.pth"))
    loaded = load_model(ModelSpec("torchvision", "squeezenet1_1", str(weights)))
    images = sorted((test_data / "kriegeskorte92").rglob("*.[jp][pn]g"))[:16]
    examples = torch.stack([load_example(path, loaded.transform) for path in images])
    runtime = Runtime(mode="fast", certify=False)
    structure = probe(loaded, "auto", examples=examples, runtime=runtime)
    facts = {layer.name: dict(layer.attrs) for layer in structure.layers}
    assert len(facts) >= 5
    assert structure.wiring.half == has_bfloat16("cpu")
    for name, layer in facts.items():
        assert str(layer["computed"]).startswith("fast"), name
        assert layer["fast_rdm_spearman"] >= 0.999, name
