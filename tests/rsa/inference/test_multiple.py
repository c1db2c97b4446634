"""Corrections against scipy and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.inference.multiple import CORRECTIONS, corrected

P_VALUES = np.random.default_rng(0).random(20) ** 3


def test_fdr_is_that_of_benjamini_and_hochberg() -> None:
    """scipy adjusts the same way."""
    np.testing.assert_allclose(corrected(P_VALUES), false_discovery_control(P_VALUES))


def test_holm_steps_down() -> None:
    """The smallest is multiplied by their number, the next by one less, and none falls."""
    found = corrected([0.02, 0.01, 0.9, 0.021], correction="holm")
    np.testing.assert_allclose(found, [0.06, 0.04, 0.9, 0.06])


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_test_that_was_not_made_does_not_count(correction: str) -> None:
    """NaN stays NaN, no p-value falls, and none is above 1."""
    found = corrected([np.nan, *P_VALUES, np.nan], correction=correction)
    assert np.isnan(found[[0, -1]]).all()
    np.testing.assert_array_equal(found[1:-1], corrected(P_VALUES, correction=correction))
    assert ((found[1:-1] >= P_VALUES) & (found[1:-1] <= 1)).all()
    assert corrected([], correction=correction).shape == (0,)


def test_an_unknown_correction_is_refused() -> None:
    """With the nearest names."""
    with pytest.raises(ComparisonError, match=r"no correction 'fdrr' \(rsa.correction\).*fdr"):
        corrected([0.1], correction="fdrr")
