"""The 92 images through the command line: the stated transform, and every pass of CORnet-S."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import xarray as xr

from lens_pipeline import open_run
from lens_pipeline.pipeline.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def test_stated_preprocessing_has_its_own_scores(test_data: Path, tmp_path: Path) -> None:
    """Resized to 256 and cropped to 224 as stated, features.11 comes to 0.356 and 0.438."""
    it = test_data / "kriegeskorte92" / "rdms_it.npz"
    code = main(
        [
            "model=squeezenet1_1",
            f"model.weights={test_data / 'weights' / 'squeezenet1_1-onnxzoo.pth'}",
            "stimuli=folder",
            f"stimuli.root={test_data / 'kriegeskorte92' / 'images_grey'}",
            "layers=[features.11]",
            "postfunction=flatten",
            f"rsa.reference=[{it}:human_IT,{it}:monkey_IT]",
            "rsa.align=position",
            f"run.folder={tmp_path / 'run'}",
        ]
    )
    assert code == 0
    scores = open_run(tmp_path / "run").scores.set_index("reference")["score"]
    assert scores["rdms_it:human_IT"] == pytest.approx(0.356, abs=0.005)
    assert scores["rdms_it:monkey_IT"] == pytest.approx(0.438, abs=0.005)


def test_cornet_s_has_every_pass(test_data: Path, tmp_path: Path) -> None:
    """V1 1, V2 2, V4 4 and IT 2 passes over 92 stimuli; V4.conv1 lies in two runs of shapes."""
    code = main(
        [
            "model=cornet_s",
            "model.weights=random",
            "model.preprocessing.resize=64",
            "model.preprocessing.crop=64",
            "stimuli=folder",
            f"stimuli.root={test_data / 'kriegeskorte92' / 'images_grey'}",
            "layers=[V1.output,V2.output,V4.output,IT.output,V4.conv1]",
            f"run.folder={tmp_path / 'run'}",
        ]
    )
    assert code == 0
    with xr.open_datatree(tmp_path / "run" / "activations.nc") as tree:
        passes = {
            name: list(tree[name]["pass"].to_numpy())
            for name in ("V1.output", "V2.output", "V4.output", "IT.output", "V4.conv1/run_2")
        }
        assert tree["V4.conv1/run_1"]["activation"].sizes["row"] == 8
        assert tree["V4.conv1/run_2"]["activation"].sizes["row"] == 4
        assert tree["IT.output"].sizes["stimulus"] == 92
    assert passes == {
        "V1.output": [1],
        "V2.output": [1, 2],
        "V4.output": [1, 2, 3, 4],
        "IT.output": [1, 2],
        "V4.conv1/run_2": [2, 3, 4],
    }
