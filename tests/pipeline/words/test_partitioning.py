"""Variance of the brain parted between two runs."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import squareform
from sklearn.linear_model import LinearRegression

from lens_pipeline import open_run, partition
from lens_pipeline.errors import ComparisonError, StoreError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.words import partitioning
from tests.pipeline.test_cli import refused

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.pipeline.open_run import Run

MORE = """
def other():
    torch.manual_seed(7)
    return Tiny()
"""


@pytest.fixture
def runs(study: Path, plain: dict[str, Any]) -> tuple[Path, Path]:
    """Two networks and a reference of two regions."""
    random = np.random.default_rng(3)
    regions = {name: squareform(random.random(15)) for name in ("IT", "V1")}
    np.savez(study / "b.npz", **regions, ids=[f"image{n}" for n in range(6)])
    with (study / "tiny_net.py").open("a") as file:
        file.write(MORE)
    plain["rsa"] = {"reference": ["b.npz:IT", "b.npz:V1"]}
    first = run_job(plain)
    plain["model"]["target"], plain["run"]["folder"] = "tiny_net:other", "out2"
    return first, run_job(plain)


def test_two_runs_part_the_variance_of_a_reference(study: Path, runs: tuple[Path, Path]) -> None:
    """Totals and unique parts are those of least squares by scikit-learn, layer by layer."""
    first, second = runs
    table = partition(first, open_run(second), fit="ordinary", references=["b:IT"])
    assert set(table["reference"]) == {"b:IT"}
    table = table.set_index("first")
    assert list(table["second"]) == ["conv:1", "cell:1", "cell:2", "cell:3"]
    target = squareform(np.load(study / "b.npz")["IT"])
    ours, theirs = (open_run(run).rdms.dissimilarities[0] for run in (first, second))

    def r2(*columns: Any) -> float:
        x = np.stack(columns, axis=1)
        return float(LinearRegression().fit(x, target).score(x, target))

    row = table.loc["conv:1"]
    assert row["total"] == pytest.approx(r2(ours, theirs), abs=1e-6)
    assert row["unique_first"] == pytest.approx(r2(ours, theirs) - r2(theirs), abs=1e-6)


def test_the_word_prints_and_writes_what_the_function_returns(
    study: Path, runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A table for the terminal, csv, PNG and SVG beside the first run, which stays finished."""
    before = {path: path.stat().st_mtime_ns for path in study.glob("out/**/*")}
    assert main(["partition", "out", "out2"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].split()[:4] == ["first", "second", "reference", "total"]
    written = pd.read_csv(study / "out-partition-out2.csv")
    wanted = partition(*runs)
    pd.testing.assert_frame_equal(written, wanted, rtol=1e-5)
    assert set(written["reference"]) == {"b:IT", "b:V1"}
    assert (study / "out-partition-out2.png").read_bytes()[:4] == b"\x89PNG"
    svg = (study / "out-partition-out2.svg").read_text()
    for part in ("<svg", "STAND-IN") if open_run("out").stand_ins else ("<svg",):
        assert part in svg
    assert {path: path.stat().st_mtime_ns for path in study.glob("out/**/*")} == before
    assert main(["partition", "out", "out2", "reference=b:V1", "fit=ordinary", "out=at/p"]) == 0
    assert set(pd.read_csv(study / "at" / "p.csv")["reference"]) == {"b:V1"}


def test_weights_from_a_file_are_called_by_its_name(
    study: Path, runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the title and the legend; its whole path would fill them."""
    weights = iter(["/far/away/first.pth", "/far/away/second.pth"])

    def opened(folder: Path) -> Run:
        run = open_run(folder)
        model = {**run.record.model, "weights": next(weights)}
        return dataclasses.replace(run, record=dataclasses.replace(run.record, model=model))

    monkeypatch.setattr(partitioning, "open_run", opened)
    assert main(["partition", "out", "out2", "reference=b:V1"]) == 0
    svg = (study / "out-partition-out2.svg").read_text()
    assert "only tiny (first.pth)" in svg
    assert "explained by tiny (first.pth)" in svg
    assert "/far/away" not in svg


def test_what_the_word_cannot_do_is_said(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, with what was allowed."""
    usage = r"partition RUN_A RUN_B \[reference=\] \[fit=nonnegative\]"
    for words, wording in (
        (("out",), f"partition takes two run folders: {usage}"),
        (("out", "out2", "fitt=x"), f"partition has no option fitt; nearest: fit.*{usage}"),
        (("out", "out2", "fit=least"), "fit=least is not allowed; "),
        (("out", "out2", "reference=b:V4"), "no reference 'b:V4'.*nearest: b:V1"),
        (("out", "nowhere"), "There is no run in nowhere"),
    ):
        assert re.search(wording, refused(("partition", *words), capsys))


def test_what_cannot_be_parted_is_refused(study: Path, plain: dict[str, Any]) -> None:
    """No reference, no run."""
    folder = run_job(plain)
    with pytest.raises(ComparisonError, match=r"has no reference whose variance.*brain=NAME"):
        partition(folder, folder)
    with pytest.raises(StoreError, match="There is no run"):
        partition(folder, study / "nothing")
