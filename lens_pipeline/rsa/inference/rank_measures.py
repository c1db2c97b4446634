"""The rank correlations of RDMs whose pairs have copies, each for many RDMs at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lens_pipeline.rsa.inference.concordance import discordance, tied_pairs
from lens_pipeline.rsa.inference.reweighted import concordance_by_draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.rsa.inference.ranks import Ints

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RankMeasure:
    """A rank correlation of doubled midranks, with the number of copies of each value."""

    # (n_a, n), (n_b, n), copies (n,) -> (n_a, n_b)
    across: Callable[[Ints, Ints, Ints], Doubles]
    # (n_a, n), (n_a, n), copies (n,) -> (n_a,)
    along: Callable[[Ints, Ints, Ints], Doubles]
    # (n_a, n), (n_b, n), copies (n, n_draws) -> (n_draws, n_a, n_b), or None: draw by draw
    by_draw: Callable[[Ints, Ints, Ints], Doubles] | None = None


def _centred(ranks: Ints, copies: Ints) -> Doubles:
    # doubled midranks always have the mean n + 1
    return np.asarray(ranks - float(copies.sum() + 1), dtype=np.float64)


def _spearman(a: Ints, b: Ints, copies: Ints) -> Doubles:
    x, y = _centred(a, copies), _centred(b, copies)
    x_weighted = x * copies
    norms = np.sqrt(np.outer((x_weighted * x).sum(axis=1), (y * copies * y).sum(axis=1)))
    return _divided(x_weighted @ y.T, norms)


def _spearman_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    x, y = _centred(a, copies), _centred(b, copies)
    x_weighted = x * copies
    norms = np.sqrt((x_weighted * x).sum(axis=1) * (y * copies * y).sum(axis=1))
    return _divided((x_weighted * y).sum(axis=1), norms)


def _rho_a(a: Ints, b: Ints, copies: Ints) -> Doubles:
    products = (_centred(a, copies) * copies) @ _centred(b, copies).T
    return products * _rho_a_scale(copies)


def _rho_a_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    products = (_centred(a, copies) * copies * _centred(b, copies)).sum(axis=1)
    result: Doubles = products * _rho_a_scale(copies)
    return result


def _rho_a_scale(copies: Ints) -> float:
    n = float(copies.sum())
    return 3 / (n**3 - n)


def _tau_a(a: Ints, b: Ints, copies: Ints) -> Doubles:
    return _concordance(a, b, copies) / _pairs(copies)


def _tau_a_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    return _concordance_along(a, b, copies) / _pairs(copies)


def _tau_a_by_draw(a: Ints, b: Ints, copies: Ints) -> Doubles:
    weights = copies.astype(np.float32)
    n = copies.sum(axis=0).astype(np.float64)
    return np.moveaxis(concordance_by_draw(a, b, weights) / (n * (n - 1) / 2), -1, 0)


def _tau_b(a: Ints, b: Ints, copies: Ints) -> Doubles:
    untied = [_pairs(copies) - tied_pairs(ranks, copies) for ranks in (a, b)]
    return _divided(_concordance(a, b, copies), np.sqrt(np.outer(*untied)))


def _tau_b_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    untied_a, untied_b = (_pairs(copies) - tied_pairs(ranks, copies) for ranks in (a, b))
    return _divided(_concordance_along(a, b, copies), np.sqrt(untied_a * untied_b))


def _concordance(a: Ints, b: Ints, copies: Ints) -> Doubles:
    """Return concordant less discordant pairs (n_a, n_b)."""
    rows, columns = np.indices((len(a), len(b))).reshape(2, -1)
    discordant, tied = discordance(a[rows], b[columns], copies)
    either = np.add.outer(tied_pairs(a, copies), tied_pairs(b, copies))
    return _pairs(copies) - either + (tied - 2 * discordant).reshape(either.shape)


def _concordance_along(a: Ints, b: Ints, copies: Ints) -> Doubles:
    discordant, tied = discordance(a, b, copies)
    either = tied_pairs(a, copies) + tied_pairs(b, copies)
    return _pairs(copies) - either + tied - 2 * discordant


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
