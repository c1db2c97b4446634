"""The rank correlations of RDMs whose pairs have copies, each for many RDMs at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.stats

from lens_pipeline.rsa.inference.concordance import discordance, tied_pairs
from lens_pipeline.rsa.inference.reweighted import concordance_by_draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lens_pipeline.rsa.inference.ranks import Ints

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# ranks that are turned into floats at a time: 32 MB
_VALUES = 1 << 22
# values from which on merge sort is faster than counting block by block
_MANY = 20_000


@dataclass(frozen=True)
class RankMeasure:
    """A rank correlation of doubled midranks, with the number of copies of each value."""

    # (n_a, n), (n_b, n), copies (n,) -> (n_a, n_b)
    across: Callable[[Ints, Ints, Ints], Doubles]
    # (n_a, n), (n_a, n), copies (n,) -> (n_a,)
    along: Callable[[Ints, Ints, Ints], Doubles]
    # (n_a, n), (n_b, n), copies (n, n_draws) -> (n_draws, n_a, n_b), or None: draw by draw
    by_draw: Callable[[Ints, Ints, Singles], Doubles] | None = None


def _centred(ranks: Ints, copies: Ints) -> Doubles:
    # doubled midranks always have the mean n + 1
    return np.asarray(ranks - float(copies.sum() + 1), dtype=np.float64)


def _products(a: Ints, b: Ints, copies: Ints) -> Doubles:
    """Return the weighted products of centred ranks (n_a, n_b), a few rows of `a` at a time."""
    y = _centred(b, copies)
    y *= copies
    return np.concatenate([_centred(rows, copies) @ y.T for rows in _few(a)])


def _squares(ranks: Ints, copies: Ints) -> Doubles:
    """Return the weighted square of each row of centred ranks."""
    return np.concatenate([_along(rows, rows, copies) for rows in _few(ranks)])


def _along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    pairs = zip(_few(a), _few(b), strict=True)
    sums = [(_centred(x, copies) * copies * _centred(y, copies)).sum(axis=1) for x, y in pairs]
    return np.concatenate(sums)


def _few(rows: Ints) -> Iterator[Ints]:
    step = max(1, _VALUES // rows.shape[1])
    return (rows[start : start + step] for start in range(0, max(1, len(rows)), step))


def _spearman(a: Ints, b: Ints, copies: Ints) -> Doubles:
    norms = np.sqrt(np.outer(_squares(a, copies), _squares(b, copies)))
    return _divided(_products(a, b, copies), norms)


def _spearman_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    norms = np.sqrt(_squares(a, copies) * _squares(b, copies))
    return _divided(_along(a, b, copies), norms)


def _rho_a(a: Ints, b: Ints, copies: Ints) -> Doubles:
    return _products(a, b, copies) * _rho_a_scale(copies)


def _rho_a_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    return _along(a, b, copies) * _rho_a_scale(copies)


def _rho_a_scale(copies: Ints) -> float:
    n = float(copies.sum())
    return 3 / (n**3 - n)


def _tau_a(a: Ints, b: Ints, copies: Ints) -> Doubles:
    return _concordance(a, b, copies) / _pairs(copies)


def _tau_a_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    return _concordance_along(a, b, copies) / _pairs(copies)


def _tau_a_by_draw(a: Ints, b: Ints, copies: Singles) -> Doubles:
    n = copies.sum(axis=0, dtype=np.float64)
    return np.moveaxis(concordance_by_draw(a, b, copies) / (n * (n - 1) / 2), -1, 0)


def _tau_b(a: Ints, b: Ints, copies: Ints) -> Doubles:
    untied = [_pairs(copies) - tied_pairs(ranks, copies) for ranks in (a, b)]
    return _divided(_concordance(a, b, copies), np.sqrt(np.outer(*untied)))


def _tau_b_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    untied_a, untied_b = (_pairs(copies) - tied_pairs(ranks, copies) for ranks in (a, b))
    return _divided(_concordance_along(a, b, copies), np.sqrt(untied_a * untied_b))


def _concordance(a: Ints, b: Ints, copies: Ints) -> Doubles:
    """Return concordant less discordant pairs (n_a, n_b)."""
    if len(copies) > _MANY:
        return np.array([[_merged(one, other, copies) for other in b] for one in a])
    rows, columns = np.indices((len(a), len(b))).reshape(2, -1)
    return _concordance_along(a[rows], b[columns], copies).reshape(len(a), len(b))


def _concordance_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    if len(copies) > _MANY:
        return np.array([_merged(*pair, copies) for pair in zip(a, b, strict=True)])
    discordant, tied = discordance(a, b, copies)
    either = tied_pairs(a, copies) + tied_pairs(b, copies)
    return _pairs(copies) - either + tied - 2 * discordant


def _merged(a: Ints, b: Ints, copies: Ints) -> float:
    """Return the same of one pair of many values, by scipy's merge sort of all copies."""
    untied = [_pairs(copies) - tied_pairs(ranks[None], copies)[0] for ranks in (a, b)]
    if not all(untied):
        return 0.0
    values = (np.repeat(ranks, copies) for ranks in (a, b))
    tau_b = scipy.stats.kendalltau(*values, method="asymptotic").statistic
    return float(np.rint(tau_b * np.sqrt(untied[0]) * np.sqrt(untied[1])))


def _pairs(copies: Ints) -> float:
    n = float(copies.sum())
    return n * (n - 1) / 2


def _divided(values: Doubles, by: Doubles) -> Doubles:
    """Divide, with 0 where an RDM does not vary, as rsatoolbox has it."""
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)


RANK_MEASURES: dict[str, RankMeasure] = {
    "spearman": RankMeasure(_spearman, _spearman_along),
    "rho_a": RankMeasure(_rho_a, _rho_a_along),
    "kendall_tau_a": RankMeasure(_tau_a, _tau_a_along, _tau_a_by_draw),
    "kendall_tau_b": RankMeasure(_tau_b, _tau_b_along),
}
