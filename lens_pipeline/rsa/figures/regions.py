"""Region x layer: a row per reference or region, a column per layer and pass, colour for the score.

The best of each row has a frame, and what is above chance after correction is in bold, so that one
sees at a glance which layer goes with which region. Beside each row stands its noise ceiling. The
map itself, `heat_map`, takes any score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.patches import Rectangle

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.figures.canvas import HEAD, INK, distinct, new_figure, stamp_height

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from lens_pipeline.rsa.scatter import Doubles

# p-values below this are called above chance
_ALPHA = 0.05
# inches: a cell, the names of rows, the ceiling and the colour bar, the height of a row
_CELL, _LEFT, _RIGHT, _ROW = 0.44, 2.1, 1.9, 0.38
# of a cell, below which numbers do not fit
_NUMBERS_FROM = 0.34
_WIDEST = 26.0


@dataclass(frozen=True)
class HeatMap:
    """What stands in a map, row by row."""

    # names of rows, and (layer, pass) of columns; pass 0 stands for all passes of a layer
    rows: tuple[str, ...]
    columns: tuple[tuple[str, int], ...]
    # (n_rows, n_columns); NaN for an empty cell
    scores: Doubles
    # (n_rows, n_columns) True for what is in bold
    bold: npt.NDArray[np.bool_]
    # what stands beside each row; may be empty
    notes: tuple[str, ...]


def region_map(scores: pd.DataFrame, *, title: str = "", stand_in: str = "") -> Figure:
    """Draw scores of one measure, without time: rows are references, columns layers and passes."""
    rows = list(dict.fromkeys(scores["reference"]))
    columns = list(dict.fromkeys(zip(scores["layer"], scores["pass"], strict=True)))
    values, chance = _values(scores, rows, columns)
    what = COMPARISONS[str(scores["measure"].iloc[0])].label
    head = f"{title}: " if title else ""
    text = f"{head}likeness by region and layer ({what}; frame: the best; bold: p < {_ALPHA})"
    notes = tuple(_ceiling(scores[scores["reference"] == name].iloc[0]) for name in rows)
    of = HeatMap(tuple(map(str, rows)), tuple(columns), values, chance < _ALPHA, notes)
    return heat_map(of, title=text, stand_in=stand_in)


def heat_map(of: HeatMap, *, title: str, stand_in: str = "") -> Figure:
    """Draw a colour for each value, with its number where that fits, and frame the best of rows."""
    alone = len(of.columns) == len({layer for layer, _ in of.columns})
    names = distinct(
        [layer if alone or not number else f"{layer}:{number}" for layer, number in of.columns]
    )
    cell = min(_CELL, (_WIDEST - _LEFT - _RIGHT) / len(names))
    width = max(_LEFT + _RIGHT + cell * len(names), 7.0)
    foot = stamp_height(stand_in, width) + 0.2 + 0.068 * max(map(len, names))
    tall = _ROW * len(of.rows)
    height = HEAD + 0.1 + tall + foot
    figure = new_figure(width, height, title=title, stand_in=stand_in)
    inner = cell * len(names) / width
    axes = figure.add_axes((_LEFT / width, foot / height, inner, tall / height))
    image = _draw(axes, of.scores)
    if cell >= _NUMBERS_FROM:
        _write(axes, image, of)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(of.rows)), distinct(of.rows), fontsize=8.5)
    axes.tick_params(length=0)
    for row, note in enumerate(of.notes):
        axes.text(len(names) - 0.35, row, note, va="center", fontsize=7.5, color="#4a6b42")
    right = (_LEFT + cell * len(names) + _RIGHT - 0.62) / width
    bar = figure.add_axes((right, foot / height, 0.13 / width, tall / height))
    figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
    return figure


def _values(
    scores: pd.DataFrame, rows: list[str], columns: list[tuple[str, int]]
) -> tuple[Doubles, Doubles]:
    """Return score and corrected p of each cell; NaN where there is none."""
    values = np.full((2, len(rows), len(columns)), np.nan)
    p = scores["p_corrected"] if "p_corrected" in scores else scores["score"] * np.nan
    each = zip(
        scores["reference"], scores["layer"], scores["pass"], scores["score"], p, strict=True
    )
    for reference, layer, number, score, chance in each:
        values[:, rows.index(reference), columns.index((layer, number))] = score, chance
    return values[0], values[1]


def _draw(axes: Axes, values: Doubles) -> AxesImage:
    finite = values[np.isfinite(values)]
    low, high = float(min(finite.min(initial=0), 0)), float(max(finite.max(initial=0), 1e-3))
    ends = (-max(-low, high), max(-low, high)) if low < 0 else (0.0, high)
    image = axes.imshow(
        values,
        cmap="RdBu_r" if low < 0 else "viridis",
        vmin=ends[0],
        vmax=ends[1],
        aspect="auto",
    )
    axes.set_facecolor("#f0f0f0")
    axes.spines[:].set_visible(False)
    for row, of in enumerate(values):
        if np.isfinite(of).any():
            best = int(np.nanargmax(of))
            axes.add_patch(
                Rectangle(
                    (best - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=INK, lw=2.2, zorder=4
                )
            )
    return image


def _write(axes: Axes, image: AxesImage, of: HeatMap) -> None:
    for row, column in np.ndindex(of.scores.shape):
        value = of.scores[row, column]
        if np.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            axes.text(
                column,
                row,
                f"{value:.2f}".replace("0.", "."),
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if dark else INK,
                weight="bold" if of.bold[row, column] else "normal",
            )


def _ceiling(row: pd.Series) -> str:
    if not np.isfinite(row["ceiling_lower"]):
        return ""
    return f"ceiling {row['ceiling_lower']:.2f}\nto {row['ceiling_upper']:.2f}"
