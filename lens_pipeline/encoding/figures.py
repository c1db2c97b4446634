"""How well each layer and pass predicts units: lines in a panel per region, and one map of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lens_pipeline.rsa.figures.canvas import HEAD, INK, new_figure, shortened, stamp_height
from lens_pipeline.rsa.figures.regions import HeatMap, heat_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# inches: a panel, between panels, left, right, the names below
_PANEL, _GAP, _LEFT, _RIGHT, _BELOW = 2.5, 0.5, 0.85, 1.35, 1.5
_CELL = ["reference", "region", "method", "layer", "pass", "subject"]
_WORDS = {"r_corrected": "noise corrected r", "r": "r"}
_COLOURS = ("#3b5ba5", "#c4622d", "#4f8a4b", "#7a4fa3")


def encoding_by_layer(table: pd.DataFrame, *, title: str = "", stand_in: str = "") -> Figure:
    """Draw a summary of scores of units; error bars are over subjects, where there are several.

    Noise corrected where there were repeats, else as it is. Data with time are averaged over it.
    """
    score = score_shown(table)
    panels = list(dict.fromkeys(zip(table["reference"], table["region"], strict=True)))
    places = list(dict.fromkeys(zip(table["layer"], table["pass"], strict=True)))
    width = min(max(7.0, _LEFT + _RIGHT + 0.36 * len(places)), 26.0)
    foot = stamp_height(stand_in, width) + _BELOW
    height = HEAD + len(panels) * (_PANEL + _GAP) + foot - _GAP + 0.2
    head = f"{title}: " if title else ""
    text = f"{head}units predicted from layers ({_WORDS[score]}, median)"
    figure = new_figure(width, height, title=text, stand_in=stand_in)
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


def score_shown(table: pd.DataFrame) -> str:
    """Return the column that figures show: noise corrected where there were repeats."""
    return "r_corrected" if table["r_corrected"].notna().any() else "r"


def region_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per reference, region, method, layer and pass: the cells of `encoding_map`.

    `score` is the mean over subjects, and times where there are any, of their medians over units;
    `of` names the column that it is of. Banded ridge, whose layers share one prediction, has rows
    only where there is no other method.
    """
    score = score_shown(table)
    alone = table[table["pass"] > 0]
    of = (alone if len(alone) else table).groupby(_CELL, sort=False, dropna=False)
    by_subject = of[score].mean().groupby(_CELL[:-1], sort=False)
    units = of["n_units"].first().groupby(_CELL[:-1], sort=False).sum()
    cells = pd.DataFrame({"score": by_subject.mean(), "sem": by_subject.sem(), "n_units": units})
    return cells.assign(n_subjects=by_subject.size(), of=score).reset_index()


def encoding_map(cells: pd.DataFrame, *, title: str = "", stand_in: str = "") -> Figure:
    """Draw the table of `region_cells`: rows are regions and methods, columns layers and passes."""
    several = len(set(cells["method"])) > 1
    columns = tuple(dict.fromkeys(zip(cells["layer"], cells["pass"], strict=True)))
    names, scores, notes = [], [], []
    for group, rows in cells.groupby(_CELL[:3], sort=False):
        reference, region, method = map(str, group)
        names.append(" ".join(filter(None, (reference, region, f"({method})" * several))))
        each = zip(rows["layer"], rows["pass"], rows["score"], strict=True)
        score = {(layer, number): value for layer, number, value in each}
        scores.append([score.get(column, np.nan) for column in columns])
        notes.append(f"{rows['n_units'].iloc[0]} units")
    drawn = np.array(scores)
    bold = np.zeros(drawn.shape, dtype=bool)
    head = f"{title}: " if title else ""
    words = _WORDS[str(cells["of"].iloc[0])]
    return heat_map(
        HeatMap(tuple(names), columns, drawn, bold, tuple(notes)),
        title=f"{head}units predicted, by region and layer ({words}, median; frame: the best)",
        stand_in=stand_in,
    )


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
