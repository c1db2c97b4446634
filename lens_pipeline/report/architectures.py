"""The table of a sweep: networks as rows, references as columns, random twins beside each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_RANDOM = "random"
# marks a score whose layer was chosen by that very score
_UNCHOSEN = "\u00b9"
# (of the network, of its twins)
Pair = tuple[str, str]


def architecture_table(
    best: pd.DataFrame,
) -> tuple[str, tuple[str, ...], tuple[tuple[str, tuple[Pair, ...]], ...]]:
    """Return the measure, the references and, for each network, a pair of cells per reference.

    `best` has a row per run and reference: model, weights, score, low, high, chosen.
    """
    references = tuple(dict.fromkeys(map(str, best["reference"])))
    rows = tuple(
        (str(model), tuple(_pair(of[of["reference"] == name]) for name in references))
        for model, of in best.groupby("model", sort=False)
    )
    return str(best["measure"].iloc[0]), references, rows


def _pair(rows: pd.DataFrame) -> Pair:
    random = rows["weights"].astype(str) == _RANDOM
    # seeds change nothing in a trained network, so its runs are one cell
    cells = (
        _cell(float(score), float(low), float(high), chosen=bool(chosen))
        for score, low, high, chosen in rows.loc[
            ~random, ["score", "low", "high", "chosen"]
        ].to_numpy()
    )
    trained = "; ".join(dict.fromkeys(cells))
    twins = rows.loc[random]
    if not len(twins):
        return trained, ""
    mark = "" if twins["chosen"].all() else _UNCHOSEN
    return trained, f"{twins['score'].mean():.3f}{mark} ({len(twins)})"


def _cell(score: float, low: float, high: float, *, chosen: bool) -> str:
    mark = "" if chosen else _UNCHOSEN
    interval = "" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    return f"{score:.3f}{mark}{interval}"
