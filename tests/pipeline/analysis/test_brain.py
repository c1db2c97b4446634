"""The brain and encoding sections, from settings to tables, on a tiny network."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from lens_pipeline import open_run
from lens_pipeline.errors import ComparisonError, ConfigError
from lens_pipeline.pipeline.analysis.brain import open_all, reference_files
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.job import run_job
from tests.pipeline.analysis.test_meanings import assert_every_column_is_explained

N = 20
IDS = [f"image{n}" for n in range(N)]


@pytest.fixture
def recorded(study: Path, plain: dict[str, Any]) -> dict[str, Any]:
    """Twenty images, and responses of two regions at three times, four repeats, rows shuffled."""
    random = np.random.default_rng(7)
    for number in range(6, N):
        pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(study / "images" / f"image{number}.png")
    order = random.permutation(N * 4)
    ids = np.repeat(IDS, 4)[order]
    signal = dict(zip(IDS, random.normal(size=(N, 6, 3)), strict=True))
    values = np.stack([signal[str(one)] + 0.5 * random.normal(size=(6, 3)) for one in ids])
    (study / "lab").mkdir()
    xr.DataArray(
        values,
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", [str(one) for one in ids]),
            "repetition": ("presentation", np.tile([1, 2, 3, 4], N)[order]),
            "region": ("neuroid", ["V4"] * 3 + ["IT"] * 3),
            "time_bin_start": ("time_bin", [50.0, 100.0, 150.0]),
        },
        name="rates",
    ).to_netcdf(study / "lab" / "lab.nc")
    plain["brain"] = {"name": "lab", "root": "lab", "files": ["lab.nc"]}
    plain["run"] = {"folder": "out"}
    return plain


def test_scores_maps_cka_and_encoding_are_written(study: Path, recorded: dict[str, Any]) -> None:
    """One run, every table: times beside scores, windows, units, and a figure of time."""
    recorded["rsa"] = {"time_mapping": {"cell": [50, 50]}, "cka": True}
    recorded["encoding"] = {"methods": ["ridge"], "folds": 3}
    run = open_run(run_job(recorded))
    with run.activations as tree:
        conv = tree["conv"]["activation"].to_numpy()[:, 0].reshape(N, -1)
        ids = list(tree["conv"]["stimulus"].to_numpy())
    lab = xr.open_dataarray(study / "lab" / "lab.nc").load()
    mean = np.stack(
        [lab.to_numpy()[lab["stimulus_id"].to_numpy() == one][:, 3:, 1].mean(axis=0) for one in ids]
    )
    wanted = spearmanr(pdist(conv, "correlation"), pdist(mean, "correlation")).statistic
    rows = run.scores.set_index(["layer", "pass", "region", "time_ms"])
    assert rows.loc[("conv", 1, "IT", 100.0), "score"] == pytest.approx(wanted, abs=1e-5)
    assert len(rows) == 4 * 2 * 3
    windows = pd.read_csv(run.folder / "time.csv")
    assert set(windows["layer"]) == {"cell"}
    assert windows["n_times"].tolist() == [1] * 6
    assert (run.folder / "figures" / "time_spearman.png").stat().st_size > 10_000
    assert not (run.folder / "figures" / "scores_spearman.png").exists()
    cka = pd.read_csv(run.folder / "cka.csv", index_col=0)
    assert list(cka.columns) == ["conv:1", "cell:1", "cell:2", "cell:3"]
    units = pd.read_parquet(run.folder / "encoding_units.parquet")
    assert len(units) == 4 * 2 * 3 * 3
    assert (units["reliability"] > 0.8).all()
    table = pd.read_csv(run.folder / "encoding.csv")
    assert len(table) == 4 * 2 * 3
    assert set(table["model"]) == {"tiny"}
    assert (run.folder / "figures" / "encoding_map.png").stat().st_size > 10_000
    cells = pd.read_csv(run.folder / "figures" / "encoding_map.csv")
    assert cells["region"].tolist() == ["V4"] * 4 + ["IT"] * 4
    assert_every_column_is_explained(run.folder, ["encoding.csv", "encoding_units.parquet"])


def test_ids_of_a_table_name_the_rows_of_a_matrix(study: Path, plain: dict[str, Any]) -> None:
    """brain.ids=FILE:COLUMN; paths of images give their stems; ids that are there are joined by."""
    rdm = squareform(np.random.default_rng(1).random(15))
    np.savez(study / "brain.npz", IT=rdm)
    files = [f"somewhere/image{n}.png" for n in range(5, -1, -1)]
    pd.DataFrame({"file": files}).to_csv(study / "stimuli.csv", index=False)
    plain["brain"] = {"root": ".", "files": "brain.npz:IT", "ids": "stimuli.csv:file"}
    config = read_config(plain)
    for align in ("id", "position"):
        aligned = read_config({**plain, "rsa": {"align": align}})
        (found,) = open_all(aligned, [f"image{n}" for n in range(6)])
        np.testing.assert_allclose(found.rdms.dissimilarities[0], squareform(rdm[::-1, ::-1]))
    assert {path.name for path in reference_files(config)} == {
        "brain.npz",
        "stimuli.csv",
        "brain.ids.txt",
    }


REFUSED = [
    (
        {"brain": {"name": "x", "files": ["a.npz"]}},
        ConfigError,
        r"brain=x reads a\.npz.*brain\.root",
    ),
    ({"brain": {"root": ".", "files": ["no.npz"]}}, ComparisonError, "names no file that exists"),
    ({"encoding": {"methods": ["ridge"]}}, ComparisonError, r"name files of them with brain\.root"),
    ({"encoding": {"methods": ["lasso"]}}, ComparisonError, r"no encoding method 'lasso'"),
    ({"rsa": {"time_mapping": "cornet"}}, ComparisonError, r"no preset rsa\.time_mapping=cornet"),
    (
        {"rsa": {"method": "mahalanobis", "noise": "n.npz"}},
        ComparisonError,
        "not positive definite",
    ),
    (
        {"brain": {"root": ".", "files": ["b.npz"]}, "encoding": {"methods": ["ridge"]}},
        ComparisonError,
        "predict responses, and b holds RDMs",
    ),
    (
        {"brain": {"root": ".", "files": ["r.npz"]}, "encoding": {"methods": ["ridge"]}},
        ComparisonError,
        r"do not make encoding\.folds=5",
    ),
]


@pytest.mark.parametrize(("changes", "kind", "words"), REFUSED)
def test_what_cannot_be_done_is_refused_before_the_run(
    changes: dict[str, Any], kind: type[Exception], words: str, study: Path, plain: dict[str, Any]
) -> None:
    """One sentence, and nothing is written."""
    names = [f"image{n}" for n in range(6)]
    np.savez(study / "n.npz", conv=-np.eye(4))
    np.savez(study / "b.npz", rdm=squareform(np.arange(1.0, 16)), ids=names)
    np.savez(study / "r.npz", rates=np.random.default_rng(0).random((6, 3)), ids=names)
    with pytest.raises(kind, match=words):
        run_job({**plain, **changes})
    assert not (study / "out").exists()


def test_mahalanobis_uses_the_covariance_of_each_layer(study: Path, plain: dict[str, Any]) -> None:
    """By layer, checked for its size, and a new covariance is noticed."""
    noise = np.diag(np.arange(1.0, 5))
    np.savez(study / "noise.npz", cell=noise)
    plain["layers"] = ["cell"]
    plain["rsa"] = {"method": "mahalanobis", "noise": "noise.npz"}
    run = open_run(run_job(plain))
    with run.activations as tree:
        cell = tree["cell"]["activation"].to_numpy().astype(float)
    wanted = pdist(cell[:, 1], "mahalanobis", VI=np.linalg.inv(noise))
    np.testing.assert_allclose(run.rdms.dissimilarities[1], wanted, rtol=1e-5)
    np.savez(study / "noise.npz", cell=np.eye(4))
    again = open_run(run_job(plain))
    np.testing.assert_allclose(again.rdms.dissimilarities[1], pdist(cell[:, 1]), rtol=1e-5)


@pytest.mark.parametrize(
    ("given", "wording"),
    [
        ({"cell": np.eye(3), "conv": np.eye(1024)}, r"cell:1 has 4 units and a covariance of 3"),
        ({"cell": np.eye(4), "other": np.eye(4)}, r"conv:1 has 1024 units and no covariance"),
    ],
)
def test_a_covariance_of_another_size_stops_the_run_before_it_starts(
    study: Path, plain: dict[str, Any], given: dict[str, Any], wording: str
) -> None:
    """Sizes are known once the model is probed, before any image is."""
    np.savez(study / "noise.npz", **given)
    plain["rsa"] = {"method": "mahalanobis", "noise": "noise.npz"}
    with pytest.raises(ComparisonError, match=wording):
        run_job(plain)
    assert not list(study.rglob("*.nc"))
