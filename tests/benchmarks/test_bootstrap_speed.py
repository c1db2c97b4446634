"""Speed of a dual bootstrap of 20 models, 92 stimuli and 15 subjects, against rsatoolbox.

Ours makes all 1,000 draws. rsatoolbox makes a few of the same ones in each round, before and after,
and its time is scaled to 1,000, since its draws cost the same one by one; the ratio is the median
over rounds. The few draws also prove that the numbers are the same. Run by hand:
`pytest tests/benchmarks/test_bootstrap_speed.py -m benchmark -o log_cli=true`.
"""

from __future__ import annotations

import logging
import statistics
import time

import numpy as np
import pytest

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.resamples import draw_resamples, from_counts
from tests.rsa.inference.rsatoolbox_draws import run, simulated

N_DRAWS, THEIR_DRAWS, ROUNDS = 1000, 4, 3
LOG = logging.getLogger(__name__)

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore:Noise ceiling for tau"),
]


@pytest.mark.parametrize("measure", ["pearson", "spearman", "kendall_tau_a"])
def test_a_dual_bootstrap_is_far_faster_than_rsatoolbox_and_equal(
    measure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least 15 times faster in the same run, the same to 1e-10 from the same draws."""
    models, subjects = simulated(92, n_subjects=15, n_models=20)
    draws = draw_resamples("dual", n_stimuli=92, n_subjects=15, n_draws=N_DRAWS, seed=0)
    ratios = []
    for _ in range(ROUNDS):
        with monkeypatch.context() as patch:
            start = time.perf_counter()
            theirs, stimuli, people = run(
                "dual",
                models,
                subjects,
                method=COMPARISONS[measure].method,
                n_draws=THEIR_DRAWS,
                monkeypatch=patch,
            )
            their_seconds = (time.perf_counter() - start) * N_DRAWS / THEIR_DRAWS
        start = time.perf_counter()
        evaluate(models, subjects, measure=measure, resamples=draws)
        seconds = time.perf_counter() - start
        ratios.append(their_seconds / seconds)
        LOG.warning("%s: %.1f s, rsatoolbox %.0f s", measure, seconds, their_seconds)
    same = from_counts("dual", stimuli=stimuli, subjects=people)
    ours = evaluate(models, subjects, measure=measure, resamples=same)
    np.testing.assert_allclose(ours.samples, theirs.evaluations[:, :, 0, 0], atol=1e-10)
    np.testing.assert_allclose(ours.ceilings, theirs.noise_ceiling[:, :, 0], atol=1e-10)
    LOG.warning("%s: %.0f times faster", measure, statistics.median(ratios))
    assert statistics.median(ratios) >= 15
