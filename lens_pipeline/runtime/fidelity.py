"""How faithful a fast layer is to the exact one: in its values, and in the RDM they give.

The RDM is that of correlation distances (Kriegeskorte, Mur & Bandettini, 2008), and two of them are
compared by Spearman's rank correlation of their upper triangles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Fidelity:
    """A fast layer beside the exact one, over the probe's stimuli."""

    # largest, over stimuli, of |fast - exact| / |exact| (Euclidean norms); inf where exact is 0
    relative_error: float
    # of the two RDMs; 1 where the values are the same, NaN where one has no RDM
    rdm_spearman: float

    def reaches(self, least: float) -> bool:
        """Say whether the RDMs are alike enough; one that is not there is not."""
        return self.rdm_spearman >= least


def worst(measured: list[Fidelity]) -> Fidelity:
    """Return the worst of each measure over the passes of a layer."""
    spearmans = [one.rdm_spearman for one in measured]
    return Fidelity(
        relative_error=max(one.relative_error for one in measured),
        rdm_spearman=math.nan if any(map(math.isnan, spearmans)) else min(spearmans),
    )


def compare(exact: torch.Tensor, fast: torch.Tensor) -> Fidelity:
    """Compare two layers of shape (stimulus, *units)."""
    one, other = (value.flatten(1).cpu().double() for value in (exact, fast))
    if torch.equal(one, other):
        return Fidelity(0.0, 1.0)
    apart, size = (one - other).norm(dim=1), one.norm(dim=1)
    relative = torch.where(apart == 0, 0.0, apart / size)
    return Fidelity(float(relative.max()), _spearman(_rdm(one), _rdm(other)))


def _rdm(values: torch.Tensor) -> np.ndarray:
    """Return the upper triangle of the correlation distances of rows, NaN for constant rows."""
    centred = values - values.mean(dim=1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    constant = length <= 1e-12 * values.norm(dim=1, keepdim=True)
    unit = (centred / length).masked_fill(constant, math.nan)
    rows, cols = np.triu_indices(len(values), 1)
    distances: np.ndarray = 1 - (unit @ unit.T).numpy()
    return distances[rows, cols]


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import rankdata

    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return math.nan
    ranks = [rankdata(values) for values in (one, other)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return math.nan
    return float(np.corrcoef(*ranks)[0, 1])
