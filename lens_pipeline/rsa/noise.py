"""Noise covariance: estimated from repeats, checked when given, and taken out of responses.

Multivariate noise normalisation (Walther et al. 2016, NeuroImage 137:188) multiplies responses by
the inverse square root of the units' noise covariance, which is estimated from the residuals about
each stimulus' mean and shrunk towards a multiple of the identity (Ledoit & Wolf 2004, J. Multivar.
Anal. 88:365). Univariate normalisation divides each unit by its own noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from lens_pipeline.errors import ComparisonError

if TYPE_CHECKING:
    from lens_pipeline.rsa.scatter import Doubles

# relative to the largest entry: how far a covariance may be from symmetric
_TOLERANCE = 1e-8


def shrunk_covariance(residuals: Doubles, *, dof: int) -> Doubles:
    """Return the (n_units, n_units) covariance of residuals (n, n_units), shrunk as Ledoit & Wolf.

    `dof`: degrees of freedom of the residuals, n less the number of means taken away.
    """
    n, n_units = residuals.shape
    sample = residuals.T @ residuals / n
    size = float(np.trace(sample)) / n_units
    eye = np.eye(n_units)
    distance = float(((sample - size * eye) ** 2).sum())
    fourth = float(((residuals**2).sum(axis=1) ** 2).mean())
    error = (fourth - float((sample**2).sum())) / n
    weight = min(error, distance) / distance if distance else 1.0
    result: Doubles = (weight * size * eye + (1 - weight) * sample) * n / dof
    return result


def noise_covariance(values: Doubles, *, name: str) -> Doubles:
    """Return the noise covariance of responses (n_repetitions, n_stimuli, n_units, n_times).

    Covariances of single times are averaged (Guggenmos et al. 2018, NeuroImage 173:434). Raises
    ComparisonError without repeats or where some unit has no noise at all.
    """
    n_repeats, n_stimuli, n_units, _ = values.shape
    if n_repeats < 2:
        raise ComparisonError(
            f"The reference {name} has one response to each stimulus, and noise shows only in "
            "repeats; set brain.normalise=none and another brain.method."
        )
    residuals = values - values.mean(axis=0)
    silent = np.flatnonzero((np.abs(residuals).max(axis=(0, 1, 3))) == 0)
    if silent.size:
        raise ComparisonError(
            f"The reference {name} has {silent.size} units whose repeats are all equal, the first "
            f"is unit {silent[0] + 1}; leave them out, for they have no noise to be normalised by."
        )
    rows = residuals.transpose(3, 0, 1, 2).reshape(values.shape[3], -1, n_units)
    dof = n_stimuli * (n_repeats - 1)
    each = np.stack([shrunk_covariance(part, dof=dof) for part in rows])
    result: Doubles = each.mean(axis=0)
    return result


def whitened(patterns: Doubles, covariance: Doubles, *, name: str) -> Doubles:
    """Return patterns (..., n_units) in which noise of that covariance is white and of size 1.

    Their Euclidean distances are Mahalanobis distances. Raises ComparisonError for a covariance
    of other units or one that is not positive definite.
    """
    n_units = patterns.shape[-1]
    if covariance.shape != (n_units, n_units):
        raise ComparisonError(
            f"{name} has {n_units} units and its noise covariance the shape {covariance.shape}; "
            "give the covariance of these units."
        )
    factor = cholesky(covariance, name=name)
    flat = patterns.reshape(-1, n_units).astype(np.float64)
    result: Doubles = scipy.linalg.solve_triangular(factor, flat.T, lower=True).T
    return result.reshape(patterns.shape)


def cholesky(covariance: Doubles, *, name: str) -> Doubles:
    """Return the lower factor; raises ComparisonError unless this is a covariance of noise."""
    square = covariance.ndim == 2 and covariance.shape[0] == covariance.shape[1]
    if not square or not np.isfinite(covariance).all():
        raise ComparisonError(
            f"The noise covariance of {name} has shape {covariance.shape}"
            f"{' and values that are not finite' if square else ''}; give a square matrix of "
            "finite numbers, one row per unit."
        )
    if np.abs(covariance - covariance.T).max() > _TOLERANCE * np.abs(covariance).max():
        raise ComparisonError(
            f"The noise covariance of {name} is not symmetric; give the covariance itself, not a "
            "factor or an inverse square root of it."
        )
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(covariance)[0])
        raise ComparisonError(
            f"The noise covariance of {name} is not positive definite: its smallest eigenvalue is "
            f"{least:.3g}; estimate it from more residuals, or shrink it."
        ) from None
    result: Doubles = factor.astype(np.float64, copy=False)
    return result


def univariate(values: Doubles, covariance: Doubles) -> Doubles:
    """Return responses (..., n_units, n_times) in units of each unit's own noise."""
    result: Doubles = values / np.sqrt(covariance.diagonal())[:, None]
    return result


def multivariate(values: Doubles, covariance: Doubles, *, name: str) -> Doubles:
    """Return responses (..., n_units, n_times) free of the noise's covariance.

    Of all inverse square roots the symmetric one is taken, which keeps each unit nearest to what
    it was; distances are the same with any, correlations are not.
    """
    cholesky(covariance, name=name)
    sizes, axes = np.linalg.eigh(covariance)
    root = axes / np.sqrt(sizes) @ axes.T
    result: Doubles = np.moveaxis(np.moveaxis(values, -2, -1) @ root, -1, -2)
    return result
