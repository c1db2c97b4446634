"""Figures of studies: guarded scores with intervals, and scores by layer of many networks.

Both take tables, return Figures, and draw what stands in the csv files beside them and nothing
else. `stamp` is written in red at the foot: what a reader must know before believing the picture.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from answers import short_names

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.figures.canvas import HEAD, INK, new_figure, stamp_height

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# colour-blind safe (Okabe & Ito), the first for what a study is about
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GREY = "#8c8c8c"
_CEILING = "#dfe8dc"
# inches
_LEFT, _RIGHT, _PANEL, _GAP, _ROW = 2.1, 0.25, 3.1, 0.35, 0.34
_FOOT, _TOP, _HIGH = 0.55, 0.3, 1.9
# panels side by side at most, so that a page shows them at a size that can be read
_ABREAST = 3


def columns_for(n_panels: int) -> int:
    """Return how many panels stand side by side, rows being as even as can be.

    >>> [columns_for(n) for n in range(1, 8)]
    [1, 2, 3, 2, 3, 3, 3]
    """
    return math.ceil(n_panels / math.ceil(n_panels / _ABREAST))


def guarded_figure(
    scores: pd.DataFrame, *, title: str, stamp: str = "", plain: Sequence[str] = ()
) -> Figure:
    """Draw a table of guarded scores: a panel per reference, a row per family, grey for `plain`."""
    references = short_names(scores["reference"])
    families = list(dict.fromkeys(scores["family"]))
    measure = str(scores["measure"].iloc[0])
    columns = columns_for(len(references))
    n_rows = math.ceil(len(references) / columns)
    width = _LEFT + _RIGHT + columns * (_PANEL + _GAP)
    inner = _ROW * (len(families) + 0.9)
    each, foot = _TOP + inner + _FOOT, stamp_height(stamp, width)
    height = HEAD + n_rows * each + foot
    figure = new_figure(width, height, title=title, stand_in=stamp)
    low, high = _ends(scores)
    for place, (reference, short) in enumerate(references.items()):
        row, column = divmod(place, columns)
        left = _LEFT + column * (_PANEL + _GAP)
        bottom = foot + (n_rows - 1 - row) * each + _FOOT
        axes = figure.add_axes((left / width, bottom / height, _PANEL / width, inner / height))
        rows = scores[scores["reference"] == reference].set_index("family").reindex(families)
        _draw_rows(axes, rows, plain=plain)
        axes.set(xlim=(low, high), ylim=(len(families) - 0.3, -1.2))
        axes.set_yticks(range(len(families)), families if not column else [])
        axes.set_title(short, loc="left", fontsize=9, color=INK)
        axes.set_xlabel(COMPARISONS[measure].label, fontsize=9, color=INK)
        axes.tick_params(labelsize=8, length=0, axis="y")
        axes.tick_params(labelsize=8, axis="x")
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _ends(scores: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis that all panels share."""
    columns = ["ci_low", "ci_high", "score", "ceiling_upper"]
    values = scores[columns].to_numpy(float)
    least, most = min(0.0, float(np.nanmin(values))), float(np.nanmax(values))
    return least - 0.03 * (most - least), most + 0.12 * (most - least)


def _draw_rows(axes: Axes, rows: pd.DataFrame, *, plain: Sequence[str]) -> None:
    band = rows[["ceiling_lower", "ceiling_upper"]].dropna()
    if len(band):
        axes.axvspan(*band.iloc[0].tolist(), color=_CEILING, zorder=0)
        axes.text(
            float(band.iloc[0].mean()), -0.8, "noise ceiling", ha="center", fontsize=7,
            color="#4a6b42",
        )  # fmt: skip
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    for place, (family, row) in enumerate(rows.iterrows()):
        if math.isnan(row["score"]):
            continue
        colour = GREY if family in plain else COLOURS[0]
        axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
        axes.plot(row["score"], place, "o", color=colour, markersize=6, zorder=3)
        axes.annotate(
            f"{row['score']:.3f}", (row["score"], place), (0, 5), textcoords="offset points",
            ha="center", fontsize=7, color=INK, zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )  # fmt: skip


