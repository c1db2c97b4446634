"""The table of networks and scores."""

from __future__ import annotations

import pandas as pd

from lens_pipeline.report.architectures import architecture_table

BEST = pd.DataFrame(
    [
        ("alexnet", "default", "IT", 0.4, 0.3, 0.5, True),
        ("alexnet", "default", "IT", 0.4, 0.3, 0.5, True),
        ("alexnet", "random", "IT", 0.1, 0.0, 0.2, True),
        ("alexnet", "random", "IT", 0.2, 0.0, 0.2, True),
        ("vgg", "default", "V1", 0.3, float("nan"), float("nan"), False),
    ],
    columns=["model", "weights", "reference", "score", "low", "high", "chosen"],
).assign(measure="spearman")


def test_networks_are_rows_with_their_twins() -> None:
    """Seeds of a trained network are one cell, random ones their mean; too good is marked."""
    measure, references, rows = architecture_table(BEST)
    assert (measure, references) == ("spearman", ("IT", "V1"))
    assert rows == (
        ("alexnet", (("0.400 [0.300, 0.500]", "0.150 (2)"), ("", ""))),
        ("vgg", (("", ""), ("0.300\u00b9", ""))),
    )


def test_twins_whose_layer_their_score_chose_are_marked() -> None:
    """Or a fair score would stand beside one that is too good."""
    unchosen = BEST.assign(chosen=[True, True, True, False, True])
    _, _, rows = architecture_table(unchosen)
    assert rows[0][1][0] == ("0.400 [0.300, 0.500]", "0.150\u00b9 (2)")
