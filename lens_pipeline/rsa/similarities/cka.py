"""Linear CKA, debiased: how alike the geometry of two layers is, whatever their width.

Centered kernel alignment (Kornblith et al. 2019, ICML) with the unbiased estimator of HSIC (Song et
al. 2012, JMLR 13:1393, eq. 5), as used by Nguyen, Raghu & Kornblith 2021 (ICLR). The usual, biased
one is near 1 for any two wide layers of few stimuli, random ones included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import ComparisonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from lens_pipeline.rsa.scatter import Doubles

# with fewer stimuli the estimator divides by zero
LEAST_STIMULI = 4


def hsic(one: Doubles, other: Doubles) -> float:
    """Return the unbiased HSIC of two Gram matrices (n, n) of the same stimuli in one order."""
    n = len(one)
    if one.shape != other.shape or n < LEAST_STIMULI:
        raise ComparisonError(
            f"CKA needs Gram matrices of the same {LEAST_STIMULI} or more stimuli, not "
            f"{len(one)} and {len(other)}."
        )
    first, second = _hollow(one), _hollow(other)
    product = float((first * second).sum())
    sums = float(first.sum() * second.sum()) / ((n - 1) * (n - 2))
    rows = 2 * float(first.sum(axis=0) @ second.sum(axis=0)) / (n - 2)
    return (product + sums - rows) / (n * (n - 3))


def cka(one: Doubles, other: Doubles) -> float:
    """Return debiased linear CKA of two Gram matrices; 1 is equal, 0 unrelated (and may be below).

    NaN where a layer has no more variance than noise of its own size would.
    """
    sizes = hsic(one, one), hsic(other, other)
    if min(sizes) <= 0:
        return float("nan")
    return hsic(one, other) / float(np.sqrt(sizes[0] * sizes[1]))


def cka_table(grams: Mapping[str, Doubles]) -> pd.DataFrame:
    """Return CKA of every layer with every other; labels are the keys."""
    import pandas as pd

    names = list(grams)
    values = np.eye(len(names))
    for row, one in enumerate(names):
        for column, other in enumerate(names[: row + 1]):
            values[row, column] = values[column, row] = cka(grams[one], grams[other])
    return pd.DataFrame(values, index=names, columns=names)


def _hollow(products: Doubles) -> Doubles:
    result: Doubles = products / np.abs(products).max()
    np.fill_diagonal(result, 0)
    return result
