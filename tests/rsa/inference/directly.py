"""Resamples as rsatoolbox evaluates them: one by one, every stimulus copied as often as drawn."""

from __future__ import annotations

import numpy as np
from rsatoolbox.rdm.compare import compare
from scipy.spatial.distance import squareform


def copied(vectors: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """RDMs with each stimulus so many times; NaN for pairs of a stimulus and its copy."""
    rows = np.repeat(np.arange(len(counts)), counts)
    copies = []
    for vector in vectors:
        square = squareform(vector)
        np.fill_diagonal(square, np.nan)
        copies.append(squareform(square[np.ix_(rows, rows)], checks=False))
    return np.array(copies)


def likeness(
    models: np.ndarray, subjects: np.ndarray, counts: np.ndarray, *, method: str
) -> np.ndarray:
    """Each model with each subject, in each row of `counts` (n_draws, n_stimuli)."""
    return np.array(
        [compare(copied(models, draw), copied(subjects, draw), method=method) for draw in counts]
    )
