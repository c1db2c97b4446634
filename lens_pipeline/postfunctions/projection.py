"""A very sparse random projection: many units to k components, distances kept in expectation.

Method: Li, Hastie and Church (2006), "Very sparse random projections", after Achlioptas (2003):
about one entry in sqrt(n) of the matrix is not zero. The n units are cut into m = floor(sqrt(n))
stretches of nearly equal width w; each component adds one unit drawn from every stretch, times
sqrt(w / k) and a random sign. Each entry then has mean 0 and variance 1/k, entries of different
units are uncorrelated, and so squared Euclidean distances are kept in expectation.

The draws are integers of the bit generator PCG64, whose stream NumPy guarantees; no library's
distributions and no floating-point function decide which units are drawn. The matrix for one
(n, k, seed) is therefore the same on every machine, device and version.

It is stored as indices and weights, 8 bytes per non-zero entry, and applied as a sum of weighted
rows (torch's `embedding_bag`), which needs neither MKL nor a dense matrix and adds in one fixed
order: on a CPU, the bits of a stimulus do not depend on the batch it came in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lens_pipeline.postfunctions.axes import Dims, Postfunction

# Bytes of matrices that one compiled chain holds on to; a matrix beyond it is made for each batch.
HELD_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class Projection:
    """The non-zero entries of an n x k matrix, component by component."""

    # (k, m) int32: the units that each component adds, ascending
    units: Tensor
    # (k, m) float32: the factor of each
    weights: Tensor


def srp(parameter: str) -> Postfunction:
    """Project all units sparsely onto k components: `srp:1024`, or `srp:1024:7` for seed 7.

    The result always has k components, also for a layer with fewer units, so that all layers agree
    in shape. Signs average out over components, so the correlation distance of components
    approximates the *cosine* distance of units; the Euclidean distance approximates its own kind.
    """
    k, seed = _parse(parameter)
    held: dict[tuple[int, torch.device], Projection] = {}

    def projected(tensor: Tensor, _: Dims) -> tuple[Tensor, Dims]:
        flat = as_float(tensor).reshape(tensor.shape[0], math.prod(tensor.shape[1:]))
        key = (flat.shape[1], flat.device)
        projection = held.get(key) or draw_projection(*key, k=k, seed=seed)
        if sum(map(_bytes, {**held, key: projection}.values())) <= HELD_BYTES:
            held[key] = projection
        return project(flat, projection), ("component",)

    return projected


def draw_projection(n: int, device: torch.device, *, k: int, seed: int) -> Projection:
    """Draw the matrix from n units to k components that belongs to (n, k, seed)."""
    import numpy as np
    import torch

    if n == 0:
        raise ValueError("it has no units to project")
    stretches = math.isqrt(n)
    edges = np.arange(stretches + 1, dtype=np.int64) * n // stretches
    widths = np.diff(edges)
    draws = np.random.PCG64(np.random.SeedSequence([seed, n, k])).random_raw(k * stretches)
    draws = draws.reshape(k, stretches)
    # The lowest bit is the sign; the other 63 choose the unit, even to within w / 2**63.
    units = edges[:-1] + ((draws >> np.uint64(1)) % widths.astype(np.uint64)).astype(np.int64)
    signs = 1.0 - 2.0 * (draws & np.uint64(1)).astype(np.float64)
    weights = (signs * np.sqrt(widths / k)).astype(np.float32)
    return Projection(
        units=torch.from_numpy(units.astype(np.int32)).to(device),
        weights=torch.from_numpy(weights).to(device),
    )


def project(flat: Tensor, projection: Projection) -> Tensor:
    """Return (stimulus, k) components of (stimulus, n) units, in the dtype of `flat`."""
    import torch
    from torch.nn.functional import embedding_bag

    # A clone, since the transpose of one stimulus counts as contiguous while its strides send it
    # through another kernel, which rounds otherwise.
    columns = flat.T.clone(memory_format=torch.contiguous_format)
    components = embedding_bag(
        projection.units,
        columns,
        mode="sum",
        per_sample_weights=projection.weights.to(flat.dtype),
    )
    return components.T.contiguous()


def as_float(tensor: Tensor) -> Tensor:
    """Return the tensor in float32, or as it is if that or float64; complex has no such form."""
    import torch

    if tensor.is_complex():
        raise ValueError("its values are complex, and their order and mean are not defined here")
    return tensor if tensor.dtype in {torch.float32, torch.float64} else tensor.float()


def _parse(parameter: str) -> tuple[int, int]:
    k, colon, seed = parameter.partition(":")
    if not k.isdecimal() or int(k) < 1 or (colon and not seed.isdecimal()):
        raise ValueError("write srp:K with K of at least 1, or srp:K:SEED, as in srp:1024:7")
    return int(k), int(seed or 0)


def _bytes(projection: Projection) -> int:
    return projection.units.nbytes + projection.weights.nbytes
