"""The bars of a partition stand for its numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lens_pipeline.rsa.figures.partition import partition_figure


def _table(n_rows: int, references: tuple[str, ...] = ("IT",)) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frames = []
    for reference in references:
        unique = random.uniform(0, 0.1, (n_rows, 2))
        shared = random.uniform(-0.05, 0.2, n_rows)
        frame = pd.DataFrame(
            {
                "first": [f"layer{row}.output:1" for row in range(n_rows)],
                "second": [f"layer{row}.output:1" for row in range(n_rows)],
                "reference": reference,
                "total": unique.sum(axis=1) + shared,
                "unique_first": unique[:, 0],
                "unique_second": unique[:, 1],
                "shared": shared,
                "fit": "ordinary",
                "n_stimuli": 92,
            }
        )
        frames.append(frame)
    return pd.concat(frames)


def test_bars_are_the_parts_and_stack_to_the_total() -> None:
    """What is below 0 hangs below the axis, and the rest stacks above it."""
    table = _table(5, ("IT", "V1"))
    figure = partition_figure(table, ("A", "B"), title="t")
    assert len(figure.axes) == 2
    for axes, (_, rows) in zip(figure.axes, table.groupby("reference"), strict=True):
        heights = np.array([bar.get_height() for bar in axes.patches]).reshape(3, 5)
        np.testing.assert_allclose(heights.sum(axis=0), rows["total"])
        ends = [bar.get_y() + bar.get_height() for bar in axes.patches]
        parts = rows[["unique_first", "unique_second", "shared"]].clip(lower=0).sum(axis=1)
        assert max(ends) == pytest.approx(parts.max())
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["only A", "both", "only B", "together (R²)"]


def test_of_many_rows_those_that_explain_most_are_drawn() -> None:
    """In the order of the table."""
    table = _table(60)
    (axes,) = partition_figure(table, ("A", "B"), stand_in="random weights").axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert len(labels) == 40
    assert labels == [name for name in table["first"] if name in labels]
    least = table.set_index("first").loc[labels, "total"].min()
    assert (table.set_index("first").drop(labels)["total"] <= least).all()


def test_long_names_of_models_are_not_cut_and_lie_on_nothing() -> None:
    """Paths of weights are names too: the legend is a column then, below a title of three lines."""
    names = ("squeezenet1_1 (/a/long/path/of/weights/squeezenet1_1.pth)", "squeezenet1_1 (random)")
    title = f"Variance of each reference explained by {names[0]} and {names[1]}"
    figure = partition_figure(_table(5), names, title=title)
    figure.canvas.draw()
    legend = figure.legends[0].get_window_extent()
    assert figure.bbox.x1 > legend.x1
    assert legend.y1 <= figure.texts[0].get_window_extent().y0
    assert figure.axes[0].title.get_window_extent().y1 <= legend.y0
