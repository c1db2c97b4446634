"""The catalogue: a few tiny models in every run, all of it behind the marker `conformance`."""

from __future__ import annotations

import pytest

from tests.conformance.catalogue import catalogue
from tests.conformance.check import check
from tests.conformance.entries import DISTRIBUTIONS, installed
from tests.conformance.runner import check_apart

CATALOGUE = catalogue()

# one of each kind of network that takes seconds at most, imports included
TINY = (
    "cornet/cornet_rt",
    "torchvision/squeezenet1_1",
    "torchvision/lraspp_mobilenet_v3_large",
    "torchvision/fasterrcnn_mobilenet_v3_large_320_fpn",
    "torchvision-quantized/mobilenet_v2",
    "timm/efficientvit_b0",
    "transformers/bert",
    "transformers/llama",
    "diffusers/unet_2d_condition",
    "graph/GCNConv",
    "recurrent/lstm",
    "ode/euler",
    "ode/torchdiffeq_rk4",
    "deq/iteration",
)


@pytest.mark.parametrize("name", TINY)
def test_a_tiny_model_is_traced_whole_and_validated(name: str) -> None:
    """The trace is complete, has every hook's bits, and no verdict is a failure."""
    entry = CATALOGUE[name]
    if not installed(entry.library):
        pytest.skip(f"{entry.library} is not installed; it is in the extra `zoo`")
    row = check(entry)
    assert not row.failures
    assert (row.status, row.complete, row.hooks_equal, row.validated) == ("ok", True, True, True)


@pytest.mark.conformance
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_model_is_traced_whole_and_validated(name: str) -> None:
    """The same for all of the catalogue, each model in a process of its own."""
    row = check_apart(CATALOGUE[name], seconds=600, gigabytes=16)
    if row.status == "skipped":
        pytest.skip(row.failures)
    assert not row.failures


def test_the_catalogue_has_what_it_promises() -> None:
    """All of torchvision by its own registry, 40 timm families, 25 transformers."""
    import torchvision

    libraries = [entry.library for entry in CATALOGUE.values()]
    assert libraries.count("torchvision") == len(torchvision.models.list_models())
    assert libraries.count("timm") >= 40
    assert libraries.count("transformers") >= 25
    assert set(libraries) == set(DISTRIBUTIONS)
