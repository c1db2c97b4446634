"""Fidelity against SciPy's distances and rank correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from lens_pipeline.runtime.fidelity import Fidelity, compare, worst

X = torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(1)) * 0.3


def test_numbers_are_those_of_scipy() -> None:
    """Relative error by stimulus, Spearman of the two correlation RDMs."""
    found = compare(X, X + NOISE)
    flat = [value.flatten(1).double().numpy() for value in (X, X + NOISE)]
    errors = np.linalg.norm(flat[0] - flat[1], axis=1) / np.linalg.norm(flat[0], axis=1)
    assert found.relative_error == pytest.approx(errors.max())
    rdms = [pdist(rows, "correlation") for rows in flat]
    assert found.rdm_spearman == pytest.approx(spearmanr(*rdms).statistic)


def test_the_same_values_are_faithful_whatever_they_are() -> None:
    """Also where there is no RDM, as of a layer that no signal has reached."""
    assert compare(torch.zeros(4, 3), torch.zeros(4, 3)) == Fidelity(0.0, 1.0)


def test_a_layer_without_an_rdm_is_not_faithful() -> None:
    """A stimulus with constant values has no correlation distance."""
    flat = X.clone()
    flat[2] = 1
    found = compare(X, flat)
    assert math.isnan(found.rdm_spearman)
    assert not found.reaches(0.1)
    assert compare(torch.zeros(4, 3), torch.ones(4, 3)).relative_error == math.inf


def test_the_worst_pass_counts() -> None:
    """Each measure by itself; no RDM is worse than any."""
    assert worst([Fidelity(0.1, 0.9), Fidelity(0.2, 0.99)]) == Fidelity(0.2, 0.9)
    assert math.isnan(worst([Fidelity(0.1, 0.9), Fidelity(0.0, math.nan)]).rdm_spearman)
    assert Fidelity(0.1, 0.9).reaches(0.9)
    assert not Fidelity(0.1, 0.9).reaches(0.91)
