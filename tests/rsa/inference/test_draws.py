"""How many resamples are drawn where nobody said."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.draws import affordable, draws_for
from lens_pipeline.rsa.inference.resamples import draw_resamples

STUDY = {"n_stimuli": 92, "n_models": 20, "n_subjects": 15, "name": "IT"}


@pytest.mark.parametrize("measure", ["spearman", "pearson", "cosine", "rho_a"])
def test_a_usual_study_gets_a_thousand(measure: str, caplog: pytest.LogCaptureFixture) -> None:
    """And nothing is said about it."""
    with caplog.at_level(logging.INFO):
        assert draws_for(Asked(), measure=measure, **STUDY) == 1000
    assert not caplog.text


@pytest.mark.parametrize("measure", COMPARISONS)
def test_large_rdms_get_fewer_and_the_largest_none(
    measure: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The number falls with the stimuli, and one line says it with what changes it."""
    sizes = (92, 200, 300, 1000, 1854, 2500, 10_000, 100_000)
    with caplog.at_level(logging.INFO):
        draws = [draws_for(Asked(), measure=measure, **{**STUDY, "n_stimuli": n}) for n in sizes]
    assert draws == sorted(draws, reverse=True)
    assert draws[-1] == 0
    assert any(100 <= few < 1000 for few in draws)
    assert "instead of 1000, since" in caplog.text
    assert "rsa.bootstrap=N" in caplog.text


@pytest.mark.parametrize("measure", set(COMPARISONS) - {"kendall_tau_a", "kendall_tau_b"})
def test_all_concepts_of_things_are_resampled_by_default(measure: str) -> None:
    """1,854 stimuli, with 15 subjects and with one, whatever is not Kendall's."""
    for n_subjects in (1, 15):
        sizes = {"n_stimuli": 1854, "n_models": 20, "n_subjects": n_subjects}
        assert draws_for(Asked(), measure=measure, **sizes) >= 100


def test_what_would_take_hours_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """With how long it takes, how to have it all the same, and what else there is."""
    large = {**STUDY, "n_stimuli": 1854, "measure": "kendall_tau_a"}
    found = affordable(Asked(), **large)
    assert (found.draws, found.choose) == (0, "none")
    assert "IT, kendall_tau_a: no bootstrap, since 100 draws of 1854 stimuli would" in caplog.text
    assert "rsa.bootstrap=100 asks for them, and rsa.measure=rho_a" in caplog.text
    assert affordable(Asked(choose="stimuli"), **large).choose == "stimuli"
    for asked in (Asked(draws=0), Asked(draws=100)):
        assert affordable(asked, **large) == asked
    assert affordable(Asked(), **{**STUDY, "measure": "kendall_tau_a"}) == Asked()


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
