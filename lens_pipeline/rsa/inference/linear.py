"""Pearson and cosine over resamples, from sums of products alone.

A weighted correlation is made of weighted sums of x, y, x y, x x and y y. These are products of the
matrix of pair weights with a matrix of products of RDMs, taken over a slice of pairs at a time, so
all resamples and all RDMs go through a few large matrix products in bounded memory. The RDM that
fits all subjects best is the mean of their standardised RDMs, so the noise ceilings follow from
the correlations between subjects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.inference.likeness import Likeness, nothing_yet
from lens_pipeline.rsa.inference.resamples import pair_rows

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.likeness import Done, Doubles
    from lens_pipeline.rsa.inference.resamples import Counts, Resamples

# values of the products of RDMs, and of the weights of pairs, at one time: 64 MB
_VALUES = 1 << 23


def evaluate_linear(
    models: Doubles, subjects: Doubles, resamples: Resamples, *, measure: str, done: Done
) -> Likeness:
    """Evaluate by "pearson" or "cosine"; see `evaluate`."""
    found = nothing_yet(models, subjects, resamples)
    parts = found.parts
    centred = measure == "pearson"
    models, subjects = (_standard(values, centred=centred) for values in (models, subjects))
    once = np.ones((1, resamples.stimuli.shape[1]), dtype=np.int64)
    across, among = _correlations(models, subjects, once, centred=centred)
    found.scores[:] = across[0]
    found.bounds[:] = _ceilings(among, np.ones((1, len(subjects)), dtype=np.int64))[:, 0]
    if {"both", "stimuli"} & set(parts):
        many = _correlations(models, subjects, resamples.stimuli, centred=centred, done=done)
        found.likeness[:] = many[0]
    for at, part in enumerate(parts):
        weights = resamples.subjects if part != "stimuli" else np.ones_like(resamples.subjects)
        found.ceilings[:, :, at] = _ceilings(among if part == "subjects" else many[1], weights)
    found.likeness[~resamples.usable] = np.nan
    found.ceilings[:, ~resamples.usable] = np.nan
    return found


def _standard(values: Doubles, *, centred: bool) -> Doubles:
    """Scale rows, and centre them where that changes nothing, so that sums keep their digits."""
    middle = values.mean(axis=1, keepdims=True) if centred else 0.0
    result = values - middle
    result /= np.sqrt(np.mean(result**2, axis=1, keepdims=True))
    return result


def _correlations(
    models: Doubles, subjects: Doubles, counts: Counts, *, centred: bool, done: Done | None = None
) -> tuple[Doubles, Doubles]:
    """Return model x subject and subject x subject correlations for each draw."""
    n_models, n_subjects = len(models), len(subjects)
    rows, columns = np.triu_indices(n_subjects)
    sums = _sums(models, subjects, counts, done=done)
    total = sums[:, 0]
    cuts = np.cumsum([1, n_models, n_subjects, n_models, n_models * n_subjects])
    _, mean_m, mean_s, square, cross, pairs = np.split(sums / total[:, None], cuts, axis=1)
    among = np.zeros((len(counts), n_subjects, n_subjects))
    among[:, rows, columns] = among[:, columns, rows] = pairs
    across = cross.reshape(len(counts), n_models, n_subjects)
    if centred:
        across -= mean_m[:, :, None] * mean_s[:, None]
        among -= mean_s[:, :, None] * mean_s[:, None]
        square -= mean_m**2
    norms = np.sqrt(np.einsum("dss->ds", among))
    across = _divided(across, np.sqrt(np.maximum(square, 0))[:, :, None] * norms[:, None])
    return across, _divided(among, norms[:, :, None] * norms[:, None])


def _sums(models: Doubles, subjects: Doubles, counts: Counts, *, done: Done | None) -> Doubles:
    """Return for each draw the weighted sums of 1, m, s, m m, m s and s s over pairs."""
    n_draws, n_stimuli = counts.shape
    first, second = pair_rows(n_stimuli)
    among = np.triu_indices(len(subjects))
    width = 1 + 2 * len(models) + len(subjects) * (1 + len(models)) + len(among[0])
    step = max(64, _VALUES // max(width, n_draws))
    floats = counts.astype(np.float64)
    sums = np.zeros((n_draws, width))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        weights = floats[:, first[part]] * floats[:, second[part]]
        m, s = models[:, part], subjects[:, part]
        cross = (m[:, None] * s).reshape(-1, m.shape[1])
        terms = np.concatenate([np.ones((1, m.shape[1])), m, s, m * m, cross, _own(s, among)])
        sums += weights @ terms.T
        if done:
            done(min(1.0, (start + step) / len(first)))
    return sums


def _own(values: Doubles, among: tuple[np.ndarray, np.ndarray]) -> Doubles:
    result: Doubles = values[among[0]] * values[among[1]]
    return result


def _ceilings(among: Doubles, weights: Counts) -> Doubles:
    """Return lower and upper bounds (2, n_draws) from the correlations of drawn subjects."""
    n_draws, n_subjects = weights.shape
    if n_subjects < 2:
        return np.full((2, n_draws), np.nan)
    drawn = weights > 0
    # correlation of each subject with the sum over all that were drawn, and the norm of that sum
    pooled = np.einsum("dst,dt->ds", np.broadcast_to(among, (n_draws, *among.shape[1:])), weights)
    square = np.sum(pooled * weights, axis=1, keepdims=True)
    own = weights * np.einsum("dss->ds", np.broadcast_to(among, (n_draws, *among.shape[1:])))
    rest = np.sqrt(np.maximum(square - 2 * weights * pooled + weights * own, 0))
    upper = _divided(pooled, np.sqrt(square))
    lower = _divided(pooled - own, rest)
    lower[drawn.sum(axis=1) == 1] = upper[drawn.sum(axis=1) == 1]
    return np.stack([_mean_where(bound, drawn) for bound in (lower, upper)])


def _mean_where(values: Doubles, chosen: np.ndarray) -> Doubles:
    result: Doubles = np.sum(values * chosen, axis=1) / chosen.sum(axis=1)
    return result


def _divided(values: Doubles, by: Doubles) -> Doubles:
    """Divide, with 0 where an RDM does not vary, as rsatoolbox has it."""
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)
