"""The figure of encoding scores: panels, lines and error bars are those of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lens_pipeline.encoding.figures import encoding_by_layer, encoding_map, region_cells


def _table(*, reliable: bool = True) -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = [
        {
            "method": method, "layer": layer, "pass": number, "reference": "lab",
            "region": region, "subject": subject, "time_ms": float("nan"), "n_units": 7,
            "r": random.random(), "r_corrected": random.random() if reliable else float("nan"),
        }
        for method in ("ridge", "pls")
        for layer, number in (("V1.output", 1), ("IT.output", 1), ("IT.output", 2))
        for region in ("V4", "IT")
        for subject in ("m", "n", "o")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_panel_per_region_a_line_per_method() -> None:
    """Lines are means over subjects, bars their standard errors."""
    table = _table()
    figure = encoding_by_layer(table, title="net", stand_in="weights")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "lab V4   (21 units, mean ± SEM over 3 subjects)",
        "lab IT   (21 units, mean ± SEM over 3 subjects)",
    ]
    first = figure.axes[0].containers[0]
    of = table[(table["region"] == "V4") & (table["method"] == "ridge")]
    wanted = of.groupby(["layer", "pass"], sort=False)["r_corrected"]
    np.testing.assert_allclose(first.lines[0].get_ydata(), wanted.mean())
    (bars,) = first.lines[2]
    heights = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments()]
    np.testing.assert_allclose(heights, wanted.sem())
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == [
        "V1.output:1",
        "IT.output:1",
        "IT.output:2",
    ]


@pytest.mark.parametrize(("reliable", "label"), [(True, "r / ceiling"), (False, "r")])
def test_without_repeats_r_is_shown_as_it_is(reliable: bool, label: str) -> None:  # noqa: FBT001
    """The axis says which."""
    figure = encoding_by_layer(_table(reliable=reliable))
    assert figure.axes[0].get_ylabel() == label


def test_a_map_has_a_row_per_region_and_method() -> None:
    """Its cells are means over subjects, which the table behind it gives with their errors."""
    table = _table()
    cells = region_cells(table)
    assert list(cells.columns) == [
        *("reference", "region", "method", "layer", "pass"),
        *("score", "sem", "n_units", "n_subjects", "of"),
    ]
    assert set(cells["of"]) == {"r_corrected"}
    axes = encoding_map(cells, title="net", stand_in="weights").axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["lab V4 (ridge)", "lab IT (ridge)", "lab V4 (pls)", "lab IT (pls)"]
    rows = zip(("V4", "IT", "V4", "IT"), ("ridge", "ridge", "pls", "pls"), strict=True)
    for row, (region, method) in enumerate(rows):
        of = table[(table["region"] == region) & (table["method"] == method)]
        wanted = of.groupby(["layer", "pass"], sort=False)["r_corrected"]
        np.testing.assert_allclose(axes.images[0].get_array()[row], wanted.mean())
        mine = cells[(cells["region"] == region) & (cells["method"] == method)]
        np.testing.assert_allclose(mine["sem"], wanted.sem())
        assert set(mine["n_units"]) == {21}
        assert set(mine["n_subjects"]) == {3}


def test_a_map_of_banded_ridge_alone_shows_what_layers_add() -> None:
    """Beside another method its layers, which have no score of their own, are left out."""
    table = _table(reliable=False)
    table = table[table["pass"] == 1]
    shares = table[table["method"] == "ridge"].assign(method="banded_ridge", **{"pass": 0})
    assert set(region_cells(pd.concat([table, shares]))["method"]) == {"ridge", "pls"}
    cells = region_cells(shares)
    assert set(cells["of"]) == {"r"}
    axes = encoding_map(cells).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["V1.output", "IT.output"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["lab V4", "lab IT"]
    assert "21 units" in {text.get_text() for text in axes.texts}
