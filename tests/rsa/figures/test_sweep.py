"""Architecture x score: which score stands for a network, and its random twins beside it."""

from __future__ import annotations

import pandas as pd
import pytest

from lens_pipeline.rsa.figures.sweep import COLUMNS, best_scores, sweep_scores

SWEEP = pd.DataFrame(
    [
        ("alexnet", "default", 0, "a", "conv", 1, "IT", "spearman", 0.30, 0.2, 0.4, 0.5, 0.6),
        ("alexnet", "default", 0, "a", "fc", 1, "IT", "spearman", 0.40, 0.3, 0.5, 0.5, 0.6),
        ("alexnet", "random", 0, "r0", "conv", 1, "IT", "spearman", 0.10, 0.0, 0.2, 0.5, 0.6),
        ("alexnet", "random", 1, "r1", "fc", 1, "IT", "spearman", 0.14, 0.0, 0.2, 0.5, 0.6),
        ("resnet18", "default", 0, "b", "fc", 1, "IT", "spearman", 0.35, 0.3, 0.5, 0.5, 0.6),
    ],
    columns=[
        "model", "weights", "seed", "folder", "layer", "pass", "reference", "measure", "score",
        "ci_low", "ci_high", "ceiling_lower", "ceiling_upper",
    ],
)  # fmt: skip
CHOICES = pd.DataFrame(
    [
        ("a", "IT", "spearman", "fc", 0.36, 0.2, 0.5),
        ("a", "IT", "spearman", "conv", 0.28, 0.1, 0.4),
    ],
    columns=["folder", "reference", "measure", "layer", "score", "ci_low", "ci_high"],
)


def test_a_layer_chosen_on_other_data_stands_for_its_network() -> None:
    """The mean over parts; networks without a choice have their best layer, and it is said."""
    best = best_scores(SWEEP, CHOICES).set_index("folder")
    assert list(best.columns) == [name for name in COLUMNS if name != "folder"]
    assert best.loc["a", "score"] == pytest.approx(0.32)
    assert best.loc["a", "low"] == pytest.approx(0.15)
    assert best.loc["a", "layer"] == "fc | conv"
    assert best["chosen"].to_dict() == {"a": True, "r0": False, "r1": False, "b": False}
    assert best.loc["b", "score"] == 0.35
    assert best_scores(SWEEP).set_index("folder").loc["a", "score"] == 0.40


def test_a_sweep_without_scores_has_no_rows() -> None:
    """A sweep whose jobs have no reference."""
    assert not len(best_scores(SWEEP[["model", "layer", "score"]].assign(score=float("nan"))))


def test_data_with_a_time_axis_stand_for_no_network() -> None:
    """A hundred times would be a hundred panels, each with its best layer."""
    timed = SWEEP.assign(reference="meg@100ms", time_ms=100.0)
    best = best_scores(pd.concat([SWEEP.assign(time_ms=float("nan")), timed]))
    assert set(best["reference"]) == {"IT"}
    assert not len(best_scores(timed))


def test_trained_and_twins_are_drawn_apart() -> None:
    """A column per network; two seeds of one network, their mean and range; the ceiling."""
    figure = sweep_scores(best_scores(SWEEP), title="zoo", stand_in="random weights")
    axes = figure.axes[0]
    assert [one.get_text() for one in axes.get_xticklabels()] == ["alexnet", "resnet18"]
    legend = axes.get_legend()
    assert legend is not None
    said = [text.get_text() for text in legend.get_texts()]
    assert set(said) == {
        "noise ceiling",
        "trained, with interval",
        "random, a seed",
        "random, mean and range",
    }
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["random, a seed"].get_ydata()) == [0.10, 0.14]
    assert "chosen on the same data" in figure.texts[0].get_text().replace("\n", " ")
    figure.draw_without_rendering()
    box = axes.get_tightbbox()
    assert box is not None
    assert box.y0 >= 0
    assert box.x1 <= figure.bbox.x1
