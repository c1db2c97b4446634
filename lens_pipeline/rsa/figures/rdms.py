"""The RDMs of a run as matrices: one panel per layer and pass, references beside them.

Each panel shows percentiles of its own dissimilarities by default, so that structure is seen in
every layer whatever its range; `scale="value"` shows the values on one scale for all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from lens_pipeline.rsa.figures.canvas import HEAD, INK, PALE, distinct, new_figure, stamp_height
from lens_pipeline.rsa.rdms import RDM_METHODS, pass_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from lens_pipeline.rsa.rdms import RdmSet
    from lens_pipeline.rsa.references.loading import Reference
    from lens_pipeline.rsa.scatter import Doubles

# panels in one figure; with more, evenly spaced ones are shown and the title says so
MOST_PANELS = 60
# layers x passes as rows x columns is used up to these numbers
_MOST_ROWS, _MOST_COLUMNS = 12, 8
# inches: left of the first column, between columns, above each panel for its name, of one letter
_MARGIN, _GAP, _ABOVE, _LETTER = 0.3, 0.2, 0.32, 0.068
# a matrix is drawn with at most this many pixels a side
MOST_PIXELS = 256


@dataclass(frozen=True)
class _Panel:
    name: str
    # None where there is no RDM
    vector: Doubles | None
    row: int
    column: int


@dataclass(frozen=True)
class _Sheet:
    """Where panels stand on the figure, in inches."""

    # of one panel
    side: float
    n_columns: int
    width: float
    height: float

    def box(self, panel: _Panel) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height of a panel as fractions of the figure."""
        x = _MARGIN + panel.column * (self.side + _GAP)
        y = self.height - HEAD - (panel.row + 1) * (self.side + _ABOVE)
        return x / self.width, y / self.height, self.side / self.width, self.side / self.height

    def bar_box(self) -> tuple[float, float, float, float]:
        """Return the same for the colour bar, right of the first row."""
        x = _MARGIN + self.n_columns * (self.side + _GAP) + 0.05
        y = self.height - HEAD - _ABOVE - self.side
        return x / self.width, y / self.height, 0.14 / self.width, self.side / self.height


def rdm_grid(
    rdm_set: RdmSet,
    *,
    references: Sequence[Reference] = (),
    scale: str = "rank",
    title: str = "",
    stand_in: str = "",
) -> Figure:
    """Draw every RDM of a run, then the references (the mean over subjects).

    Layers are rows and passes columns where that fits; otherwise panels run on like text. A layer
    and pass without an RDM is a grey panel. `scale` is "rank" or "value"; references have other
    units, so "value" leaves them out.
    """
    parts = shown_parts(rdm_set)
    panels = _placed(rdm_set, parts)
    if scale == "rank":
        panels += _of_references(references, below=panels)
    sheet = _sheet(panels, stand_in=stand_in)
    heading = _title(title, rdm_set, parts, scale)
    figure = new_figure(sheet.width, sheet.height, title=heading, stand_in=stand_in)
    limits = _limits(panels, scale)
    names = distinct([panel.name for panel in panels], most=int(sheet.side / _LETTER))
    images = [
        _draw(figure.add_axes(sheet.box(panel)), panel, scale=scale, limits=limits, name=name)
        for panel, name in zip(panels, names, strict=True)
    ]
    image = next((image for image in images if image is not None), None)
    if image is not None:
        axes = figure.add_axes(sheet.bar_box())
        _draw_bar(figure, image, axes, scale=scale, label=RDM_METHODS[rdm_set.method].label)
    return figure


def _sheet(panels: list[_Panel], *, stand_in: str) -> _Sheet:
    n_rows = 1 + max((panel.row for panel in panels), default=0)
    n_columns = 1 + max((panel.column for panel in panels), default=0)
    side = 1.8 if len(panels) <= 24 else 1.45
    width = max(_MARGIN + n_columns * (side + _GAP) + 1.2, 6.0)
    foot = stamp_height(stand_in, width) + 0.15
    return _Sheet(side, n_columns, width, HEAD + n_rows * (side + _ABOVE) + foot)


def shown_parts(rdm_set: RdmSet) -> tuple[tuple[str, int], ...]:
    """Return the layers and passes that are drawn: all, or evenly spaced ones of very many."""
    parts = rdm_set.parts
    if len(parts) <= MOST_PANELS:
        return parts
    rows = np.unique(np.linspace(0, len(parts) - 1, MOST_PANELS).round().astype(int))
    return tuple(parts[row] for row in rows)


