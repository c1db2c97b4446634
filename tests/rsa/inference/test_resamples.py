"""Draws with replacement, as counts."""

from __future__ import annotations

import numpy as np
import pytest

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.inference.resamples import (
    draw_resamples,
    drawn_groups,
    from_counts,
    scheme_called,
)


def test_as_many_are_drawn_as_there_are() -> None:
    """The seed alone decides."""
    one, two = (
        draw_resamples("dual", n_stimuli=9, n_subjects=4, n_draws=50, seed=3) for _ in range(2)
    )
    assert (one.stimuli.sum(axis=1) == 9).all()
    assert (one.subjects.sum(axis=1) == 4).all()
    np.testing.assert_array_equal(one.stimuli, two.stimuli)
    # each is drawn with replacement: about 37 % are not drawn
    assert 0.25 < np.mean(one.stimuli == 0) < 0.45


def test_draws_of_two_stimuli_are_not_evaluated() -> None:
    """Unless stimuli are not resampled at all."""
    counts = {"stimuli": np.array([[2, 2, 0, 0], [1, 1, 2, 0]]), "subjects": np.ones((2, 3), int)}
    assert from_counts("dual", **counts).usable.tolist() == [False, True]
    assert from_counts("subjects", **counts).usable.all()


def test_few_groups_are_not_drawn_whole() -> None:
    """Four concepts are too few to draw; eight are not."""
    assert drawn_groups(["a", "b", "c", "d"] * 5) == tuple(str(row) for row in range(20))
    assert drawn_groups(list("abcdefgh") * 2) == tuple("abcdefgh" * 2)


def test_an_unknown_scheme_is_refused() -> None:
    """With the nearest names."""
    with pytest.raises(ComparisonError, match=r"no way to resample 'stimulus'.*stimuli"):
        scheme_called("stimulus")
