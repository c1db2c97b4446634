"""Speed of a correlation RDM at THINGS size, against the bare matrix product and rsatoolbox.

The three are timed in turn, and the ratios are medians over rounds, so that a machine that is slow
for a while is slow for all. Run by hand:
`OMP_NUM_THREADS=2 pytest tests/benchmarks/test_rdm_speed.py -m benchmark -o log_cli=true`.
"""

from __future__ import annotations

import logging
import statistics
import time
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lens_pipeline.rsa.rdms import dissimilarities

if TYPE_CHECKING:
    from collections.abc import Callable

N_STIMULI, N_UNITS, ROUNDS = 1854, 50_176, 5
LOG = logging.getLogger(__name__)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.fixture(scope="module")
def patterns() -> np.ndarray:
    return np.random.default_rng(0).random((N_STIMULI, N_UNITS), dtype=np.float32)


@pytest.mark.benchmark
def test_correlation_costs_little_more_than_the_matrix_product(patterns: np.ndarray) -> None:
    """At most 1.5 times the float32 product, by medians of interleaved rounds."""

    def ours() -> object:
        return dissimilarities(lambda: [patterns])

    ours(), patterns @ patterns.T
    rounds = [(_seconds(ours), _seconds(lambda: patterns @ patterns.T)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / bare for mine, bare in rounds)
    LOG.warning("ours / product: %.2f in %s", ratio, rounds)
    assert ratio <= 1.5


@pytest.mark.benchmark
def test_correlation_is_far_faster_than_rsatoolbox_and_equal(patterns: np.ndarray) -> None:
    """At least 25 times faster in the same minute, and the same to 1e-6."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm

    def ours() -> object:
        return dissimilarities(lambda: [patterns])

    results = []
    before = [_seconds(ours) for _ in range(3)][1:]
    theirs = _seconds(lambda: results.append(calc_rdm(Dataset(patterns), method="correlation")))
    ours_took = statistics.median([*before, _seconds(ours), _seconds(ours)])
    LOG.warning("rsatoolbox %.1f s / ours %.2f s = %.0f", theirs, ours_took, theirs / ours_took)
    wanted = results[0].dissimilarities[0]
    assert np.abs(dissimilarities(lambda: [patterns]) - wanted).max() < 1e-6
    assert theirs / ours_took >= 25


@pytest.mark.benchmark
def test_memory_is_that_of_the_matrix_not_of_the_layer(patterns: np.ndarray) -> None:
    """Beside the input, less than 12 matrices of n x n float64 at its peak."""
    tracemalloc.start()
    dissimilarities(lambda: [patterns])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    LOG.warning("peak %.0f MB", peak / 2**20)
    assert peak < 12 * 8 * N_STIMULI**2
