"""Intervals and tests are rsatoolbox's, around the score in all data."""

from __future__ import annotations

import numpy as np
import pytest
from rsatoolbox.util.inference_util import t_test_0, t_test_nc, t_tests
from scipy.stats import t as student

from lens_pipeline.rsa.comparison import noise_ceiling
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.resamples import SCHEMES, draw_resamples
from lens_pipeline.rsa.inference.results import as_result, infer
from lens_pipeline.rsa.rdms import make_rdms
from tests.rsa.inference.rsatoolbox_draws import simulated

MODELS, SUBJECTS = simulated(16, n_subjects=6, n_models=4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tests_are_those_of_rsatoolbox_on_the_scores(scheme: str) -> None:
    """Its functions, given the variances of a Result and the scores in all data."""
    draws = draw_resamples(scheme, n_stimuli=16, n_subjects=6, n_draws=50, seed=0)
    evaluated = evaluate(MODELS, SUBJECTS, measure="spearman", resamples=draws)
    result = as_result(evaluated, MODELS, names=list("abcd"))
    found = infer(evaluated, interval=0.9)
    scores = found.scores[None]
    np.testing.assert_allclose(found.sem, result.get_sem())
    np.testing.assert_allclose(found.p_zero, t_test_0(scores, result.model_var, result.dof))
    wanted = t_tests(scores, result.diff_var, result.dof)
    np.testing.assert_allclose(found.p_pairs, wanted, atol=1e-10)
    lower = noise_ceiling(_rdms(), measure="spearman")[0]
    wanted = t_test_nc(scores, result.noise_ceil_var[:, 0], lower, result.dof)
    np.testing.assert_allclose(found.p_ceiling, wanted, atol=1e-10)
    half = student.ppf(0.95, result.dof) * found.sem
    np.testing.assert_allclose([found.low, found.high], [scores[0] - half, scores[0] + half])
    assert found.n_draws == 50
    assert (np.diagonal(found.p_pairs) == 1).all()


def _rdms() -> object:
    ids = [str(row) for row in range(16)]
    return make_rdms(SUBJECTS, stimulus_ids=ids, rows={"subject": list("abcdef")})


def test_bounds_are_the_noise_ceiling_of_all_data() -> None:
    """For every family of measures, as rsatoolbox has it."""
    draws = draw_resamples("dual", n_stimuli=16, n_subjects=6, n_draws=2, seed=0)
    for measure in ("pearson", "cosine", "spearman", "rho_a", "whitened_pearson"):
        found = evaluate(MODELS, SUBJECTS, measure=measure, resamples=draws)
        np.testing.assert_allclose(found.bounds, noise_ceiling(_rdms(), measure=measure))


def test_one_model_and_one_subject_have_what_they_can() -> None:
    """An interval and a test against 0; nothing to compare with, and no ceiling."""
    draws = draw_resamples("stimuli", n_stimuli=16, n_subjects=1, n_draws=50, seed=0)
    evaluated = evaluate(MODELS[:1], SUBJECTS[:1], measure="pearson", resamples=draws)
    found = infer(evaluated)
    assert found.low[0] < found.scores[0] < found.high[0]
    assert found.p_pairs.tolist() == [[1.0]]
    assert np.isnan(found.p_ceiling).all()
    assert found.dof == 15


def test_two_models_that_are_one_do_not_differ() -> None:
    """No division by a variance of nothing."""
    draws = draw_resamples("dual", n_stimuli=16, n_subjects=6, n_draws=50, seed=0)
    twice = np.repeat(MODELS[:1], 2, axis=0)
    found = infer(evaluate(twice, SUBJECTS, measure="pearson", resamples=draws))
    assert found.p_pairs[0, 1] == pytest.approx(1)
