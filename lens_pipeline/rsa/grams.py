"""Gram matrices: all inner products between the patterns of a layer, in bounded memory.

Linear methods (ridge, PLS, CKA) depend on a layer of n stimuli only through these n x n numbers,
so a layer of any width is read once, block by block, and never held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.scatter import scatter

if TYPE_CHECKING:
    from lens_pipeline.rsa.rdms import Blocks
    from lens_pipeline.rsa.scatter import Doubles

# relative to the largest: eigenvalues below are rounding
_NO_SIZE = 1e-10


def gram(blocks: Blocks) -> Doubles:
    """Return the (n, n) inner products of patterns whose mean over stimuli is taken away.

    Raises NoRdmError for values that are not finite and for patterns that are all the same.
    """
    sums = scatter(blocks(), double=True, remove_common=True)
    products = sums.products + sums.n_units * np.multiply.outer(sums.means, sums.means)
    return centred(products)


def centred(products: Doubles) -> Doubles:
    """Return the Gram matrix of patterns from which their mean over stimuli is taken."""
    rows = products.mean(axis=0)
    result: Doubles = products - rows - products.mean(axis=1)[:, None] + rows.mean()
    return result


def coordinates(products: Doubles) -> Doubles:
    """Return patterns (n, at most n - 1) with these inner products, largest axis first.

    They are the layer's own patterns in rotated axes, so whatever does not depend on the choice of
    axes (ridge, PLS without scaling) gives the same predictions from them as from the layer.
    """
    sizes, axes = np.linalg.eigh((products + products.T) / 2)
    kept = sizes > _NO_SIZE * sizes[-1]
    result: Doubles = (axes[:, kept] * np.sqrt(sizes[kept]))[:, ::-1]
    return np.ascontiguousarray(result)
