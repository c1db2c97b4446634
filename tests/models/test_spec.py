"""ModelSpec as a value: JSON there and back, hashing, and refusals."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lens_pipeline.errors import ModelError
from lens_pipeline.models.spec import (
    ModelSpec,
    Preprocessing,
    arguments_of,
    from_json,
    preprocessing_to_json,
    to_json,
)

CONFIG = {
    "source": "torchvision",
    "name": "resnet18",
    "weights": "default",
    "seed": 0,
    "target": None,
    "arguments": {"num_classes": 10, "layers": [1, [2, 3]], "extra": {"a": [1], "b": None}},
    "preprocessing": {"resize": [224, 224], "resize_mode": "squash", "crop": "stated"},
}


def test_a_spec_survives_json() -> None:
    """to_json is JSON, and from_json restores an equal, hashable spec."""
    spec = from_json(CONFIG)
    again = from_json(json.loads(json.dumps(to_json(spec))))
    assert again == spec
    assert hash(again) == hash(spec)


def test_arguments_reach_the_builder_as_in_the_config() -> None:
    """Lists and mappings are thawed again."""
    assert arguments_of(from_json(CONFIG)) == CONFIG["arguments"]


def test_the_order_of_settings_does_not_matter() -> None:
    """Two configs that differ in the order of their keys are one spec."""
    turned = {key: CONFIG[key] for key in reversed(CONFIG)}
    turned["arguments"] = dict(reversed(CONFIG["arguments"].items()))  # type: ignore[attr-defined]
    assert from_json(turned) == from_json(CONFIG)


def test_a_stated_setting_is_no_override() -> None:
    """`stated` in the config leaves a preprocessing setting to the weights' authors."""
    names = [name for name, _ in from_json(CONFIG).preprocessing]
    assert names == ["resize", "resize_mode"]


def test_a_target_is_named_after_its_function() -> None:
    """model=custom needs no model.name."""
    assert from_json({"source": "target", "target": "nets.mine:build"}).name == "build"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"source": "timm", "name": None}, "A model needs a name: set model.name="),
        ({"name": "resnet18"}, "A model needs a source"),
        ({**CONFIG, "weight": "x"}, "no setting 'weight'; nearest: weights"),
        ({**CONFIG, "arguments": [1]}, "model.arguments must map names to values"),
    ],
)
def test_what_is_no_spec_is_refused(config: dict[str, object], words: str) -> None:
    """An unknown or missing setting is named, with the nearest one."""
    with pytest.raises(ModelError, match=words):
        from_json(config)


def test_preprocessing_as_json() -> None:
    """Tuples become lists."""
    values = preprocessing_to_json(Preprocessing(resize=(224, 200), resize_mode="squash"))
    assert values["resize"] == [224, 200]
    assert json.loads(json.dumps(values)) == values


@pytest.mark.parametrize("module", ["spec", "catalogue", "resolve"])
def test_torch_is_not_imported(module: str) -> None:
    """Specs, the catalogue and resolving are light to import."""
    code = f"import sys, lens_pipeline.models.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_check_for_torch_can_fail() -> None:
    """The same check does find torch where it is imported."""
    code = "import sys, lens_pipeline.models.loading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1


def test_a_spec_cannot_be_changed() -> None:
    """A spec is a value."""
    spec = ModelSpec("cornet", "cornet_z")
    with pytest.raises(AttributeError):
        spec.seed = 1  # type: ignore[misc]
