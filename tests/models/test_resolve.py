"""Which weights a spec gets: files, names, published weights, and what stands in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from lens_pipeline.errors import ModelError
from lens_pipeline.models.catalogue import SOURCES
from lens_pipeline.models.resolve import resolve
from lens_pipeline.models.source import is_path
from lens_pipeline.models.spec import ModelSpec, Resolved

if TYPE_CHECKING:
    from pathlib import Path

Z = ModelSpec("cornet", "cornet_z")
RESNET = ModelSpec("torchvision", "resnet18")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub" / "checkpoints"


def test_random_weights_need_nothing() -> None:
    """`random` is resolved as it is, and is no stand-in."""
    spec = ModelSpec("torchvision", "resnet18", "random", seed=3)
    assert resolve(spec, assets="strict") == Resolved(spec)


def test_missing_published_weights_are_stood_in_for(empty_cache: Path) -> None:
    """Under auto random weights take their place, with the reason and the file looked for."""
    resolved = resolve(Z, assets="auto")
    place = empty_cache / "cornet_z-5c427c9c.pth"
    assert resolved.spec.weights == "random"
    assert resolved.missing == (place,)
    assert resolved.files == ()
    assert resolved.stand_in == (
        "Random weights (seed 0) stand in: the weights cornet_z-5c427c9c of cornet_z are not at "
        f"{place} and LENS_OFFLINE=1 forbids fetching it."
    )


def test_strict_stops_and_says_what_to_put_where(empty_cache: Path) -> None:
    """Under strict the same is an error."""
    with pytest.raises(ModelError) as caught:
        resolve(Z, assets="strict")
    assert str(caught.value) == (
        f"The weights cornet_z-5c427c9c of cornet_z are not at {empty_cache}/"
        "cornet_z-5c427c9c.pth and LENS_OFFLINE=1 forbids fetching it; put the file there, or "
        "give model.weights=FILE or model.weights=random."
    )


def test_downloads_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """download=False asks no network, even where it is allowed."""
    monkeypatch.delenv("LENS_OFFLINE")
    resolved = resolve(Z, assets="auto", download=False)
    assert resolved.stand_in is not None
    assert "nothing was fetched" in resolved.stand_in


def test_named_weights_are_never_replaced() -> None:
    """What the user named is an error under auto too."""
    spec = ModelSpec("torchvision", "resnet18", "IMAGENET1K_V1")
    with pytest.raises(ModelError, match=r"IMAGENET1K_V1 of resnet18 are not at .*put the file"):
        resolve(spec, assets="auto")


def test_a_model_without_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default of a model for which nothing is published is random, said as a stand-in."""
    bare = dataclasses.replace(SOURCES["cornet"], weight_names=lambda _: ())
    monkeypatch.setitem(SOURCES, "bare", bare)
    spec = ModelSpec("bare", "net", seed=4)
    resolved = resolve(spec, assets="auto")
    assert resolved.stand_in == (
        "Random weights (seed 4) stand in: no weights of net are published."
    )
    with pytest.raises(ModelError, match=r"^No weights of net are published; give model\.weights"):
        resolve(spec, assets="strict")


def test_torchvisions_long_name_is_understood(empty_cache: Path) -> None:
    """ResNet18_Weights.IMAGENET1K_V1 is IMAGENET1K_V1."""
    empty_cache.mkdir(parents=True)
    (empty_cache / "resnet18-f37072fd.pth").touch()
    spec = ModelSpec("torchvision", "resnet18", "ResNet18_Weights.IMAGENET1K_V1")
    assert resolve(spec, assets="strict").spec.weights == "IMAGENET1K_V1"


def test_a_file_becomes_an_absolute_path(tmp_path: Path) -> None:
    """A file relative to the working folder is found by any worker afterwards."""
    (tmp_path / "mine.pth").touch()
    for text in ("mine.pth", "./mine.pth", str(tmp_path / "mine.pth")):
        resolved = resolve(ModelSpec("cornet", "cornet_z", text), assets="strict")
        assert resolved.spec.weights == str(tmp_path / "mine.pth")
        assert resolved.files == (tmp_path / "mine.pth",)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ModelSpec("torchvison", "x"), "no source of models 'torchvison'.*nearest: torchvision"),
        (ModelSpec("cornet", "cornet_z", "./no.pth"), r"no\.pth, are no file: it does not exist"),
        (ModelSpec("cornet", "cornet_z", "./"), r"are no file: it is a folder"),
        (
            ModelSpec("torchvision", "resnet18", "IMAGENET"),
            r"resnet18 has no weights 'IMAGENET'; nearest: IMAGENET1K_V1.*written with its folder",
        ),
        (
            ModelSpec("cornet", "cornet_z", "random", preprocessing=(("resise", 3),)),
            "Preprocessing has no setting 'resise'",
        ),
    ],
)
@pytest.mark.parametrize("assets", ["auto", "strict"])
def test_what_cannot_be_is_refused(spec: ModelSpec, words: str, assets: str) -> None:
    """Both policies refuse what the user got wrong."""
    with pytest.raises(ModelError, match=words):
        resolve(spec, assets=assets)  # type: ignore[arg-type]


def test_what_counts_as_a_path() -> None:
    """A folder in it or a known ending makes weights a file."""
    paths = ["a/b", "./b", "b.pth", "b.th", "~/b", "b.safetensors", "C:\\b"]
    assert all(map(is_path, paths))
    assert not any(map(is_path, ["random", "default", "IMAGENET1K_V1", "a1_in1k", "b.c"]))


@pytest.mark.parametrize("spec", [Z, RESNET])
def test_resolving_twice_changes_nothing(spec: ModelSpec) -> None:
    """A resolved spec resolves to itself."""
    once = resolve(spec, assets="auto").spec
    assert resolve(once, assets="strict").spec == once
