"""Whitened measures in resamples of any size, against rsatoolbox and against its definition."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from rsatoolbox.rdm.compare import compare
from scipy.spatial.distance import squareform

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.inference import whitening
from lens_pipeline.rsa.inference.bootstrap import evaluate, scores
from lens_pipeline.rsa.inference.resamples import draw_resamples, from_counts
from tests.rsa.inference.directly import copied, likeness
from tests.rsa.inference.rsatoolbox_draws import simulated

WHITENED = ("whitened_pearson", "whitened_cosine")


def _given(*counts: list[int], n_subjects: int = 2) -> object:
    stimuli = np.array(counts)
    return from_counts(
        "stimuli", stimuli=stimuli, subjects=np.ones((len(counts), n_subjects), np.int64)
    )


def _drawn(n_stimuli: int, n_draws: int, n_subjects: int = 2) -> np.ndarray:
    return draw_resamples(
        "stimuli", n_stimuli=n_stimuli, n_subjects=n_subjects, n_draws=n_draws, seed=4
    ).stimuli


def _there(vectors: np.ndarray, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that have a value, centred where the measure centres, and which they are."""
    there = ~np.isnan(vectors[0])
    values = vectors[:, there]
    if measure == "whitened_pearson":
        values = values - values.mean(axis=1, keepdims=True)
    return values, there


def _cosines(models: np.ndarray, subjects: np.ndarray, whitened: np.ndarray) -> np.ndarray:
    ours, theirs = np.split(whitened, [len(models)])
    norms = [np.sqrt((a * b).sum(axis=1)) for a, b in ((models, ours), (subjects, theirs))]
    return models @ theirs.T / np.outer(*norms)


def _by_definition(models: np.ndarray, subjects: np.ndarray, draw: np.ndarray, measure: str):
    """The cosine with the inverse of V, the covariance of the pairs that are there, in full."""
    (ours, there), (theirs, _) = (
        _there(copied(rdms, draw), measure) for rdms in (models, subjects)
    )
    pairs = np.array(list(combinations(range(draw.sum()), 2)))[there]
    contrasts = np.zeros((len(pairs), draw.sum()))
    rows = np.arange(len(pairs))
    contrasts[rows, pairs[:, 0]], contrasts[rows, pairs[:, 1]] = 1, -1
    covariance = (contrasts @ contrasts.T) ** 2
    return _cosines(ours, theirs, np.linalg.solve(covariance, np.r_[ours, theirs].T).T)


def _by_least_squares(models: np.ndarray, subjects: np.ndarray, draw: np.ndarray, measure: str):
    """The cosine of what is left of matrices of all copies after the best fitting a_i + a_j."""
    n = int(draw.sum())
    (ours, there), (theirs, _) = (
        _there(copied(rdms, draw), measure) for rdms in (models, subjects)
    )
    pairs = np.array([*np.array(list(combinations(range(n), 2)))[there], *np.c_[:n, :n]])
    # the diagonal is there once, every pair twice
    weights = np.r_[np.full(len(pairs) - n, 2**0.5), np.ones(n)]
    design = np.zeros((len(pairs), n))
    for side in (0, 1):
        design[np.arange(len(pairs)), pairs[:, side]] += weights

    def rest(rdms: np.ndarray) -> np.ndarray:
        values = np.c_[rdms, np.zeros((len(rdms), n))] * weights
        return values - (design @ np.linalg.lstsq(design, values.T, rcond=None)[0]).T

    ours, theirs = rest(ours), rest(theirs)
    return _cosines(ours, theirs, np.r_[ours, theirs])


@pytest.mark.parametrize("measure", WHITENED)
def test_resamples_are_those_of_rsatoolbox_up_to_where_it_ends(measure: str) -> None:
    """99 stimuli are the most that it takes; it halves small integers in place from 100 on."""
    models, subjects = simulated(99, n_subjects=2, n_models=3)
    counts = _drawn(99, 2)
    found = evaluate(models, subjects, measure=measure, resamples=_given(*counts))
    wanted = likeness(models, subjects, counts, method=COMPARISONS[measure].method)
    np.testing.assert_allclose(found.samples[..., 0], wanted.mean(axis=2), atol=1e-12)
    models, subjects = simulated(100, n_subjects=2, n_models=3)
    with pytest.raises(TypeError, match="Cannot cast"):
        likeness(models, subjects, _drawn(100, 1), method=COMPARISONS[measure].method)


