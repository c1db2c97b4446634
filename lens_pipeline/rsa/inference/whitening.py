"""What whitening takes from the sums of products of RDMs, in resamples of any number of stimuli.

Whitening by the covariance of dissimilarities whose noise is alike and independent over stimuli is
double centring (Diedrichsen et al. 2021, arXiv:2007.02789): each RDM, with the zeros on its
diagonal, loses the a_i + a_j that fit it best by least squares. In a resample the pairs of a
stimulus and its copy are missing and the fit is to those that are left, which is the same as
whitening by the covariance of these pairs. Copies have one a_i, so there is an equation for each
stimulus,

    (n + 2 - 2 c_i) a_i + sum_j c_j a_j = r_i,    r_i = sum_j c_j d_ij,

with counts c and n = sum c: a diagonal and a rank of one. What two RDMs lose of their product is
then a weighted scatter of their r about their levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import squareform

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.likeness import Doubles
    from lens_pipeline.rsa.inference.resamples import Counts

# values of one array of row sums: 64 MB
_VALUES = 1 << 23


def lost_products(rdms: Doubles, counts: Counts, means: Doubles) -> Doubles:
    """Return what whitening takes from the weighted mean product of each two RDMs, for each draw.

    `rdms` (n_rdms, n_pairs), `counts` (n_draws, n_stimuli); `means` (n_draws, n_rdms) is what each
    RDM is less of in each draw. Returns (n_draws, n_rdms, n_rdms).
    """
    n_draws, n_stimuli = counts.shape
    lost = np.empty((n_draws, len(rdms), len(rdms)))
    step = max(1, _VALUES // (len(rdms) * n_stimuli))
    for start in range(0, n_draws, step):
        part = slice(start, start + step)
        floats = counts[part].astype(np.float64)
        lost[part] = _scatter(_row_sums(rdms, floats, means[part]), floats)
    return lost


def _row_sums(rdms: Doubles, counts: Doubles, means: Doubles) -> Doubles:
    """Return r (n_draws, n_rdms, n_stimuli) of RDMs less their means."""
    sums = np.empty((len(counts), *rdms.shape[:1], counts.shape[1]))
    for row, rdm in enumerate(rdms):
        sums[:, row] = counts @ squareform(rdm, checks=False)
    others = counts.sum(axis=1, keepdims=True) - counts
    sums -= means[:, :, None] * others[:, None]
    return sums


def _scatter(sums: Doubles, counts: Doubles) -> Doubles:
    total = counts.sum(axis=1, keepdims=True)
    diagonal = total + 2 - 2 * counts
    shares = np.divide(counts, diagonal, out=np.zeros_like(counts), where=diagonal != 0)
    levels = np.einsum("dri,di->dr", sums, shares) / (1 + shares.sum(axis=1, keepdims=True))
    # a stimulus with just over half of the draw, in few stimuli, leaves its equation no diagonal,
    # so the level is what it says
    draws, stimuli = np.nonzero(diagonal == 0)
    levels[draws] = sums[draws, :, stimuli]
    away = sums - levels[:, :, None]
    products = (away * shares[:, None]) @ away.transpose(0, 2, 1)
    products += levels[:, :, None] * levels[:, None]
    n_pairs = (total**2 - (counts**2).sum(axis=1, keepdims=True)) / 2
    result: Doubles = products / n_pairs[..., None]
    return result
