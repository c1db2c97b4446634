"""Draws of stimuli and subjects, each parted into folds of both, in the order of rsatoolbox.

A fold is tested on some of the stimuli and subjects that were drawn and fitted to the others;
copies stay on one side. The same seed gives the draws and folds of `bootstrap_crossval` (Schütt et
al. 2023), which takes two partitions of each draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.rsa.inference.resamples import Counts

PARTITIONS = 2
# groups of stimuli without which a fold is too small to be scored
_LEAST_IN_FOLD = 3
# share of all that a draw with replacement holds at least once
_DRAWN = 1 - 1 / np.e


@dataclass(frozen=True)
class Fold:
    """What is fitted and what is tested, as counts: how often each was drawn."""

    # (n_groups,)
    fitted: Counts
    tested: Counts
    # (n_subjects,) the same where there are too few subjects to be parted
    fitted_people: Counts
    tested_people: Counts


@dataclass(frozen=True)
class Parted:
    """One draw and its folds."""

    # (n_groups,) and (n_subjects,)
    groups: Counts
    people: Counts
    # PARTITIONS after each other; none of a draw with too few different groups or subjects
    folds: tuple[Fold, ...]


def parted_draws(n_groups: int, n_subjects: int, *, n_draws: int, seed: int) -> Iterator[Parted]:
    """Draw groups of stimuli, and subjects where there are several, and part what was drawn."""
    random = np.random.RandomState(seed)
    by_groups = _folds(_DRAWN * n_groups, (12, 24, 40))
    by_people = _folds(_DRAWN * n_subjects, (6, 12, 20)) if n_subjects > 1 else 1
    for _ in range(n_draws):
        people = np.ones(n_subjects, dtype=np.int64)
        if n_subjects > 1:
            people = _drawn(random, n_subjects)
        groups = _drawn(random, n_groups)
        enough = np.count_nonzero(people) >= by_people
        if enough and np.count_nonzero(groups) >= _LEAST_IN_FOLD * by_groups:
            folds = tuple(_parted(random, groups, people, by_groups, by_people))
            yield Parted(groups, people, folds)
        else:
            yield Parted(groups, people, ())


def _folds(n_drawn: float, steps: tuple[int, ...]) -> int:
    """Return the number of folds: 2, and one more from each step on."""
    return 2 + sum(n_drawn >= step for step in steps)


def _drawn(random: np.random.RandomState, n: int) -> Counts:
    return np.bincount(random.randint(0, n, size=n), minlength=n)


def _parted(
    random: np.random.RandomState, groups: Counts, people: Counts, by_groups: int, by_people: int
) -> Iterator[Fold]:
    for _ in range(PARTITIONS):
        for chosen in _parts(random, people, by_people):
            for tested in _parts(random, groups, by_groups):
                yield Fold(
                    np.where(tested, 0, groups),
                    np.where(tested, groups, 0),
                    people if by_people == 1 else np.where(chosen, 0, people),
                    np.where(chosen, people, 0),
                )


def _parts(
    random: np.random.RandomState, counts: Counts, n_parts: int
) -> list[npt.NDArray[np.bool_]]:
    """Return which are in each part, of those that were drawn, in a random order."""
    order = np.flatnonzero(counts)
    random.shuffle(order)
    size, rest = divmod(len(order), n_parts)
    found = []
    for part in range(n_parts):
        chosen = np.zeros(len(counts), dtype=bool)
        chosen[order[part * size : (part + 1) * size]] = True
        # those that are left over go one by one, from the end, to the first parts
        chosen[order[len(order) - 1 - part : len(order) - part] if part < rest else []] = True
        found.append(chosen)
    return found
