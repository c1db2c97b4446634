"""Speed of a dual bootstrap of 20 models, 92 stimuli and 15 subjects, against rsatoolbox.

And what it takes from 92 to 1,854 stimuli, beside what the number of draws is chosen by.

Ours makes all 1,000 draws. rsatoolbox makes a few of the same ones in each round, before and after,
and its time is scaled to 1,000, since its draws cost the same one by one; the ratio is the median
over rounds. The few draws also prove that the numbers are the same. Run by hand:
`pytest tests/benchmarks/test_bootstrap_speed.py -m benchmark -o log_cli=true`.
"""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.draws import seconds_of
from lens_pipeline.rsa.inference.resamples import draw_resamples, from_counts
from tests.rsa.inference.rsatoolbox_draws import run, simulated

N_DRAWS, THEIR_DRAWS, ROUNDS = 1000, 4, 3
LOG = logging.getLogger(__name__)

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore:Noise ceiling for tau"),
]


@pytest.mark.parametrize("measure", ["pearson", "spearman", "kendall_tau_a", "whitened_pearson"])
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


# seconds of the processor for `few` draws beyond the first, and the most memory of the process
ALONE = """
import json, resource, sys
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.resamples import draw_resamples
from tests.rsa.inference.rsatoolbox_draws import simulated

measure, n_stimuli, n_subjects, few = sys.argv[1], *map(int, sys.argv[2:])
models, subjects = simulated(n_stimuli, n_subjects=n_subjects, n_models=20)

def used():
    return resource.getrusage(resource.RUSAGE_SELF)

def seconds(n_draws):
    start = used().ru_utime + used().ru_stime
    scheme = "dual" if n_subjects > 1 else "stimuli"
    sizes = {"n_stimuli": n_stimuli, "n_subjects": n_subjects}
    draws = draw_resamples(scheme, **sizes, n_draws=n_draws, seed=0)
    evaluate(models, subjects, measure=measure, resamples=draws)
    return used().ru_utime + used().ru_stime - start

once = seconds(1)
each = max(seconds(few) - once, 0) / (few - 1)
print(json.dumps({"once": once, "each": each, "memory": used().ru_maxrss * 1024}))
"""
# draws that are enough to know what each takes
FEW = {"spearman": 6, "kendall_tau_a": 20, "pearson": 100, "whitened_pearson": 100}


@pytest.mark.parametrize("n_subjects", [1, 15])
@pytest.mark.parametrize("n_stimuli", [92, 300, 1000, 1854])
@pytest.mark.parametrize("measure", FEW)
def test_draws_take_what_their_number_is_chosen_by(
    measure: str, n_stimuli: int, n_subjects: int
) -> None:
    """Within a factor of three, since processors differ; and memory is bounded."""
    few = FEW[measure] * (10 if n_stimuli < 200 else 1)
    sizes = {"n_stimuli": n_stimuli, "n_subjects": n_subjects}
    foreseen = seconds_of(1, measure=measure, n_models=20, **sizes)
    if foreseen > 10:
        pytest.skip("hours, so nothing is drawn by default")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, measure, str(n_stimuli), str(n_subjects), str(few)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    LOG.warning(
        "%s, %d stimuli, %d subjects: %.0f s for 1,000 draws (foreseen %.0f), %.1f GB",
        *(measure, n_stimuli, n_subjects),
        found["once"] + 1000 * found["each"],
        1000 * foreseen,
        found["memory"] / 1e9,
    )
    assert found["memory"] < 4e9
    if found["each"] > 0.01:
        assert foreseen / 3 < found["each"] < foreseen * 3
