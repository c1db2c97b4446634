"""The study of the 92 images gives the published numbers, and refuses to run on half its data."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import scipy.stats

if TYPE_CHECKING:
    from types import ModuleType

STUDY = Path(__file__).parents[2] / "workflows" / "it92" / "study.py"

# Spearman's rho of the trained network, by layer: human IT, monkey IT
PUBLISHED = {
    "features.6": (0.213, 0.332),
    "features.9": (0.258, 0.345),
    "features.11": (0.360, 0.450),
    "features.12": (0.308, 0.404),
    "classifier.1": (0.242, 0.313),
}
CEILINGS = {"fmri_IT_RDMs": (0.453, 0.542), "fmri_EVC_RDMs": (0.242, 0.392)}


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("study", STUDY)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def output(study: ModuleType, test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study with one random network."""
    folder = tmp_path_factory.mktemp("it92")
    weights = test_data / "weights" / "squeezenet1_1-onnxzoo.pth"
    data = test_data / "kriegeskorte92"
    code = study.main(
        [str(data), "--weights", str(weights), "--output", str(folder), "--seeds", "1"]
    )
    assert code == 0
    return folder


@pytest.fixture(scope="module")
def scores(output: Path) -> pd.DataFrame:
    return pd.read_csv(output / "study.csv").set_index(["network", "reference", "layer"])


@pytest.mark.parametrize("layer", PUBLISHED)
def test_trained_network_has_the_published_scores(scores: pd.DataFrame, layer: str) -> None:
    """Each layer's similarity to human and monkey IT is the published one to 0.005."""
    for name, expected in zip(("human_IT", "monkey_IT"), PUBLISHED[layer], strict=True):
        score = scores.loc[("trained", f"rdms_it:{name}", layer), "score"]
        assert score == pytest.approx(expected, abs=0.005)


def test_random_network_is_far_below(scores: pd.DataFrame) -> None:
    """Features.11 without training is at most a third (human) and half (monkey) of trained."""
    for name, most in (("human_IT", 0.12), ("monkey_IT", 0.225)):
        assert scores.loc[("random0", f"rdms_it:{name}", "features.11"), "score"] < most


@pytest.mark.parametrize("reference", CEILINGS)
def test_noise_ceiling_of_fifteen_subjects(scores: pd.DataFrame, reference: str) -> None:
    """The fMRI data's ceilings are the published ones."""
    row = scores.loc[("trained", reference, "features.11")]
    assert row["n_subjects"] == 15
    ceiling = (row["ceiling_lower"], row["ceiling_upper"])
    assert ceiling == pytest.approx(CEILINGS[reference], abs=0.001)


def test_stored_rdm_against_the_mean_subject(output: Path, test_data: Path) -> None:
    """The RDM on disk, compared by scipy with the subjects' mean RDM, gives the published rho."""
    from lens_pipeline import open_run

    run = open_run(output / "trained-images_white")
    ours = run.rdms.subset("layer", "features.11").dissimilarities[0]
    fmri = test_data / "kriegeskorte92" / "fmri" / "fmri_IT_RDMs.npz"
    subjects = np.load(fmri, allow_pickle=False)["Net_RDM"]
    mean = subjects.mean(axis=0)[np.triu_indices(92, 1)]
    assert scipy.stats.spearmanr(ours, mean).statistic == pytest.approx(0.395, abs=0.005)


def test_missing_data_is_one_sentence(
    study: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without the images stops the study at once; nothing stands in."""
    assert study.main([str(tmp_path), "--weights", "random", "--output", str(tmp_path / "o")]) == 2
    error = capsys.readouterr().err
    assert "rdms_it.npz:human_IT" in error
    assert "names no file that exists" in error
    assert "Traceback" not in error
    assert not (tmp_path / "o").exists()
