"""What intervals, tests and the choice of a layer do over and over where the truth is known.

Each is run on many simulated experiments, with stimuli and subjects new in each. Bounds allow for
the number of experiments: three standard errors of a share.
"""

from __future__ import annotations

import numpy as np
import pytest

from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.bootstrap import evaluate, scores
from lens_pipeline.rsa.inference.choice import choose
from lens_pipeline.rsa.inference.resamples import draw_resamples
from lens_pipeline.rsa.inference.results import Inferred, infer
from tests.rsa.inference.simulation import unrelated, world

pytestmark = pytest.mark.statistics

EXPERIMENTS = 400


def _most(share: float) -> float:
    return share + 3 * float(np.sqrt(share * (1 - share) / EXPERIMENTS))


def _inferred(
    models: np.ndarray,
    subjects: np.ndarray,
    n_stimuli: int,
    *,
    seed: int,
    scheme: str = "dual",
    measure: str = "pearson",
) -> Inferred:
    draws = draw_resamples(
        scheme, n_stimuli=n_stimuli, n_subjects=len(subjects), n_draws=200, seed=seed
    )
    return infer(evaluate(models, subjects, measure=measure, resamples=draws))


@pytest.mark.parametrize(("n_stimuli", "n_subjects"), [(20, 6), (40, 12), (80, 8)])
def test_intervals_hold_the_truth_and_tests_are_rarely_wrong(
    n_stimuli: int, n_subjects: int
) -> None:
    """Intervals of 95 % cover at least that, and tests at 5 % err at most that often."""
    random = np.random.default_rng(1)
    truth = np.mean([scores(*world(random, 400, 20), measure="pearson") for _ in range(12)], axis=0)
    # models 0 and 1 are alike by construction, and model 2 is unrelated
    truth = np.array([truth[:2].mean(), truth[:2].mean(), 0])
    found = [
        _inferred(*world(random, n_stimuli, n_subjects), n_stimuli, seed=seed)
        for seed in range(EXPERIMENTS)
    ]
    covered = np.mean([(one.low <= truth) & (truth <= one.high) for one in found], axis=0)
    assert (covered >= 1 - _most(0.05)).all()
    assert np.mean([one.p_zero[2] < 0.05 for one in found]) <= _most(0.05)
    assert np.mean([one.p_pairs[0, 1] < 0.05 for one in found]) <= _most(0.05)
    # and they are not so wide as to say nothing
    assert np.mean([one.p_zero[0] < 0.05 for one in found]) > 0.9
    assert np.mean([one.p_pairs[0, 2] < 0.05 for one in found]) > 0.5


# over 120 stimuli rsatoolbox takes no resample of these
@pytest.mark.parametrize(("n_stimuli", "n_subjects"), [(20, 6), (40, 12), (120, 8)])
@pytest.mark.parametrize("measure", ["whitened_pearson", "whitened_cosine"])
def test_intervals_of_whitened_measures_hold_the_truth(
    measure: str, n_stimuli: int, n_subjects: int
) -> None:
    """As those of the others; the score itself depends on the number of stimuli, so the truth does.

    A cosine of what is unrelated is above 0, so the test of its score against 0 says nothing here.
    """
    random = np.random.default_rng(4)
    truth = np.mean(
        [scores(*world(random, n_stimuli, 20), measure=measure) for _ in range(400)], axis=0
    )
    truth[:2] = truth[:2].mean()
    found = [
        _inferred(*world(random, n_stimuli, n_subjects), n_stimuli, seed=seed, measure=measure)
        for seed in range(EXPERIMENTS)
    ]
    covered = np.mean([(one.low <= truth) & (truth <= one.high) for one in found], axis=0)
    assert (covered >= 1 - _most(0.05)).all(), covered
    assert np.mean([one.p_pairs[0, 1] < 0.05 for one in found]) <= _most(0.05)
    assert np.mean([one.p_pairs[0, 2] < 0.05 for one in found]) > 0.5


def test_resampling_one_factor_says_too_much_of_both() -> None:
    """Intervals over subjects alone miss the truth about new stimuli: why dual is the default."""
    random = np.random.default_rng(2)
    missed = [
        (one.low[2] > 0) | (one.high[2] < 0)
        for seed in range(EXPERIMENTS)
        for one in [_inferred(*world(random, 20, 12), 20, seed=seed, scheme="subjects")]
    ]
    assert np.mean(missed) > 0.2


@pytest.mark.parametrize("parting", ["stimuli", "both"])
def test_the_best_of_many_layers_is_not_taken_for_good(parting: str) -> None:
    """Of 20 layers that see nothing, the best seems to; what another part chose does not."""
    random = np.random.default_rng(3)
    naive, guarded, optimism = [], [], []
    for seed in range(EXPERIMENTS):
        models, subjects = unrelated(random, 40, 10, n_models=20)
        best = int(np.argmax(scores(models, subjects, measure="pearson")))
        naive.append(_inferred(models[[best]], subjects, 40, seed=seed).p_zero[0] < 0.05)
        found = choose(
            models,
            subjects,
            measure="pearson",
            groups=[str(row) for row in range(40)],
            parting=parting,
            asked=Asked(draws=200, seed=seed),
        )
        guarded.append(found.choices[0].p_zero < 0.05)
        optimism.append(found.choices[0].score_choosing - found.choices[0].score)
    assert np.mean(naive) > 0.2
    assert np.mean(guarded) <= _most(0.05)
    assert np.mean(optimism) > 0.05
