"""What later passes of an area add to its likeness with cortex: a table and a figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from answers import short_names
from pictures import columns_for

from lens_pipeline.pipeline.analysis.analyse import SCORES
from lens_pipeline.pipeline.analysis.inferring import COMPARISONS as COMPARISONS_FILE
from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.figures.canvas import HEAD, INK, depth_colours, new_figure, stamp_height
from lens_pipeline.rsa.inference.multiple import corrected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# inches; between rows of panels is room for passes, areas and the name of the reference
_PANEL, _LEFT, _GAP, _HIGH, _BETWEEN = 2.9, 0.85, 0.35, 2.4, 0.95


def pass_gains(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Return the score of each area's last pass less that of its first, for every job.

    These are the comparisons that were planned, so p-values are corrected for their number in one
    job and not for that of all pairs of layers. A pass without an RDM is none; data with a time
    axis have a map and no planned comparison.
    """
    return pd.concat([_gains(folder).assign(job=job) for job, folder in folders.items()])


def _gains(folder: Path) -> pd.DataFrame:
    path = folder / COMPARISONS_FILE
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(_READ))
    timed = pd.read_csv(folder / SCORES).dropna(subset="time_ms")["reference"]
    same = table[(table["layer"] == table["other_layer"]) & ~table["reference"].isin(timed)]
    rows = [_gain(rows) for _, rows in same.groupby(["reference", "measure", "layer"], sort=False)]
    gains = pd.DataFrame(rows, columns=list(_READ))
    if len(gains):
        gains["p_corrected"] = corrected(gains["p_value"].to_numpy(float), correction="fdr")
    return gains


_READ = (
    *("reference", "measure", "layer", "pass", "other_layer", "other_pass"),
    *("difference", "sem", "p_value", "p_corrected", "resampled", "n_bootstrap"),
)


def _gain(rows: pd.DataFrame) -> pd.Series:
    """Return the row of the first and the last pass, as last less first."""
    passes = rows[["pass", "other_pass"]].to_numpy()
    ends = {int(passes.min()), int(passes.max())}
    row = rows[[set(pair) == ends for pair in passes.astype(int).tolist()]].iloc[0].copy()
    if row["pass"] < row["other_pass"]:
        row["pass"], row["other_pass"] = row["other_pass"], row["pass"]
        row["difference"] = -row["difference"]
    return row.reindex(list(_READ))


def planned(gains: pd.DataFrame) -> pd.DataFrame:
    """Return gains as comparisons of an area at its last pass with the same at its first."""
    first = gains["other_pass"].map(lambda number: f"pass {number}")
    last = [f"{job}, {layer} at pass {number}" for job, layer, number in
            gains[["job", "layer", "pass"]].to_numpy()]  # fmt: skip
    return gains.assign(family=last, other_family=first)


def passes_figure(
    scores: pd.DataFrame, *, net: Sequence[str], twin: Sequence[str], title: str, stamp: str = ""
) -> Figure:
    """Draw the score of each area by pass, a panel per reference; the mean of several nets.

    `net` and `twin` are jobs. A twin has one pass; its dashed line is the level that time left.
    """
    own = scores[scores["job"].isin(net) & scores["time_ms"].isna()]
    areas = [str(one) for one in dict.fromkeys(own["layer"])]
    references = list(short_names(own["reference"]).items())
    columns = columns_for(len(references))
    n_rows = math.ceil(len(references) / columns)
    width = _LEFT + columns * (_PANEL + _GAP) + 0.2
    height = HEAD + n_rows * (_HIGH + _BETWEEN) + stamp_height(stamp, width)
    figure = new_figure(width, height, title=title, stand_in=stamp)
    both = scores[scores["job"].isin([*net, *twin]) & scores["time_ms"].isna()]
    values = both[["score", "ci_low", "ci_high"]].to_numpy(float)
    for place, (reference, short) in enumerate(references):
        row, column = divmod(place, columns)
        left = (_LEFT + column * (_PANEL + _GAP)) / width
        bottom = (height - HEAD - row * (_HIGH + _BETWEEN) - 0.15 - _HIGH) / height
        axes = figure.add_axes((left, bottom, _PANEL / width, _HIGH / height))
        rows = both[both["reference"] == reference]
        _draw(axes, rows[rows["job"].isin(net)], rows[rows["job"].isin(twin)], areas=areas)
        axes.set_title(short, loc="left", fontsize=9, color=INK)
        axes.set_ylim(min(0.0, float(np.nanmin(values))) - 0.02, float(np.nanmax(values)) + 0.05)
        if column:
            axes.set_yticklabels([])
        else:
            label = COMPARISONS[str(rows["measure"].iloc[0])].label
            axes.set_ylabel(label, fontsize=9, color=INK)
    return figure


def _draw(axes: Axes, net: pd.DataFrame, twin: pd.DataFrame, *, areas: Sequence[str]) -> None:
    colours, x, ticks = depth_colours(areas), 0.0, {}
    for area in areas:
        by_pass = net[net["layer"] == area].groupby("pass")[["score", "ci_low", "ci_high"]].mean()
        xs = x + np.arange(len(by_pass))
        mean = by_pass["score"]
        bars = np.array([mean - by_pass["ci_low"], by_pass["ci_high"] - mean]).clip(0)
        axes.errorbar(
            xs, mean, yerr=bars, color=colours[area], marker="o", markersize=5, linewidth=1.6,
            elinewidth=1, zorder=3,
        )  # fmt: skip
        alone = twin.loc[twin["layer"] == area, "score"].mean()
        axes.plot(
            [xs[0] - 0.35, xs[-1] + 0.35], [alone] * 2, "--", color=colours[area], linewidth=1.2
        )
        ticks.update({at: f"{number}" for at, number in zip(xs, by_pass.index, strict=True)})
        axes.text(
            float(xs.mean()), -0.12, area.removesuffix(".output"), ha="center", va="top",
            fontsize=8, color=colours[area], transform=axes.get_xaxis_transform(),
        )  # fmt: skip
        x = float(xs[-1]) + 1.8
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xlabel("pass, by area", fontsize=9, color=INK, labelpad=18)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
