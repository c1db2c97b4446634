"""Region x layer: every score in its cell, the best framed, what is sure in bold."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from lens_pipeline.rsa.figures.canvas import RED
from lens_pipeline.rsa.figures.regions import region_map

ROWS = [
    ("V1", "conv", 1, 0.31, 0.01),
    ("V1", "cell", 1, 0.12, 0.2),
    ("V1", "cell", 2, -0.05, 0.9),
    ("IT", "conv", 1, 0.08, 0.3),
    ("IT", "cell", 2, 0.44, 0.001),
]


def _scores() -> pd.DataFrame:
    names = ["reference", "layer", "pass", "score", "p_corrected"]
    ceiling = {"ceiling_lower": 0.5, "ceiling_upper": 0.6, "measure": "spearman"}
    return pd.DataFrame(ROWS, columns=names).assign(**ceiling)


def test_scores_stand_in_their_cells() -> None:
    """With their numbers; a pair without a score is empty; below 0 the colours part at 0."""
    figure = region_map(_scores(), title="net on set", stand_in="random weights")
    axes = figure.axes[0]
    image = axes.images[0]
    assert image.get_array().tolist() == [[0.31, 0.12, -0.05], [0.08, None, 0.44]] or (
        image.get_array().filled(9).tolist() == [[0.31, 0.12, -0.05], [0.08, 9, 0.44]]
    )
    assert image.norm.vmin == -image.norm.vmax
    texts = {(*text.get_position(), text.get_text()): text for text in axes.texts}
    assert (2, 1, ".44") in texts
    assert texts[2, 1, ".44"].get_weight() == "bold"
    assert texts[1, 0, ".12"].get_weight() == "normal"
    assert [one.get_text() for one in axes.get_xticklabels()] == ["conv:1", "cell:1", "cell:2"]
    assert [one.get_text() for one in axes.get_yticklabels()] == ["V1", "IT"]
    assert any(text.get_color() == RED for text in figure.texts)
    assert sum("ceiling 0.50" in text.get_text() for text in axes.texts) == 2


def test_the_best_of_each_row_is_framed() -> None:
    """One frame a row, around the largest score."""
    axes = region_map(_scores()).axes[0]
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [frame.get_xy() for frame in frames] == [(-0.5, -0.5), (1.5, 0.5)]


@pytest.mark.parametrize("n_layers", [1, 40, 150])
def test_nothing_leaves_the_figure(n_layers: int) -> None:
    """However many layers there are."""
    rows = [("V1", f"features.{n}.norm", 1, 0.01 * n, 0.5) for n in range(n_layers)]
    names = ["reference", "layer", "pass", "score", "p_corrected"]
    table = pd.DataFrame(rows, columns=names).assign(
        ceiling_lower=float("nan"), ceiling_upper=float("nan"), measure="pearson"
    )
    figure = region_map(table)
    figure.draw_without_rendering()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box is not None
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
