"""Cross-validated models, against rsatoolbox run by hand with the same seed."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from rsatoolbox.inference import bootstrap_crossval
from rsatoolbox.model import ModelSelect
from rsatoolbox.rdm import RDMs

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.bootstrap import scores
from lens_pipeline.rsa.inference.fitted import FITTED, check_fitted_measures, fit
from tests.rsa.inference.simulation import unrelated, world

IDS = [f"s{row}" for row in range(24)]
MODELS, SUBJECTS = world(np.random.default_rng(0), 24, 4, n_models=4)
ASKED = Asked(draws=4, seed=2)


def test_a_selected_model_is_that_of_rsatoolbox() -> None:
    """The same folds and draws, since it draws from the seed; the caller's state is untouched."""
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    found = fit(MODELS, SUBJECTS, kind="selected", measure="pearson", groups=IDS, asked=ASKED)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    numbers = np.unique(IDS, return_inverse=True)[1]
    layers = RDMs(MODELS, pattern_descriptors={"group": numbers})
    np.random.seed(2)
    with contextlib.redirect_stderr(io.StringIO()):
        wanted = bootstrap_crossval(
            ModelSelect("all", layers),
            RDMs(SUBJECTS, pattern_descriptors={"group": numbers}),
            method="corr",
            N=4,
            pattern_descriptor="group",
            use_correction=False,
        )
    assert found.score == pytest.approx(wanted.get_means()[0])
    assert (found.low, found.high) == pytest.approx(tuple(end[0] for end in wanted.get_ci(0.95)))


def test_weights_beat_the_best_alone() -> None:
    """Brains that hold the features of two models are predicted by their sum."""
    selected, weighted = (
        fit(MODELS, SUBJECTS, kind=kind, measure="spearman", groups=IDS, asked=ASKED)
        for kind in FITTED
    )
    assert weighted.score > selected.score + 0.03
    assert weighted.score < weighted.ceiling_upper
    assert weighted.low < weighted.score < weighted.high


def test_weights_of_what_is_unrelated_predict_nothing_new() -> None:
    """Cross-validation: the fit on some stimuli is worth nothing on the others."""
    models, subjects = unrelated(np.random.default_rng(1), 24, 1, n_models=8)
    found = fit(models, subjects, kind="weighted", measure="pearson", groups=IDS, asked=ASKED)
    assert found.score < scores(models, subjects, measure="pearson").max()
    assert np.isnan(found.ceiling_lower)


def test_what_cannot_be_fitted_is_refused() -> None:
    """An unknown kind, and too few stimuli."""
    with pytest.raises(ComparisonError, match=r"no fitted model 'weigted'.*nearest: weighted"):
        fit(MODELS, SUBJECTS, kind="weigted", measure="pearson", groups=IDS, asked=ASKED)
    with pytest.raises(ComparisonError, match="has 4 stimuli, or groups of them, too few to fit"):
        fit(
            MODELS,
            SUBJECTS,
            kind="selected",
            measure="pearson",
            groups=["a"] * 21 + ["b", "c", "d"],
            asked=ASKED,
        )
    check_fitted_measures(["pearson", "whitened_cosine"], n_stimuli=99, name="IT")
    with pytest.raises(ComparisonError, match=r"over 100 stimuli of IT.*by whitened_cosine"):
        check_fitted_measures(["pearson", "whitened_cosine"], n_stimuli=100, name="IT")