@pytest.mark.parametrize("n_stimuli", [9, 101])
@pytest.mark.parametrize("measure", WHITENED)
def test_resamples_are_whitened_by_the_covariance_of_their_pairs(
    measure: str, n_stimuli: int
) -> None:
    """With that covariance written out and inverted, on both sides of rsatoolbox's end."""
    models, subjects = simulated(n_stimuli, n_subjects=2, n_models=2)
    counts = _drawn(n_stimuli, 1)
    found = evaluate(models, subjects, measure=measure, resamples=_given(*counts))
    wanted = _by_definition(models, subjects, counts[0], measure)
    np.testing.assert_allclose(found.samples[0, :, 0], wanted.mean(axis=1), atol=1e-10)


@pytest.mark.parametrize("measure", WHITENED)
def test_resamples_are_double_centred_by_least_squares(measure: str) -> None:
    """Of more stimuli than the covariance of their pairs could be held for."""
    models, subjects = simulated(160, n_subjects=2, n_models=2)
    counts = _drawn(160, 2)
    found = evaluate(models, subjects, measure=measure, resamples=_given(*counts))
    for sample, draw in zip(found.samples[..., 0], counts, strict=True):
        wanted = _by_least_squares(models, subjects, draw, measure)
        np.testing.assert_allclose(sample, wanted.mean(axis=1), atol=1e-10)


@pytest.mark.parametrize("measure", WHITENED)
def test_a_stimulus_may_make_up_most_of_a_draw(measure: str) -> None:
    """Also where it leaves its own equation nothing on the diagonal: 4 of 6, 5 of 8."""
    for counts in ([4, 1, 1, 0, 0, 0], [5, 1, 0, 0, 2, 0, 0, 0], [1, 6, 1, 0, 0, 0, 0, 0]):
        models, subjects = simulated(len(counts), n_subjects=2, n_models=3)
        found = evaluate(models, subjects, measure=measure, resamples=_given(counts))
        method = COMPARISONS[measure].method
        wanted = likeness(models, subjects, np.array([counts]), method=method)
        np.testing.assert_allclose(found.samples[..., 0], wanted.mean(axis=2), atol=1e-12)


@pytest.mark.parametrize("measure", WHITENED)
def test_all_data_are_whitened_as_rsatoolbox_does_at_any_number(measure: str) -> None:
    """Where no pair is missing it has no end."""
    models, subjects = simulated(300, n_subjects=2, n_models=3)
    wanted = compare(models, subjects, method=COMPARISONS[measure].method).mean(axis=1)
    np.testing.assert_allclose(scores(models, subjects, measure=measure), wanted, atol=1e-12)


@pytest.mark.parametrize("measure", WHITENED)
def test_draws_are_taken_a_few_at_a_time_and_stay_the_same(
    measure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What bounds the memory changes no number."""
    models, subjects = simulated(20, n_subjects=3, n_models=2)
    draws = draw_resamples("dual", n_stimuli=20, n_subjects=3, n_draws=7, seed=0)
    whole = evaluate(models, subjects, measure=measure, resamples=draws)
    monkeypatch.setattr(whitening, "_VALUES", 250)
    parted = evaluate(models, subjects, measure=measure, resamples=draws)
    np.testing.assert_allclose(parted.samples, whole.samples, atol=1e-14)
    np.testing.assert_allclose(parted.ceilings, whole.ceilings, atol=1e-14)


def test_patterns_that_are_alike_score_as_their_linear_cka() -> None:
    """In all data it is the cosine of centred kernels (Diedrichsen et al. 2021)."""
    patterns = np.random.default_rng(2).normal(size=(2, 30, 7))
    kernels = [(x - x.mean(axis=0)) @ (x - x.mean(axis=0)).T for x in patterns]
    rdms = [np.add.outer(np.diag(kernel), np.diag(kernel)) - 2 * kernel for kernel in kernels]
    one, other = (squareform(rdm, checks=False)[None] for rdm in rdms)
    cka = (kernels[0] * kernels[1]).sum() / np.prod([np.linalg.norm(k) for k in kernels])
    assert scores(one, other, measure="whitened_cosine")[0] == pytest.approx(cka, abs=1e-12)
