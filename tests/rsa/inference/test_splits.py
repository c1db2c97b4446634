"""Parts of stimuli and subjects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.inference.splits import pairs_of, stimulus_parts, subject_parts


def test_a_concept_is_in_one_part() -> None:
    """Parts are as equal as concepts of unequal size allow, and another seed parts otherwise."""
    groups = [f"g{row % 13}" for row in range(64)]
    parts = stimulus_parts(groups, n_parts=2, seed=0)
    homes = {(group, int(part)) for group, part in zip(groups, parts, strict=True)}
    assert len(homes) == 13
    assert abs(int((parts == 0).sum()) - 32) <= 3
    np.testing.assert_array_equal(parts, stimulus_parts(groups, n_parts=2, seed=0))
    assert (parts != stimulus_parts(groups, n_parts=2, seed=1)).any()


def test_a_part_that_is_too_small_is_refused() -> None:
    """The sentence counts stimuli and groups, and says what to set."""
    with pytest.raises(ComparisonError, match=r"20 stimuli in 1 groups leave 0 in one of 2 parts"):
        stimulus_parts(["one"] * 20, n_parts=2, seed=0)
    with pytest.raises(ComparisonError, match=r"needs 8 in each; give more.*rsa.choose=none"):
        stimulus_parts([str(row) for row in range(15)], n_parts=2, seed=0)


def test_subjects_are_parted_equally() -> None:
    """To one subject."""
    assert sorted(np.bincount(subject_parts(7, n_parts=2, seed=0))) == [3, 4]


def test_pairs_of_a_part_are_those_of_its_stimuli_alone() -> None:
    """The RDM of a part is the RDM of the patterns of that part."""
    patterns = np.random.default_rng(0).random((9, 4))
    chosen = np.array([True, False, True, True, False, True, False, False, True])
    np.testing.assert_array_equal(
        pairs_of(pdist(patterns)[None], chosen)[0], pdist(patterns[chosen])
    )
