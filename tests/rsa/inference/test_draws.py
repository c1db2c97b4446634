"""How many resamples are drawn where nobody said."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.draws import draws_for
from lens_pipeline.rsa.inference.resamples import draw_resamples

STUDY = {"n_stimuli": 92, "n_models": 20, "n_subjects": 15, "name": "IT"}


@pytest.mark.parametrize("measure", ["spearman", "pearson", "cosine", "rho_a"])
def test_a_usual_study_gets_a_thousand(measure: str, caplog: pytest.LogCaptureFixture) -> None:
    """And nothing is said about it."""
    with caplog.at_level(logging.INFO):
        assert draws_for(Asked(), measure=measure, **STUDY) == 1000
    assert not caplog.text


@pytest.mark.parametrize("measure", COMPARISONS)
def test_large_rdms_get_fewer_never_under_a_hundred(
    measure: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The number falls with the stimuli, and one line says it with what changes it."""
    sizes = (92, 400, 1000, 1854, 10_000)
    with caplog.at_level(logging.INFO):
        draws = [draws_for(Asked(), measure=measure, **{**STUDY, "n_stimuli": n}) for n in sizes]
    assert draws == sorted(draws, reverse=True)
    assert draws[-1] == 100
    assert "IT, " in caplog.text
    assert "instead of 1000, since 10000 stimuli" in caplog.text
    assert "rsa.bootstrap=N" in caplog.text


def test_what_was_asked_for_is_drawn() -> None:
    """However long it takes."""
    large = {**STUDY, "n_stimuli": 1854}
    assert draws_for(Asked(draws=5000), measure="kendall_tau_a", **large) == 5000


@pytest.mark.benchmark
@pytest.mark.parametrize("measure", ["spearman", "pearson", "kendall_tau_a"])
@pytest.mark.parametrize(("n_stimuli", "n_models", "n_subjects"), [(92, 20, 15), (600, 10, 1)])
def test_the_automatic_number_takes_minutes(
    measure: str, n_stimuli: int, n_models: int, n_subjects: int
) -> None:
    """By the time of a few draws, all of them take less than ten minutes of a core."""
    random, n_pairs = np.random.default_rng(0), n_stimuli * (n_stimuli - 1) // 2
    models, subjects = random.random((n_models, n_pairs)), random.random((n_subjects, n_pairs))
    sizes = {"n_stimuli": n_stimuli, "n_subjects": n_subjects}
    scheme = "dual" if n_subjects > 1 else "stimuli"
    few = 4
    resamples = draw_resamples(scheme, n_draws=few, seed=0, **sizes)
    start = time.perf_counter()
    evaluate(models, subjects, measure=measure, resamples=resamples)
    each = (time.perf_counter() - start) / few
    draws = draws_for(Asked(), measure=measure, n_models=n_models, **sizes)
    assert each * draws < 600
