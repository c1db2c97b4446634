"""The list of models: each config is a model that can be built, and the list is quick."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from lens_pipeline.errors import ModelError
from lens_pipeline.models.catalogue import SOURCES, list_models, preset_layers, source_of
from lens_pipeline.models.spec import ModelSpec, from_json
from lens_pipeline.resources import conf_folder

if TYPE_CHECKING:
    from pathlib import Path

CONFIGS = sorted((conf_folder() / "model").glob("[!_]*.yaml"))


def composed(path: Path) -> dict[str, object]:
    """The config as Hydra merges it: the base, then the file's own keys."""
    base = yaml.safe_load((path.parent / "_base.yaml").read_text())
    own = yaml.safe_load(path.read_text())
    assert own.pop("defaults") == ["_base", "_self_"]
    return {**base, **own}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_names_a_model_of_its_source(path: Path) -> None:
    """A config's source is known and has a model of that name."""
    values = composed(path)
    if values["name"] in (None, "???"):
        values["name"] = "given on the command line"
        assert from_json(values).source in SOURCES
        return
    spec = from_json(values)
    assert spec == ModelSpec(spec.source, path.stem)
    assert source_of(spec).weight_names(spec)


def test_the_configs_are_listed() -> None:
    """One row per config, each with a description, and presets for the CORnets."""
    rows = {row.name: row for row in list_models()}
    assert list(rows) == [path.stem for path in CONFIGS]
    assert {"cornet_z", "cornet_r", "cornet_rt", "cornet_s", "resnet50", "custom"} <= set(rows)
    assert all(row.what for row in rows.values())
    assert rows["cornet_s"].layers == (
        "V1.output", "V2.output", "V4.output", "IT.output", "decoder.avgpool",
    )  # fmt: skip
    assert rows["resnet50"].layers is None


def test_an_unknown_source_is_refused() -> None:
    """A source that there is not gives the nearest."""
    with pytest.raises(ModelError, match=r"no source of models 'tim'.*nearest: timm"):
        source_of(ModelSpec("tim", "resnet18"))


def test_presets_belong_to_cornets_alone() -> None:
    """Other models have their main blocks looked for."""
    assert preset_layers(ModelSpec("torchvision", "alexnet")) is None
    assert preset_layers(ModelSpec("cornet", "cornet_rt")) is not None


def test_listing_imports_no_model_library() -> None:
    """`list models` does not wait for torch."""
    code = (
        "import sys; from lens_pipeline.models.catalogue import list_models; list_models();"
        "sys.exit(bool({'torch', 'torchvision', 'timm', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
