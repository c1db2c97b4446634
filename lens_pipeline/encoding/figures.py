"""How well each layer and pass predicts units: a panel per region, a line per method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.figures.canvas import HEAD, INK, new_figure, shortened, stamp_height

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# inches: a panel, between panels, left, right, the names below
_PANEL, _GAP, _LEFT, _RIGHT, _BELOW = 2.5, 0.5, 0.85, 1.35, 1.5
_COLOURS = ("#3b5ba5", "#c4622d", "#4f8a4b", "#7a4fa3")


def encoding_by_layer(table: pd.DataFrame, *, title: str = "", stand_in: str = "") -> Figure:
    """Draw a summary of scores of units; error bars are over subjects, where there are several.

    Noise corrected where there were repeats, else as it is. Data with time are averaged over it.
    """
    score = "r_corrected" if table["r_corrected"].notna().any() else "r"
    panels = list(dict.fromkeys(zip(table["reference"], table["region"], strict=True)))
    places = list(dict.fromkeys(zip(table["layer"], table["pass"], strict=True)))
    width = min(max(7.0, _LEFT + _RIGHT + 0.36 * len(places)), 26.0)
    foot = stamp_height(stand_in, width) + _BELOW
    height = HEAD + len(panels) * (_PANEL + _GAP) + foot - _GAP + 0.2
    head = f"{title}: " if title else ""
    of = "noise corrected r, " if score == "r_corrected" else "r, "
    figure = new_figure(
        width, height, title=f"{head}units predicted from layers ({of}median)", stand_in=stand_in
    )
    shared = None
    for at, (reference, region) in enumerate(panels):
        bottom = height - HEAD - 0.2 - at * (_PANEL + _GAP) - _PANEL
        inner = (width - _LEFT - _RIGHT) / width
        place = (_LEFT / width, bottom / height, inner, _PANEL / height)
        axes = figure.add_axes(place, sharey=shared)
        shared = shared or axes
        rows = table[(table["reference"] == reference) & (table["region"] == region)]
        _draw(axes, rows, places=places, score=score)
        axes.set_title(_heading(rows), loc="left", fontsize=9, color=INK, pad=4)
        last = at == len(panels) - 1
        axes.set_xticks(range(len(places)), [_named(*one) for one in places] if last else [])
        axes.tick_params(axis="x", labelsize=8, rotation=90)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, *, places: Sequence[tuple[str, int]], score: str) -> None:
    methods = list(dict.fromkeys(rows["method"]))
    for order, (method, colour) in enumerate(zip(methods, _COLOURS, strict=False)):
        of = rows[rows["method"] == method]
        by_subject = of.groupby(["layer", "pass", "subject"], sort=False)[score].mean()
        by_place = by_subject.groupby(["layer", "pass"], sort=False)
        mean, sem = by_place.mean(), by_place.sem()
        at = [row for row, place in enumerate(places) if place in mean.index]
        values = np.array([mean[places[row]] for row in at])
        bars = np.array([sem[places[row]] for row in at])
        # beside each other, so that no bar hides another
        shift = 0.08 * (order - (len(methods) - 1) / 2)
        axes.errorbar(
            [row + shift for row in at],
            values,
            yerr=None if np.isnan(bars).any() else bars,
            color=colour,
            marker="o",
            markersize=5,
            linewidth=1.4,
            label=str(method),
        )
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_ylabel("r" if score == "r" else "r / ceiling", fontsize=9, color=INK)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)


def _named(layer: str, number: int) -> str:
    """Return the label of a layer at a pass; pass 0 stands for all of them."""
    return f"{shortened(layer)}:{number}" if number else shortened(layer)


def _heading(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    n_subjects = rows["subject"].nunique()
    region = f" {first['region']}" if first["region"] else ""
    subjects = f", mean ± SEM over {n_subjects} subjects" if n_subjects > 1 else ""
    units = int(rows.groupby("subject")["n_units"].first().sum())
    return f"{first['reference']}{region}   ({units} units{subjects})"
