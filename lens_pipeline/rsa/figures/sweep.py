"""Architecture x score: the best layer of each network of a sweep, beside its random twins.

Where layers were chosen on one part of the data and scored on another, that score is drawn, the
mean over parts; elsewhere the best layer's, which was chosen for being the best and scores too well
for it. A twin is the same network with random weights: what architecture alone brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.figures.canvas import HEAD, INK, distinct, new_figure, stamp_height

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = (
    "reference", "measure", "model", "weights", "seed", "layer", "pass", "score", "low", "high",
    "ceiling_lower", "ceiling_upper", "chosen", "folder",
)  # fmt: skip
RANDOM = "random"
# what a choice on other data replaces
_HELD = ("score", "low", "high", "layer")
_TRAINED, _TWIN = "#3b5ba5", "#9a9a9a"
# inches: a panel, between panels, left, right, a model
_PANEL, _GAP, _LEFT, _RIGHT, _PER_MODEL = 2.7, 0.5, 0.85, 2.2, 0.55


def best_scores(sweep: pd.DataFrame, choices: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a row per network, reference and measure, with COLUMNS; each folder is a network.

    `sweep` is sweep.csv; `choices` the rows of all jobs' choices.csv with a column `folder`.
    `chosen` says whether the layer was chosen on other data than those it is scored on. Data with a
    time axis are left out: no time is chosen, and each would be a reference of its own.
    """
    import pandas as pd

    keys = ["folder", "reference", "measure"]
    scored = sweep[sweep["score"].notna()] if "measure" in sweep else sweep.iloc[:0]
    if "time_ms" in scored:
        scored = scored[scored["time_ms"].isna()]
    if not len(scored):
        return pd.DataFrame(columns=list(COLUMNS))
    best = scored.loc[scored.groupby(keys, sort=False)["score"].idxmax()]
    best = best.rename(columns={"ci_low": "low", "ci_high": "high"}).assign(chosen=False)
    if choices is not None and len(choices):
        held = choices.groupby(keys, sort=False, as_index=False).agg(
            score=("score", "mean"),
            low=("ci_low", "mean"),
            high=("ci_high", "mean"),
            layer=("layer", lambda names: " | ".join(dict.fromkeys(names))),
        )
        both = best.merge(held, on=keys, how="left", suffixes=("", "_held"))
        known = both["score_held"].notna()
        chosen = {name: both[f"{name}_held"].where(known, both[name]) for name in _HELD}
        best = both.assign(**chosen, chosen=known)
    return best.reindex(columns=list(COLUMNS)).reset_index(drop=True)


def sweep_scores(best: pd.DataFrame, *, title: str = "", stand_in: str = "") -> Figure:
    """Draw `best_scores` of one measure: a panel per reference, a column per network."""
    references = list(dict.fromkeys(best["reference"]))
    models = list(dict.fromkeys(best["model"]))
    names = distinct([str(model) for model in models])
    width = min(max(_LEFT + _RIGHT + _PER_MODEL * len(models), 7.0), 26.0)
    foot = stamp_height(stand_in, width) + 0.4 + 0.075 * max(map(len, names))
    height = HEAD + len(references) * (_PANEL + _GAP) + foot
    head = f"{title}: " if title else ""
    figure = new_figure(width, height, title=f"{head}{_what(best)}, by network", stand_in=stand_in)
    for row, reference in enumerate(references):
        bottom = height - HEAD - (row + 1) * (_PANEL + _GAP) + 0.25
        inner = (width - _LEFT - _RIGHT) / width
        axes = figure.add_axes((_LEFT / width, bottom / height, inner, _PANEL / height))
        _panel(axes, best[best["reference"] == reference], models=models)
        axes.set_title(str(reference), loc="left", fontsize=9, color=INK, pad=4)
        last = row == len(references) - 1
        axes.set_xticks(range(len(models)), names if last else [], rotation=90, fontsize=8)
        if not row:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return figure


def _what(best: pd.DataFrame) -> str:
    if best["chosen"].all():
        return "the layer chosen on other data"
    return (
        "the layer chosen on other data, where one could be"
        if best["chosen"].any()
        else ("the best layer, chosen on the same data")
    )


def _panel(axes: Axes, rows: pd.DataFrame, *, models: list[str]) -> None:
    ceiling = rows[["ceiling_lower", "ceiling_upper"]].dropna()
    if len(ceiling):
        low, high = ceiling.iloc[0]
        axes.axhspan(low, high, color="#dfe8dc", zorder=0, label="noise ceiling")
    axes.axhline(0, color=INK, linewidth=0.8)
    twins = rows["weights"].astype(str) == RANDOM
    _points(axes, rows[~twins], models=models, shift=-0.12 if twins.any() else 0.0)
    _twins(axes, rows[twins], models=models)
    axes.set_xlim(-0.6, len(models) - 0.4)
    axes.set_ylabel(COMPARISONS[str(rows["measure"].iloc[0])].label, fontsize=9, color=INK)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _points(axes: Axes, rows: pd.DataFrame, *, models: list[str], shift: float) -> None:
    if not len(rows):
        return
    at = [models.index(model) + shift for model in rows["model"]]
    below, above = rows["score"] - rows["low"], rows["high"] - rows["score"]
    axes.errorbar(
        at,
        rows["score"],
        yerr=np.nan_to_num(np.array([below, above], dtype=float)).clip(0),
        color=_TRAINED,
        marker="o",
        markersize=6,
        linestyle="none",
        label="trained, with interval",
    )


def _twins(axes: Axes, rows: pd.DataFrame, *, models: list[str]) -> None:
    """Draw each seed, and the mean of the seeds of a network with their range."""
    if not len(rows):
        return
    at = np.array([models.index(model) + 0.12 for model in rows["model"]])
    axes.plot(at, rows["score"], "o", color=_TWIN, markersize=4, alpha=0.7, label="random, a seed")
    groups = rows.groupby("model", sort=False)["score"]
    places = [models.index(str(model)) + 0.12 for model in groups.groups]
    mean = groups.mean().to_numpy()
    ends = np.array([mean - groups.min(), groups.max() - mean]).clip(0)
    axes.errorbar(
        places,
        mean,
        yerr=ends,
        color="#555555",
        marker="_",
        markersize=12,
        linestyle="none",
        label="random, mean and range",
    )
