"""Correction of p-values for the number of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.time import untimed_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from lens_pipeline.rsa.references.loading import Reference

Doubles = npt.NDArray[np.float64]


def corrected(p_values: npt.ArrayLike, *, correction: str = "fdr") -> Doubles:
    """Return p-values adjusted for their number, to be held against the same threshold.

    NaN stays NaN and is not counted. Raises ComparisonError for an unknown correction.

    >>> corrected([0.01, 0.02, 0.9], correction="bonferroni")
    array([0.03, 0.06, 1.  ])
    """
    check_correction(correction)
    result = np.array(p_values, dtype=np.float64)
    there = ~np.isnan(result)
    if there.any():
        result[there] = np.clip(CORRECTIONS[correction](result[there]), 0, 1)
    return result


def by_data(references: Sequence[Reference]) -> dict[str, list[Reference]]:
    """Return the references of each region of a file, one for every time of the data."""
    found: dict[str, list[Reference]] = {}
    for one in references:
        found.setdefault(one.name if one.time is None else untimed_name(one.name), []).append(one)
    return found


def correct(
    table: pd.DataFrame, columns: Mapping[str, str], *, family: Mapping[str, str], correction: str
) -> None:
    """Fill columns of a table in with its p-values, by name, corrected within family and measure.

    `family`: what the tests against each reference are corrected together with.
    """
    together = [table["reference"].map(family), table["measure"]]
    for name, of in columns.items():
        for _, part in table.groupby(together)[of]:
            table.loc[part.index, name] = corrected(part, correction=correction)


def check_correction(name: str) -> None:
    """Raise ComparisonError if there is no correction of that name."""
    if name not in CORRECTIONS:
        near = nearest(name, CORRECTIONS)
        raise ComparisonError(f"There is no correction {name!r} (rsa.correction); {near}.")


def _none(p_values: Doubles) -> Doubles:
    return p_values


def _bonferroni(p_values: Doubles) -> Doubles:
    result: Doubles = p_values * len(p_values)
    return result


def _holm(p_values: Doubles) -> Doubles:
    order = np.argsort(p_values)
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    result = np.empty_like(p_values)
    result[order] = np.maximum.accumulate(scaled)
    return result


def _fdr(p_values: Doubles) -> Doubles:
    order = np.argsort(p_values)[::-1]
    scaled = p_values[order] * len(p_values) / np.arange(len(p_values), 0, -1)
    result = np.empty_like(p_values)
    result[order] = np.minimum.accumulate(scaled)
    return result


# "holm" and "bonferroni" bound the probability of any false positive, holm with more power (Holm
# 1979); "fdr" bounds the expected share of false positives (Benjamini & Hochberg 1995).
CORRECTIONS: dict[str, Callable[[Doubles], Doubles]] = {
    "fdr": _fdr,
    "holm": _holm,
    "bonferroni": _bonferroni,
    "none": _none,
}
