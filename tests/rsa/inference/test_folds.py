"""Folds within draws: all that was drawn is tested once a partition, and not fitted then."""

from __future__ import annotations

import numpy as np
import pytest

from lens_pipeline.rsa.inference.folds import PARTITIONS, parted_draws


@pytest.mark.parametrize(("n_groups", "n_subjects"), [(20, 4), (41, 1), (64, 15)])
def test_all_that_was_drawn_is_tested(n_groups: int, n_subjects: int) -> None:
    """With its copies; of subjects too, unless there is one."""
    for parted in parted_draws(n_groups, n_subjects, n_draws=20, seed=1):
        assert parted.groups.sum() == n_groups
        assert parted.people.sum() == n_subjects
        if not parted.folds:
            continue
        tested = sum(np.outer(fold.tested, fold.tested_people) for fold in parted.folds)
        np.testing.assert_array_equal(tested, PARTITIONS * np.outer(parted.groups, parted.people))
        for fold in parted.folds:
            assert np.count_nonzero(fold.tested) >= 3
            np.testing.assert_array_equal(fold.fitted + fold.tested, parted.groups)
            both = fold.fitted_people + fold.tested_people
            np.testing.assert_array_equal(both, parted.people * (1 if n_subjects > 1 else 2))


def test_a_draw_of_too_few_has_no_folds() -> None:
    """Of two subjects each draw may be one of them twice; of 20 groups nine make three folds."""
    draws = list(parted_draws(20, 2, n_draws=50, seed=0))
    for parted in draws:
        assert bool(parted.folds) == (parted.people.all() and np.count_nonzero(parted.groups) >= 9)
    assert 10 < sum(bool(parted.folds) for parted in draws) < 40
