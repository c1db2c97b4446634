"""Pages of runs and sweeps, made by the real pipeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import squareform

from lens_pipeline import open_run
from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from tests.pipeline.test_cli import TINY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def brain(study: Path) -> Path:
    """Two regions of three subjects each for ten images."""
    from PIL import Image

    random = np.random.default_rng(1)
    for number in range(6, 10):
        pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(study / "images" / f"image{number}.png")
    regions = {
        name: np.stack([squareform(random.random(45)) for _ in range(3)]) for name in ("V1", "IT")
    }
    np.savez(study / "brain.npz", **regions, ids=[f"image{n}" for n in range(10)])
    return study / "brain.npz"


def _times(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_ends_with_its_page_and_stays_finished(
    study: Path, plain: dict[str, Any], brain: Path
) -> None:
    """The page belongs to the outputs: without it the run is not finished."""
    plain["rsa"] = {"reference": ["brain.npz:V1", "brain.npz:IT"], "bootstrap": 100}
    folder = run_job(plain)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "brain:IT" in page
    assert "Which layers differ" in page
    record = json.loads((folder / "record.json").read_text())
    assert record["outputs"]["report.html"] == (folder / "report.html").stat().st_size
    before = _times(folder)
    run_job(plain)
    assert _times(folder) == before
    (folder / "report.html").unlink()
    run_job(plain)
    assert (folder / "report.html").is_file()
    shards = [name for name in before if name.startswith("shards/")]
    assert {name: _times(folder)[name] for name in shards} == {
        name: before[name] for name in shards
    }


def test_another_analysis_renews_the_page(study: Path, plain: dict[str, Any], brain: Path) -> None:
    """Scores that are no longer there are not shown, nor their figures and data."""
    plain["rsa"] = {"reference": ["brain.npz:V1", "brain.npz:IT"]}
    folder = run_job(plain)
    figures = {path.name for path in (folder / "figures").iterdir()}
    for name in ("scores_spearman", "regions_spearman", "rdms", "layers", "likeness"):
        assert {f"{name}.png", f"{name}.svg", f"{name}.csv"} <= figures
    plain["rsa"] = {}
    run_job(plain)
    assert "Scores by layer" not in (folder / "report.html").read_text()
    assert not list((folder / "figures").glob("scores_*"))


def test_the_word_report_leaves_a_finished_run_finished(
    study: Path, plain: dict[str, Any], brain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made again by another version it has another size, and the record knows."""
    folder = run_job(plain)
    (folder / "report.html").write_text("of an earlier version")
    assert main(["report", str(folder)]) == 0
    before = _times(folder)
    run_job(plain)
    assert _times(folder) == before
    assert "already complete" in capsys.readouterr().out


def test_data_behind_figures_are_what_is_drawn(
    study: Path, plain: dict[str, Any], brain: Path
) -> None:
    """RDMs pair by pair, scores row by row, the map point by point."""
    plain["rsa"] = {"reference": "brain.npz:IT"}
    run = open_run(run_job(plain))
    rdms = pd.read_csv(run.folder / "figures/rdms.csv")
    assert list(rdms.columns[:2]) == ["stimulus", "other_stimulus"]
    np.testing.assert_allclose(rdms["conv:1"], run.rdms.dissimilarities[0], rtol=1e-4)
    mean = np.load(brain)["IT"].mean(axis=0)
    np.testing.assert_allclose(rdms["ref. brain:IT"], squareform(mean), rtol=1e-4)
    scores = pd.read_csv(run.folder / "figures/scores_spearman.csv")
    np.testing.assert_allclose(scores["score"], run.scores["score"], rtol=1e-4)
    points = pd.read_csv(run.folder / "figures/layers.csv").set_index(["layer", "pass"])
    assert len(points) == 4
    near = np.linalg.norm(points.loc[("cell", 2), ["x", "y"]] - points.loc[("cell", 3), ["x", "y"]])
    far = np.linalg.norm(points.loc[("conv", 1), ["x", "y"]] - points.loc[("cell", 3), ["x", "y"]])
    assert near < far


def test_a_sweep_ends_with_its_page(study: Path, brain: Path) -> None:
    """Networks and their scores, a figure with its data, links to the runs, the same on a rerun."""
    words = ["-m", *TINY, "layers=[conv,cell]", "model.seed=0,1", "run.folder=out"]
    words += ["rsa.reference=brain.npz:IT", "rsa.bootstrap=100"]
    assert main(words) == 0
    page = (study / "out" / "report.html").read_text(encoding="utf-8")
    assert "Network x score, spearman" in page
    assert page.count('/report.html">') == 2
    data = pd.read_csv(study / "out/figures/sweep_spearman.csv")
    assert list(data["seed"]) == [0, 1]
    assert (study / "out/figures/sweep_spearman.svg").is_file()
    before = (study / "out" / "report.html").stat().st_mtime_ns
    assert main(words) == 0
    assert (study / "out" / "report.html").stat().st_mtime_ns == before


def test_a_sweep_kept_elsewhere_is_reported_on(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs beside the sweep's folder are found by its record; without scores there is no figure."""
    assert main(["-m", *TINY, "layers=[conv],[cell]"]) == 0
    (folder,) = (study / "runs" / "sweeps").iterdir()
    (folder / "report.html").unlink()
    capsys.readouterr()
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out.strip().endswith("report.html")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count('href="../../') == 2
    assert page.count("lens-pipeline replay ../../") == 2
    assert not list(folder.glob("figures/*"))


def test_a_folder_without_either_is_refused(tmp_path: Path) -> None:
    """One sentence."""
    from lens_pipeline.pipeline.sweep.reporting import make_report

    with pytest.raises(StoreError, match="There is no run to report on"):
        make_report(tmp_path)