def _placed(rdm_set: RdmSet, parts: tuple[tuple[str, int], ...]) -> list[_Panel]:
    rows = rdm_set.rdms.rdm_descriptors
    kept = zip(rows["layer"], rows["pass"], strict=True)
    vectors = dict(zip(kept, rdm_set.rdms.dissimilarities, strict=True))
    layers = list(dict.fromkeys(layer for layer, _ in parts))
    n_passes = max((number for _, number in parts), default=1)
    by_pass = 1 < n_passes <= _MOST_COLUMNS and len(layers) <= _MOST_ROWS
    columns = min(10, math.ceil(math.sqrt(1.6 * len(parts))))
    panels = []
    for place, (layer, number) in enumerate(parts):
        row, column = (layers.index(layer), number - 1) if by_pass else divmod(place, columns)
        name = pass_name(layer, number) if n_passes > 1 else layer
        panels.append(_Panel(name, vectors.get((layer, number)), row, column))
    return panels


def _of_references(references: Sequence[Reference], *, below: list[_Panel]) -> list[_Panel]:
    start = 1 + max((panel.row for panel in below), default=-1)
    columns = max([3, *(panel.column + 1 for panel in below)])
    return [
        _Panel(
            f"ref. {reference.name}",
            reference.rdms.dissimilarities.mean(axis=0),
            start + place // columns,
            place % columns,
        )
        for place, reference in enumerate(references)
    ]


def _title(title: str, rdm_set: RdmSet, parts: tuple[tuple[str, int], ...], scale: str) -> str:
    n = len(rdm_set.rdms.pattern_descriptors["stimulus_id"])
    text = f"{title}: " if title else ""
    shown = (
        f", {len(parts)} of {len(rdm_set.parts)} shown" if len(parts) < len(rdm_set.parts) else ""
    )
    how = "percentiles within each RDM" if scale == "rank" else "one scale for all"
    return f"{text}dissimilarity of {n} stimuli, by layer and pass ({how}{shown})"


def _limits(panels: list[_Panel], scale: str) -> tuple[float, float]:
    vectors = [panel.vector for panel in panels if panel.vector is not None]
    if scale == "rank" or not vectors:
        return 0.0, 100.0
    return min(vector.min() for vector in vectors), max(vector.max() for vector in vectors)


def _draw(
    axes: Axes, panel: _Panel, *, scale: str, limits: tuple[float, float], name: str
) -> AxesImage | None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=8, color=INK, pad=3)
    for spine in axes.spines.values():
        spine.set(color=PALE, linewidth=0.6)
    if panel.vector is None:
        axes.set_facecolor("#f0f0f0")
        axes.text(0.5, 0.5, "no RDM", ha="center", va="center", fontsize=8, color="#777777")
        return None
    values = percentiles(panel.vector) if scale == "rank" else panel.vector
    low, high = limits
    matrix = averaged(values)
    return axes.imshow(matrix, cmap="viridis", vmin=low, vmax=high, interpolation="nearest")


def percentiles(vector: Doubles) -> Doubles:
    """Return the percentile of each dissimilarity among all of its RDM; NaN stays."""
    ranks = np.asarray(rankdata(vector, nan_policy="omit"), dtype=np.float64)
    return (ranks - 0.5) * 100 / np.count_nonzero(np.isfinite(vector))


def averaged(vector: Doubles) -> Doubles:
    """Return an RDM as a matrix, the neighbouring cells of a large one as their mean.

    So a figure stays a small file. The diagonal is NaN, or counts as 0 in a mean.
    """
    matrix: Doubles = squareform(vector)
    np.fill_diagonal(matrix, np.nan)
    n = len(matrix)
    if n <= MOST_PIXELS:
        return matrix
    edges = np.linspace(0, n, MOST_PIXELS + 1).astype(int)[:-1]
    filled = np.nan_to_num(matrix)
    sums = np.add.reduceat(np.add.reduceat(filled, edges, axis=0), edges, axis=1)
    sizes = np.diff([*edges, n])
    result: Doubles = sums / np.multiply.outer(sizes, sizes)
    return result


def _draw_bar(figure: Figure, image: AxesImage, axes: Axes, *, scale: str, label: str) -> None:
    bar = figure.colorbar(image, cax=axes)
    text = f"percentile of dissimilarity\n({label})" if scale == "rank" else label
    bar.set_label(text, fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
