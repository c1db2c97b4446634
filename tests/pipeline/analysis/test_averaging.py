"""rsa.average in a run: concepts are the stimuli of RDMs, scores and inference."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from scipy.spatial.distance import pdist, squareform

from lens_pipeline import open_run
from lens_pipeline.errors import ComparisonError
from lens_pipeline.pipeline.job.job import run_job

CONCEPTS = ["mug", "cat", "mug", "dog", "owl", "dog"]


@pytest.fixture
def labelled(study: Path, plain: dict[str, Any]) -> dict[str, Any]:
    """A config of the six images with a concept each, and a reference whose rows are concepts."""
    table = pd.DataFrame(
        {
            "stimulus_id": [f"image{row}" for row in range(6)],
            "filename": [f"images/image{row}.png" for row in range(6)],
            "concept": CONCEPTS,
        }
    )
    table.to_csv(study / "stimuli.csv", index=False)
    brain = squareform(np.random.default_rng(3).random(6))
    np.savez(study / "brain.npz", IT=brain, ids=np.array(["owl", "dog", "cat", "mug"]))
    plain["stimuli"] = {"source": "table", "name": "six", "table": "stimuli.csv"}
    plain["rsa"] = {"reference": "brain.npz:IT", "average": "concept"}
    return plain


def test_scores_are_of_concepts_joined_by_name(labelled: dict[str, Any]) -> None:
    """Rows of the reference, in another order, are matched with means of what is in the store."""
    run = open_run(run_job(labelled))
    row = run.scores.iloc[-1]
    assert row["n_stimuli"] == 4
    tree = run.activations
    values = tree[row["layer"]]["activation"].sel({"pass": row["pass"]}).to_numpy()
    tree.close()
    means = pd.DataFrame(values.reshape(6, -1)).groupby(CONCEPTS).mean()
    ids = ["owl", "dog", "cat", "mug"]
    with np.load("brain.npz") as brain:
        rho = scipy.stats.spearmanr(pdist(means.loc[ids], "correlation"), squareform(brain["IT"]))
    assert row["score"] == pytest.approx(rho.statistic)
    assert run.record.analysis["averaged"] == (
        "4 values of concept, means of 1 to 2 stimuli (2 of 2, 2 of 1)"
    )
    with xr.open_dataset(run.folder / "rdms.nc") as rdms:
        assert rdms["stimulus"].to_numpy().tolist() == ["mug", "cat", "dog", "owl"]


def test_another_average_runs_no_forward_pass(
    labelled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Activations are kept by stimulus, so averaging is a matter of the analysis."""
    folder = {"run": {"folder": "kept"}}
    run_job({**labelled, **folder})
    monkeypatch.setattr("lens_pipeline.pipeline.job.run.run_tasks", _never)
    labelled["rsa"] = {"average": None}
    assert open_run(run_job({**labelled, **folder})).rdms.n_cond == 6


def _never(*_: Any, **__: Any) -> None:
    raise AssertionError


def test_unknown_column_is_refused_before_the_run(labelled: dict[str, Any]) -> None:
    """The nearest column is named, and no folder is made."""
    labelled["rsa"] = {"average": "concpt"}
    with pytest.raises(ComparisonError, match=r"rsa\.average=concpt: the stimuli have no such"):
        run_job({**labelled, "run": {"folder": "refused"}})
    assert not Path("refused").exists()


def test_encoding_models_are_of_stimuli(labelled: dict[str, Any]) -> None:
    """The two do not go together, and that is said."""
    labelled["rsa"] = {"average": "concept"}
    labelled["encoding"] = {"methods": ["ridge"]}
    with pytest.raises(ComparisonError, match="averages over stimuli; give one of them"):
        run_job(labelled)
