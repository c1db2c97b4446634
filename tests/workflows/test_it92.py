"""The study of the 92 images gives the published numbers, and refuses to run on half its data."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import scipy.stats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

# Spearman's rho of the trained network, by layer: human IT, monkey IT
PUBLISHED = {
    "features.6": (0.213, 0.332),
    "features.9": (0.258, 0.345),
    "features.11": (0.360, 0.450),
    "features.12": (0.308, 0.404),
    "classifier.1": (0.242, 0.313),
}
CEILINGS = {"fmri_IT_RDMs": (0.453, 0.542), "fmri_EVC_RDMs": (0.242, 0.392)}
TRAINED, RANDOM = "SqueezeNet trained", "SqueezeNet untrained 0"


@pytest.fixture(scope="module")
def study(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("it92/study")


@pytest.fixture(scope="module")
def output(
    study: ModuleType, data92: Path, squeezenet: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The study with one random network."""
    folder = tmp_path_factory.mktemp("it92")
    words = [str(data92), "--weights", str(squeezenet), "--recurrent", "none", "--seeds", "1"]
    quick = ("rsa.bootstrap=100", "runtime.certify=false", "stimuli.cache=off")
    assert study.main([*words, "--output", str(folder), *quick]) == 0
    return folder


@pytest.fixture(scope="module")
def scores(output: Path) -> pd.DataFrame:
    return pd.read_csv(output / "study.csv").set_index(["job", "reference", "layer"])


@pytest.mark.slow
@pytest.mark.parametrize("layer", PUBLISHED)
def test_trained_network_has_the_published_scores(scores: pd.DataFrame, layer: str) -> None:
    """Each layer's similarity to human and monkey IT is the published one to 0.005."""
    for name, expected in zip(("human_IT", "monkey_IT"), PUBLISHED[layer], strict=True):
        row = scores.loc[(TRAINED, f"rdms_it:{name}", layer)]
        assert row["score"] == pytest.approx(expected, abs=0.005)
        assert row["ci_low"] < row["score"] < row["ci_high"]


@pytest.mark.slow
def test_random_network_is_far_below(scores: pd.DataFrame) -> None:
    """Features.11 without training is at most a third (human) and half (monkey) of trained."""
    for name, most in (("human_IT", 0.12), ("monkey_IT", 0.225)):
        assert scores.loc[(RANDOM, f"rdms_it:{name}", "features.11"), "score"] < most


@pytest.mark.slow
@pytest.mark.parametrize("reference", CEILINGS)
def test_noise_ceiling_of_fifteen_subjects(scores: pd.DataFrame, reference: str) -> None:
    """The fMRI data's ceilings are the published ones."""
    row = scores.loc[(TRAINED, reference, "features.11")]
    assert row["n_subjects"] == 15
    ceiling = (row["ceiling_lower"], row["ceiling_upper"])
    assert ceiling == pytest.approx(CEILINGS[reference], abs=0.001)


@pytest.mark.slow
def test_stored_rdm_against_the_mean_subject(output: Path, data92: Path) -> None:
    """The RDM on disk, compared by scipy with the subjects' mean RDM, gives the published rho."""
    from lens_pipeline import open_run

    run = open_run(_folder(output, f"{TRAINED}, images_white"))
    ours = run.rdms.subset("layer", "features.11").dissimilarities[0]
    for region, expected in (("IT", 0.395), ("EVC", 0.405)):
        file = data92 / "fmri" / f"fmri_{region}_RDMs.npz"
        mean = np.load(file, allow_pickle=False)["Net_RDM"].mean(axis=0)[np.triu_indices(92, 1)]
        assert scipy.stats.spearmanr(ours, mean).statistic == pytest.approx(expected, abs=0.005)


@pytest.mark.slow
def test_training_is_found_without_a_layer_that_was_picked(output: Path) -> None:
    """Guarded, the trained network is above its random twin for human and monkey IT."""
    table = pd.read_csv(output / "differences.csv").set_index("reference")
    for name in ("rdms_it:human_IT", "rdms_it:monkey_IT"):
        assert table.loc[name, "difference"] > 0.1
        assert table.loc[name, "p_corrected"] < 0.05


@pytest.mark.slow
def test_there_is_a_page_with_the_figures_of_the_study(output: Path) -> None:
    """One page for the study, one for each run, and every figure as SVG and PNG."""
    page = html.unescape((output / "report.html").read_text(encoding="utf-8"))
    assert page.count('src="data:image/svg+xml') == 2
    assert page.index("<h1>Does training, or recurrence,") < page.index("is closer than")
    assert "What recurrence brings is not answered" in page
    assert "(--recurrent FILE)" in page
    assert len(list(output.glob("*/report.html"))) == 4
    names = {path.name for path in (output / "figures").iterdir()}
    kinds = ("png", "svg")
    assert names >= {f"scores_{one}.{kind}" for one in ("guarded", "layers") for kind in kinds}


def _folder(output: Path, job: str) -> Path:
    from lens_pipeline.pipeline.sweep.record import read_sweep

    record = read_sweep(output)
    assert record
    folder = record.entries[job].folder
    assert folder
    return folder


def test_missing_data_is_one_sentence(
    study: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without the images stops the study at once; nothing stands in."""
    assert study.main([str(tmp_path), "--weights", "random", "--output", str(tmp_path / "o")]) == 2
    error = capsys.readouterr().err
    assert "lacks 6 of 6 files or folders: images_grey (the 92 images on grey)" in error
    assert "nothing stands in for them" in error
    assert "Traceback" not in error
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("option", ["--weights", "--recurrent"])
def test_weights_that_are_not_there(
    study: ModuleType,
    data92: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
) -> None:
    """A file that does not exist is refused before anything is planned."""
    words = [str(data92), option, "nowhere.pth", "--output", str(tmp_path / "o")]
    assert study.main(words) == 2
    assert f"{option}=nowhere.pth is no file" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_published_weights_that_cannot_be_fetched(
    study: ModuleType,
    data92: Path,
    squeezenet: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No job is begun when the weights of one are not to be had."""
    words = [str(data92), "--weights", str(squeezenet), "--seeds", "0"]
    assert study.main([*words, "--output", str(tmp_path / "o")]) == 2
    assert "put the file there, or give model.weights=FILE" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_random_weights_are_not_called_trained(
    study: ModuleType, data92: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What results call trained cannot be random."""
    assert study.main([str(data92), "--weights", "random", "--output", str(tmp_path / "o")]) == 2
    assert "--weights=random would be called trained" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["rsa.bootstrap=0", "rsa.choose=none"])
def test_a_study_without_a_choice_has_no_answer(
    study: ModuleType,
    data92: Path,
    squeezenet: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    setting: str,
) -> None:
    """What the comparison of networks needs is not to be left out, which is said at once."""
    words = [str(data92), "--weights", str(squeezenet), "--recurrent", "none", "--seeds", "0"]
    assert study.main([*words, "--output", str(tmp_path / "o"), setting]) == 2
    assert f"{setting} leaves a study without an answer" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
