"""Variance of the brain parted between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.spatial.distance import squareform
from sklearn.linear_model import LinearRegression

from lens_pipeline import open_run, partition
from lens_pipeline.errors import ComparisonError, StoreError
from lens_pipeline.pipeline.job import run_job

if TYPE_CHECKING:
    from pathlib import Path

MORE = """
def other():
    torch.manual_seed(7)
    return Tiny()
"""


def test_two_runs_part_the_variance_of_a_reference(study: Path, plain: dict[str, Any]) -> None:
    """Totals and unique parts are those of least squares by scikit-learn, layer by layer."""
    random = np.random.default_rng(3)
    np.savez(study / "b.npz", IT=squareform(random.random(15)), ids=[f"image{n}" for n in range(6)])
    with (study / "tiny_net.py").open("a") as file:
        file.write(MORE)
    plain["rsa"] = {"reference": "b.npz:IT"}
    first = run_job(plain)
    plain["model"]["target"], plain["run"]["folder"] = "tiny_net:other", "out2"
    second = run_job(plain)
    table = partition(first, open_run(second), fit="ordinary").set_index("first")
    assert list(table["second"]) == ["conv:1", "cell:1", "cell:2", "cell:3"]
    target = squareform(np.load(study / "b.npz")["IT"])
    ours, theirs = (open_run(run).rdms.dissimilarities[0] for run in (first, second))

    def r2(*columns: Any) -> float:
        x = np.stack(columns, axis=1)
        return float(LinearRegression().fit(x, target).score(x, target))

    row = table.loc["conv:1"]
    assert row["total"] == pytest.approx(r2(ours, theirs), abs=1e-6)
    assert row["unique_first"] == pytest.approx(r2(ours, theirs) - r2(theirs), abs=1e-6)


def test_what_cannot_be_parted_is_refused(study: Path, plain: dict[str, Any]) -> None:
    """No reference, no run."""
    folder = run_job(plain)
    with pytest.raises(ComparisonError, match=r"has no reference whose variance.*brain=NAME"):
        partition(folder, folder)
    with pytest.raises(StoreError, match="There is no run"):
        partition(folder, study / "nothing")
