"""Cross-validated models, against rsatoolbox run by hand with the same seed."""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any

import numpy as np
import pytest
from rsatoolbox.inference import bootstrap_crossval
from rsatoolbox.model import ModelSelect, ModelWeighted
from rsatoolbox.rdm import RDMs
from rsatoolbox.util.matrix import row_col_indicator_g
from scipy.optimize import nnls
from scipy.stats import t as student

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.bootstrap import scores
from lens_pipeline.rsa.inference.fitted import FITTED, Fitted, fit
from tests.rsa.inference.simulation import unrelated, world

IDS = [f"s{row}" for row in range(24)]
# sixteen concepts, eight of them with two photographs
CONCEPTS = [f"c{row % 16}" for row in range(24)]
MODELS, SUBJECTS = world(np.random.default_rng(0), 24, 4, n_models=4)
ASKED = Asked(draws=4, seed=2, fitted=FITTED)


def _by_nnls(model: Any, data: Any, *, pattern_idx: Any, pattern_descriptor: str, method: str):
    """Weights of standardised layers, with every copy written out."""
    layers = model.rdm_obj.subsample_pattern(pattern_descriptor, pattern_idx).get_vectors()
    there = ~np.isnan(layers[0])
    ours, theirs = (
        (rdms - rdms.mean(axis=1, keepdims=True)) / rdms.std(axis=1, keepdims=True)
        for rdms in (layers[:, there], data.get_vectors()[:, there])
    )
    return nnls(ours.T, theirs.mean(axis=0))[0] / layers[:, there].std(axis=1)


def _by_hand(
    models: np.ndarray, subjects: np.ndarray, groups: list[str], *, measure: str, draws: int
) -> Any:
    numbers = np.unique(groups, return_inverse=True)[1]
    layers = RDMs(models, pattern_descriptors={"group": numbers})
    weighted = ModelWeighted("weighted", layers)
    weighted.default_fitter = _by_nnls
    alone = len(subjects) == 1
    np.random.seed(2)
    with contextlib.redirect_stderr(io.StringIO()):
        return bootstrap_crossval(
            [ModelSelect("selected", layers), weighted],
            RDMs(subjects, pattern_descriptors={"group": numbers}),
            method=COMPARISONS[measure].method,
            N=draws,
            pattern_descriptor="group",
            boot_type="pattern" if alone else "both",
            k_rdm=1 if alone else None,
            use_correction=False,
        )


def _assert_same(found: tuple[Fitted, ...], wanted: Any) -> None:
    ends, p_zero, means = wanted.get_ci(0.95), wanted.test_zero(), wanted.get_means()
    bounds = np.nanmean(wanted.noise_ceiling, axis=(1, 2))
    for at, one in enumerate(found):
        assert one.score == pytest.approx(means[at], abs=1e-12)
        assert (one.low, one.high) == pytest.approx((ends[0][at], ends[1][at]), abs=1e-12)
        assert one.p_zero == pytest.approx(p_zero[at], rel=1e-6)
        if not np.isnan(one.ceiling_lower):
            assert (one.ceiling_lower, one.ceiling_upper) == pytest.approx(bounds, abs=1e-12)


@pytest.mark.filterwarnings("ignore:Noise ceiling for tau")
@pytest.mark.parametrize("measure", COMPARISONS)
def test_scores_intervals_and_ceilings_are_those_of_rsatoolbox(measure: str) -> None:
    """The same folds and draws from a seed; the caller's random state is untouched."""
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    found = fit(MODELS, SUBJECTS, measure=measure, groups=IDS, asked=ASKED)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert tuple(one.kind for one in found) == FITTED
    _assert_same(found, _by_hand(MODELS, SUBJECTS, IDS, measure=measure, draws=4))


def test_one_subject_is_folded_over_stimuli_alone() -> None:
    """There is no ceiling then."""
    found = fit(MODELS, SUBJECTS[:1], measure="spearman", groups=IDS, asked=ASKED)
    assert np.isnan(found[0].ceiling_lower)
    _assert_same(found, _by_hand(MODELS, SUBJECTS[:1], IDS, measure="spearman", draws=4))