def layers_figure(
    scores: pd.DataFrame,
    *,
    families: Mapping[str, Sequence[str]],
    title: str,
    stamp: str = "",
    plain: Sequence[str] = (),
) -> Figure:
    """Draw scores of every job by layer and pass: a block per set of layers, a panel per reference.

    Jobs of one family have one colour, those of a family in `plain` grey. Nothing is guarded here.
    """
    references = list(short_names(scores["reference"]).items())
    kinds, columns = _kinds(scores), columns_for(len(references))
    n_rows = math.ceil(len(references) / columns)
    width = 0.85 + columns * (_PANEL + _GAP) + _RIGHT
    blocks = {places: _block(places, n_rows) for places in kinds}
    height = HEAD + sum(blocks.values()) + stamp_height(stamp, width) + 0.1
    figure = new_figure(width, height, title=title, stand_in=stamp)
    low, high = _ends(scores)
    top = height - HEAD
    for places, jobs in kinds.items():
        among = [family for family, own in families.items() if set(own) & set(jobs)]
        figure.text(
            0.12 / width, (top - 0.2) / height, ", ".join(among), fontsize=9, weight="bold",
            color=INK,
        )  # fmt: skip
        for place, (reference, short) in enumerate(references):
            row, column = divmod(place, columns)
            left = 0.85 + column * (_PANEL + _GAP)
            bottom = top - 0.5 - row * (_HIGH + _TOP) - _HIGH
            axes = figure.add_axes((left / width, bottom / height, _PANEL / width, _HIGH / height))
            rows = scores[(scores["reference"] == reference) & scores["job"].isin(jobs)]
            _draw_layers(axes, rows, places=places, families=families, plain=plain)
            axes.set_title(short, loc="left", fontsize=9, color=INK)
            axes.set_ylim(low, high)
            if place + columns < len(references):
                axes.set_xticklabels([])
            if column:
                axes.set_yticklabels([])
            else:
                label = COMPARISONS[str(scores["measure"].iloc[0])].label
                axes.set_ylabel(label, fontsize=9, color=INK)
        top -= blocks[places]
    _legend(figure, width=width, height=height)
    return figure


def _block(places: Sequence[str], n_rows: int) -> float:
    """Return the inches that the panels of one set of layers take, with their labels."""
    return 0.5 + n_rows * (_HIGH + _TOP) + 0.062 * max(map(len, places)) + 0.05


def _legend(figure: Figure, *, width: float, height: float) -> None:
    """Name every line once, under the title."""
    at = (0.12 / width, 1 - 0.36 / height)
    named = {}
    for axes in figure.axes:
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, line)
    figure.legend(
        named.values(), named, loc="upper left", bbox_to_anchor=at, ncols=max(1, int(width / 1.7)),
        frameon=False, fontsize=8, borderpad=0, handlelength=1.4, columnspacing=1.2,
    )  # fmt: skip


def _kinds(scores: pd.DataFrame) -> dict[tuple[str, ...], list[str]]:
    """Return the layers and passes that jobs have, and which jobs have them."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for job, rows in scores.groupby("job", sort=False):
        places = tuple(dict.fromkeys(_place(row) for _, row in rows.iterrows()))
        kinds.setdefault(places, []).append(str(job))
    return kinds


def _place(row: pd.Series) -> str:
    return f"{row['layer']}:{int(row['pass'])}"


def _draw_layers(
    axes: Axes,
    rows: pd.DataFrame,
    *,
    places: Sequence[str],
    families: Mapping[str, Sequence[str]],
    plain: Sequence[str],
) -> None:
    at = {place: x for x, place in enumerate(places)}
    if len(rows) and not math.isnan(rows["ceiling_lower"].iloc[0]):
        axes.axhspan(*rows[["ceiling_lower", "ceiling_upper"]].iloc[0], color=_CEILING, zorder=0)
    axes.axhline(0, color=INK, linewidth=0.8)
    there = [family for family, jobs in families.items() if set(jobs) & set(rows["job"])]
    vivid = [family for family in there if family not in plain]
    for family in there:
        colour = GREY if family in plain else COLOURS[vivid.index(family) % len(COLOURS)]
        # twins of every architecture are one grey
        label = "untrained" if family in plain else family
        for _, line in rows[rows["job"].isin(families[family])].groupby("job", sort=False):
            xs = [at[_place(row)] for _, row in line.iterrows()]
            ends = [line["score"] - line["ci_low"], line["ci_high"] - line["score"]]
            bars = np.clip(ends, 0, None)
            axes.errorbar(
                xs, line["score"], yerr=None if family in plain else bars, color=colour,
                marker="o", markersize=4, linewidth=1.4, elinewidth=1, label=label,
                zorder=2 if family in plain else 3,
            )  # fmt: skip
            label = ""
    single = all(place.endswith(":1") for place in places)
    names = [place.removesuffix(":1") if single else place for place in places]
    axes.set_xticks(range(len(places)), names, rotation=90)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
