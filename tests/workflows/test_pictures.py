"""Figures of studies draw what their tables say, families in grey among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


@pytest.fixture(scope="module")
def pictures(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("pictures")


def _guarded() -> pd.DataFrame:
    rows = [
        ("it", "net", 0.4, 0.3, 0.5, 0.6, 0.7),
        ("it", "twin", 0.1, 0.0, 0.2, 0.6, 0.7),
        ("v1", "net", 0.2, 0.1, 0.3, np.nan, np.nan),
    ]
    names = ["reference", "family", "score", "ci_low", "ci_high", "ceiling_lower", "ceiling_upper"]
    return pd.DataFrame(rows, columns=names).assign(measure="spearman")


def test_guarded_figure_has_a_point_and_an_interval_per_family(pictures: ModuleType) -> None:
    """A family without a score in a panel is left out of it; twins are grey; the stamp is red."""
    figure = pictures.guarded_figure(_guarded(), title="t", stamp="no result", plain=["twin"])
    first, second = figure.axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["net", "twin"]
    points = [line for line in first.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in points] == [0.4, 0.1]
    assert [line.get_color() for line in points] == [pictures.COLOURS[0], pictures.GREY]
    assert len([line for line in second.lines if line.get_marker() == "o"]) == 1
    assert first.get_xlim() == second.get_xlim()
    assert any("no result" in text.get_text() for text in figure.texts)


def test_layers_figure_has_a_row_for_each_set_of_layers(pictures: ModuleType) -> None:
    """Networks with the same layers share panels; all panels share their axis."""
    rows = [
        (job, layer, number, 0.1 * at)
        for at, (job, layer, number) in enumerate(
            [
                ("a", "l1", 1),
                ("a", "l2", 1),
                ("b", "l1", 1),
                ("b", "l2", 1),
                ("c", "x", 1),
                ("c", "x", 2),
            ]
        )
    ]
    scores = pd.DataFrame(rows, columns=["job", "layer", "pass", "score"]).assign(
        reference="it", measure="spearman", ceiling_lower=np.nan, ceiling_upper=np.nan
    )
    scores = scores.assign(ci_low=scores["score"] - 0.05, ci_high=scores["score"] + 0.05)
    families = {"A": ["a"], "B": ["b"], "C": ["c"]}
    figure = pictures.layers_figure(scores, families=families, title="t", plain=["B"])
    labels = [[text.get_text() for text in axes.get_xticklabels()] for axes in figure.axes]
    assert labels == [["l1", "l2"], ["x:1", "x:2"]]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "untrained", "C"]
