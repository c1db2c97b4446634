"""Parts of stimuli and of subjects, so that what is chosen on one is scored on another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.inference.resamples import pair_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.rsa.inference.likeness import Doubles

# of a part; fewer give too few pairs to tell layers apart
LEAST_IN_PART = 8


def stimulus_parts(groups: Sequence[str], *, n_parts: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the part (0, 1, ...) of each stimulus; stimuli of one group are in one part.

    `groups` names the group of each stimulus; all names differ where stimuli are on their own.
    Parts are random and as equal as groups allow. Raises ComparisonError if one is too small.
    """
    members = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(members)
    random = np.random.default_rng(seed)
    part_of_group = np.empty(len(sizes), dtype=np.int64)
    filled = np.zeros(n_parts)
    # the largest groups first, each into the part that has the fewest stimuli so far
    for group in sorted(random.permutation(len(sizes)), key=lambda one: -sizes[one]):
        part_of_group[group] = np.argmin(filled)
        filled[part_of_group[group]] += sizes[group]
    if filled.min() < LEAST_IN_PART:
        raise ComparisonError(
            f"{len(groups)} stimuli in {len(sizes)} groups leave {int(filled.min())} in one of "
            f"{n_parts} parts (rsa.parts), and choosing a layer needs {LEAST_IN_PART} in each; "
            "give more stimuli, or set rsa.choose=none."
        )
    return part_of_group[members]


def subject_parts(n_subjects: int, *, n_parts: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the part of each subject; parts are random and equal to one subject."""
    order = np.random.default_rng(seed).permutation(n_subjects)
    parts = np.empty(n_subjects, dtype=np.int64)
    parts[order] = np.arange(n_subjects) % n_parts
    return parts


def pairs_of(vectors: Doubles, chosen: npt.NDArray[np.bool_]) -> Doubles:
    """Return the RDMs (n_rdms, n_pairs) of the chosen stimuli alone."""
    first, second = pair_rows(len(chosen))
    return vectors[:, chosen[first] & chosen[second]]
