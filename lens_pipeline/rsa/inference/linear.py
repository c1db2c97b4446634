"""Pearson and cosine over resamples, whitened or not, from sums of products alone.

A weighted correlation is made of weighted sums of x, y, x y, x x and y y. These are products of the
matrix of pair weights with a matrix of products of RDMs, taken over a slice of pairs at a time, so
all resamples and all RDMs go through a few large matrix products in bounded memory; whitening takes
something from these sums (see `whitening`). The RDM that fits all subjects best is the mean of
their standardised RDMs, so the noise ceilings follow from the products of subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.inference.likeness import Likeness, nothing_yet
from lens_pipeline.rsa.inference.resamples import pair_rows, stimuli_of
from lens_pipeline.rsa.inference.whitening import lost_products

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.likeness import Done, Doubles
    from lens_pipeline.rsa.inference.resamples import Counts, Resamples

# values of the products of RDMs, and of the weights of pairs, at one time: 64 MB
_VALUES = 1 << 23


@dataclass(frozen=True)
class LinearMeasure:
    """A cosine of RDMs after these steps."""

    # less the mean of their pairs
    centred: bool
    whitened: bool


LINEAR: dict[str, LinearMeasure] = {
    "pearson": LinearMeasure(centred=True, whitened=False),
    "cosine": LinearMeasure(centred=False, whitened=False),
    "whitened_pearson": LinearMeasure(centred=True, whitened=True),
    "whitened_cosine": LinearMeasure(centred=False, whitened=True),
}


@dataclass(frozen=True)
class _Products:
    """Products of RDMs in each draw."""

    # (n_draws, n_models, n_subjects) correlations
    across: Doubles
    # (n_draws, n_subjects, n_subjects) products of what is pooled: of subjects standardised before
    # they are whitened
    among: Doubles


def evaluate_linear(
    models: Doubles, subjects: Doubles, resamples: Resamples, *, measure: str, done: Done
) -> Likeness:
    """Evaluate by a key of LINEAR; see `evaluate`."""
    how = LINEAR[measure]
    found = nothing_yet(models, subjects, resamples)
    models, subjects = (_standard(values, centred=how.centred) for values in (models, subjects))
    whole = many = _whole(models, subjects, how=how)
    found.scores[:] = whole.across[0]
    found.bounds[:] = _ceilings(whole.among, _once(len(subjects)))[:, 0]
    if {"both", "stimuli"} & set(found.parts):
        many = _products(models, subjects, resamples.stimuli, how=how, done=done)
    found.likeness[:] = many.across
    for at, part in enumerate(found.parts):
        weights = resamples.subjects if part != "stimuli" else np.ones_like(resamples.subjects)
        among = whole.among if part == "subjects" else many.among
        found.ceilings[:, :, at] = _ceilings(among, weights)
    found.likeness[~resamples.usable] = np.nan
    found.ceilings[:, ~resamples.usable] = np.nan
    return found


def linear_whole(models: Doubles, subjects: Doubles, *, measure: str) -> tuple[Doubles, Doubles]:
    """Return likeness (n_models, n_subjects) and both ceilings (2,) in all data."""
    how = LINEAR[measure]
    models, subjects = (_standard(values, centred=how.centred) for values in (models, subjects))
    found = _whole(models, subjects, how=how)
    return found.across[0], _ceilings(found.among, _once(len(subjects)))[:, 0]


def linear_drawn(
    models: Doubles, subjects: Doubles, counts: Counts, weights: Counts, *, measure: str
) -> Doubles:
    """Return likeness (n_models, n_subjects) in one draw of all stimuli, `counts` times each.

    `weights` (n_pairs,) are the copies of each pair.
    """
    how = LINEAR[measure]
    rdms = np.concatenate([models, subjects])
    shares = weights / weights.sum()
    means = rdms @ shares if how.centred else np.zeros(len(rdms))
    rdms -= means[:, None]
    lost = np.zeros((len(rdms), len(rdms)))
    if how.whitened:
        lost = lost_products(rdms, counts[None], lost[:1])[0]
    rdms *= np.sqrt(shares)
    products = rdms @ rdms.T - lost
    sizes = np.sqrt(np.maximum(np.diag(products), 0))
    n = len(models)
    return _divided(products[:n, n:], np.outer(sizes[:n], sizes[n:]))


def _whole(models: Doubles, subjects: Doubles, *, how: LinearMeasure) -> _Products:
    return _products(models, subjects, _once(stimuli_of(subjects)), how=how)


def _once(n: int) -> Counts:
    return np.ones((1, n), dtype=np.int64)


def _standard(values: Doubles, *, centred: bool) -> Doubles:
    """Scale rows, and centre them where that changes nothing, so that sums keep their digits."""
    middle = values.mean(axis=1, keepdims=True) if centred else 0.0
    result = values - middle
    result /= np.sqrt(np.mean(result**2, axis=1, keepdims=True))
    return result


def _products(
    models: Doubles,
    subjects: Doubles,
    counts: Counts,
    *,
    how: LinearMeasure,
    done: Done | None = None,
) -> _Products:
    n_models, n_subjects = len(models), len(subjects)
    rows, columns = np.triu_indices(n_subjects)
    sums = _sums(models, subjects, counts, done=done)
    cuts = np.cumsum([1, n_models, n_subjects, n_models, n_models * n_subjects])
    _, mean_m, mean_s, own, cross, pairs = np.split(sums / sums[:, :1], cuts, axis=1)
    among = np.zeros((len(counts), n_subjects, n_subjects))
    among[:, rows, columns] = among[:, columns, rows] = pairs
    across = cross.reshape(len(counts), n_models, n_subjects)
    means = np.concatenate([mean_m, mean_s], axis=1)
    if not how.centred:
        means[:] = 0
    else:
        across -= mean_m[:, :, None] * mean_s[:, None]
        among -= mean_s[:, :, None] * mean_s[:, None]
        own -= mean_m**2
    sizes = _diagonal(among)
    if how.whitened:
        # little next to the sums, so the progress that they told stands for both
        lost = lost_products(np.concatenate([models, subjects]), counts, means)
        own -= _diagonal(lost)[:, :n_models]
        across -= lost[:, :n_models, n_models:]
        among -= lost[:, n_models:, n_models:]
    norms = np.sqrt(np.maximum(own, 0))[:, :, None] * np.sqrt(_diagonal(among))[:, None]
    sizes = np.sqrt(sizes)
    return _Products(
        _divided(across, norms), among=_divided(among, sizes[:, :, None] * sizes[:, None])
    )


def _diagonal(products: Doubles) -> Doubles:
    result: Doubles = np.einsum("dss->ds", products)
    return np.maximum(result, 0)


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
    """Return lower and upper bounds (2, n_draws) from the products of drawn subjects."""
    n_draws, n_subjects = weights.shape
    if n_subjects < 2:
        return np.full((2, n_draws), np.nan)
    drawn = weights > 0
    among = np.broadcast_to(among, (n_draws, *among.shape[1:]))
    # product of each subject with the sum over all that were drawn, and the norm of that sum
    pooled = np.einsum("dst,dt->ds", among, weights)
    square = np.sum(pooled * weights, axis=1, keepdims=True)
    sizes = _diagonal(among)
    own = weights * sizes
    rest = np.sqrt(np.maximum(square - 2 * weights * pooled + weights * own, 0))
    norms = np.sqrt(sizes)
    upper = _divided(pooled, np.sqrt(square) * norms)
    lower = _divided(pooled - own, rest * norms)
    lower[drawn.sum(axis=1) == 1] = upper[drawn.sum(axis=1) == 1]
    return np.stack([_mean_where(bound, drawn) for bound in (lower, upper)])


def _mean_where(values: Doubles, chosen: np.ndarray) -> Doubles:
    result: Doubles = np.sum(values * chosen, axis=1) / chosen.sum(axis=1)
    return result


def _divided(values: Doubles, by: Doubles) -> Doubles:
    """Divide, with 0 where an RDM does not vary, as rsatoolbox has it."""
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)
