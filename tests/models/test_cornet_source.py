"""CORnets with published weights: found under their published names and layout."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from lens_pipeline.errors import ModelError
from lens_pipeline.models import cornet_source
from lens_pipeline.models.cornet import CORNETS, cornet_z
from lens_pipeline.models.cornet_source import AREAS, SOURCE, WEIGHTS, build
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.resolve import resolve
from lens_pipeline.models.spec import ModelSpec, Preprocessing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A CORnet-Z saved as the published files are: under DataParallel, with more beside it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    torch.manual_seed(5)
    net = cornet_z()
    torch.save({"state_dict": nn.DataParallel(net).state_dict(), "epoch": 24}, tmp_path / "z.pth")
    digest = hashlib.sha256((tmp_path / "z.pth").read_bytes()).hexdigest()
    name = f"cornet_z-{digest[:8]}"
    (tmp_path / "z.pth").rename(tmp_path / f"{name}.pth")
    monkeypatch.setitem(cornet_source.WEIGHTS, "cornet_z", name)
    monkeypatch.setattr(cornet_source, "FOLDER", tmp_path.as_uri())
    return net


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


def test_every_net_has_published_weights() -> None:
    """Names, builders and weights speak of the same four nets."""
    assert tuple(WEIGHTS) == tuple(CORNETS)
    for name in CORNETS:
        spec = ModelSpec("cornet", name)
        (weights,) = SOURCE.weight_names(spec)
        place = SOURCE.published(spec, weights)
        assert place.wanted.name == f"{weights}.pth"
        assert weights.startswith(f"{name}-")


def test_published_weights_are_fetched_and_loaded(
    published: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`default` fetches the file once, strips `module.`, and finds the file the next time."""
    monkeypatch.delenv("LENS_OFFLINE")
    first = resolve(ModelSpec("cornet", "cornet_z"), assets="strict")
    assert first.stand_in is None
    assert same(load_model(first.spec).module, published)
    monkeypatch.setenv("LENS_OFFLINE", "1")
    assert resolve(ModelSpec("cornet", "cornet_z"), assets="strict") == first


def test_a_published_file_given_by_path_fits(published: nn.Module, tmp_path: Path) -> None:
    """The user's own copy of the published file loads as it is."""
    (file,) = tmp_path.glob("cornet_z-*.pth")
    spec = resolve(ModelSpec("cornet", "cornet_z", str(file)), assets="strict").spec
    assert same(load_model(spec).module, published)


def test_weights_of_another_net_do_not_fit(tmp_path: Path) -> None:
    """CORnet-Z's weights in CORnet-RT are refused with names and counts."""
    torch.save(cornet_z().state_dict(), tmp_path / "z.pth")
    spec = ModelSpec("cornet", "cornet_rt", str(tmp_path / "z.pth"))
    words = r"z\.pth and cornet_rt do not fit: of 30 tensors 28 missing \(V1\.conv_input\.weight"
    with pytest.raises(ModelError, match=words):
        load_model(spec)


def test_arguments_reach_the_net() -> None:
    """The number of classes and of time steps can be set."""
    spec = ModelSpec("cornet", "cornet_rt", "random", arguments=(("num_classes", 10), ("times", 2)))
    built = build(spec)
    assert built.module.get_parameter("decoder.linear.bias").shape == (10,)
    assert built.stated == Preprocessing()


def test_an_unknown_net_is_named_with_the_nearest() -> None:
    """A typing error gives the nearest names."""
    with pytest.raises(ModelError, match="no CORnet 'cornet_x'; nearest: cornet_"):
        resolve(ModelSpec("cornet", "cornet_x"), assets="auto")


@pytest.mark.parametrize("name", list(CORNETS))
def test_the_preset_layers_exist(name: str) -> None:
    """Each preset address is a module of each net."""
    module = CORNETS[name]()
    for address in AREAS:
        module.get_submodule(address)
