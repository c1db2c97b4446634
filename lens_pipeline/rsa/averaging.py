"""Activations averaged over the stimuli that share a label, so that RDMs are of concepts.

Blocks of units are averaged as they are read, so a layer is never whole in memory. Means are made
in float64 and rounded to the block's own type, in which the RDM is made. What is promised: a label
counts once, however many stimuli it has, and how many it has is said.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.rsa.rdms import Blocks

# fewer patterns have too few pairs for an order
LEAST = 3
# values of a block that are averaged at once; they are copied
_PIECE = 1 << 20


@dataclass(frozen=True)
class Averaging:
    """Which stimuli make up each averaged pattern."""

    # column of the stimuli
    label: str
    # its values in the order of their first stimulus: the ids of averaged patterns
    values: tuple[str, ...]
    # (n_stimuli,) rows sorted by value, in order within one
    order: npt.NDArray[np.intp]
    # (n_values,) how many stimuli each has
    counts: npt.NDArray[np.intp]


def averaging(label: str, labels: Mapping[str, Sequence[Any]]) -> Averaging:
    """Return how stimuli are averaged by a column of `labels`, a value for each stimulus.

    Raises ComparisonError for a column that is not there, a stimulus without a value, and fewer
    than three values.
    """
    if label not in labels:
        raise ComparisonError(
            f"rsa.average={label}: the stimuli have no such column; {nearest(label, labels)}."
        )
    given = [str(value) for value in labels[label]]
    if empty := sum(not value for value in given):
        raise ComparisonError(
            f"rsa.average={label}: {empty} of {len(given)} stimuli have no {label}; give each one, "
            "or leave them out."
        )
    values = tuple(dict.fromkeys(given))
    if len(values) < LEAST:
        raise ComparisonError(
            f"rsa.average={label}: the stimuli have {len(values)} values, {', '.join(values)}, and "
            f"an RDM needs {LEAST}."
        )
    place = {value: row for row, value in enumerate(values)}
    members = np.array([place[value] for value in given])
    return Averaging(
        label, values, np.argsort(members, kind="stable"), np.bincount(members).astype(np.intp)
    )


def averaged(blocks: Blocks, over: Averaging) -> Blocks:
    """Return blocks (n_values, n_units_of_the_block) of means of the given ones."""

    def means() -> Iterator[npt.NDArray[Any]]:
        for block in blocks():
            width = max(1, _PIECE // len(block))
            for start in range(0, block.shape[1], width):
                yield _means(block[:, start : start + width], over)

    return means


def averaged_labels(
    over: Averaging, labels: Mapping[str, Sequence[Any]]
) -> dict[str, tuple[str, ...]]:
    """Return the columns that have one value within each averaged pattern, a value for each."""
    firsts = np.concatenate([[0], np.cumsum(over.counts)[:-1]])
    found = {}
    for name, column in labels.items():
        sorted_values = np.array([str(value) for value in column], dtype=object)[over.order]
        of_first = sorted_values[firsts]
        if (sorted_values == np.repeat(of_first, over.counts)).all():
            found[name] = tuple(of_first.tolist())
    return found


def describe_averaging(over: Averaging) -> str:
    """Say how many patterns there are and how many stimuli each is the mean of.

    >>> describe_averaging(averaging("concept", {"concept": ["cat", "dog", "cat", "mug"]}))
    '3 values of concept, means of 1 to 2 stimuli (1 of 2, 2 of 1)'
    """
    sizes = Counter(over.counts.tolist())
    least, most = min(sizes), max(sizes)
    of = f"{least} stimuli each" if least == most else f"{least} to {most} stimuli"
    few = ""
    if 1 < len(sizes) <= 4:
        few = f" ({', '.join(f'{n} of {size}' for size, n in sorted(sizes.items(), reverse=True))})"
    return f"{len(over.values)} values of {over.label}, means of {of}{few}"


def _means(block: npt.NDArray[Any], over: Averaging) -> npt.NDArray[Any]:
    starts = np.concatenate([[0], np.cumsum(over.counts)[:-1]])
    sums = np.add.reduceat(block[over.order], starts, axis=0, dtype=np.float64)
    means: npt.NDArray[Any] = (sums / over.counts[:, None]).astype(block.dtype)
    return means
