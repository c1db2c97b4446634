"""Scores and RDMs of a run stand at the operations they were made from."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lens_pipeline import trace
from lens_pipeline.columns import Overview
from lens_pipeline.drawing.page.results import results
from lens_pipeline.errors import TraceError
from tests.drawing.page_models import Deep


@dataclass(frozen=True)
class Ran:
    """What a run has, without a folder."""

    scores: pd.DataFrame
    rdms: SimpleNamespace
    folder: Path = Path("runs/deep-sample")


def ran(layers=("body", "body", "stem"), passes=(1, 3, 1)) -> Ran:
    rows = {
        "layer": list(layers),
        "pass": list(passes),
        "reference": "V1",
        "measure": "spearman",
        "score": [0.5, float("nan"), 0.25],
        "sem": float("nan"),
        "ceiling_lower": 0.6,
        "ceiling_upper": 0.7,
        "n_stimuli": 4,
    }
    rdms = SimpleNamespace(
        dissimilarities=np.arange(18.0).reshape(3, 6),
        rdm_descriptors={"layer": list(layers), "pass": list(passes)},
        dissimilarity_measure="correlation",
    )
    return Ran(pd.DataFrame(rows), rdms)


@pytest.fixture(scope="module")
def traced():
    return trace(Deep().eval(), torch.ones(2, 3, 4, 4), keep=None)


def test_each_pass_has_its_own(traced) -> None:
    """A score and an RDM of a pass of a module stand at what that call returned."""
    found = results(Overview(traced), ran())
    assert found["folder"] == "deep-sample"
    by_name = {(one["name"], one["pass"]): int(op) for op, one in found["ops"].items()}
    assert by_name[("body", 3)] == traced["body:3"].index
    assert by_name[("stem", 1)] == traced["stem"].index
    third = found["ops"][str(traced["body:1"].index)]
    assert third["scores"][0]["score"] == 0.5
    assert third["scores"][0]["reference"] == "V1"
    assert found["ops"][str(traced["body:3"].index)]["scores"][0]["score"] is None


def test_missing_cells_and_numpy_numbers_become_json(traced) -> None:
    """Whatever a table of scores holds, what is kept of it is JSON."""
    run = ran()
    run.scores["region"] = pd.array(["V1", None, "IT"], dtype="string")
    run.scores["n_stimuli"] = pd.array([4, None, 4], dtype="Int64")
    run.scores["ci_low"] = np.float32([0.25, np.nan, 0.5])
    found = json.loads(json.dumps(results(Overview(traced), run), allow_nan=False))
    first = found["ops"][str(traced["body:1"].index)]["scores"][0]
    assert (first["region"], first["n_stimuli"], first["ci_low"]) == ("V1", 4, 0.25)
    second = found["ops"][str(traced["body:3"].index)]["scores"][0]
    assert (second["region"], second["n_stimuli"], second["ci_low"]) == (None, None, None)


def test_rdm_is_the_matrix(traced) -> None:
    """The picture has the matrix, zero dark and the greatest dissimilarity light."""
    found = results(Overview(traced), ran())
    png = found["ops"][str(traced["stem"].index)]["rdm"]["png"]
    matrix = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))
    expected = np.zeros((4, 4))
    expected[np.triu_indices(4, 1)] = np.arange(12.0, 18)
    assert (matrix == np.round((expected + expected.T) / 17 * 255)).all()


def test_layers_by_label(traced) -> None:
    """Layers that a run kept under their label are found, too."""
    found = results(Overview(traced), ran(("conv2d_2_4", "conv2d_2_4", "stem"), (1, 2, 1)))
    assert str(traced["conv2d_2_4:2"].index) in found["ops"]


def test_refuses_the_run_of_another_model(traced) -> None:
    """A run with none of the layers is refused, with a near name."""
    with pytest.raises(TraceError, match=r"no layer of Deep: its first is 'boda' \(nearest: body"):
        results(Overview(traced), ran(("boda", "bodb", "bodc"), (1, 1, 1)))
