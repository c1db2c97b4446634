"""Windows of passes, scores inside them, and the map of passes and brain time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.figures.time import time_map
from lens_pipeline.rsa.time import (
    Window,
    mapped_scores,
    time_mapping,
    window_table,
    windows,
)

PARTS = [("V4.output", 1), ("V4.output", 2), ("IT.output", 1), ("decoder", 1)]


def _scores() -> pd.DataFrame:
    times = np.arange(0, 300, 10.0)
    rows = [
        {
            "model": "net", "layer": layer, "pass": number, "reference": f"meg:IT@{time:g}ms",
            "region": "IT", "time_ms": time, "measure": "spearman", "n_stimuli": 92,
            "n_subjects": 3, "score": np.exp(-(((time - 100 - 40 * row) / 40) ** 2)) - 0.1,
        }
        for row, (layer, number) in enumerate(PARTS)
        for time in times
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_brain_scores_bins_are_a_preset() -> None:
    """Start and step of each area; V4's four passes are 50 ms each from 90 ms on."""
    mapping = time_mapping("cornet_s")
    assert mapping == {"V1": (50, 100), "V2": (70, 100), "V4": (90, 50), "IT": (100, 100)}
    found = windows(PARTS, mapping)
    assert found == (
        Window("V4.output", 1, 90, 140),
        Window("V4.output", 2, 140, 190),
        Window("IT.output", 1, 100, 200),
    )
    assert window_table(found)["stop_ms"].tolist() == [140, 190, 200]


def test_a_layer_of_its_own_name_comes_before_its_module() -> None:
    """The longest key that a layer lies in counts."""
    (found,) = windows([("V4.output", 2)], {"V4": (0, 1), "V4.output": (10, 5)})
    assert (found.start, found.stop) == (15, 20)


def test_scores_in_a_window_are_averaged() -> None:
    """Times from the start on and before the stop, each counted."""
    scores = _scores()
    table = mapped_scores(scores, windows(PARTS, time_mapping("cornet_s")))
    row = table[(table["layer"] == "V4.output") & (table["pass"] == 2)].iloc[0]
    of = scores[(scores["layer"] == "V4.output") & (scores["pass"] == 2)]
    inside = of[of["time_ms"].between(140, 180)]
    assert row["n_times"] == 5
    assert row["score"] == pytest.approx(inside["score"].mean())
    assert "decoder" not in set(table["layer"])


def test_unknown_presets_are_refused() -> None:
    """The presets there are, are named."""
    with pytest.raises(ComparisonError, match=r"no preset rsa\.time_mapping=cornet; .*cornet_s"):
        time_mapping("cornet")


def test_the_map_has_a_row_per_pass_and_marks_windows() -> None:
    """Drawn from real coordinates: boxes at the windows, dots at the best times."""
    figure = time_map(_scores(), windows=windows(PARTS, time_mapping("cornet_s")), title="net")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "V4.output:1", "V4.output:2", "IT.output:1", "decoder:1",
    ]  # fmt: skip
    boxes = [(patch.get_x(), patch.get_width()) for patch in axes.patches]
    assert boxes == [(90, 50), (140, 50), (100, 100)]
    dots = [float(line.get_xdata()[0]) for line in axes.lines]
    assert dots == [105, 145, 185, 225]
    mesh = axes.collections[0]
    assert mesh.get_array().shape == (4, 30)
