"""Folds: groups stay together, sizes are even, the same seed gives the same folds."""

from __future__ import annotations

import numpy as np
import pytest

from lens_pipeline.encoding.folds import group_folds, within
from lens_pipeline.errors import ComparisonError

GROUPS = [f"concept{number % 12}" for number in range(40)]


def test_no_group_is_on_both_sides() -> None:
    """Every row is tested once, and its group is never fitted beside it."""
    folds = group_folds(GROUPS, 4, seed=0)
    tested = np.sort(np.concatenate([test for _, test in folds]))
    np.testing.assert_array_equal(tested, np.arange(40))
    for fitted, test in folds:
        assert not {GROUPS[row] for row in fitted} & {GROUPS[row] for row in test}
        assert 9 <= len(test) <= 11
        for inner_fitted, inner_test in within((fitted, test), GROUPS, n_folds=4, seed=0):
            here = [GROUPS[row] for row in fitted]
            assert not {here[row] for row in inner_fitted} & {here[row] for row in inner_test}


def test_groups_of_uneven_size_make_even_folds() -> None:
    """A large group fills a fold, and the small ones go elsewhere."""
    groups = ["large"] * 10 + [f"c{number}" for number in range(20)]
    sizes = sorted(len(test) for _, test in group_folds(groups, 3, seed=0))
    assert sizes == [10, 10, 10]


def test_a_seed_decides() -> None:
    """The same seed the same folds, another seed others."""
    tests = [group_folds(GROUPS, 4, seed=seed)[0][1].tolist() for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize(("n", "n_folds"), [(40, 1), (10, 4)])
def test_too_few_stimuli_are_refused(n: int, n_folds: int) -> None:
    """A fold needs enough stimuli to correlate over."""
    with pytest.raises(ComparisonError, match=rf"do not make encoding\.folds={n_folds}"):
        group_folds([str(number) for number in range(n)], n_folds, seed=0)
