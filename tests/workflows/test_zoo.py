"""The zoo: trained networks beside twins, one table, one cluster, one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(scope="module")
def study(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("zoo/study")


@pytest.mark.slow
def test_trained_and_twins_in_one_table(
    study: ModuleType, data92: Path, squeezenet: Path, tmp_path: Path
) -> None:
    """A row per architecture and region; what training adds has an interval; twins are a family."""
    words = [
        *(str(data92), "--models", "squeezenet1_1,cornet_z", "--twins", "2"),
        *("--weights", f"squeezenet1_1={squeezenet}", "--weights", "cornet_z=none"),
        *("--output", str(tmp_path), "model.preprocessing.resize=64"),
        *("model.preprocessing.crop=64", "rsa.bootstrap=100", "stimuli.limit=32"),
        *("runtime.certify=false", "stimuli.cache=off"),
    ]
    assert study.main(words) == 0
    table = pd.read_csv(tmp_path / "architectures.csv").set_index(["architecture", "reference"])
    row = table.loc[("squeezenet1_1", "fmri_IT_RDMs")]
    assert row["trained_ci_low"] < row["trained_score"] < row["trained_ci_high"]
    assert row["gain"] == pytest.approx(row["trained_score"] - row["untrained_score"])
    assert row["gain_ci_low"] < row["gain"] < row["gain_ci_high"]
    assert pd.isna(table.loc[("cornet_z", "fmri_IT_RDMs"), "trained_score"])
    guarded = pd.read_csv(tmp_path / "guarded.csv")
    assert set(guarded.loc[guarded["family"].str.endswith("untrained"), "n_networks"]) == {2}
    jobs = pd.read_csv(tmp_path / "study.csv")["job"].unique()
    assert len(jobs) == 5
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("report.html") == 5
    assert "<h1>Which architectures look like visual cortex" in page
    assert "squeezenet1_1 less squeezenet1_1 untrained" in page


def test_weights_of_a_model_that_is_not_asked_for(
    study: ModuleType, data92: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name is refused with the nearest one."""
    words = ["--models", "alexnet", "--weights", "alexnt=none", "--output", str(tmp_path / "o")]
    assert study.main([str(data92), *words]) == 2
    error = capsys.readouterr().err
    assert "--weights names alexnt, which is not asked for" in error
    assert "alexnet" in error


def test_nothing_to_run(
    study: ModuleType, data92: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No weights and no twins are no study."""
    words = ["--models", "alexnet", "--weights", "alexnet=none", "--twins", "0"]
    assert study.main([str(data92), *words, "--output", str(tmp_path / "o")]) == 2
    assert "Nothing is to be run" in capsys.readouterr().err
