"""Intervals, comparisons and choices of a whole run, and what stops it before it starts."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial.distance import squareform

from lens_pipeline import open_run
from lens_pipeline.errors import ComparisonError, ConfigError
from lens_pipeline.pipeline.analysis.inferring import Foreseen, asked_of, describe_inference
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.rsa.inference.asked import Asked
from tests.pipeline.analysis.test_meanings import assert_every_column_is_explained

if TYPE_CHECKING:
    from pathlib import Path

N_IMAGES = 40


@pytest.fixture
def brain(study: Path, plain: dict[str, Any]) -> Path:
    """RDMs of eight subjects for 40 images of 20 concepts, listed in a table."""
    random = np.random.default_rng(5)
    for number in range(N_IMAGES):
        pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(study / "images" / f"image{number}.png")
    with (study / "stimuli.csv").open("w", newline="") as file:
        rows = [
            (f"image{number}", f"image{number}.png", f"concept{number % 20}")
            for number in range(N_IMAGES)
        ]
        csv.writer(file).writerows([("stimulus_id", "filename", "concept"), *rows])
    plain["stimuli"].update(source="table", table="stimuli.csv")
    stack = np.stack([squareform(random.random(N_IMAGES * (N_IMAGES - 1) // 2)) for _ in range(8)])
    path = study / "brain.npz"
    np.savez(path, IT=stack, ids=np.array([f"image{number}" for number in range(N_IMAGES)]))
    plain["rsa"] = {"reference": "brain.npz:IT", "bootstrap": 100}
    return path


def test_a_run_has_intervals_comparisons_and_choices(
    study: Path, plain: dict[str, Any], brain: Path
) -> None:
    """In scores.csv, comparisons.csv and choices.csv; the record says what chose what."""
    run = open_run(run_job(plain))
    scores = run.scores
    assert ((scores["ci_low"] < scores["score"]) & (scores["score"] < scores["ci_high"])).all()
    assert scores[["p_value", "p_corrected", "p_ceiling"]].notna().all(axis=None)
    assert set(scores["resampled"]) == {"dual"}
    comparisons = run.comparisons
    assert len(comparisons) == 6
    assert set(comparisons["correction"]) == {"fdr"}
    choices = run.choices
    assert list(choices["part"]) == [1, 2]
    parts = pd.read_csv(run.folder / "parts.csv")
    stimuli = parts[parts["kind"] == "stimulus"]
    assert stimuli["group"].str.startswith("concept").all()
    assert len(stimuli[["group", "part"]].drop_duplicates()) == 20
    said = (run.folder / "record.json").read_text()
    assert "chosen on 20 others, parted by concept" in said
    assert not (run.folder / "fitted.csv").exists()
    assert_every_column_is_explained(run.folder, ["scores.csv", "comparisons.csv", "choices.csv"])


def test_tables_that_are_no_longer_asked_for_are_gone(
    study: Path, plain: dict[str, Any], brain: Path
) -> None:
    """A second analysis in the same folder leaves nothing of the first."""
    folder = run_job(plain)
    plain["rsa"] = {"reference": "brain.npz:IT", "bootstrap": 0, "choose": "none"}
    run = open_run(run_job(plain))
    assert run.folder.resolve() == folder.resolve()
    assert run.scores["ci_low"].isna().all()
    assert not any((folder / name).exists() for name in ("comparisons.csv", "choices.csv"))


@pytest.mark.parametrize(
    ("asked", "wording"),
    [
        ({"limit": 6}, r"has 6 stimuli, or groups of them, in common.*rsa.bootstrap=0"),
        ({"fitted": ["weigthed"]}, r"no fitted model 'weigthed' \(rsa.fitted\).*weighted"),
        ({"bootstrap": 7}, r"rsa.bootstrap=7 draws are too few"),
        ({"interval": 95}, r"rsa.interval is 95"),
        ({"measure": ["pearson"] * 2}, r"rsa.measure names pearson more than once"),
        ({"group": "konzept"}, r"rsa.group=konzept: the stimuli have no such column"),
        ({"parts": 6, "choose": "stimuli"}, r"choosing a layer needs 8 in each"),
    ],
)
def test_what_cannot_be_done_stops_the_run_at_once(
    study: Path, plain: dict[str, Any], brain: Path, asked: dict[str, Any], wording: str
) -> None:
    """Before any activation is computed."""
    plain["stimuli"]["limit"] = asked.pop("limit", None)
    plain["rsa"] |= asked
    with pytest.raises(ComparisonError, match=wording):
        run_job(plain)
    assert not (study / "out").exists()


@pytest.mark.parametrize(
    ("measure", "n_stimuli", "wording"),
    [
        ("pearson", 92, r"1000 draws \(dual\) of 20 RDMs over 92 stimuli and 15 subjects, about"),
        ("spearman", 1854, r"100 draws \(dual\).*about \d min \d+ s of a core"),
        ("kendall_tau_a", 1854, r"none unless rsa.bootstrap=100 asks for it.*about \d h"),
    ],
)
def test_a_plan_says_what_will_be_drawn(
    plain: dict[str, Any], measure: str, n_stimuli: int, wording: str
) -> None:
    """How many draws of what, and how long they take; for every reference and measure."""
    config = read_config({**plain, "rsa": {"measure": [measure]}})
    facts = {"n_stimuli": n_stimuli, "n_subjects": 15}
    told = [
        Foreseen(asked_of(config), "dual", name="IT", **facts),
        Foreseen(asked_of(config), None, name="few", **facts),
        Foreseen(Asked(draws=0), None, name="at 100 ms", **facts),
    ]
    lines = describe_inference(config, told, n_models=20)
    assert len(lines) == 2
    assert re.search(wording, lines[0].removeprefix(f"bootstrap IT, {measure}: ")), lines[0]
    assert lines[1] == f"bootstrap few, {measure}: none over {n_stimuli} stimuli"


def test_unknown_words_are_errors_of_the_config(plain: dict[str, Any]) -> None:
    """All at once, each with its path."""
    plain["rsa"] = {"correction": "bonferoni", "resample": "all", "seed": -1}
    with pytest.raises(ConfigError, match=r"3 errors.*rsa.resample.*rsa.seed.*rsa.correction"):
        run_job(plain)