def test_groups_are_drawn_and_folded_whole() -> None:
    """So it is their number that says how sure one can be, where rsatoolbox counts stimuli."""
    found = fit(MODELS, SUBJECTS, measure="pearson", groups=CONCEPTS, asked=ASKED)
    _assert_same(found, _by_hand(MODELS, SUBJECTS, CONCEPTS, measure="pearson", draws=4))
    alone = fit(MODELS, SUBJECTS[:1], measure="pearson", groups=CONCEPTS, asked=ASKED)
    wanted = _by_hand(MODELS, SUBJECTS[:1], CONCEPTS, measure="pearson", draws=4)
    spread = wanted.evaluations.mean(axis=(2, 3)).std(axis=0, ddof=1)
    for one, score, sd in zip(alone, wanted.get_means(), spread, strict=True):
        half = sd * np.sqrt(16 / 15) * student.ppf(0.975, 15)
        assert (one.low, one.high) == pytest.approx((score - half, score + half))


@pytest.mark.parametrize("measure", ["whitened_pearson", "whitened_cosine"])
def test_whitened_measures_have_no_end(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 100 stimuli on rsatoolbox halves small integers in place, unless it is given others."""
    models, subjects = world(np.random.default_rng(3), 128, 1, n_models=2)
    groups = [f"s{row:03d}" for row in range(128)]
    asked = Asked(draws=2, seed=2, fitted=FITTED)
    found = fit(models, subjects, measure=measure, groups=groups, asked=asked)
    with pytest.raises(TypeError, match="Cannot cast"):
        _by_hand(models, subjects, groups, measure=measure, draws=2)
    module = importlib.import_module("rsatoolbox.rdm.compare")
    monkeypatch.setattr(module, "row_col_indicator_g_sparse", row_col_indicator_g)
    _assert_same(found, _by_hand(models, subjects, groups, measure=measure, draws=2))


def test_weights_beat_the_best_alone() -> None:
    """Brains that hold the features of two models are predicted by their sum."""
    selected, weighted = fit(MODELS, SUBJECTS, measure="spearman", groups=IDS, asked=ASKED)
    assert weighted.score > selected.score + 0.03
    assert weighted.score < weighted.ceiling_upper
    assert weighted.low < weighted.score < weighted.high


def test_weights_of_what_is_unrelated_predict_nothing_new() -> None:
    """Cross-validation: the fit on some stimuli is worth nothing on the others."""
    models, subjects = unrelated(np.random.default_rng(1), 24, 1, n_models=8)
    (found,) = fit(
        models, subjects, measure="pearson", groups=IDS, asked=Asked(draws=4, fitted=("weighted",))
    )
    assert found.score < scores(models, subjects, measure="pearson").max()
    assert np.isnan(found.ceiling_lower)


def test_a_layer_that_is_constant_over_a_fold_is_of_no_use_there() -> None:
    """One in which a single stimulus differs from the others, which are alike."""
    odd = np.zeros(MODELS.shape[1])
    odd[:23] = 1
    with_odd = np.concatenate([odd[None], MODELS])
    for measure in ("pearson", "spearman", "whitened_cosine"):
        found = fit(with_odd, SUBJECTS, measure=measure, groups=IDS, asked=ASKED)
        assert all(np.isfinite([one.score, one.low, one.high]).all() for one in found)


def test_draws_are_told_as_they_are_done() -> None:
    """One after the other, up to all of them."""
    told: list[float] = []
    fit(MODELS, SUBJECTS, measure="pearson", groups=IDS, asked=ASKED, done=told.append)
    assert told == [0.25, 0.5, 0.75, 1]


def test_what_cannot_be_fitted_is_refused() -> None:
    """An unknown kind, and too few stimuli."""
    wrong = Asked(fitted=("weigted",))
    with pytest.raises(ComparisonError, match=r"no fitted model 'weigted'.*nearest: weighted"):
        fit(MODELS, SUBJECTS, measure="pearson", groups=IDS, asked=wrong)
    few = ["a"] * 21 + ["b", "c", "d"]
    with pytest.raises(ComparisonError, match="has 4 stimuli, or groups of them, too few to fit"):
        fit(MODELS, SUBJECTS, measure="pearson", groups=few, asked=ASKED)
