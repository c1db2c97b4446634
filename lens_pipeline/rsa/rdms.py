"""Dissimilarities between the patterns of every layer and pass, as rsatoolbox's `RDMs`.

What is promised: each (layer, pass) that was given is either in the RDMs or named in a flag
with the reason; no dissimilarity is ever NaN. Values are within 1e-6 of the same formula in float64
and are rounded to float32, so that what is in memory and what is on disk are the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.noise import whitened
from lens_pipeline.rsa.scatter import Doubles, NoRdmError, Scatter, scatter

if TYPE_CHECKING:
    from rsatoolbox.rdm.rdms import RDMs

Blocks = Callable[[], Iterable[npt.NDArray[Any]]]

# Float32 products leave errors of about 1e-7. A correlation RDM whose values span less than this
# would have some of its ranks made by them, and is made again in float64.
_COARSE_SPAN = 1e-2
# a span that float64 products cannot tell from rounding
_NO_SPAN = 1e-12
# Two patterns nearer than this, squared and relative to their size about the common pattern, are
# one pattern: it is the rounding of the float64 product.
_SAME = 1e-13


@dataclass(frozen=True)
class RdmMethod:
    """One way to turn a scatter into dissimilarities."""

    # what the values are, for axes and files
    label: str
    # (n, n) dissimilarities; raises NoRdmError
    measure: Callable[[Scatter], Doubles]
    # multiply in float64 and take away the common pattern: what small distances need
    exact: bool = False
    # patterns are whitened by a noise covariance first, which must be given
    whitens: bool = False


@dataclass(frozen=True)
class LayerPass:
    """The activations of one layer at one pass."""

    layer: str
    # 1-based
    number: int
    # each call gives the activations anew, as blocks (n_stimuli, n_units_of_the_block)
    blocks: Blocks
    # covariance of the units' noise; None where none was given
    noise: Doubles | None = None


@dataclass(frozen=True)
class Flag:
    """A (layer, pass) that has no RDM."""

    layer: str
    number: int
    # a clause that starts with "it" or "its": "its pattern is the same for all stimuli, ..."
    reason: str


@dataclass(frozen=True)
class RdmSet:
    """The RDMs of one run and an account of those that could not be made."""

    # pattern_descriptors: stimulus_id; rdm_descriptors: layer, pass, name ("IT.output:2")
    rdms: RDMs
    flags: tuple[Flag, ...]
    # every layer and pass that was given, in the order of execution
    parts: tuple[tuple[str, int], ...]
    # a key of RDM_METHODS
    method: str


def dissimilarities(
    blocks: Blocks, *, method: str = "correlation", noise: Doubles | None = None
) -> npt.NDArray[np.float64]:
    """Return the n (n - 1) / 2 dissimilarities, in the order of scipy's `squareform`.

    `noise`: covariance (n_units, n_units) of the units' noise; Mahalanobis distances need it, and
    hold the layer whole in memory. Raises NoRdmError, whose message is the reason, if they would
    be undefined or all equal, and ComparisonError for a covariance that is missing or none.

    >>> patterns = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    >>> dissimilarities(lambda: [patterns], method="euclidean")
    array([5.       , 1.       , 4.2426405])
    """
    how = rdm_method(method)
    if how.whitens:
        blocks = _whitened(blocks, noise, method=method)
    values = _condensed(how, scatter(blocks(), double=how.exact, remove_common=how.exact))
    if not how.exact and np.ptp(values) < _COARSE_SPAN:
        values = _condensed(how, scatter(blocks(), double=True))
    assert np.isfinite(values).all()
    if np.ptp(values) <= _NO_SPAN * (values.max() if how.exact else 1):
        raise NoRdmError("its dissimilarities are all equal, so they order nothing")
    return values.astype(np.float32).astype(np.float64)


def compute_rdms(
    activations: Iterable[LayerPass],
    *,
    stimulus_ids: Sequence[str],
    method: str = "correlation",
    done: Callable[[str], None] | None = None,
) -> RdmSet:
    """Return the RDMs of all layers and passes; those without one are flagged and left out.

    `done` is called with the name of each as it is finished.
    """
    rdm_method(method)
    vectors: list[Doubles] = []
    parts: list[tuple[str, int]] = []
    kept: list[tuple[str, int]] = []
    flags: list[Flag] = []
    for part in activations:
        parts.append((part.layer, part.number))
        try:
            vectors.append(_measured(part, method=method, n_stimuli=len(stimulus_ids)))
            kept.append((part.layer, part.number))
        except NoRdmError as error:
            flags.append(Flag(part.layer, part.number, _with_names(error, stimulus_ids)))
        if done:
            done(pass_name(part.layer, part.number))
    return RdmSet(
        rdms=label_rdms(vectors, kept, stimulus_ids=stimulus_ids, method=method),
        flags=tuple(flags),
        parts=tuple(parts),
        method=method,
    )


def label_rdms(
    vectors: Sequence[Doubles],
    parts: Sequence[tuple[str, int]],
    *,
    stimulus_ids: Sequence[str],
    method: str,
) -> RDMs:
    """Return rsatoolbox RDMs of condensed vectors, labelled by layer, pass and stimulus."""
    n_pairs = len(stimulus_ids) * (len(stimulus_ids) - 1) // 2
    return make_rdms(
        np.array(vectors).reshape(len(vectors), n_pairs),
        stimulus_ids=stimulus_ids,
        label=RDM_METHODS[method].label,
        rows={
            "layer": [layer for layer, _ in parts],
            "pass": [number for _, number in parts],
            "name": [pass_name(layer, number) for layer, number in parts],
        },
    )


def make_rdms(
    vectors: Doubles,
    *,
    stimulus_ids: Sequence[str],
    rows: Mapping[str, Sequence[Any]],
    label: str | None = None,
) -> RDMs:
    """Return rsatoolbox RDMs of vectors (n_rdms, n_pairs); `rows` describes each of them."""
    from rsatoolbox.rdm.rdms import RDMs

    return RDMs(  # type: ignore[no-untyped-call]
        vectors,
        dissimilarity_measure=label,
        pattern_descriptors={"stimulus_id": list(stimulus_ids)},
        rdm_descriptors={name: list(values) for name, values in rows.items()},
    )


def pass_name(layer: str, number: int) -> str:
    """Return the label of a layer at a pass, as selectors write it."""
    return f"{layer}:{number}"


def rdm_method(name: str) -> RdmMethod:
    """Return the method of that name, or raise ComparisonError with the nearest ones."""
    if name == "crossnobis":
        raise ComparisonError(
            "rsa.method=crossnobis needs repeats, and a network gives the same activations each "
            "time; set brain.method=crossnobis for response data and rsa.method to another."
        )
    try:
        return RDM_METHODS[name]
    except KeyError:
        raise ComparisonError(
            f"There is no RDM method {name!r} (rsa.method); {nearest(name, RDM_METHODS)}."
        ) from None


def _whitened(blocks: Blocks, noise: Doubles | None, *, method: str) -> Blocks:
    if noise is None:
        raise ComparisonError(
            f"rsa.method={method} needs the covariance of the units' noise; give it with "
            "rsa.noise=FILE.npz, one array per layer or one for all."
        )
    patterns = np.concatenate([np.asarray(block, dtype=np.float64) for block in blocks()], axis=1)
    white = whitened(patterns, noise, name="the layer")
    return lambda: [white]


def _measured(part: LayerPass, *, method: str, n_stimuli: int) -> Doubles:
    try:
        vector = dissimilarities(part.blocks, method=method, noise=part.noise)
    except NoRdmError:
        raise
    except ComparisonError as error:
        raise ComparisonError(f"{pass_name(part.layer, part.number)}: {error}") from error
    if vector.size != n_stimuli * (n_stimuli - 1) // 2:
        found = squareform(vector, checks=False).shape[0]
        raise ComparisonError(
            f"{pass_name(part.layer, part.number)} has {found} stimuli, not the {n_stimuli} that "
            "were named; the store does not belong to this stimulus set."
        )
    return vector


def _with_names(error: NoRdmError, stimulus_ids: Sequence[str]) -> str:
    if not error.stimuli:
        return str(error)
    names = ", ".join(stimulus_ids[row] for row in error.stimuli[:3])
    more = len(error.stimuli) - 3
    return f"{error}: {names}" + (f" and {more} more stimuli" if more > 0 else "")


def _condensed(how: RdmMethod, sums: Scatter) -> Doubles:
    vector: Doubles = squareform(np.maximum(how.measure(sums), 0), checks=False)
    return vector


def _correlation(sums: Scatter) -> Doubles:
    if sums.constant:
        reason = "its units all have one value, so no correlation is defined, for some stimuli"
        raise NoRdmError(reason, stimuli=sums.constant)
    return _one_minus_cosine(sums.products)


def _cosine(sums: Scatter) -> Doubles:
    if sums.zero:
        reason = "its units are all zero, so no angle is defined, for some stimuli"
        raise NoRdmError(reason, stimuli=sums.zero)
    offsets = sums.n_units * np.multiply.outer(sums.means, sums.means)
    return _one_minus_cosine(sums.products + offsets)


def _one_minus_cosine(products: Doubles) -> Doubles:
    norms = np.sqrt(products.diagonal())
    result: Doubles = 1 - products / norms / norms[:, None]
    return result


def _squared_euclidean(sums: Scatter) -> Doubles:
    squares = sums.products.diagonal() + sums.n_units * (sums.means - sums.means.mean()) ** 2
    if squares.max() <= (4 * sums.resolution) ** 2 * sums.size:
        raise NoRdmError("its patterns differ by no more than rounding, so it carries no signal")
    sizes = np.add.outer(sums.products.diagonal(), sums.products.diagonal())
    distances = sizes - 2 * sums.products
    distances += sums.n_units * np.subtract.outer(sums.means, sums.means) ** 2
    distances[distances <= _SAME * sizes] = 0
    return distances


def _euclidean(sums: Scatter) -> Doubles:
    result: Doubles = np.sqrt(_squared_euclidean(sums))
    return result


# "euclidean" and "squared_euclidean" are the textbook distances. What rsatoolbox calls `euclidean`
# is squared_euclidean divided by the number of units, and its `mahalanobis` likewise; ranks are the
# same, values are not.
RDM_METHODS: dict[str, RdmMethod] = {
    "correlation": RdmMethod("1 - Pearson r", _correlation),
    "euclidean": RdmMethod("Euclidean distance", _euclidean, exact=True),
    "squared_euclidean": RdmMethod("squared Euclidean distance", _squared_euclidean, exact=True),
    "cosine": RdmMethod("1 - cosine similarity", _cosine),
    "mahalanobis": RdmMethod("Mahalanobis distance", _euclidean, exact=True, whitens=True),
    "squared_mahalanobis": RdmMethod(
        "squared Mahalanobis distance", _squared_euclidean, exact=True, whitens=True
    ),
}
