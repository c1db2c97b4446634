"""The user's own functions as models: found, called, and every mistake one sentence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from lens_pipeline.errors import ModelError
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.resolve import resolve
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.models.target_source import build, files

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
import torch
from torch import nn

CONSTANT = 3

def net(width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU())

def choosy(weights="trained"):
    module = net()
    if weights is not None:
        nn.init.zeros_(module[0].weight)
    return module

def with_transform(size=5):
    return net(), lambda image: torch.full((3, size, size), image.width, dtype=torch.uint8)

def flat():
    return net(), lambda image: torch.zeros(3)

def failing_transform():
    def transform(image):
        raise OSError("no such colour")
    return net(), transform

def nothing():
    return None

def pair():
    return net(), 3

def failing():
    raise ValueError("seven is no width.\\nReally.")

class Holder:
    @staticmethod
    def net():
        return net()
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the user's in the working folder, which is not on sys.path."""
    (tmp_path / "lens_test_nets.py").write_text(SOURCE)
    (tmp_path / "lens_test_broken.py").write_text("import lens_test_absent")
    (tmp_path / "lens_test_wrong.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    for name in ("nets", "broken", "wrong"):
        monkeypatch.delitem(sys.modules, f"lens_test_{name}", raising=False)
    return tmp_path / "lens_test_nets.py"


def spec(function: str, weights: str = "random", **arguments: object) -> ModelSpec:
    target = function if ":" in function or not function else f"lens_test_nets:{function}"
    return ModelSpec("target", "mine", weights, target=target, arguments=tuple(arguments.items()))


def test_a_module_in_the_working_folder_is_found() -> None:
    """The function is called with its arguments, and sys.path is as before."""
    before = list(sys.path)
    built = build(spec("net", width=6))
    assert built.module.get_parameter("0.weight").shape[0] == 6
    assert sys.path == before


def test_a_function_inside_a_class_is_found() -> None:
    """What follows the colon may have dots."""
    assert build(spec("Holder.net")).stated is None


def test_the_targets_file_is_what_its_result_depends_on(module: Path) -> None:
    """The source file is reported once, whatever the weights."""
    assert files(spec("net")) == (module,)
    for weights in ("default", "random"):
        resolved = resolve(spec("net", weights), assets="strict")
        assert (resolved.spec.weights, resolved.files) == (weights, (module,))


def test_default_takes_what_the_function_loads_and_random_asks_for_none() -> None:
    """A parameter called weights gets None for random weights, and is left alone otherwise."""
    zero = load_model(spec("choosy", "default")).module.get_parameter("0.weight")
    drawn = load_model(spec("choosy", "random")).module.get_parameter("0.weight")
    assert zero.count_nonzero() == 0
    assert drawn.count_nonzero() > 0


def test_a_file_fills_what_the_function_builds(tmp_path: Path) -> None:
    """model.weights=FILE works for a target as for any model."""
    trained = build(spec("net")).module
    torch.save(trained.state_dict(), tmp_path / "mine.pth")
    loaded = load_model(resolve(spec("net", "mine.pth"), assets="strict").spec)
    assert torch.equal(loaded.module.get_parameter("0.bias"), trained.get_parameter("0.bias"))


def test_the_users_own_transform_is_used() -> None:
    """(module, transform) brings its transform, as float32."""
    model = load_model(spec("with_transform", size=2))
    values = model.transform(Image.new("RGB", (9, 4)))
    assert torch.equal(values, torch.full((3, 2, 2), 9.0))
    assert model.preprocessing is None


def test_a_transform_and_preprocessing_settings_exclude_each_other() -> None:
    """Settings that would be ignored are refused."""
    both = ModelSpec(
        "target", "mine", "random", target="lens_test_nets:with_transform",
        preprocessing=(("resize", 20),),
    )  # fmt: skip
    with pytest.raises(ModelError, match="returns a transform of its own"):
        load_model(both)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("flat", r"gave shape \(3,\); it must give a \(channel, row, col\) tensor"),
        ("failing_transform", "failed: OSError: no such colour"),
    ],
)
def test_a_transform_that_fails_is_named(function: str, words: str) -> None:
    """A wrong result or an exception of the user's transform names the target."""
    transform = load_model(spec(function)).transform
    with pytest.raises(ModelError, match=f"transform of model.target=lens_test_nets.*{words}"):
        transform(Image.new("RGB", (4, 4)))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("", "is no function; write package.module:function"),
        ("lens_test_nets.net:", "is no function; write package.module:function"),
        ("lens_test_missing:net", "there is no module 'lens_test_missing' in the working folder"),
        ("lens_test_nets.sub:net", "there is no module 'lens_test_nets.sub'"),
        ("lens_test_broken:net", "imports 'lens_test_absent', which is not installed"),
        ("lens_test_wrong:net", "importing lens_test_wrong failed: ZeroDivisionError"),
        ("nets", "lens_test_nets has no 'nets'; nearest: net"),
        ("CONSTANT", "is of type int, no function"),
        ("nothing", "returned a value of type NoneType; it must return a torch.nn.Module"),
        ("pair", "returned a tuple of Sequential, int; it must return"),
        ("failing", r"failed: ValueError: seven is no width\.$"),
    ],
)
def test_mistakes_are_one_sentence(function: str, words: str) -> None:
    """What is wrong with the target is said in the user's own names."""
    with pytest.raises(ModelError, match=words):
        build(spec(function))


def test_what_the_target_imports_of_the_users_own_counts_too(module: Path) -> None:
    """Its own file comes first, since it is what is named."""
    parts = module.parent / "lens_test_parts.py"
    parts.write_text("import numpy")
    module.write_text(f"import lens_test_parts\n{SOURCE}")
    assert files(spec("net")) == (module, parts)


def test_an_edit_of_what_it_imports_is_used_in_a_process_that_goes_on(module: Path) -> None:
    """A worker of a lasting cluster serves the run after the edit as well as the one before."""
    parts = module.parent / "lens_test_parts.py"
    module.write_text("from lens_test_parts import net")
    for width in (3, 12):  # of another size: Python looks no closer within a second
        parts.write_text(f"from torch import nn\ndef net(): return nn.Linear({width}, 1)")
        built = build(spec("net")).module
        assert built.in_features == width
